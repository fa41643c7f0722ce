"""Files of arrays on a grid, as the metadata of their items have them: axes, times, variables. Pure.

The labels are those that ingest writes exactly (`holdings.readers.labels`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.labels import MEMBER, read_axis
from twinlake.processing.openeo.loading.planning.items import (
    MAX_CELLS_ALONG,
    NUMBER_TYPES,
    Band,
    CubeAsset,
    Unloadable,
    list_cubes,
    read_band,
    read_quantity,
    read_time,
)
from twinlake.processing.openeo.loading.planning.labels import Moment, read_moments
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.projecting import DEGREES
from twinlake.standards.openeo.errors import OpenEoError

_PLACES = "places"
"""Of a curvilinear grid: the variable that says where cells are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable that lies on the grid."""

    name: str
    """In the file."""
    band: Band
    dimensions: tuple[str, ...]
    dtype: str
    scale: float
    offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GridFile:
    """One file on a grid."""

    item: str
    key: str
    y: Dimension
    x: Dimension
    """Under the names of the file, with the labels that a cube has."""
    is_curvilinear: bool
    time: str | None
    moments: tuple[Moment, ...]
    """Along the time axis; of the item where there is none."""
    item_moment: Moment
    calendar: str
    others: Mapping[str, Dimension]
    variables: Mapping[str, Variable]
    """By the names of their bands."""


def list_grids(item: JsonObject) -> Iterator[GridFile]:
    """Yield the assets of an item that hold arrays on a grid.

    Raises
    ------
    Unloadable
        One is on a grid, and its metadata do not say exactly where.
    """
    for asset in list_cubes(item):
        try:
            found = _read(asset, item)
        except (KeyError, TypeError, ValueError, OverflowError, OpenEoError) as error:
            raise Unloadable(
                f"The metadata of asset {asset.key!r} of item {item['id']!r} do not say exactly where its values stand in space"
                f" and time ({MEMBER}): ingest it again."
            ) from error
        if found is not None:
            yield found


def _read(asset: CubeAsset, item: JsonObject) -> GridFile | None:
    by_axis = {each.get("axis"): name for name, each in asset.dimensions.items() if each.get("type") == "spatial"}
    if not {"x", "y"} <= by_axis.keys():
        return None
    y_name, x_name = by_axis["y"], by_axis["x"]
    variables = _name_bands(_list_variables(asset, {y_name, x_name}), asset.bands)
    if not variables:
        return None
    time = next((name for name, each in asset.dimensions.items() if each.get("type") == "temporal"), None)
    own = read_time(item)
    item_moment = Moment(start=own.start, label=own.label, interval=own.interval)
    moments, calendar = ((item_moment,), "standard") if time is None else read_moments(asset.dimensions[time][MEMBER])
    lengths = {
        name: int(length)
        for each in variables.values()
        for name, length in zip(each.dimensions, asset.variables[each.name]["shape"], strict=True)
    }
    others = {
        name: _read_other(name, asset.dimensions.get(name, {}), length)
        for name, length in lengths.items()
        if name not in {time, y_name, x_name}
    }
    return GridFile(
        item=item["id"],
        key=asset.key,
        y=_read_axis(y_name, "y", asset.dimensions[y_name]),
        x=_read_axis(x_name, "x", asset.dimensions[x_name]),
        is_curvilinear=_PLACES in asset.dimensions[x_name][MEMBER],
        time=time,
        moments=moments,
        item_moment=item_moment,
        calendar=calendar,
        others=others,
        variables=variables,
    )


def _list_variables(asset: CubeAsset, horizontal: set[str]) -> Iterator[Variable]:
    for name, described in asset.variables.items():
        dimensions = tuple(described["dimensions"])
        is_data = described.get("variable_type", "data") == "data" and horizontal <= set(dimensions)
        if is_data and described.get("data_type") in NUMBER_TYPES and len(set(dimensions)) == len(dimensions):
            yield Variable(
                name=name,
                band=Band(name=name, quantity=read_quantity(described)),
                dimensions=dimensions,
                dtype=described["data_type"],
                scale=float(described.get("raster:scale", 1.0)),
                offset=float(described.get("raster:offset", 0.0)),
            )


def _name_bands(variables: Iterable[Variable], described: Sequence[JsonObject]) -> dict[str, Variable]:
    """Return variables by the names of their bands: one alone is called what the item says of its only band."""
    found = list(variables)
    if len(found) == len(described) == 1:
        band = read_band(described[0], name=found[0].name)
        found = [replace(found[0], band=replace(band, quantity=band.quantity or found[0].band.quantity))]
    return {each.band.name: each for each in found}


def _read_axis(name: str, axis: str, described: JsonObject) -> Dimension:
    """Return a horizontal dimension: x rises, and y falls, so that the north is first."""
    labels = described[MEMBER]
    if not 0 < int(labels.get("count", 1)) <= MAX_CELLS_ALONG:
        raise ValueError("too many cells")
    values = read_axis(labels)
    steps = np.diff(values)
    if not np.isfinite(values).all() or not ((steps > 0).all() or (steps < 0).all()):
        raise ValueError("an axis turns round")
    if len(values) > 1 and (steps[0] > 0) == (axis == "y"):
        values = values[::-1]
    crs: Any = described.get("reference_system", DEGREES)
    return Dimension(name=name, kind="spatial", axis="y" if axis == "y" else "x", labels=tuple(values.tolist()), crs=crs)


def _read_other(name: str, described: JsonObject, length: int) -> Dimension:
    """Return a dimension that is neither horizontal nor of time, such as levels."""
    values = described.get("values")
    labels = tuple(values) if isinstance(values, list) and len(values) == length else tuple(range(length))
    if described.get("type") == "spatial":
        return Dimension(name=name, kind="spatial", axis="z", labels=labels)
    return Dimension(name=name, labels=labels)
