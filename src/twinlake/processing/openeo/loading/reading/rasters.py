"""Cubes of raster images, read in the child: windows of files, nearest where pixels do not lie as those of the cube.

The nearest pixel is that in which the centre of the cube's pixel lies, to less than a millionth of a pixel; so pixels do not
depend on the part that is read.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.windows import Window as Cut

from twinlake.holdings.readers.crs import read_crs, way_between
from twinlake.holdings.readers.gdal import configured, explained, open_dataset
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.loading.pins import Image, ImageBand, RasterPins
from twinlake.processing.openeo.loading.reading.areas import Area, Frame
from twinlake.processing.openeo.loading.reading.canvas import Canvas, hollow_values
from twinlake.processing.openeo.loading.reading.errors import refuse, unlike
from twinlake.processing.openeo.loading.reading.gathering import NOWHERE, Piece, find_cells, list_pieces, plain_pieces, take_over
from twinlake.processing.openeo.loading.source import Window, range_of
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.projecting import TURN, is_in_degrees

_OPEN_FILES = 48
_REMEMBERED_PLACES = 8
_CLOSE = 1e-6


@contextmanager
def open_rasters(pins: RasterPins, files: Mapping[str, Path]) -> Iterator["RasterSource"]:
    """Yield the source of *pins*; *files* are where the pinned ones lie, by key."""
    with configured(), ExitStack() as stack:
        source = RasterSource(pins, files)
        stack.callback(source.close)
        yield source


class RasterSource:
    """The cube of some images; made by `open_rasters`."""

    def __init__(self, pins: RasterPins, files: Mapping[str, Path], *, for_pictures: bool = False) -> None:
        self._pins = pins
        self._for_pictures = for_pictures
        self._images = [_OpenImage(each, files[each.file.key]) for each in pins.images]
        self._open: OrderedDict[int, ExitStack] = OrderedDict()
        self._places: OrderedDict[Any, Sequence[Piece]] = OrderedDict()
        self._area = Area(pins.area, pins.dimensions)
        self._frame: Frame | None = None

    def close(self) -> None:
        """Close all files."""
        while self._open:
            self._close_oldest()

    def over(self, y: Dimension, x: Dimension) -> "RasterSource":
        """Return the source of the same images on other pixels, as far as its own reach; it shares files that are open."""
        made = copy(self)
        made._pins = msgspec.structs.replace(self._pins, dimensions=(*self._pins.dimensions[:2], y, x))  # noqa: SLF001
        made._places = OrderedDict()  # noqa: SLF001
        made._area = Area(self._pins.area, made._pins.dimensions)  # noqa: SLF001
        made._frame = self._frame or Frame(self._pins.dimensions)  # noqa: SLF001
        return made

    @property
    def hollow(self) -> Cube:
        t, bands, _, _ = self._pins.dimensions
        shape = (len(t.labels), len(bands.labels), 0, 0)
        return Cube(values=hollow_values(shape, self._pins.dtype), dimensions=self._pins.dimensions)

    @cached_property
    def chunks(self) -> Mapping[str, int]:
        """How images are stored: those of the first part, which stand for all."""
        rows, columns = 1, 1
        for part in self._pins.parts[:1]:
            with refuse(self._pins.images[part.image].file):
                rows, columns = self._dataset(part.image).block_shapes[part.number - 1]
        return {"t": 1, "bands": 1, "y": int(rows), "x": int(columns)}

    def read(self, window: Window) -> Cube:
        places = [range_of(each, window) for each in self._pins.dimensions]
        dimensions = tuple(each.take(own) for each, own in zip(self._pins.dimensions, places, strict=True))
        canvas = Canvas(tuple(map(len, places)), self._pins.dtype)
        t, bands = places[:2]
        wanted = [each for each in self._pins.parts if each.t in t and each.band in bands]
        for number, parts in groupby(wanted, key=lambda part: part.image):
            with refuse(self._pins.images[number].file):
                self._read_image(number, list(parts), canvas, dimensions, (t.start, bands.start))
        self._area.apply(canvas, dimensions)
        if self._frame is not None:
            self._frame.apply(canvas, dimensions)
        return Cube(values=canvas.values(), dimensions=dimensions)

    def _read_image(
        self, number: int, parts: Sequence[ImageBand], canvas: Canvas, dimensions: Sequence[Dimension], start: tuple[int, int]
    ) -> None:
        cells = [(each.t - start[0], each.band - start[1]) for each in parts]
        for piece in self._locate(number, dimensions[2], dimensions[3]):
            open_parts = [
                (part, cell)
                for part, cell in zip(parts, cells, strict=True)
                if not canvas.is_full((*cell, piece.target_rows, piece.target_columns))
            ]
            if not open_parts:
                continue
            read = self._read_piece(number, [part for part, _ in open_parts], piece)
            for (_, cell), (values, there) in zip(open_parts, read, strict=True):
                canvas.fill((*cell, piece.target_rows, piece.target_columns), values, there)

    def _locate(self, number: int, y: Dimension, x: Dimension) -> "Sequence[Piece]":
        """Return the pixels of an image for those of a part of the cube; remembered for images that lie alike."""
        image = self._pins.images[number]
        if self._for_pictures:
            self._dataset(number)
            image = self._images[number].seen
        key = (image.crs, image.transform, image.shape, y.labels, x.labels)
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = _find_sources(image, y, x)
            if len(self._places) > _REMEMBERED_PLACES:
                self._places.popitem(last=False)
        return found

    def _read_piece(
        self, number: int, parts: Sequence[ImageBand], piece: "Piece"
    ) -> list[tuple[NDArray[Any], NDArray[np.bool_]]]:
        dataset, opened = self._dataset(number), self._images[number]
        cut = Cut(piece.left, piece.top, piece.width, piece.height)
        with explained():
            stored = dataset.read([each.number for each in parts], window=cut)
            found = []
            for part, raw in zip(parts, stored, strict=True):
                opened.check(dataset, part)
                there = _is_there(dataset, part, raw, cut)
                values = piece.gather(raw)
                found.append((self._decode(values, part), piece.gather(there, outside=False)))
        return [(values, there & _is_number(values)) for values, there in found]

    def _decode(self, values: NDArray[Any], part: ImageBand) -> NDArray[Any]:
        """Apply scale and offset, in float64, once."""
        if (part.scale, part.offset) == (1.0, 0.0):
            return values
        return (values.astype(np.float64) * part.scale + part.offset).astype(self._pins.dtype)

    def _dataset(self, number: int) -> Any:
        if number in self._open:
            self._open.move_to_end(number)
            return self._images[number].dataset
        if len(self._open) >= _OPEN_FILES:
            self._close_oldest()
        image, stack = self._images[number], ExitStack()
        with stack:
            image.dataset = stack.enter_context(open_dataset(image.path))
            image.check_place()
            if self._for_pictures:
                image.use_overview(stack, *self._pins.dimensions[2:])
            self._open[number] = stack.pop_all()
        return image.dataset

    def _close_oldest(self) -> None:
        number, stack = self._open.popitem(last=False)
        self._images[number].dataset = None
        stack.close()


def _is_there(dataset: Any, part: ImageBand, raw: NDArray[Any], cut: Any) -> NDArray[np.bool_]:
    """Return which stored values are data: none that stands for no data, by the item or else the file, and none masked out."""
    nodata = dataset.nodatavals[part.number - 1] if part.nodata is None else part.nodata
    there = np.ones(raw.shape, dtype=bool)
    if nodata is not None and not math.isnan(nodata):
        there = raw != (raw.dtype.type(nodata) if raw.dtype.kind == "f" else nodata)
    flags = dataset.mask_flag_enums[part.number - 1]
    if MaskFlags.per_dataset in flags:  # a mask or an alpha band within the file
        there &= dataset.read_masks(part.number, window=cut) != 0
    return there


def _is_number(values: NDArray[Any]) -> NDArray[np.bool_]:
    return ~np.isnan(values) if values.dtype.kind == "f" else np.ones(values.shape, dtype=bool)


class _OpenImage:
    """One image whose file is open, or has been."""

    def __init__(self, image: Image, path: Path) -> None:
        self._image = image
        self.path = path
        self.dataset: Any = None
        self._overview: tuple[int, int] | None = None
        self._checked: set[int] = set()

    @property
    def seen(self) -> Image:
        """The image as it is read: in an overview it has other pixels."""
        if self._overview is None:
            return self._image
        (rows, columns), (own_rows, own_columns) = self._image.shape, self._overview
        across, down = columns / own_columns, rows / own_rows
        a, b, c, d, e, f = self._image.transform
        return msgspec.structs.replace(
            self._image, transform=(a * across, b * down, c, d * across, e * down, f), shape=self._overview
        )

    def use_overview(self, stack: ExitStack, y: Dimension, x: Dimension) -> None:
        """Read a smaller version of the image from now on, if there is one that has pixels enough for those of a picture."""
        ratio = _measure(self._image, y, x)
        fitting = [level for level, factor in enumerate(self.dataset.overviews(1)) if factor <= ratio]
        if fitting:
            self.dataset = stack.enter_context(open_dataset(self.path, overview=fitting[-1]))
            self._overview = tuple(self.dataset.shape)

    def check_place(self) -> None:
        """See that the pixels lie where the item says."""
        dataset, image = self.dataset, self._image
        if tuple(dataset.shape) != image.shape:
            raise unlike(image.file, f"has {dataset.shape} rows and columns, and not {image.shape}")
        pixel = max(abs(each) for each in (*image.transform[:2], *image.transform[3:5]))
        corners = ((0, 0), image.shape)
        for row, column in corners:
            stated = _corner(image.transform, row, column)
            own = _corner(tuple(dataset.transform)[:6], row, column)
            if math.dist(stated, own) > _CLOSE * pixel * max(image.shape):
                raise unlike(image.file, f"has the corner of row {row} at {own}, and not at {stated}")
        self._check_crs(pixel)

    def _check_crs(self, pixel: float) -> None:
        """See that the file means the same places; one without a CRS is where its item says."""
        image = self._image
        if self.dataset.crs is None:
            return
        stated, own = read_crs(image.crs), read_crs(self.dataset.crs.to_wkt())
        if stated == own:
            return
        rows, columns = image.shape
        x, y = np.transpose([_corner(image.transform, row, column) for row in (0, rows) for column in (0, columns)])
        there = np.array(way_between(own, stated).transform(x, y))
        if not (np.abs(there - np.array([x, y])) < pixel / 100).all():
            raise unlike(image.file, f"is in another CRS, {own.name[:60]}, than {stated.name[:60]}")

    def check(self, dataset: Any, part: ImageBand) -> None:
        """See that a band holds what the item says."""
        if part.number in self._checked:
            return
        at, file = part.number - 1, self._image.file
        own = (dataset.scales[at], dataset.offsets[at])
        if own not in {(1.0, 0.0), (part.scale, part.offset)}:
            raise unlike(file, f"has scale and offset {own} in band {part.number}, and not {(part.scale, part.offset)}")
        if dataset.dtypes[at] != part.dtype:
            raise unlike(file, f"has numbers of type {dataset.dtypes[at]} in band {part.number}, and not {part.dtype}")
        self._checked.add(part.number)


def _corner(transform: Sequence[float], row: int, column: int) -> tuple[float, float]:
    a, b, c, d, e, f = transform
    return a * column + b * row + c, d * column + e * row + f


def _measure(image: Image, y: Dimension, x: Dimension) -> float:
    """Return how many pixels of an image lie along one of a picture, in its middle."""
    assert x.crs is not None
    middle = [float(each.labels[len(each.labels) // 2]) for each in (x, y)]
    steps = [abs(float(each.labels[1]) - float(each.labels[0])) for each in (x, y) if len(each.labels) > 1]
    step = steps[0] if steps else 0.0
    way = way_between(read_crs(x.crs), read_crs(image.crs))
    there_x, there_y = way.transform([middle[0], middle[0] + step], [middle[1], middle[1]])
    distance = math.dist((there_x[0], there_y[0]), (there_x[1], there_y[1]))
    pixel = max(abs(each) for each in (*image.transform[:2], *image.transform[3:5]))
    return distance / pixel if math.isfinite(distance) else 1.0


def _find_sources(image: Image, y: Dimension, x: Dimension) -> Sequence[Piece]:
    """Return the blocks of an image that a part of the cube is made of."""
    a, b, c, d, e, f = image.transform
    rows, columns = image.shape
    assert x.crs is not None
    if image.crs == x.crs and b == d == 0:
        turn = TURN if is_in_degrees(image.crs) else None
        along_y = find_cells(y.coordinates(), origin=f, step=e, count=rows)
        along_x = find_cells(x.coordinates(), origin=c, step=a, count=columns, turn=turn)
        return plain_pieces(along_y, along_x)
    determinant = a * e - b * d
    size = abs(determinant) / (abs(a) + abs(b) + abs(d) + abs(e))  # of pixels that may lie askew
    cells_x, cells_y = take_over(x.coordinates(), y.coordinates(), source=x.crs, target=image.crs, pixel=(size, size))
    with np.errstate(invalid="ignore"):  # infinite where there is no way
        across = (e * (cells_x - c) - b * (cells_y - f)) / determinant
        down = (a * (cells_y - f) - d * (cells_x - c)) / determinant
    column = find_cells(across, origin=0.0, step=1.0, count=columns)
    row = find_cells(down, origin=0.0, step=1.0, count=rows)
    is_inside = (row != NOWHERE) & (column != NOWHERE)
    return list(list_pieces(row, column, is_inside))
