"""Asking a user-defined function: a cube, or what a callback is given of it, becomes a question, and the answer a cube again.

The function gets all cells at once, with all dimensions of the cube in their order, and their labels and coordinates. No-data is
NaN, so integers with gaps come as floats. What it returns must lie along the same cells; in a callback over an array the
array's dimension may be gone, or have other labels.

Where there are no cells yet (a dry run), the function is tried with made-up numbers in at most 256 x 256 pixels: only it
itself knows what dimensions and type its result will have.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from twinlake.engines.sandbox.user_errors import UserCodeError
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.kernels.cells.numbers import as_float
from twinlake.processing.openeo.shapes.dimensions import Dimension, enumerated
from twinlake.processing.openeo.tools import Cells, Standing
from twinlake.processing.openeo.udf.runtimes import FAILED, FILE
from twinlake.processing.openeo.values import Label, Values, from_json, nothing, to_json
from twinlake.standards.openeo.errors import ProcessError

_HINTS = {
    ("name resolution", "Network is unreachable", "[Errno 1] Operation not permitted"): (
        "Code has no network: what it needs is loaded by other steps, or stands in its text or context."
    ),
    ("No module named",): "Which libraries there are tells GET /udf_runtimes, in the Python client list_udf_runtimes().",
}
"""By words of errors that one meets who does not know of it."""
_TRIAL_LABELS, _TRIAL_CELLS = 256, 4 << 20


class _Dim(msgspec.Struct, frozen=True):
    name: str
    labels: list[Label] | None
    places: list[int] | None
    is_time: bool = False


class _Made(msgspec.Struct, frozen=True, omit_defaults=True):
    dims: list[_Dim] | None = None
    data: Any = None


def call(data: Values | Cube, code: str, context: Any, standing: Standing) -> Values | Cube | Any:
    """Return what the function in *code* makes of *data*; JSON where it makes that.

    Raises
    ------
    ProcessError
        ``UdfFailed``, with the line of the code: it failed, took too much, or its result does not fit.
    """
    if isinstance(data, Cube):
        made = _call_with_cube(data, code, context, standing)
        return made if isinstance(made, Cube) else from_json(made)
    if data.is_array and not len(data.data):  # a group that has nothing in it
        return nothing()
    if data.data.ndim <= data.is_array:
        made = _ask({"code": code, "context": context, "data": to_json(data)}, (), standing)
        return from_json(made.data)
    if standing.cells is None:
        raise _fail("It cannot be given the cells of the process around it.")
    cells = _fit(data, standing.cells)
    cube = _as_cube(data, cells)
    made = _call_with_cube(cube, code, context, standing)
    return _as_values(made, cube, cells) if isinstance(made, Cube) else from_json(made)


def _fit(data: Values, cells: Cells) -> Cells:
    """Return what *data* lies along: the cells of the callback, and, if these are arrays, their elements."""
    own = [each for number, each in enumerate(cells.dimensions) if number != cells.along]
    if data.data.ndim != len(own) + data.is_array or (data.is_array and cells.along is None):
        raise _fail("It cannot be given arrays that are made in a callback: give it the callback's own data.")
    if cells.along is None or not data.is_array:
        return Cells(tuple(own))
    along = cells.dimensions[cells.along]
    if data.labels != along.labels:
        along = _relabel(along, data.labels, len(data.data))
    dimensions = (*own[: cells.along], along, *own[cells.along :])
    return replace(cells, dimensions=dimensions)


def _relabel(along: Dimension, labels: Sequence[Label] | None, count: int) -> Dimension:
    if labels is None:
        return enumerated(along.name, count, along.kind)
    places = {label: place for place, label in enumerate(along.labels)}
    return along.take([places[each] for each in labels]) if places.keys() >= set(labels) else along.relabel(labels)


def _as_cube(data: Values, cells: Cells) -> Cube:
    """Return the cube with the dimensions in their order, which a callback does not keep."""
    values = replace(data, is_array=False, labels=None)
    if cells.along is not None:
        valid = None if data.valid is None else np.moveaxis(data.valid, 0, cells.along)
        values = replace(values, data=np.moveaxis(data.data, 0, cells.along), valid=valid)
    return Cube(values=values, dimensions=cells.dimensions)


def _as_values(made: Cube, given: Cube, cells: Cells) -> Values:
    """Return what a callback returns: the array's dimension first, if it is still there, then the cells."""
    named = {each.name: number for number, each in enumerate(made.dimensions)}
    order = []
    for number, each in enumerate(given.dimensions):
        if number == cells.along:
            continue
        found = named.pop(each.name, None)
        if found is None or made.values.data.shape[found] != given.values.data.shape[number]:
            count = "none" if found is None else made.values.data.shape[found]
            raise _fail(f"The result has {count} labels along '{each.name}', and {len(each.labels)} are wanted.")
        order.append(found)
    along = None if cells.along is None else named.pop(given.dimensions[cells.along].name, None)
    if named:
        raise _fail(f"The result has a dimension '{next(iter(named))}', which has no place here.")
    if along is None:
        return replace(made.values, data=np.transpose(made.values.data, order))
    data = np.transpose(made.values.data, (along, *order))
    if cells.is_reduced:
        if len(data) != 1:
            name = given.dimensions[cells.along or 0].name
            raise _fail(f"The result has {len(data)} values along '{name}', and one value is wanted for each cell.")
        return replace(made.values, data=data[0])
    return replace(made.values, data=data, is_array=True, labels=made.dimensions[along].labels)


