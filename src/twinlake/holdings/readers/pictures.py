"""Small pictures: arrays and outlines drawn into a transparent canvas of at most 256 pixels, written as WebP."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rio_tiler.colormap import cmap

_LINE = (31, 119, 180, 255)
_FILL = (31, 119, 180, 70)


Layer = tuple[NDArray[Any], NDArray[np.bool_]]
"""Values, shape ``(rows, columns)``, and which of them are valid; the first row is the north."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture: shape ``(rows, columns, 4)``, red, green, blue and opacity, 0 to 255; the first row is the north."""

    SIZE: ClassVar[int] = 256
    _LEAST: ClassVar[int] = 48
    """Pixels of the short side of a very long picture, which is stretched to be seen."""
    _QUALITY: ClassVar[int] = 50
    """Of 100: a field or scene of 256 pixels takes 3 to 6 kB, a tenth of what it takes without loss, and looks the same."""
    pixels: NDArray[np.uint8]

    def flipped(self) -> "Canvas":
        """Return the picture upside down."""
        return Canvas(self.pixels[::-1])

    def to_webp(self) -> bytes:
        """Write the picture as lossy WebP, scaled down to `SIZE`; small ones are blown up to be seen."""
        image = Image.fromarray(np.ascontiguousarray(self.pixels), "RGBA")
        longest = max(image.size)
        scale = self.SIZE / longest
        size = (max(self._LEAST, round(image.width * scale)), max(self._LEAST, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BILINEAR)
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=self._QUALITY, method=6)
        return buffer.getvalue()


def _stretch(values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Scale values to 0 to 255 between their 2nd and 98th percentile."""
    numbers = np.where(valid, values, 0).astype(np.float64)
    if not valid.any():
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(numbers[valid], (2.0, 98.0))
    if high <= low:
        low, high = float(numbers[valid].min()), float(numbers[valid].max())
    span = high - low
    scaled = (numbers - low) / span if span > 0 else np.full(values.shape, 0.5)
    levels: NDArray[np.uint8] = np.round(255.0 * np.clip(scaled, 0.0, 1.0)).astype(np.uint8)
    return levels


def _opaque(colours: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Canvas:
    return Canvas(np.dstack([colours, np.where(valid, 255, 0).astype(np.uint8)]))


def colour_picture(values: NDArray[Any], valid: NDArray[np.bool_]) -> Canvas:
    """Draw one layer, shape ``(rows, columns)``, in viridis; what is not *valid* is transparent."""
    table = np.array([cmap.get("viridis")[index][:3] for index in range(256)], np.uint8)
    return _opaque(table[_stretch(values, valid)], valid)


def rgb_picture(layers: Sequence[NDArray[Any]], valid: NDArray[np.bool_]) -> Canvas:
    """Draw three layers as red, green and blue, each stretched by itself."""
    return _opaque(np.dstack([_stretch(layer, valid) for layer in layers]), valid)


def palette_picture(values: NDArray[np.uint8], valid: NDArray[np.bool_], colours: Mapping[int, Sequence[int]]) -> Canvas:
    """Draw classes in the *colours* (RGBA) that the file gives them."""
    table = np.zeros((256, 4), np.uint8)
    for index, colour in colours.items():
        table[index] = colour
    pixels = table[values]
    pixels[~valid, 3] = 0
    return Canvas(pixels)


def outline_picture(geometry: Any) -> Canvas | None:
    """Draw points, lines and areas (shapely, degrees) as outlines; None if there is nothing to draw."""
    if geometry.is_empty:
        return None
    west, south, east, north = geometry.bounds
    span = max(east - west, north - south) or 1e-3
    scale = (Canvas.SIZE - 9) / span
    width, height = round((east - west) * scale) + 9, round((north - south) * scale) + 9
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)

    def place(coordinates: Any) -> list[tuple[float, float]]:
        return [(4 + (x - west) * scale, 4 + (north - y) * scale) for x, y, *_ in coordinates]

    for part in _simple_parts(geometry):
        _draw(draw, part, place)
    return Canvas(np.asarray(image))


def _simple_parts(geometry: Any) -> list[Any]:
    """Return the points, lines and polygons of a geometry, however collections nest."""
    if not hasattr(geometry, "geoms"):
        return [geometry]
    return [part for member in geometry.geoms for part in _simple_parts(member)]


def _draw(draw: ImageDraw.ImageDraw, part: Any, place: Any) -> None:
    match part.geom_type:
        case "Point":
            x, y = place(part.coords)[0]
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=_LINE)
        case "Polygon":
            ring = place(part.exterior.coords)
            draw.polygon(ring, fill=_FILL)
            draw.line(ring, fill=_LINE)
        case _:
            draw.line(place(part.coords), fill=_LINE)
