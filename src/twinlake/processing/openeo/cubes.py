"""Cubes in memory: values in the order of named dimensions. A tile of a large cube is one, and so is one in JSON.

A cube may be *hollow*: without a single cell along its spatial dimensions, though these have their labels. What a process makes
of a hollow cube tells the dimensions, labels and type of what it would make of the whole: that is how a dry run works.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.shapes.aligning import find_labels
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_dimension, find_kind, quantity_of_all
from twinlake.processing.openeo.shapes.geometries import find_geometries, read_geojson
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_EPSG = "EPSG:"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cube:
    """Values and what their dimensions are. In cubes of floating-point numbers NaN is no data, and there is no mask."""

    values: Values
    """One dimension of the array for each of *dimensions*; no array in the sense of callbacks."""
    dimensions: tuple[Dimension, ...]
    quantity: Quantity | None = None
    """What the numbers of a result are of, where no dimension of bands tells it; None where that is not known."""

    def __post_init__(self) -> None:
        """Put NaN where a mask of floats says that there is no data."""
        values = self.values
        if values.data.dtype.kind == "f" and (not values.nan_is_nodata or values.valid is not None):
            data = values.data if values.valid is None else np.where(values.valid, values.data, values.data.dtype.type(math.nan))
            object.__setattr__(self, "values", replace(values, data=data, valid=None, nan_is_nodata=True))

    def place(self, name: str) -> int:
        """Return which dimension has the name; raises as `find_dimension` does."""
        return find_dimension(self.dimensions, name)

    def is_hollow_along(self, number: int) -> bool:
        """Whether there are labels along the dimension *number*, and no cells."""
        return self.values.data.shape[number] == 0 and len(self.dimensions[number].labels) > 0

    def array_along(self, number: int) -> Values:
        """Return the values as a callback gets them: elements along the dimension *number*, all else beside each other.

        A hollow cube gets elements there, of whatever value: a callback needs as many as there will be.
        """
        labels = self.dimensions[number].labels
        data = np.moveaxis(self.values.data, number, 0)
        valid = None if self.values.valid is None else np.moveaxis(self.values.valid, number, 0)
        if self.is_hollow_along(number):
            data, valid = np.zeros((len(labels), *data.shape[1:]), dtype=data.dtype), None
        return replace(self.values, data=data, valid=valid, is_array=True, labels=labels)

    def without(self, *numbers: int) -> tuple[Dimension, ...]:
        """Return the dimensions but those."""
        return tuple(each for number, each in enumerate(self.dimensions) if number not in numbers)

    def aligned_with(self, dimensions: Sequence[Dimension]) -> "Cube":
        """Return the cube with the labels that *dimensions* have, in their order; it may have fewer dimensions.

        Raises
        ------
        ProcessParameterInvalidError
            It has another dimension, or lacks a label.
        """
        cube = self
        for number, each in enumerate(self.dimensions):
            wanted = next((other for other in dimensions if other.name == each.name), None)
            if wanted is None:
                raise ProcessParameterInvalidError(f"One of the cubes alone has a dimension {each.name!r}.")
            cube = cube.take(number, find_labels(wanted, each))
        return cube

    def laid_along(self, dimensions: Sequence[Dimension]) -> Values:
        """Return the values along *dimensions*, by name, of which there are more: one cell along those that the cube lacks."""
        names = [each.name for each in self.dimensions]
        order = [names.index(each.name) for each in dimensions if each.name in names]
        missing = tuple(number for number, each in enumerate(dimensions) if each.name not in names)
        data, valid = self.values.data, self.values.valid
        return replace(
            self.values,
            data=np.expand_dims(np.transpose(data, order), missing),
            valid=None if valid is None else np.expand_dims(np.transpose(valid, order), missing),
        )

    def take(self, number: int, places: Sequence[int]) -> "Cube":
        """Return the cube with the labels at *places* of one dimension alone."""
        chosen = list(places)
        index: tuple[Any, ...] = (*[slice(None)] * number, slice(0) if self.is_hollow_along(number) else _as_index(chosen))
        valid = None if self.values.valid is None else self.values.valid[index]
        values = replace(self.values, data=self.values.data[index], valid=valid)
        return Cube(values=values, dimensions=self.with_dimension(number, self.dimensions[number].take(chosen)))

    def cut(self, number: int, places: slice) -> "Cube":
        """Return the cube with the labels of a slice of one dimension alone; nothing is copied."""
        return self.take(number, range(len(self.dimensions[number].labels))[places])

    def with_dimension(self, number: int, dimension: Dimension) -> tuple[Dimension, ...]:
        """Return the dimensions with another one in the place of one."""
        return (*self.dimensions[:number], dimension, *self.dimensions[number + 1 :])


def _as_index(places: list[int]) -> slice | list[int]:
    """Return what numpy takes *places* by: a slice, which copies nothing, where one follows the other."""
    if places and places == list(range(places[0], places[0] + len(places))):
        return slice(places[0], places[0] + len(places))
    return places


def one_per_cell(values: Values, dimensions: tuple[Dimension, ...], shape: tuple[int, ...]) -> Cube:
    """Return the cube of what a callback made, which may be one value for all cells.

    Parameters
    ----------
    shape
        Of the cells.

    Raises
    ------
    ProcessParameterInvalidError
        It made an array of each cell.
    """
    if values.is_array:
        raise ProcessParameterInvalidError("The process makes an array of each cell, and one value is wanted.")
    valid = None if values.valid is None else np.broadcast_to(values.valid, shape)
    return Cube(values=replace(values, data=np.broadcast_to(values.data, shape), valid=valid), dimensions=dimensions)


def find_quantity(cube: Cube) -> Quantity | None:
    """Return what all numbers of a cube are of; None where that is not one and the same, or not known."""
    return quantity_of_all(cube.dimensions) if find_kind(cube.dimensions, "bands") else cube.quantity


def read_vectors(given: Cube | JsonObject) -> Dimension:
    """Return the dimension of the geometries of a vector cube, or of a GeoJSON document.

    Raises
    ------
    ProcessParameterInvalidError
        It is neither.
    """
    return given.dimensions[find_geometries(given.dimensions)] if isinstance(given, Cube) else read_geojson(given)


def read_cube(document: JsonObject) -> Cube:
    """Return a cube that stands in JSON: ``order``, ``dimensions`` and nested lists of ``data``, in which null is no data."""
    order = document["order"]
    dimensions = tuple(_read_dimension(name, document["dimensions"][name]) for name in order)
    shape = tuple(len(each.labels) for each in dimensions)
    if not dimensions and document["data"] == []:
        return empty_cube()
    return Cube(values=from_cells(np.array(document["data"], dtype=object).reshape(shape)), dimensions=dimensions)


def from_cells(cells: NDArray[np.object_]) -> Values:
    """Return the values of a cube of what JSON has in its cells, null for no data: numbers and truths in the type of all."""
    valid = np.array([each is not None for each in cells.ravel()], dtype=bool).reshape(cells.shape)
    there, mask = cells[valid], None if valid.all() else valid
    if all(isinstance(each, bool) for each in there) and there.size:
        return Values(data=np.where(valid, cells, False).astype(bool), valid=mask)
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in there):
        return Values(data=cells, valid=mask)
    if all(isinstance(each, int) and -(2**63) <= each < 2**63 for each in there) and there.size:
        return Values(data=np.where(valid, cells, 0).astype(np.int64), valid=mask)
    return Values(data=np.where(valid, cells, math.nan).astype(float), nan_is_nodata=True)


def empty_cube() -> Cube:
    """Return the cube without dimensions, of which the only value is not there; in JSON its data are an empty list."""
    return Cube(values=Values(data=np.array(math.nan), nan_is_nodata=True), dimensions=())


def write_cube(cube: Cube) -> JsonObject:
    """Return a cube as `read_cube` reads it; what the features of geometries say stands beside, for people and programs."""
    data = np.array(cube.values.data, dtype=object)  # `astype` makes a number of one cell that lies in a file
    mask = cube.values.mask()
    if mask is not None:
        data[~mask] = None
    is_empty = data.ndim == 0 and data[()] is None
    dimensions = describe_dimensions(cube.dimensions)
    for each in cube.dimensions:
        if each.features is not None:
            features = [None if text is None else json.loads(text) for text in each.features]
            dimensions[each.name]["twinlake:features"] = features
    return {
        "type": "datacube",
        "order": [each.name for each in cube.dimensions],
        "dimensions": dimensions,
        "data": [] if is_empty else data.tolist(),
    }


def _read_dimension(name: str, described: JsonObject) -> Dimension:
    kind, system = described.get("type", "other"), described.get("reference_system")
    if isinstance(system, str) and system.upper().startswith(_EPSG) and system[len(_EPSG) :].isdigit():
        system = int(system[len(_EPSG) :])
    labels = tuple(described.get("values", ()))
    return Dimension(
        name=name,
        kind=kind,
        labels=labels,
        axis=described.get("axis", name if kind == "spatial" and name in {"x", "y", "z"} else None),
        crs=system if kind in {"spatial", "geometry"} else None,
        is_enumerated=kind in {"bands", "other"} and labels == tuple(range(len(labels))),
    )


def describe_dimensions(dimensions: Sequence[Dimension]) -> JsonObject:
    """Return ``cube:dimensions`` (STAC extension datacube) with all labels."""
    return {each.name: _write_dimension(each) for each in dimensions}


def _write_dimension(dimension: Dimension) -> JsonObject:
    described: dict[str, Any] = {"type": dimension.kind, "values": list(dimension.labels)}
    if dimension.axis is not None:
        described["axis"] = dimension.axis
    if dimension.crs is not None:
        described["reference_system"] = f"{_EPSG}{dimension.crs}" if isinstance(dimension.crs, int) else dimension.crs
    return described
