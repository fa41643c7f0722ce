"""Cells as pictures of the web."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.png import Stretch, ramp, scale
from twinlake.processing.openeo.loading.reading.gathering import NOWHERE, find_nearest, take_over
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal
from twinlake.processing.openeo.shapes.projecting import DEGREES, is_in_degrees
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError

_TURN = 360.0
_PERCENTILES = (2, 98)


def lay_over(cube: Cube, y: Dimension, x: Dimension) -> Cube:
    """Return a cube on other pixels: the nearest of its own, and no data beyond them."""
    own_y, own_x = find_horizontal(cube.dimensions)
    down, across = cube.dimensions[own_y], cube.dimensions[own_x]
    if (down.labels, across.labels, across.crs) == (y.labels, x.labels, x.crs):
        return cube
    crs = across.crs or DEGREES
    assert x.crs is not None
    pixel = _step(across), _step(down)
    to_x, to_y = take_over(x.coordinates(), y.coordinates(), source=x.crs, target=crs, pixel=pixel)
    columns = _find(to_x, across, _TURN if is_in_degrees(crs) else None)
    rows = _find(to_y, down, None)
    there = (rows != NOWHERE) & (columns != NOWHERE)
    data = np.moveaxis(cube.values.data, (own_y, own_x), (-2, -1))[..., rows, columns]
    valid = np.moveaxis(cube.values.where(), (own_y, own_x), (-2, -1))[..., rows, columns] & there
    return Cube(
        values=Values(data=data, valid=valid, nan_is_nodata=cube.values.nan_is_nodata),
        dimensions=(*cube.without(own_y, own_x), y, x),
        quantity=cube.quantity,
    )


def _step(dimension: Dimension) -> float:
    """Return the least distance of two pixels; 1 where there is one alone, which is the nearest wherever one stands."""
    steps = np.abs(np.diff(dimension.coordinates()))
    return float(steps.min()) if steps.size else 1.0


def _find(coordinates: NDArray[np.float64], dimension: Dimension, turn: float | None) -> NDArray[np.int64]:
    finite = np.isfinite(coordinates)
    found = find_nearest(np.where(finite, coordinates, 0.0).ravel(), dimension.coordinates(), turn).reshape(coordinates.shape)
    return np.where(finite, found, NOWHERE)


def layers_of(cube: Cube) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the bands of a map, shape (1, 3 or 4, y, x), and where there is data.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``: it is no map.
    """
    own_y, own_x = find_horizontal(cube.dimensions)
    others = cube.without(own_y, own_x)
    if any(each.kind != "bands" and len(each.labels) != 1 for each in others):
        named = next(each.name for each in others if each.kind != "bands" and len(each.labels) != 1)
        raise ProcessError("FormatUnsuitable", f"A map has no dimension {named!r}: reduce it, or choose one label of it.")
    data = np.moveaxis(cube.values.data, (own_y, own_x), (-2, -1))
    there = np.moveaxis(cube.values.where(), (own_y, own_x), (-2, -1))
    data, there = (each.reshape(-1, *each.shape[-2:]) for each in (data, there))
    if len(data) not in {1, 3, 4}:
        raise ProcessError("FormatUnsuitable", f"A map has 1, 3 or 4 bands, and this has {len(data)}: choose with filter_bands.")
    if data.dtype.kind not in "biuf":
        raise ProcessError("FormatUnsuitable", "A map is of numbers, and this is of texts.")
    return data, there & np.isfinite(data.astype(np.float64))


def find_stretch(layers: NDArray[Any], there: NDArray[np.bool_], style: Mapping[str, Any]) -> Stretch:
    """Return the stretch that *style* says, else that of percentiles."""
    sample = layers[:3][there[:3]].astype(np.float64)
    found = np.percentile(sample, _PERCENTILES) if sample.size else (0.0, 1.0)
    lowest, highest = (
        float(own) if given is None else float(given)
        for own, given in zip(found, (style["minimum"], style["maximum"]), strict=True)
    )
    return Stretch(lowest=lowest, highest=highest, has_gaps=True)


def draw(layers: NDArray[Any], there: NDArray[np.bool_], stretch: Stretch, palette: list[str] | None) -> bytes:
    """Return a PNG; where there is no data it is transparent."""
    visible = there.all(axis=0)
    if palette is not None and len(layers) == 1:
        numbers = np.where(visible, 1 + scale(layers[0], stretch, 254), 0).astype(np.uint8)
        picture = ramp(palette)[numbers]
    else:
        samples = [scale(each, stretch, 255) for each in (layers[:3] if len(layers) > 1 else layers[[0, 0, 0]])]
        opacity = np.clip(layers[3].astype(np.float64), 0, 255) if len(layers) == 4 else np.full(visible.shape, 255.0)
        picture = np.stack([*samples, np.where(visible, opacity, 0)], axis=-1).astype(np.uint8)
    written = io.BytesIO()
    Image.fromarray(picture).save(written, "PNG", compress_level=3)
    return written.getvalue()
