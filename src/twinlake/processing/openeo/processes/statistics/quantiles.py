"""`quantiles`."""

from functools import partial
from itertools import pairwise
from typing import Any

from twinlake.processing.openeo.json_schemas import NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.reducing import quantiles, reducer
from twinlake.processing.openeo.process import Along, Parameter, Process
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

_MOST = 10_000
"""Quantiles that can be asked for at once."""


def _quantiles(data: Values, probabilities: Any = None, q: Any = None, ignore_nodata: bool = True) -> Values:
    if probabilities is None and q is None:
        raise ProcessError("QuantilesParameterMissing", "Give 'probabilities'.")
    if probabilities is not None and q is not None:
        raise ProcessError("QuantilesParameterConflict", "Give 'probabilities' or 'q', not both.")
    asked = q if probabilities is None else probabilities
    wanted = _check(asked) if isinstance(asked, list) else _split(asked)
    return reducer(partial(quantiles, probabilities=wanted), is_array=True)(data, ignore_nodata)


def _split(intervals: Any) -> list[float]:
    if isinstance(intervals, bool) or not isinstance(intervals, int) or not 2 <= intervals <= _MOST:
        raise ProcessParameterInvalidError(f"Give probabilities as an array, or a number of intervals from 2 to {_MOST}.")
    return [number / intervals for number in range(1, intervals)]


def _check(probabilities: list[Any]) -> list[float]:
    if len(probabilities) > _MOST or not all(_is_probability(each) for each in probabilities):
        raise ProcessParameterInvalidError(f"'probabilities' must be at most {_MOST} numbers between 0 and 1.")
    if any(one > next_one for one, next_one in pairwise(probabilities)):
        raise ProcessError("AscendingProbabilitiesRequired", "Sort the probabilities in ascending order.")
    return probabilities


def _is_probability(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


PROCESS = Process(
    id="quantiles",
    summary="Quantiles of an array",
    description=(
        "Finds the values below which given shares of the elements are, between two elements by their distances (type 7 of"
        " Hyndman and Fan 1996). Either `probabilities` or `q` must be given. Elements without data are left out, unless"
        " `ignore_nodata` is false: then one of them makes all quantiles no-data. So does an array without any data."
    ),
    categories=("math > statistics",),
    parameters=(
        Parameter("data", NUMBERS, "An array of numbers."),
        Parameter(
            "probabilities",
            [
                {
                    "title": "Probabilities",
                    "type": "array",
                    "uniqueItems": True,
                    "items": {"type": "number", "minimum": 0, "maximum": 1},
                },
                {"title": "Intervals", "type": "integer", "minimum": 2},
            ],
            "Shares of the elements in ascending order, or into how many intervals of equal size the quantiles divide them.",
            default=None,
            is_plain=True,
        ),
        Parameter(
            "q",
            {"type": "integer", "minimum": 2},
            "The number of intervals. Use `probabilities` in its place.",
            default=None,
            is_plain=True,
            is_deprecated=True,
        ),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=NUMBERS,
    returned="One quantile for each probability, or one less than there are intervals.",
    work=Along(),
    kernel=_quantiles,
    exceptions={
        "QuantilesParameterMissing": "Either probabilities or a number of intervals must be given.",
        "QuantilesParameterConflict": "Only one of `probabilities` and `q` can be given.",
        "AscendingProbabilitiesRequired": "Probabilities must be in ascending order.",
    },
    examples=(
        {"arguments": {"data": [2, 4, 4, 4, 5, 5, 7, 9], "probabilities": [0.05, 0.1, 0.5]}, "returns": [2.7, 3.4, 4.5]},
        {"arguments": {"data": [2, 4, 4, 4, 5, 5, 7, 9], "probabilities": 4}, "returns": [4, 4.5, 5.5]},
        {"arguments": {"data": [], "probabilities": [0.1, 0.5]}, "returns": [None, None]},
    ),
)
