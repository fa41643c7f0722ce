"""What runs in the sandbox: it imports the user's code, finds the function in it, calls it, and takes its result apart.

The functions are those of the `openeo` package (openeo.udf.udf_signatures), told by name and annotations as that does.

A question is a document with ``code``, ``context`` and either ``data``, JSON, or ``dims`` of the array that comes along, each
with ``name``, ``labels`` and the ``calendar`` of a temporal one. The answer has ``data``, or ``dims`` of the array that goes
along, each with ``name``, and ``labels`` or ``places``: where its labels were in what was given.
"""

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cftime
import numpy as np
import openeo
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray
from openeo.udf.feature_collection import FeatureCollection
from openeo.udf.structured_data import StructuredData
from openeo.udf.udf_data import UdfData
from openeo.udf.xarraydatacube import XarrayDataCube

from twinlake.engines.sandbox.frames import Frame

FILE = "udf.py"
_LEGACY = {"openeo_udf.api.datacube.DataCube": XarrayDataCube, "openeo_udf.api.udf_data.UdfData": UdfData}
_GIVEN = {
    "__name__": "udf",
    "numpy": np,
    "np": np,
    "xarray": xr,
    "pandas": pd,
    "pd": pd,
    "shapely": shapely,
    "math": math,
    "openeo": openeo,
    "UdfData": UdfData,
    "XarrayDataCube": XarrayDataCube,
    "DataCube": XarrayDataCube,
    "StructuredData": StructuredData,
    "FeatureCollection": FeatureCollection,
}
"""Names that code written for `openeo` finds without an import."""

Function = Callable[[Any, dict[str, Any]], Any]
"""Takes a `DataArray`, or JSON, and the context; returns the same, or what it should not."""


def answer(frame: Frame) -> tuple[Any, tuple[NDArray[Any], ...]]:
    """Answer one question."""
    asked = frame.document
    function = _load(asked["code"])
    if "data" in asked:
        return _answer_json(function(asked["data"], asked["context"]))
    given = _make_array(asked["dims"], frame.arrays[0])
    made = function(given, asked["context"])
    if not isinstance(made, xr.DataArray):
        return _answer_json(made)
    described = [_describe(str(name), made, given) for name in made.dims]
    return {"dims": described}, (_numbers(made.values),)


@functools.lru_cache(maxsize=16)
def _load(code: str) -> Function:
    """Run the code, once, and return its function."""
    module = dict(_GIVEN)
    exec(compile(code, FILE, "exec"), module)  # noqa: S102  # what a sandbox is for
    for name, function in module.items():
        if inspect.isfunction(function) and (found := _recognise(name, function)) is not None:
            return found
    raise LookupError(
        "The code has no function that openEO knows, such as"
        " def apply_datacube(cube: xarray.DataArray, context: dict) -> xarray.DataArray; its annotations count."
    )


