"""Numbers for no data, in formats that have nothing else for it."""

from typing import Any

import numpy as np

from twinlake.processing.openeo.formats.spool import Spool
from twinlake.processing.openeo.formats.suiting import unsuitable

_WIDER = {"uint8": "int16", "int8": "int16", "uint16": "int32", "int16": "int32", "uint32": "int64", "int32": "int64"}


def blank(spool: Spool) -> int | float | None:
    """Put a number where there is no data, and return it; None where there is data everywhere.

    NaN in numbers with a fraction, else a number that stands nowhere: the smallest or largest of the type, or another one.
    A type of which all numbers are in use becomes the next wider one.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``: all integers are in use.
    """
    if spool.dtype.kind == "f":
        if spool.has_gaps or spool.dtype == np.float16:  # which no image has
            spool.fill_gaps(np.nan, np.promote_types(spool.dtype, np.float32))
        return float("nan") if spool.has_gaps or spool.nan_is_nodata else None
    if not spool.has_gaps:
        return None
    dtype = spool.dtype
    value = _find_unused(spool)
    if value is None:
        if dtype.name not in _WIDER:
            raise unsuitable("No number is left that could stand for no data.", "Save the result as Zarr.")
        dtype = np.dtype(_WIDER[dtype.name])
        value = int(np.iinfo(dtype).min)
    spool.fill_gaps(value, dtype)
    return value


def _find_unused(spool: Spool) -> int | None:
    kind = np.iinfo(spool.dtype)
    ends = (kind.max, kind.min) if kind.min == 0 else (kind.min, kind.max)
    used = np.zeros(kind.max - kind.min + 1, dtype=bool) if kind.bits <= 16 else None
    lowest, highest = kind.max, kind.min
    for cells, valid in spool.blocks():
        there: np.ndarray[Any, np.dtype[Any]] = cells[valid]
        if not there.size:
            continue
        lowest, highest = min(lowest, int(there.min())), max(highest, int(there.max()))
        if used is not None:
            used[there.astype(np.int64) - kind.min] = True
    for end in ends:
        if not lowest <= end <= highest:
            return int(end)
    if used is not None and not used.all():
        return int(np.flatnonzero(~used)[-1]) + int(kind.min)
    return None
