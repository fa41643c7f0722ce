"""Which part of its cubes a process needs for a part of its result.

Most processes make a cell of the cells that have its labels. So a part is found by its labels, and a process only has to say
along which dimensions its cells count for one another.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.loading.source import Window
from twinlake.processing.openeo.process import OfGeometries, Reach, SamePlace
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal
from twinlake.processing.openeo.shapes.geometries import find_geometries
from twinlake.processing.openeo.shapes.projecting import TURN, is_in_degrees
from twinlake.processing.openeo.shapes.times import parse_time, read_starts
from twinlake.processing.openeo.tiles.windows import count_cells, whole
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_SLACK = 0.01
"""Of the distance of two pixels: so far apart two labels are those of one pixel."""
_MOST_PLACED = 1 << 24
"""Pixels of a part that are looked at one by one to tell what they need: 400 MB of numbers. No tile has as many."""
_Along = Callable[[slice], slice | None]
"""Which labels of a dimension are needed for some of the result's; None is all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """How a node uses the cube of another one."""

    source: str
    everything: Window
    """The whole of the other cube."""
    along: Mapping[str, _Along]
    """By names of dimensions; all labels are needed along those that are not named."""

    def needs(self, window: Window) -> Window:
        """Return the part of the other cube that is needed for a part of the result."""
        needed = dict(self.everything)
        for name, find in self.along.items():
            if (part := find(window[name])) is not None:
                needed[name] = part
        return needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Edge):
    """How a node uses the cube whose pixels it moves, mixes with those around, or gathers."""

    horizontal: Sequence[str]
    """Names of the dimensions y and x of the other cube."""
    placed: Sequence[str]
    """Names of those of the result along which its cells are somewhere: y and x, or its geometries."""
    find: Callable[[Window], Reach]
    """Tells what a part of the result comes of, and how."""

    def needs(self, window: Window) -> Window:
        """Return the part of the other cube that is needed for a part of the result."""
        if count_cells({name: part for name, part in window.items() if name in self.placed}) > _MOST_PLACED:
            return Edge.needs(self, window)
        found = self.find(window)
        return {**Edge.needs(self, window), **dict(zip(self.horizontal, (found.rows, found.columns), strict=True))}


def same_place(source: str, given: Cube, made: Cube, reach: SamePlace, arguments: Mapping[str, Any]) -> Edge:
    """Return how a node uses a cube whose cells count for those of the result that have their labels."""
    crossed = set(reach.crosses(arguments)) if reach.crosses else set()
    results = {each.name: each for each in made.dimensions}
    along = {}
    for dimension in given.dimensions:
        result = results.get(dimension.name)
        if result is None or dimension.name in crossed or result.kind != dimension.kind:
            continue
        if reach.groups_times is not None and dimension.kind == "temporal":
            find = _by_intervals(dimension, result, reach.groups_times(dimension))
        else:
            find = _by_labels(dimension, result, unites=reach.unites)
        if find is not None:
            along[dimension.name] = find
    return Edge(source=source, everything=whole(given.dimensions), along=along)


def around(
    source: str,
    given: Cube,
    made: Cube,
    reach: OfGeometries | Callable[..., Reach],
    arguments: Mapping[str, Any],
    *,
    needs_others: bool,
) -> Edge:
    """Return how a node uses a cube of whose other pixels its result is made.

    Parameters
    ----------
    needs_others
        Whether it needs all of the other dimensions, and not just the same labels.
    """
    plain = same_place(source, given, made, SamePlace(), arguments)
    horizontal = [given.dimensions[number].name for number in find_horizontal(given.dimensions)]
    if isinstance(reach, OfGeometries):
        geometries, gather = made.dimensions[find_geometries(made.dimensions)].name, reach.prepare(**arguments)
        placed = [geometries]

        def find(window: Window) -> Reach:
            return gather(window[geometries])
    else:
        placed = [made.dimensions[number].name for number in find_horizontal(made.dimensions)]
        (rows, columns), move = placed, reach

        def find(window: Window) -> Reach:
            return move(rows=window[rows], columns=window[columns], **arguments)

    return Moved(
        source=source,
        everything=plain.everything,
        along={} if needs_others else {name: by_labels for name, by_labels in plain.along.items() if name not in horizontal},
        horizontal=horizontal,
        placed=placed,
        find=find,
    )


def _by_labels(given: Dimension, result: Dimension, *, unites: bool) -> _Along | None:
    if given.labels is result.labels or given.labels == result.labels:  # mostly they are the same ten thousand
        return lambda part: part
    places = _places(given, result)
    missing = places < 0
    if missing.any() and not unites:
        return None

    def find(part: slice) -> slice:
        there = places[part][~missing[part]]
        return slice(int(there.min()), int(there.max()) + 1) if there.size else slice(0, 0)

    return find


def _places(given: Dimension, result: Dimension) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return where the labels of *result* stand in *given*; -1 where one does not."""
    if given.kind == "spatial":
        return _nearest(given, result)
    own, wanted = _keys(given, result)
    known = {label: place for place, label in enumerate(own)}
    return np.array([known.get(label, -1) for label in wanted], dtype=np.int64)


def _keys(given: Dimension, result: Dimension) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return what is the same for the same labels of both."""
    if given.kind == "temporal":
        try:
            return read_starts(given), read_starts(result)
        except ProcessParameterInvalidError:  # somebody gave them other names
            pass
    return given.labels, result.labels


def _nearest(given: Dimension, result: Dimension) -> np.ndarray[Any, np.dtype[np.int64]]:
    if any(isinstance(each, str) for each in (*given.labels[:1], *result.labels[:1])):
        return np.full(len(result.labels), -1, dtype=np.int64)
    own, wanted = given.coordinates(), result.coordinates()
    if not own.size:
        return np.full(len(wanted), -1, dtype=np.int64)
    if given.axis == "x" and given.crs is not None and is_in_degrees(given.crs):  # the same meridian, counted otherwise
        wanted = wanted - TURN * np.round((wanted - (own.min() + own.max()) / 2) / TURN)
    order = np.argsort(own)
    ordered = own[order]
    steps = np.abs(np.diff(wanted if len(wanted) > 1 else own))
    slack = _SLACK * float(steps.min()) if steps.size else 0.0
    right = np.clip(np.searchsorted(ordered, wanted), 1, max(len(ordered) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(ordered) - 1)
    best = np.where(np.abs(ordered[left] - wanted) <= np.abs(ordered[right] - wanted), left, right)
    return np.where(np.abs(ordered[best] - wanted) <= slack, order[best], -1).astype(np.int64)


def _by_intervals(given: Dimension, result: Dimension, instants: Sequence[int]) -> _Along | None:
    """Return which times lie in some of the result's intervals, and those next to them where an interval at an end has none.

    What lies between the first and the last time is what a process makes periods of.
    """
    if result.intervals is None:
        return None
    spans = [(parse_time(first, given.calendar), parse_time(last, given.calendar)) for first, last in result.intervals]
    is_ordered = all(a <= b for a, b in pairwise(instants))
    if not is_ordered or any(one[0] > other[0] for one, other in pairwise(spans)):
        return None

    def find(part: slice) -> slice:
        chosen = spans[part]
        if not chosen:
            return slice(0, 0)
        first = bisect_left(instants, chosen[0][0])
        last = bisect_left(instants, max(end for _, end in chosen))
        if first == len(instants) or instants[first] >= chosen[0][1]:
            first = max(first - 1, 0)
        if last == 0 or instants[last - 1] < chosen[-1][0]:
            last = min(last + 1, len(instants))
        return slice(first, last)

    return find
