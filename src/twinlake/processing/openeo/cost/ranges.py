"""Figures that are not known exactly, such as how large cells are in a file."""

from dataclasses import dataclass
from typing import Final

_PACKED: Final = (0.1, 0.5, 1.05)
"""Of its size in memory: a cube in a file, at best, mostly, and at worst."""
_AS_TEXT: Final = (1.0, 5.0, 32.0)
"""The same of one that is a text: the labels stand beside each number."""
_HEAD_BYTES: Final = (0, 8 << 10, 64 << 10)
"""What a file has beside its cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A figure that is not known exactly."""

    low: float
    likely: float
    high: float


def find_file_bytes(size_bytes: int, *, is_text: bool = False) -> Range:
    """Return how large the file of a cube is, or its text, of which the cells take so many bytes in memory."""
    shares = _AS_TEXT if is_text else _PACKED
    low, likely, high = (round(size_bytes * share) + head for share, head in zip(shares, _HEAD_BYTES, strict=True))
    return Range(low=low, likely=likely, high=high)
