"""Neighborhoods: parts of a cube beside each other, each with what lies around it.

Along spatial dimensions all are of one size: what lies beyond the borders of the cube has labels, and no data. Along others there
is nothing beyond the borders.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_dimension
from twinlake.processing.openeo.shapes.durations import Duration, read_duration
from twinlake.processing.openeo.shapes.projecting import DEGREES, metres_of_unit
from twinlake.processing.openeo.shapes.times import read_starts
from twinlake.processing.openeo.shapes.windows import clip, lay_blocks, widen
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Extent = int | Duration | None
"""Labels, or a time; None is not said."""
_CLOSE = 1e-6
_MOST = 4096
"""Labels beyond a part that are asked for."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One part along a dimension."""

    inner: slice
    """The places of the part itself."""
    outer: slice
    """With those around, which along spatial dimensions may lie beyond the borders."""


def read_extents(dimensions: Sequence[Dimension], sizes: Sequence[JsonObject], *, least: int) -> Mapping[int, Extent]:
    """Return how many labels, or how much time, sizes of chunks in openEO's form are, by the number of the dimension.

    Raises
    ------
    ProcessError
        ``DimensionNotAvailable``: there is no such dimension.
    ProcessParameterInvalidError
        One is no whole number of labels, is below *least*, or has a unit that the dimension has not.
    """
    found: dict[int, Extent] = {}
    for each in sizes:
        number = find_dimension(dimensions, each["dimension"])
        if number in found:
            raise ProcessParameterInvalidError(f"Dimension {each['dimension']!r} has two sizes.")
        found[number] = _read_extent(dimensions[number], each.get("value"), each.get("unit"), least)
    return found


def find_chunks(dimension: Dimension, size: Extent, around: Extent) -> list[Chunk]:
    """Return the parts along a dimension, which begin at its first label.

    Raises
    ------
    ProcessParameterInvalidError
        A time is told of labels that are no times in order.
    """
    count = len(dimension.labels)
    if isinstance(size, Duration):
        return _find_times(dimension, size, around)
    if not isinstance(around, Duration) and (around or 0) > _MOST:
        raise ProcessParameterInvalidError(f"An overlap has at most {_MOST} labels.")
    blocks = lay_blocks(count, max(1, count if size is None else min(size, count)))
    spans = [blocks.span(slice(number, number + 1)) for number in range(blocks.count)]
    if isinstance(around, Duration):
        starts = _starts(dimension)
        inner = [clip(span, count) for span in spans]
        return [
            Chunk(each, _between(starts, around, starts[each.start], starts[each.stop - 1] + 1, dimension.calendar))
            for each in inner
        ]
    outer = [widen(span, around or 0) for span in spans]
    if dimension.kind != "spatial":
        outer = [clip(each, count) for each in outer]
    return [Chunk(clip(span, count), each) for span, each in zip(spans, outer, strict=True)]


def _find_times(dimension: Dimension, size: Duration, around: Extent) -> list[Chunk]:
    starts = _starts(dimension)
    chunks, place = [], 0
    while place < len(starts):
        number = size.count(starts[0], starts[place], dimension.calendar)
        first, last = (size.later(starts[0], each, dimension.calendar) for each in (number, number + 1))
        inner = slice(place, bisect_left(starts, last))
        if isinstance(around, Duration):
            chunks.append(Chunk(inner, _between(starts, around, first, last, dimension.calendar)))
        else:
            chunks.append(Chunk(inner, clip(widen(inner, around or 0), len(starts))))
        place = inner.stop
    return chunks


def _between(starts: Sequence[int], around: Duration, first: int, last: int, calendar: str) -> slice:
    low, high = around.later(first, -1, calendar), around.later(last, 1, calendar)
    return slice(bisect_left(starts, low), bisect_left(starts, high))


def _starts(dimension: Dimension) -> list[int]:
    starts = read_starts(dimension)
    if starts != sorted(starts):
        raise ProcessParameterInvalidError(f"The times of dimension {dimension.name!r} are not in order.")
    return starts


def _read_extent(dimension: Dimension, value: float | str | None, unit: str | None, least: int) -> Extent:
    if value is None:
        return None
    if isinstance(value, str):
        if dimension.kind != "temporal":
            raise ProcessParameterInvalidError(f"Dimension {dimension.name!r} is not temporal: its size is no duration.")
        return read_duration(value)
    labels = float(value)
    if unit != "px" and dimension.kind == "spatial":
        labels /= _step(dimension) * (metres_of_unit(dimension.crs or DEGREES) if unit == "m" else 1.0)
    elif unit == "m":
        raise ProcessParameterInvalidError(f"Dimension {dimension.name!r} is not told in metres.")
    if abs(labels - round(labels)) > _CLOSE * max(1.0, labels) or round(labels) < least:
        raise ProcessParameterInvalidError(
            f"{value} along {dimension.name!r} is {labels:g} labels, and must be a whole number of {least} or more."
        )
    return round(labels)


def _step(dimension: Dimension) -> float:
    coordinates = dimension.coordinates()
    if len(coordinates) < 2:
        raise ProcessParameterInvalidError(
            f"How large the only pixel along {dimension.name!r} is, nobody knows: use the unit 'px'."
        )
    return float(abs(coordinates[-1] - coordinates[0])) / (len(coordinates) - 1)
