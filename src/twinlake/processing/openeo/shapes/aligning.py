"""Two cubes that share dimensions: which labels they have in common, and in which order all of them stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.geometries import crs_of, name_shapes
from twinlake.processing.openeo.shapes.projecting import TURN, is_in_degrees
from twinlake.processing.openeo.shapes.times import read_starts
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_REPROJECT = "Use resample_cube_spatial before, or vector_reproject for geometries."
_CLOSE: Final = 1e-6
"""Of the distance of two pixels: so far even ones may be from their place."""
_MOVED: Final = 1e-3
"""Of that distance: as far as `formats.grids` moves pixels of nearly even grids, they are still the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """A dimension with the labels of two."""

    dimension: Dimension
    first: Sequence[int]
    """Where the labels of the first one stand."""
    second: Sequence[int]
    """Where those of the second one stand."""


def unite(first: Dimension, second: Dimension) -> Union:
    """Return the dimension with the labels of both: in order along axes and in time, else those of the second behind.

    Raises
    ------
    ProcessParameterInvalidError
        They are of different kinds, axes, reference systems or calendars, or their pixels lie between each other's.
    """
    require_alike(first, second)
    if first.labels == second.labels:
        places = range(len(first.labels))
        return Union(dimension=first, first=places, second=places)
    mine, theirs = _keys(first, second)
    known = {key: place for place, key in enumerate(mine)}
    new = [place for place, key in enumerate(theirs) if key not in known]
    order: list[tuple[bool, int]] = [(False, place) for place in range(len(mine))] + [(True, place) for place in new]
    if first.kind in {"spatial", "temporal"}:
        falling = len(mine) > 1 and mine[0] > mine[-1]
        order.sort(key=lambda each: theirs[each[1]] if each[0] else mine[each[1]], reverse=falling)
    at = {(theirs[place] if is_new else mine[place]): number for number, (is_new, place) in enumerate(order)}
    return Union(dimension=_joined(first, second, order), first=[at[key] for key in mine], second=[at[key] for key in theirs])


def find_labels(wanted: Dimension, given: Dimension) -> list[int]:
    """Return where the labels of one dimension stand in another, which may have more pixels, but no other labels.

    Raises
    ------
    ProcessParameterInvalidError
        They do not go together, or a label is missing.
    """
    require_alike(wanted, given)
    if wanted.labels == given.labels:
        return list(range(len(wanted.labels)))
    mine, theirs = _keys(wanted, given)
    known = {key: place for place, key in enumerate(theirs)}
    missing = [label for label, key in zip(wanted.labels, mine, strict=True) if key not in known]
    if missing or (wanted.kind != "spatial" and len(theirs) != len(mine)):
        shown = f"has no label {missing[0]!r}" if missing else "has labels that are not wanted"
        raise ProcessParameterInvalidError(f"Dimension {given.name!r} of one of the cubes {shown}.")
    return [known[key] for key in mine]


def require_alike(first: Dimension, second: Dimension) -> None:
    """Refuse two dimensions of which the labels have nothing to do with one another.

    Raises
    ------
    ProcessParameterInvalidError
        They are of different kinds, axes, reference systems or calendars.
    """
    for what in ("kind", "axis", "crs", "calendar"):
        one, other = getattr(first, what), getattr(second, what)
        if what == "crs" and first.kind == "geometry":
            one, other = crs_of(first), crs_of(second)
        if one != other:
            raise ProcessParameterInvalidError(
                f"The {what} of dimension {first.name!r} is {one} in one cube, {other} in the other.",
                remedy=_REPROJECT if what == "crs" else None,
            )


def _keys(first: Dimension, second: Dimension) -> tuple[list[Any], list[Any]]:
    """Return what is the same for the same labels of both."""
    if first.kind == "spatial":
        return _pixel_numbers(first, second)
    if first.kind == "temporal":
        mine, theirs = _starts(first), _starts(second)
        if mine is not None and theirs is not None:
            return mine, theirs
        if (mine is None) != (theirs is None) and first.labels and second.labels:
            times, names = (second, first) if mine is None else (first, second)
            raise ProcessParameterInvalidError(
                f"Dimension {first.name!r} has times in one cube, as {times.labels[0]!r}, and names in the other, as"
                f" {names.labels[0]!r}: rename the labels of one before; normals go together with times in 'anomaly'."
            )
        return _names(first), _names(second)  # somebody gave them other names
    if first.kind == "geometry":
        return list(name_shapes(first)), list(name_shapes(second))
    return _names(first), _names(second)


