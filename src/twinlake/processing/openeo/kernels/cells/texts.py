"""Texts, one after the other: there is no faster way with Python objects."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from twinlake.processing.openeo.kernels.arrays.elements import require_array
from twinlake.processing.openeo.kernels.cells.comparing import there
from twinlake.processing.openeo.kernels.cells.numbers import Kernel, align, like
from twinlake.processing.openeo.values import Values, from_json
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

MAX_CHARACTERS = 1_000_000
"""Of a text that is made of others: short graphs can make texts that double with every node."""


def one_by_one(function: Callable[..., Any], *operands: Values) -> Values:
    """Return what *function* makes of the Python objects in each cell in which all have data; `None` is no data."""
    aligned = align(operands)
    shape = np.broadcast_shapes(*[each.data.shape for each in aligned])
    mask = there(aligned)
    valid = np.broadcast_to(True if mask is None else mask, shape).ravel()
    rows = zip(*[np.broadcast_to(each.data, shape).ravel().tolist() for each in aligned], strict=True)
    made = from_json([function(*row) if is_there else None for is_there, row in zip(valid, rows, strict=True)])
    return like(aligned, made.data.reshape(shape), None if made.valid is None else made.valid.reshape(shape))


def search(found: Callable[[str, str], Any]) -> Kernel:
    """Return the kernel of *found*, which gets a text and a pattern; without regard to case both are folded."""

    def kernel(data: Values, pattern: Values, case_sensitive: bool = True) -> Values:
        def found_in(text: object, wanted: object) -> Any:
            one, other = require_text("data", text), require_text("pattern", wanted)
            return found(one, other) if case_sensitive else found(one.casefold(), other.casefold())

        return _search(found_in, data, pattern)

    return kernel


def find(data: Values, pattern: Values, case_sensitive: bool = True) -> Values:
    """Return the place of the character with which *pattern* begins in *data* for the first time; no data where it does not."""

    def place_in(text: object, wanted: object) -> int | None:
        one, other = require_text("data", text), require_text("pattern", wanted)
        if case_sensitive:
            place = one.find(other)
            return None if place < 0 else place
        place = one.casefold().find(other.casefold())
        ends = list(accumulate(len(each.casefold()) for each in one))  # folding makes two characters of some
        return None if place < 0 else bisect_right(ends, place)

    return _search(place_in, data, pattern)


def concatenate(data: Values, separator: Any = "") -> Values:
    """Return the text of all elements of an array, in each cell apart.

    Raises
    ------
    ProcessParameterInvalidError
        One has more than `MAX_CHARACTERS`.
    """
    require_array("data", data)
    objects = data.data.astype(object)
    objects[~data.where()] = None
    between, cells = write(separator), objects.shape[1:]
    columns = objects.reshape(len(objects), math.prod(cells)).T.tolist()
    texts = from_json([_concatenate([write(each) for each in column], between) for column in columns])
    return Values(data=texts.data.reshape(cells))


def _concatenate(pieces: Sequence[str], between: str) -> str:
    if sum(map(len, pieces)) + len(between) * len(pieces) > MAX_CHARACTERS:
        raise ProcessParameterInvalidError(f"The text would have more than {MAX_CHARACTERS} characters.")
    return between.join(pieces)


def _search(found_in: Callable[[object, object], Any], data: Values, pattern: Values) -> Values:
    if pattern.is_empty:
        raise ProcessParameterInvalidError("'pattern' is no text.")
    return one_by_one(found_in, data, pattern)


def require_text(name: str, value: object) -> str:
    """Refuse what is no text.

    Raises
    ------
    ProcessParameterInvalidError
        *value*, which parameter *name* has, is something else.
    """
    if not isinstance(value, str):
        raise ProcessParameterInvalidError(f"'{name}' is no text.")
    return value


def write(value: object) -> str:
    """Return a text, number, truth or null as text: as in JSON, all small."""
    match value:
        case str():
            return value
        case None | bool():
            return "null" if value is None else str(value).lower()
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case int() | float():
            return repr(value)
    raise ProcessParameterInvalidError("Arrays and objects cannot be made a text.")
