"""Logic of three values: true, false and no data, which stands where the data that there are do not decide."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.arrays.elements import require_array
from twinlake.processing.openeo.kernels.cells.numbers import Kernel, align, like
from twinlake.processing.openeo.values import Values, are_all
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Truths = NDArray[np.bool_]
Decide = Callable[[Truths, Truths, Truths, Truths], tuple[Truths, Truths]]
"""Takes where x is true, where it is false, and the same of y; returns where the result is true, and where it is false."""


def require_truths(name: str, values: Values) -> None:
    """Refuse what is neither true nor false.

    Raises
    ------
    ProcessParameterInvalidError
        *values*, which parameter *name* has, are others.
    """
    if not values.is_truth:
        raise ProcessParameterInvalidError(f"'{name}' has something other than true and false. Compare it with a value first.")


def connective(decide: Decide) -> Kernel:
    """Return the kernel of a connective of the truths ``x`` and ``y``."""

    def kernel(x: Values, y: Values) -> Values:
        require_truths("x", x)
        require_truths("y", y)
        one, other = align((x, y))
        is_true, is_false = decide(*split(one), *split(other))
        known = is_true | is_false
        return like((one, other), is_true, None if are_all(known, one, other) else known)

    return kernel


both = connective(lambda x_true, x_false, y_true, y_false: (x_true & y_true, x_false | y_false))
either = connective(lambda x_true, x_false, y_true, y_false: (x_true | y_true, x_false & y_false))
one_only = connective(
    lambda x_true, x_false, y_true, y_false: ((x_true & y_false) | (x_false & y_true), (x_true & y_true) | (x_false & y_false))
)


def quantifier(*, decisive: bool) -> Kernel:
    """Return the kernel that finds *decisive* where one element of an array is, and the contrary where none is.

    Elements without data are left out; with ``ignore_nodata`` false one of them leaves open what is not decided without it.
    """

    def kernel(data: Values, ignore_nodata: bool = True) -> Values:
        require_array("data", data)
        require_truths("data", data)
        is_true, is_false = split(data)
        decided = (is_true if decisive else is_false).any(axis=0)
        valid = None if ignore_nodata else np.asarray(decided | (is_true | is_false).all(axis=0))
        is_whole = valid is None or are_all(valid, data)
        return Values(data=np.asarray(decided if decisive else ~decided), valid=None if is_whole else valid)

    return kernel


def split(values: Values) -> tuple[Truths, Truths]:
    """Return where *values* are true, and where they are false."""
    there = values.where()
    if values.data.dtype.kind != "b":
        nowhere = np.zeros(there.shape, dtype=bool)
        return nowhere, nowhere
    return values.data & there, ~values.data & there
