"""Figures that are not known exactly, such as how large cells are in a file."""

from dataclasses import dataclass
from typing import Final

from twinlake.processing.openeo.formats.registry import Writing

_PACKED: Final = (0.1, 0.5, 1.05)
"""Of its size in memory: a cube in a file, at best, mostly, and at worst."""
_REPEATED: Final = (0.002, 0.015, 1.05)
"""The same of cells that repeat those beside them: measured at netCDF, GeoTIFF and Zarr of finer grids."""
_AS_TEXT: Final = (1.0, 5.0, 32.0)
"""The same of one that is a text."""
_IN_ROWS: Final = (1.0, 15.0, 32.0)
"""The same of one in which the labels stand beside each number: measured at CSV of times, y and x."""
_OUTLINES: Final = (0.1, 1.0, 4.0)
"""The same of geometries, of their size as texts: some formats pack them, others fill all up to the longest."""
_HEAD_BYTES: Final = (0, 8 << 10, 64 << 10)
"""What a file has beside its cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A figure that is not known exactly."""

    low: float
    likely: float
    high: float


def find_file_bytes(size_bytes: int, *, repeated_bytes: int = 0, writing: Writing = "packed", outlines_bytes: int = 0) -> Range:
    """Return how large the file of a cube is.

    Parameters
    ----------
    size_bytes
        What its cells take in memory.
    repeated_bytes
        What of it repeats cells that stand beside; a text has it in digits as often.
    writing
        How numbers are written.
    outlines_bytes
        What the geometries take as texts that are written, as often as they are.
    """
    shares, again = {"packed": (_PACKED, _REPEATED), "digits": (_AS_TEXT, _AS_TEXT), "rows": (_IN_ROWS, _IN_ROWS)}[writing]
    low, likely, high = (
        round((size_bytes - repeated_bytes) * share + repeated_bytes * repeated + outlines_bytes * outline) + head
        for share, repeated, outline, head in zip(shares, again, _OUTLINES, _HEAD_BYTES, strict=True)
    )
    return Range(low=low, likely=likely, high=high)
