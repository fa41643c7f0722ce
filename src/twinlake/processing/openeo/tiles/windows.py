"""Parts of cubes: which labels along each dimension."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.loading.source import Window
from twinlake.processing.openeo.shapes.dimensions import Dimension


def whole(dimensions: Iterable[Dimension]) -> Window:
    """Return the window of all labels."""
    return {each.name: slice(0, len(each.labels)) for each in dimensions}


def hull(first: Window, second: Window) -> Window:
    """Return the smallest window that holds both; they are of one cube."""
    return {name: _hull(each, second[name]) for name, each in first.items()}


def _hull(first: slice, second: slice) -> slice:
    if first.start >= first.stop:
        return second
    if second.start >= second.stop:
        return first
    return slice(min(first.start, second.start), max(first.stop, second.stop))


def within(window: Window, outer: Window) -> Window:
    """Return *window* as it is counted from the first labels of *outer*, which holds it."""
    return {name: slice(each.start - outer[name].start, each.stop - outer[name].start) for name, each in window.items()}


def cut(cube: Cube, window: Window) -> Cube:
    """Return a part of a cube, of which no value is copied; one without cells along a dimension has none there afterwards."""
    index, dimensions = [], []
    for number, each in enumerate(cube.dimensions):
        part = window.get(each.name, slice(0, len(each.labels)))
        is_all = part.start == 0 and part.stop == len(each.labels)
        index.append(slice(None) if is_all or cube.is_hollow_along(number) else part)
        dimensions.append(each if is_all else each.take(range(part.start, part.stop)))
    valid = None if cube.values.valid is None else cube.values.valid[tuple(index)]
    return Cube(values=replace(cube.values, data=cube.values.data[tuple(index)], valid=valid), dimensions=tuple(dimensions))


def hollow(cube: Cube) -> Cube:
    """Return *cube* without cells along its spatial dimensions."""
    index = tuple([slice(0) if each.kind == "spatial" else slice(None) for each in cube.dimensions])
    valid = None if cube.values.valid is None else cube.values.valid[index]
    return replace(cube, values=replace(cube.values, data=cube.values.data[index], valid=valid))


def count_cells(window: Window) -> int:
    """Return how many cells are in a window."""
    cells = 1
    for each in window.values():
        cells *= max(each.stop - each.start, 0)
    return cells


def is_empty(window: Window) -> bool:
    """Whether there is not a cell in a window."""
    for each in window.values():  # noqa: SIM110  # asked very often
        if each.start >= each.stop:
            return True
    return False


def split(dimensions: Iterable[Dimension], sizes: Mapping[str, int]) -> list[Window]:
    """Return windows that together are all of a cube, in row-major order: of so many labels along each dimension.

    Along a dimension for which there is no size they have all labels. The last one along a dimension takes what would be
    less than a quarter of another one.
    """
    windows: list[dict[str, slice]] = [{}]
    for each in dimensions:
        parts = _parts(len(each.labels), sizes.get(each.name, 0))
        windows = [{**window, each.name: part} for window in windows for part in parts]
    return list(windows)


def _parts(count: int, size: int) -> list[slice]:
    if size <= 0 or count <= size + size // 4:
        return [slice(0, count)]
    starts = list(range(0, count, size))
    if count - starts[-1] < size / 4:
        starts.pop()
    return [slice(start, end) for start, end in pairwise([*starts, count])]