def _starts(dimension: Dimension) -> list[Any] | None:
    """Return when labels begin; None where they are no times."""
    try:
        return list(read_starts(dimension))
    except ProcessParameterInvalidError:
        return None


def _names(dimension: Dimension) -> list[Any]:
    return [(isinstance(label, str), label) for label in dimension.labels]


def _pixel_numbers(first: Dimension, second: Dimension) -> tuple[list[Any], list[Any]]:
    """Return the labels as numbers of pixels of one grid, which both lie on."""
    mine, theirs = first.coordinates(), second.coordinates()
    steps = [float(np.abs(np.diff(each)).min()) for each in (mine, theirs) if len(each) > 1]
    if mine.size and theirs.size and steps and min(steps) > 0:
        places = [(each - mine[0]) / min(steps) for each in (mine, theirs)]
        is_even = all((np.abs(each - np.round(each)) < _CLOSE * len(each)).all() for each in places)
        if is_even and max(steps) < min(steps) * (1 + _CLOSE):
            one, other = [np.round(each).astype(np.int64) for each in places]
            around = _count_around(first, min(steps))
            if around is not None and max(np.ptp(one), np.ptp(other)) < around and one[-1] >= 0:
                one, other = one % around, other % around
            return one.tolist(), other.tolist()
    step = min(steps, default=0.0)
    if not (mine.size and theirs.size):
        return mine.tolist(), theirs.tolist()
    same = _find_same(mine, theirs, step * _MOVED)
    if step and _count_around(first, step) is not None and max(np.ptp(mine), np.ptp(theirs)) < TURN:
        moved = _turned(theirs, mine, step)
        found = [_find_same(mine, moved, step * _MOVED), _find_same(_turned(mine, theirs, step), theirs, step * _MOVED), same]
        theirs, same = moved, next((each for each in found if each is not None), None)
    if same is None:
        raise ProcessParameterInvalidError(
            f"The pixels of the cubes are not those of one grid along {first.name!r}: use resample_cube_spatial before."
        )
    return mine.tolist(), np.where(same < 0, theirs, mine[same]).tolist()


def _turned(longitudes: NDArray[np.float64], others: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return longitudes within the turn that begins with the first of *others*, in the west."""
    turns: NDArray[np.float64] = np.floor((longitudes - others.min()) / TURN + _MOVED * step / TURN)
    return longitudes - TURN * turns


def _count_around(x: Dimension, step: float) -> int | None:
    """Return how many pixels are all around the Earth, for labels a whole turn apart are one; None on grids without turns."""
    if x.axis != "x" or x.crs is None or not is_in_degrees(x.crs):
        return None
    count = round(TURN / step)
    return count if abs(count - TURN / step) < _MOVED * count else None


def _find_same(mine: NDArray[np.float64], theirs: NDArray[np.float64], slack: float) -> "NDArray[np.intp] | None":
    """Return for each of *theirs* which of *mine* is less than *slack* away, -1 for none.

    None where some coordinates of one lie between those of the other, or all lie beyond.
    """
    order = np.argsort(mine)
    right = np.clip(np.searchsorted(mine[order], theirs), 1, max(len(mine) - 1, 1))
    candidates = order[np.stack([right - 1, np.minimum(right, len(mine) - 1)])]
    nearest = np.take_along_axis(candidates, np.abs(mine[candidates] - theirs).argmin(axis=0)[np.newaxis], axis=0)[0]
    is_same = np.abs(mine[nearest] - theirs) <= slack
    low, high = max(mine.min(), theirs.min()) - slack, min(mine.max(), theirs.max()) + slack
    between = [np.count_nonzero((each >= low) & (each <= high)) for each in (mine, theirs)]
    shared = int(np.count_nonzero(is_same))
    return np.where(is_same, nearest, -1) if shared and between == [shared, shared] else None


def _joined(first: Dimension, second: Dimension, order: Sequence[tuple[bool, int]]) -> Dimension:
    def pick(name: str) -> tuple[Any, ...] | None:
        told = [getattr(each, name) for each in (first, second)]
        if first.kind == "temporal" and None in told:
            return None
        if told == [None, None]:
            return None
        return tuple([None if told[is_new] is None else told[is_new][place] for is_new, place in order])

    labels = tuple([(second if is_new else first).labels[place] for is_new, place in order])
    return msgspec.structs.replace(
        first,
        labels=labels,
        intervals=pick("intervals"),
        features=pick("features"),
        common_names=pick("common_names"),
        wavelengths=pick("wavelengths"),
        quantities=pick("quantities"),
        is_enumerated=False,
    )
