"""Statistics of a sample, as the bands of STAC 1.1 have them."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.core.documents import JsonObject


def statistics(values: NDArray[Any], valid: NDArray[np.bool_]) -> JsonObject | None:
    """Return minimum, maximum, mean, stddev, count and valid_percent of the *valid* values; None if there are none.

    Parameters
    ----------
    values
        Any shape and real type, in the unit in which they are stored.
    valid
        Same shape; False where the value is missing.
    """
    if values.dtype.kind not in "iufb" or not values.size:
        return None
    good = values[valid & np.isfinite(values)] if values.dtype.kind == "f" else values[valid]
    if not good.size:
        return {"valid_percent": 0.0}
    numbers = good.astype(np.float64)
    with np.errstate(all="ignore"):
        found = {
            "minimum": _number(good.min()),
            "maximum": _number(good.max()),
            "mean": float(numbers.mean()),
            "stddev": float(numbers.std()),
            "count": int(values.size),
            "valid_percent": round(100.0 * good.size / values.size, 4),
        }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _number(value: Any) -> float | int:
    """Return a NumPy scalar as the JSON number that it is."""
    plain = value.item()
    return int(plain) if isinstance(plain, bool) else plain