def _call_with_cube(cube: Cube, code: str, context: Any, standing: Standing) -> Any:
    hollow = [number for number in range(len(cube.dimensions)) if cube.is_hollow_along(number)]
    given = _fill(cube, hollow) if hollow else cube
    dims = [
        {
            "name": each.name,
            "labels": None if each.is_enumerated or not len(each.labels) else each.labels,
            "calendar": each.calendar if each.kind == "temporal" else None,
        }
        for each in given.dimensions
    ]
    answer = _ask({"code": code, "context": context, "dims": dims}, (_numbers(given.values),), standing, is_trial=bool(hollow))
    if isinstance(answer, _Json):
        return answer.data
    made = Cube(values=answer.values, dimensions=_dimensions(answer.dims, answer.values.data.shape, given.dimensions))
    return _empty(made, given, [cube.dimensions[each] for each in hollow]) if hollow else made


class _Json(msgspec.Struct, frozen=True):
    data: Any


class _Array(msgspec.Struct, frozen=True):
    dims: list[_Dim]
    values: Any


def _ask(document: Mapping[str, Any], arrays: Sequence[NDArray[Any]], standing: Standing, *, is_trial: bool = False) -> Any:
    def report(level: str, message: str, line: int | None) -> None:
        told = f"{FILE}:{line}: {message}" if line else message
        standing.tools.report.log("debug" if is_trial else level, f"Tried with made-up numbers: {told}" if is_trial else told)

    try:
        frame = standing.tools.user_code.ask(document, arrays, report=report)
    except UserCodeError as error:
        place = f"{FILE}, line {error.line}: " if error.line else ""
        raise _fail(f"{place}{error}{_find_hint(str(error))}") from error
    try:
        made = msgspec.convert(frame.document, _Made)
    except msgspec.ValidationError:
        raise _fail("The answer is none.") from None
    if made.dims is None:
        return _Json(made.data)
    if len(frame.arrays) != 1 or frame.arrays[0].ndim != len(made.dims):
        raise _fail("The answer is none.")
    data = frame.arrays[0]
    return _Array(made.dims, Values(data=data, nan_is_nodata=data.dtype.kind == "f"))


