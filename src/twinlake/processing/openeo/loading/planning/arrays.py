"""From files of arrays to a cube: which variables of which files stand where. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.loading.pins import ArrayPins, CubeFile, CubeVariable, PinnedFile
from twinlake.processing.openeo.loading.planning.cube_items import GridFile, Variable, list_grids
from twinlake.processing.openeo.loading.planning.grids import limit
from twinlake.processing.openeo.loading.planning.items import Unloadable
from twinlake.processing.openeo.loading.planning.labels import (
    Moment,
    choose_bands,
    find_left_out,
    keep_bands,
    list_declared_bands,
    name_bands,
    no_data,
    no_time,
    order_times,
)
from twinlake.processing.openeo.loading.planning.value_types import join_types
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.shapes.areas import take_columns
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.times import Bounded, find_within

_CLOSE = 1e-6
"""Of a step: axes of several files that are so near are one."""
_TIME = "t"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    grid: GridFile
    variables: tuple[CubeVariable, ...]
    times: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayPlan:
    """A cube of arrays of which the files are known by name."""

    dimensions: tuple[Dimension, ...]
    dtype: str
    area: JsonObject | None
    left_out: tuple[Bounded, ...]
    entries: tuple[_Entry, ...]
    others: dict[str, tuple[int, ...]]
    is_curvilinear: bool

    @property
    def assets(self) -> list[tuple[str, str]]:
        """Item and asset key of each file."""
        return [(each.grid.item, each.grid.key) for each in self.entries]

    def pin(self, files: Mapping[tuple[str, str], PinnedFile]) -> ArrayPins:
        """Return it with the files of `assets`."""
        cubes = [
            CubeFile(
                file=files[each.grid.item, each.grid.key],
                variables=each.variables,
                times=each.times,
                time=each.grid.time,
                y=each.grid.y.name,
                x=each.grid.x.name,
            )
            for each in self.entries
        ]
        return ArrayPins(
            dimensions=self.dimensions,
            dtype=self.dtype,
            left_out=self.left_out,
            area=self.area,
            cubes=tuple(cubes),
            others=self.others,
            is_curvilinear=self.is_curvilinear,
        )


def plan_arrays(request: LoadRequest, items: Sequence[JsonObject], collection: JsonObject) -> ArrayPlan | None:
    """Return what *request* asks for of the arrays on grids that *items* have; None where they have none.

    Variables are bands. Where they lie along different dimensions and none are named, those are loaded that most are like.

    Raises
    ------
    ProcessError
        ``NoDataAvailable``, ``TemporalExtentEmpty``; ``NotLoadable``: metadata are missing, or files do not go together.
    ProcessParameterInvalidError
        There is no such band, or the spatial extent is none.
    """
    grids = [grid for item in items for grid in list_grids(item)]
    if not grids:
        return None
    every = name_bands(
        (each.band for grid in grids for each in grid.variables.values()), declared=list_declared_bands(collection)
    )
    wanted, along = _choose_variables(grids, choose_bands(every, request.bands), are_named=request.bands is not None)
    entries = [(grid, found) for grid in sorted(grids, key=_id_of) if (found := _list_along(grid, wanted, along))]
    _require_alike([grid for grid, _ in entries], along)
    leading = entries[0][0]
    t, places, left_out = _order_times([grid for grid, _ in entries], request, has_time=_TIME in along)
    rows, columns = limit(leading.y, leading.x, box=request.box, area=request.area)
    others = {name: leading.others[name] for name in leading.others if name in along}
    levels = {name: _limit_levels(each, request.box) for name, each in others.items()}
    kept = keep_bands(wanted, request.kept_bands)
    planned = (_plan_file(grid, found, kept, places, has_time=_TIME in along) for grid, found in entries)
    return ArrayPlan(
        dimensions=(
            t,
            kept,
            *(each.take(levels[name]) for name, each in others.items()),
            leading.y.take(rows).rename("y"),
            take_columns(leading.x, columns).rename("x"),
        ),
        dtype=join_types((each.dtype, each.scale, each.offset) for _, found in entries for each in found),
        area=request.area,
        left_out=left_out,
        entries=tuple(each for each in planned if each.times and each.variables),
        others={name: tuple(each) for name, each in levels.items()},
        is_curvilinear=leading.is_curvilinear,
    )


def _id_of(grid: GridFile) -> tuple[str, str]:
    return grid.item, grid.key


def _along(grid: GridFile, variable: Variable) -> frozenset[str]:
    """Return along what a variable lies beside its grid; time is called alike in all files."""
    beside = set(variable.dimensions) - {grid.y.name, grid.x.name}
    return frozenset(_TIME if each == grid.time else each for each in beside)


def _choose_variables(grids: Sequence[GridFile], bands: Dimension, *, are_named: bool) -> tuple[Dimension, frozenset[str]]:
    """Return the bands that lie along the same dimensions, and those."""
    kinds = {name: _along(grid, each) for grid in reversed(grids) for name, each in grid.variables.items()}
    own = [kinds[str(name)] for name in bands.labels]
    if are_named and len(set(own)) > 1:
        shown = "; ".join(f"{name} along {', '.join(sorted(kinds[str(name)])) or 'nothing'}" for name in bands.labels)
        raise Unloadable(f"The bands do not lie along the same dimensions beside their grid: {shown}. Load them one by one.")
    counts = Counter(own)
    along = max(counts, key=lambda each: (_TIME in each, counts[each], len(each)))
    return bands.take([place for place, each in enumerate(own) if each == along]), along


def _list_along(grid: GridFile, bands: Dimension, along: frozenset[str]) -> list[Variable]:
    return [each for each in grid.variables.values() if each.band.name in bands.labels and _along(grid, each) == along]


def _require_alike(grids: Sequence[GridFile], along: frozenset[str]) -> None:
    """See that the files are on one grid, with the same levels.

    Raises
    ------
    Unloadable
        They are not.
    """
    leading = grids[0]
    for each in grids[1:]:
        if not (_are_one(leading.y, each.y) and _are_one(leading.x, each.x)) or each.is_curvilinear != leading.is_curvilinear:
            raise _unlike(leading, each, "are not on one grid")
        levels = [{name: grid.others[name].labels for name in grid.others if name in along} for grid in (leading, each)]
        if levels[0] != levels[1]:
            raise _unlike(leading, each, "do not have the same levels")


def _unlike(first: GridFile, second: GridFile, reason: str) -> Unloadable:
    return Unloadable(f"The files of items {first.item!r} and {second.item!r} {reason}: load them one by one, by 'properties'.")


def _are_one(first: Dimension, second: Dimension) -> bool:
    if first.crs != second.crs or len(first.labels) != len(second.labels):
        return False
    mine, theirs = first.coordinates(), second.coordinates()
    step = float(np.abs(np.diff(mine)).min()) if len(mine) > 1 else 1.0
    return bool((np.abs(mine - theirs) < _CLOSE * step * len(mine)).all())


def _order_times(
    grids: Sequence[GridFile], request: LoadRequest, *, has_time: bool
) -> tuple[Dimension, dict[int, int], tuple[Bounded, ...]]:
    calendars = {grid.calendar if has_time else "standard" for grid in grids}
    if len(calendars) > 1:
        raise Unloadable(
            f"The times of the files are of different calendars, {' and '.join(sorted(calendars))}: load them apart."
        )
    calendar = calendars.pop()
    every = [moment for grid in grids for moment in _moments_of(grid, has_time=has_time)]
    within = find_within([each.start for each in every], request.temporal_extent, calendar)
    if not within:
        raise no_time(each.begin for each in every)
    return *order_times((every[place] for place in within), calendar), find_left_out(every, request.temporal_extent, calendar)


def _moments_of(grid: GridFile, *, has_time: bool) -> tuple[Moment, ...]:
    return grid.moments if has_time else (grid.item_moment,)


def _limit_levels(dimension: Dimension, box: JsonObject | None) -> list[int]:
    """Return the places of the levels that a box with ``base`` or ``height`` leaves."""
    base, height = (None, None) if box is None else (box.get("base"), box.get("height"))
    places = list(range(len(dimension.labels)))
    if dimension.axis != "z" or (base is None and height is None):
        return places
    levels = dimension.coordinates()
    found = [each for each in places if (base is None or levels[each] >= base) and (height is None or levels[each] <= height)]
    if not found:
        raise no_data("between base and height")
    return found


def _plan_file(
    grid: GridFile, variables: Sequence[Variable], bands: Dimension, places: Mapping[int, int], *, has_time: bool
) -> _Entry:
    found = tuple(
        CubeVariable(
            name=each.name,
            band=bands.place(each.band.name),
            dimensions=each.dimensions,
            dtype=each.dtype,
            scale=each.scale,
            offset=each.offset,
        )
        for each in variables
        if each.band.name in bands.labels
    )
    moments = _moments_of(grid, has_time=has_time)
    times = tuple((place, places[each.start]) for place, each in enumerate(moments) if each.start in places)
    return _Entry(grid=grid if has_time else replace(grid, time=None), variables=found, times=times)
