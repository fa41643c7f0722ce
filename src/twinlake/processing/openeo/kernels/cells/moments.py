"""Dates and times, one after the other: they are texts."""

from collections.abc import Callable
from typing import Any

from twinlake.processing.openeo.kernels.cells.texts import one_by_one
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def of_dates(function: Callable[..., Any], *dates: Values, count: Values | None = None) -> Values:
    """Return what *function*, which refuses with `ValueError`, makes of the *dates* in each cell, and the *count* there.

    Raises
    ------
    ProcessParameterInvalidError
        It refuses, or dates are something other than texts.
    """

    def computed(*given: Any) -> Any:
        if not all(isinstance(each, str) for each in given[: len(dates)]):
            raise ProcessParameterInvalidError("Dates must be texts such as 2021-04-16 or 2021-04-16T10:13:19Z.")
        try:
            return function(*given)
        except ValueError as error:
            raise ProcessParameterInvalidError(f"{error}.") from None

    return one_by_one(computed, *dates, *([] if count is None else [count]))
