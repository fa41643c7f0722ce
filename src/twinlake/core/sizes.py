"""Sizes in words."""

import math
from typing import Final

_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def write_size(size_bytes: int | None) -> str:
    """Write a size in decimal units, three digits at most before the point."""
    if size_bytes is None:
        return "—"
    step = min(int(math.log10(size_bytes) / 3), len(_UNITS) - 1) if size_bytes > 0 else 0
    value = size_bytes / 1000**step
    return f"{value:.0f} {_UNITS[step]}" if step == 0 or value >= 100 else f"{value:.1f} {_UNITS[step]}"
