"""Which cells of a file of arrays a part of a cube is made of: along its axes, or by the places that cells have of their own."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.holdings.readers.arrays import ArrayFile, ArrayVariable
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.readers.hints import Hints
from twinlake.holdings.readers.layouts import AxisGrid, CellCloud, Layout, find_layout
from twinlake.processing.openeo.loading.pins import ArrayPins, CubeFile
from twinlake.processing.openeo.loading.reading.errors import unlike
from twinlake.processing.openeo.loading.reading.gathering import NOWHERE, Piece, Places, find_nearest, list_pieces, plain_pieces
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.projecting import TURN, Crs, is_in_degrees

_CLOSE = 1e-3
"""Of a step: so near a label of the item must be to that of the file."""
_REMEMBERED_CLOUDS = 2
_REMEMBERED_PARTS = 8
_MAX_CELLS = 1 << 24
"""Of a curvilinear grid: its places are in memory."""


class CellFinder:
    """Finds cells, and remembers where they were for files on the same grid."""

    def __init__(self, pins: ArrayPins) -> None:
        self._pins = pins
        self._clouds: OrderedDict[bytes, _Cloud] = OrderedDict()
        self._hashes: dict[str, bytes] = {}
        """Of the places of each file's cells, by its key."""

    def find(self, cube: CubeFile, file: ArrayFile, variable: ArrayVariable, y: Dimension, x: Dimension) -> Sequence[Piece]:
        """Return the blocks of *file* that the cells at *y* and *x* are made of.

        Raises
        ------
        FileUnlikeItsItemError
            Its cells are not where its item says.
        """
        layout = _find_layout(file, variable, x.crs)
        if isinstance(layout, AxisGrid):
            is_as_pinned = (layout.y.dimensions, layout.x.dimensions) == ((cube.y,), (cube.x,))
            if is_as_pinned and not self._pins.is_curvilinear:
                return _along_axes(cube, layout, y, x)
        elif layout is not None and self._pins.is_curvilinear:
            is_as_pinned = layout.longitude.dimensions == (cube.y, cube.x) and layout.longitude.size <= _MAX_CELLS
            if is_as_pinned:
                return self._cloud(cube, layout).find(y, x)
        raise unlike(cube.file, f"has {variable.name!r} on another kind of grid")

    def _cloud(self, cube: CubeFile, layout: CellCloud) -> "_Cloud":
        known = self._hashes.get(cube.file.key)
        if known is not None and known in self._clouds:
            return self._clouds[known]
        longitude, latitude = layout.longitude.values(_ALL), layout.latitude.values(_ALL)
        key = self._hashes[cube.file.key] = hashlib.sha256(longitude.tobytes() + latitude.tobytes()).digest()
        if key not in self._clouds:
            self._clouds[key] = _Cloud(longitude, latitude)
            if len(self._clouds) > _REMEMBERED_CLOUDS:
                self._clouds.popitem(last=False)
        return self._clouds[key]


_ALL = (slice(None), slice(None))


def _find_layout(file: ArrayFile, variable: ArrayVariable, crs: Crs | None) -> Layout | None:
    """Return how cells lie; what the file says of its CRS does not matter, for its item has said it already."""
    try:
        return find_layout(file, variable, Hints(crs=f"EPSG:{crs}" if isinstance(crs, int) else crs))
    except UnreadableFileError:
        return None


def _along_axes(cube: CubeFile, layout: AxisGrid, y: Dimension, x: Dimension) -> Sequence[Piece]:
    turn = TURN if x.crs is not None and is_in_degrees(x.crs) else None
    rows = _match(cube, "y", y.coordinates(), layout.y_values(), None)
    columns = _match(cube, "x", x.coordinates(), layout.x_values(), turn)
    return plain_pieces(rows, columns)


def _match(cube: CubeFile, axis: str, labels: NDArray[np.float64], centres: NDArray[np.float64], turn: float | None) -> Places:
    """Return where the *labels* stand among the *centres* of the file, among which they all are."""
    places = find_nearest(labels, centres, turn)
    step = float(np.abs(np.diff(centres)).min()) if len(centres) > 1 else max(abs(float(centres[0])), 1.0)
    off = np.abs(centres[places] - labels)
    if turn is not None:
        off = np.abs(off - turn * np.round(off / turn))
    if (places == NOWHERE).any() or (off > _CLOSE * step).any():
        raise unlike(cube.file, f"has other labels along {axis}")
    return places


class _Cloud:
    """Cells that have a place each."""

    def __init__(self, longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> None:
        self._columns = longitude.shape[1]
        from scipy.spatial import cKDTree

        points = _on_sphere(longitude, latitude)
        good = np.isfinite(points).all(axis=-1)
        self._numbers = np.flatnonzero(good)
        self._tree = cKDTree(points[good])
        self._reach = _half_diagonals(points)[good]
        self._found: OrderedDict[Any, Sequence[Piece]] = OrderedDict()

    def find(self, y: Dimension, x: Dimension) -> Sequence[Piece]:
        """Return the blocks for the cells at *y* and *x*, in degrees; those of the last parts are remembered."""
        key = (y.labels, x.labels)
        if key not in self._found:
            self._found[key] = self._search(y, x)
            if len(self._found) > _REMEMBERED_PARTS:
                self._found.popitem(last=False)
        return self._found[key]

    def _search(self, y: Dimension, x: Dimension) -> Sequence[Piece]:
        columns, rows = np.meshgrid(x.coordinates(), y.coordinates())
        distance, nearest = self._tree.query(_on_sphere(columns, rows))
        inside = np.isfinite(distance)
        inside[inside] = distance[inside] <= self._reach[nearest[inside]]
        numbers = np.full(rows.shape, NOWHERE, dtype=np.int64)
        numbers[inside] = self._numbers[nearest[inside]]
        return list(list_pieces(numbers // self._columns, numbers % self._columns, inside))


def _on_sphere(longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points in three dimensions on a sphere of radius 1."""
    across, up = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(up) * np.cos(across), np.cos(up) * np.sin(across), np.sin(up)], axis=-1)


def _half_diagonals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far from its centre a cell reaches: half the diagonal of a rectangle as large as the ways to its neighbours."""
    squares = np.zeros(points.shape[:2])
    for axis in (0, 1):
        steps = np.square(np.diff(points, axis=axis)).sum(axis=-1)
        steps = np.where(np.isfinite(steps), steps, 0.0)
        widths = [(1, 0), (0, 0)] if axis == 0 else [(0, 0), (1, 0)]
        before = np.pad(steps, widths)
        after = np.pad(steps, [pair[::-1] for pair in widths])
        squares += np.maximum(before, after)
    half: NDArray[np.float64] = np.sqrt(squares) / 2 * (1 + 1e-9)
    return half