def _find_hint(message: str) -> str:
    return next((f". {hint}" for marks, hint in _HINTS.items() if any(each in message for each in marks)), "")


def _numbers(values: Values) -> NDArray[Any]:
    """Return the numbers as the function gets them: NaN is no data."""
    if values.data.dtype.kind not in "biuf":
        raise _fail("A user-defined function takes numbers or truths, and no texts.")
    mask = values.mask()
    if values.data.dtype.kind == "f":
        return (
            values.data if mask is None or values.valid is None else np.where(mask, values.data, values.data.dtype.type(math.nan))
        )
    if mask is None or mask.all():
        return values.data
    data = as_float(values.data.astype(np.uint8) if values.data.dtype.kind == "b" else values.data)
    return np.where(mask, data, data.dtype.type(math.nan))


def _dimensions(dims: Sequence[_Dim], shape: Sequence[int], given: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """Return the dimensions of the result: what is known of those that were given stays known."""
    known = {each.name: each for each in given}
    made = []
    for dim, count in zip(dims, shape, strict=True):
        own = known.get(dim.name)
        told = dim.places if dim.places is not None else dim.labels
        if told is not None and len(told) != count:
            raise _fail(f"The result has {len(told)} labels for {count} values along '{dim.name}'.")
        if own is not None and dim.places is not None:
            if not all(0 <= each < len(own.labels) for each in dim.places):
                raise _fail("The answer is none.")
            made.append(own if dim.places == [*range(len(own.labels))] else own.take(dim.places))
        elif own is not None and dim.labels is None:
            made.append(own if count == len(own.labels) else enumerated(own.name, count, own.kind))
        elif dim.labels is None:
            made.append(enumerated(dim.name, count))
        elif own is not None:
            made.append(own.relabel(dim.labels))
        else:
            made.append(Dimension(name=dim.name, kind="temporal" if dim.is_time else "other", labels=tuple(dim.labels)))
    if len({each.name for each in made}) != len(made):
        raise _fail("Dimensions of the result are called alike.")
    return tuple(made)


def _fill(cube: Cube, hollow: Sequence[int]) -> Cube:
    """Return a small cube with numbers for a trial, the same each time."""
    shape = list(cube.values.data.shape)
    others = math.prod(size for number, size in enumerate(shape) if number not in hollow)
    most = max(1, min(_TRIAL_LABELS, round((_TRIAL_CELLS / max(1, others)) ** (1 / len(hollow)))))
    dimensions = list(cube.dimensions)
    for number in hollow:
        shape[number] = min(most, len(dimensions[number].labels))
        dimensions[number] = dimensions[number].take(range(shape[number]))
    random = np.random.default_rng(0)
    dtype = cube.values.data.dtype
    data = random.random(shape) if dtype.kind == "f" else random.integers(0, 2 if dtype.kind == "b" else 100, shape)
    return Cube(values=replace(cube.values, data=data.astype(dtype), valid=None), dimensions=tuple(dimensions))


def _empty(made: Cube, given: Cube, whole: Sequence[Dimension]) -> Cube:
    """Return the result of a trial without cells along the dimensions that had none, but with all their labels."""
    index: list[slice] = [slice(None)] * len(made.dimensions)
    dimensions = list(made.dimensions)
    for dimension in whole:
        tried = given.dimensions[given.place(dimension.name)]
        for number, each in enumerate(made.dimensions):
            if each.name == dimension.name:
                if each != tried:
                    raise _fail(
                        f"The function changes the labels along '{each.name}', which is computed part by part. Have it keep"
                        " them: others come from reduce_dimension or apply_dimension along it, pixels from resample_spatial."
                    )
                index[number], dimensions[number] = slice(0), dimension
    values = replace(made.values, data=made.values.data[tuple(index)])
    return Cube(values=values, dimensions=tuple(dimensions))


def _fail(message: str) -> ProcessError:
    return ProcessError(FAILED, f"The user-defined function failed: {message}")
