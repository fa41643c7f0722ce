"""Rounding to digits before and behind the decimal point, halves to the even neighbour (IEEE 754)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.cells.numbers import exact
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_MOST = 308
"""Powers of ten that float64 has."""


def rounded(x: Values, p: int = 0) -> Values:
    """Round to *p* digits behind the decimal point; a negative number of them is before it.

    Raises
    ------
    ProcessParameterInvalidError
        *p* is no integer.
    """
    if isinstance(p, bool) or not isinstance(p, int | float) or p != p // 1:
        raise ProcessParameterInvalidError("'p' must be an integer.")
    digits = int(min(max(p, -_MOST), _MOST))
    return exact(lambda numbers: _round(numbers, digits))(x=x)


def _round(numbers: Any, digits: int) -> NDArray[Any]:
    if digits >= 0 and numbers.dtype.kind == "i":
        return np.asarray(numbers)
    if digits == 0:
        return np.asarray(np.rint(numbers))
    if numbers.dtype.kind == "i" and digits > -19:
        return _to_multiples(numbers, 10**-digits)
    result = np.round(numbers.astype(np.float64), digits)
    # Where shifting the point leaves what a float can hold, there is nothing behind it.
    return np.asarray(np.where(np.isfinite(result), result, numbers))


def _to_multiples(integers: NDArray[np.int64], unit: int) -> NDArray[np.int64]:
    """Return the multiples of *unit* that are next, even ones for halves."""
    whole, rest = np.divmod(integers, unit)
    half = unit // 2
    return np.asarray((whole + ((rest > half) | ((rest == half) & (whole % 2 == 1)))) * unit)
