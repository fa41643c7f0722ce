"""Cubes as tables: a row for each label of all dimensions but one, a column for each label of that.

Columns are bands, or else properties of geometries; a cube that has neither has one, ``value``. Before them stand the labels of
the row, and what the features of its geometry say of themselves. Units are no part of names, by which programs find columns.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_kind
from twinlake.processing.openeo.shapes.geometries import list_properties

DATE = "date"
FEATURE = "feature_index"
"""Columns of the only temporal dimension and the only one of geometries, as clients of openEO know them."""
_VALUE = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column."""

    name: str
    values: NDArray[Any]
    """Numbers, truths, or Python objects."""
    valid: NDArray[np.bool_] | None = None
    dimension: Dimension | None = None
    """Of which these are labels, or, of geometries, their places; None of a column of values."""
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows, those of the first column in order."""

    labels: tuple[Column, ...]
    properties: tuple[Column, ...]
    """Of features, repeated in each row of theirs."""
    values: tuple[Column, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, in the order in which they are written."""
        return (*self.labels, *self.properties, *self.values)

    @property
    def geometries(self) -> Column | None:
        """The column of places of geometries."""
        return next((each for each in self.labels if each.dimension is not None and each.dimension.kind == "geometry"), None)


def to_table(cube: Cube) -> Table:
    """Return a cube as a table: rows by time, then by geometry, then by other dimensions as the cube has them."""
    across = _find_across(cube.dimensions)
    rank = {"temporal": 0, "geometry": 1}
    along = sorted(
        (number for number in range(len(cube.dimensions)) if number != across),
        key=lambda number: rank.get(cube.dimensions[number].kind, 2),
    )
    order = along if across is None else [*along, across]
    count = 1 if across is None else len(cube.dimensions[across].labels)
    cells = cube.values.data.transpose(order)
    rows = int(np.prod(cells.shape[: len(along)], dtype=int))
    data = _plain(cells.reshape(rows, count))
    mask = cube.values.mask()
    valid = None if mask is None else mask.transpose(order).reshape(rows, count)
    taken: set[str] = set()
    labels = tuple(_labels(cube.dimensions, along, place, taken) for place in range(len(along)))
    names = [_VALUE] if across is None else [str(each) for each in cube.dimensions[across].labels]
    units = _find_units(cube.dimensions, across)
    values = tuple(
        Column(
            name=_free(name, taken),
            values=data[:, number],
            valid=None if valid is None else valid[:, number],
            unit=units[number],
        )
        for number, name in enumerate(names)
    )
    # A vector cube of properties has them as its values.
    own = set(names) if across is not None and cube.dimensions[across].kind != "bands" else set()
    return Table(labels=labels, properties=tuple(_properties(labels, own, taken)), values=values)


def _find_units(dimensions: Sequence[Dimension], across: int | None) -> list[str | None]:
    if across is None:
        return [None]
    along = dimensions[across]
    return [None if each is None else each.unit for each in along.quantities or [None] * len(along.labels)]


def _properties(labels: Sequence[Column], own: Collection[str], taken: set[str]) -> Iterator[Column]:
    """Yield what the features of rows say, but for what is among the values."""
    places = next((each for each in labels if each.dimension is not None and each.dimension.kind == "geometry"), None)
    if places is None or places.dimension is None:
        return
    for name, values in list_properties(places.dimension).items():
        if name not in own:
            kept = _typed(values)
            there = np.array([each is not None for each in values], dtype=bool)
            valid = None if there.all() else there[places.values]
            yield Column(name=_free(name, taken), values=kept[places.values], valid=valid)


def _typed(values: Sequence[Any]) -> NDArray[Any]:
    """Return JSON as numbers where all of it are, else as objects; what is not there is whatever it is."""
    kinds = {type(each) for each in values if each is not None}
    if kinds == {int} and all(-(2**63) <= each < 2**63 for each in values if each is not None):
        return np.array([0 if each is None else each for each in values], dtype=np.int64)
    if kinds and kinds <= {int, float}:
        return np.array([math.nan if each is None else each for each in values], dtype=np.float64)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _find_across(dimensions: Sequence[Dimension]) -> int | None:
    bands = find_kind(dimensions, "bands")
    others = find_kind(dimensions, "other") if find_kind(dimensions, "geometry") else []
    found = bands or others
    return found[-1] if found else None


def _labels(dimensions: Sequence[Dimension], along: Sequence[int], place: int, taken: set[str]) -> Column:
    """Return the column of one dimension's labels, each as often as rows have it."""
    dimension = dimensions[along[place]]
    lengths = [len(dimensions[number].labels) for number in along]
    inner, outer = int(np.prod(lengths[place + 1 :], dtype=int)), int(np.prod(lengths[:place], dtype=int))
    name, own = dimension.name, _as_array(dimension)
    if dimension.kind in {"temporal", "geometry"} and len(find_kind(dimensions, dimension.kind)) == 1:
        name = DATE if dimension.kind == "temporal" else FEATURE
    return Column(name=_free(name, taken), values=np.tile(np.repeat(own, inner), outer), dimension=dimension)


def _as_array(dimension: Dimension) -> NDArray[Any]:
    if dimension.kind == "geometry":
        return np.arange(len(dimension.labels))
    labels = dimension.labels
    if labels and all(isinstance(each, int) for each in labels):
        return np.array(labels, dtype=np.int64)
    if labels and all(isinstance(each, int | float) for each in labels):
        return np.array(labels, dtype=np.float64)
    values = np.empty(len(labels), dtype=object)
    values[:] = labels
    return values


def _plain(cells: NDArray[Any]) -> NDArray[Any]:
    """Return objects as Python's own, which those of numpy among them are not."""
    if cells.dtype != object:
        return cells
    plain = np.empty(cells.shape, dtype=object)
    for place, each in np.ndenumerate(cells):
        plain[place] = each.item() if isinstance(each, np.generic) else each
    return plain


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