def _recognise(name: str, function: Callable[..., Any]) -> Function | None:
    """Return how *function* is called, if it has one of the signatures."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, AttributeError, TypeError, SyntaxError):  # annotations that can be read, but not evaluated
        signature = inspect.signature(function)
    kinds = {each.name: _kind(each.annotation) for each in signature.parameters.values()}
    returned = _kind(signature.return_annotation)
    if name == "apply_timeseries" and kinds.get("series") is returned is pd.Series and "context" in kinds:
        return functools.partial(_apply_timeseries, function)
    if name in {"apply_datacube", "apply_hypercube"} and "cube" in kinds and "context" in kinds:
        if kinds["cube"] is returned is XarrayDataCube:
            return lambda data, context: _unwrap(function(cube=XarrayDataCube(_as_array(data)), context=context))
        if kinds["cube"] is returned is xr.DataArray and name == "apply_datacube":
            return lambda data, context: _require(function(cube=_as_array(data), context=context), xr.DataArray)
    if list(kinds.values()) == [UdfData]:
        return functools.partial(_apply_udf_data, function)
    return None


def _kind(annotation: Any) -> Any:
    """Return the class that an annotation means, also where it is a text."""
    if annotation in _LEGACY:
        return _LEGACY[annotation]
    classes = (xr.DataArray, pd.Series, UdfData, XarrayDataCube)
    named = str(annotation).rsplit(".", 1)[-1]
    return next(
        (each for each in classes if annotation is each or (isinstance(annotation, str) and named == each.__name__)), None
    )


def _apply_timeseries(function: Callable[..., Any], data: Any, context: dict[str, Any]) -> xr.DataArray:
    """Call *function* with the series along the time of each cell; as many values must come back."""
    array = _as_array(data)
    [name] = [each for each in array.dims if each in {"t", "time"}] or array.dims[:1]
    along = array.get_axis_num(name)
    index = array.indexes.get(name)
    series = np.moveaxis(array.values, along, -1)
    made = []
    for values in series.reshape(-1, series.shape[-1]):
        one = np.asarray(function(series=pd.Series(values, index=index), context=context))
        if one.shape != values.shape:
            raise ValueError(f"apply_timeseries returned {one.shape} values for a series of {values.shape}.")
        made.append(one)
    stacked = np.array(made).reshape(series.shape) if made else series
    return array.copy(data=np.moveaxis(stacked, -1, along))


def _apply_udf_data(function: Callable[[UdfData], Any], data: Any, context: dict[str, Any]) -> Any:
    """Call *function* with an `UdfData`, which it changes or returns."""
    is_cube = isinstance(data, xr.DataArray)
    given = UdfData(
        datacube_list=[XarrayDataCube(data)] if is_cube else None,
        structured_data_list=None if is_cube else [StructuredData(data)],
        user_context=context,
    )
    returned = function(given)
    made = returned if isinstance(returned, UdfData) else given
    cubes, structured = made.get_datacube_list() or [], made.get_structured_data_list() or []
    if len(cubes) + len(structured) != 1:
        raise ValueError(f"One cube or one structured data is wanted, not {len(cubes)} and {len(structured)}.")
    return _unwrap(cubes[0]) if cubes else structured[0].data


def _unwrap(made: Any) -> xr.DataArray:
    array: xr.DataArray = _require(made, XarrayDataCube).get_array()
    return array


def _require(made: Any, kind: type) -> Any:
    if not isinstance(made, kind):
        raise TypeError(f"The function returned {type(made).__name__}, and {kind.__name__} is wanted.")
    return made


def _as_array(data: Any) -> xr.DataArray:
    return data if isinstance(data, xr.DataArray) else xr.DataArray(np.asarray(data))


def _answer_json(made: Any) -> tuple[Any, tuple[NDArray[Any], ...]]:
    return {"data": _as_json(np.asarray(made) if isinstance(made, xr.DataArray) else made)}, ()


def _as_json(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    return value


def _make_array(dims: Sequence[Mapping[str, Any]], data: NDArray[Any]) -> xr.DataArray:
    coords = {each["name"]: _coordinates(each) for each in dims if each["labels"] is not None}
    return xr.DataArray(data, dims=[each["name"] for each in dims], coords=coords)


def _coordinates(dim: Mapping[str, Any]) -> Any:
    """Return the labels as xarray has them: times as such, where they are."""
    labels, calendar = dim["labels"], dim["calendar"]
    if calendar is None:
        return labels
    try:
        if calendar == "standard":
            return pd.to_datetime(labels, format="ISO8601", utc=True).tz_localize(None)
        return [cftime.datetime.strptime(each[:19], "%Y-%m-%dT%H:%M:%S", calendar=calendar) for each in labels]
    except (ValueError, TypeError):  # names of periods, such as those of a climatology
        return labels


def _describe(name: str, made: xr.DataArray, given: xr.DataArray) -> dict[str, Any]:
    """Return what is known of a dimension of the result."""
    if name not in made.indexes:
        return {"name": name, "labels": None, "places": None}
    index = made.indexes[name]
    if name in given.indexes and given.indexes[name].is_unique:
        places = given.indexes[name].get_indexer(index)
        if (places >= 0).all():
            return {"name": name, "labels": None, "places": places.tolist()}
    is_time = isinstance(index, pd.DatetimeIndex | xr.CFTimeIndex)
    labels = [f"{each.isoformat()}Z" for each in index] if is_time else [_label(each) for each in index]
    return {"name": name, "labels": labels, "places": None, "is_time": is_time}


def _label(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if isinstance(plain, str | int | float) and not isinstance(plain, bool) else str(plain)


def _numbers(data: NDArray[Any]) -> NDArray[Any]:
    if data.dtype.kind not in "biuf":
        raise TypeError(f"The cells of the result are of the type {data.dtype}, and numbers or truths are wanted.")
    return data.astype(np.float64) if data.dtype.itemsize > 8 else data
