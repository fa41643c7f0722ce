"""One GeoTIFF as a cube, read window by window, in a child."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.holdings.readers.crs import read_crs, reference_system
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.readers.gdal import open_raster
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.kernels.cells.numbers import as_float
from twinlake.processing.openeo.loading.source import Window
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError


@contextmanager
def open_image(name: str, path: Path) -> Iterator["ImageSource"]:
    """Yield the source of a GeoTIFF.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``: it is none, or its grid is turned or nowhere.
    """
    source = ImageSource(name, path)
    try:
        yield source
    finally:
        source.close()


class ImageSource:
    """Bands, rows and columns of one image."""

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path
        self._open = ExitStack()
        self._known: Any = None
        dataset = self._dataset
        turn = dataset.transform
        if dataset.crs is None or turn.b or turn.d or turn.is_identity:
            raise ProcessError("FormatUnsuitable", f"{name[:200]!r} has a grid that is turned, or no place on the Earth.")
        crs = reference_system(read_crs(dataset.crs.to_wkt()))
        described = [text or f"B{number}" for number, text in zip(dataset.indexes, dataset.descriptions, strict=True)]
        labels = described if len(set(described)) == len(described) else [f"B{number}" for number in dataset.indexes]
        quantities = tuple([Quantity(unit=unit) if unit else None for unit in dataset.units])
        y = turn.f + (np.arange(dataset.height) + 0.5) * turn.e
        x = turn.c + (np.arange(dataset.width) + 0.5) * turn.a
        self._dimensions = (
            Dimension(name="bands", kind="bands", labels=tuple(labels), quantities=quantities if any(quantities) else None),
            Dimension(name="y", kind="spatial", axis="y", labels=tuple(y.tolist()), crs=crs),
            Dimension(name="x", kind="spatial", axis="x", labels=tuple(x.tolist()), crs=crs),
        )

    @property
    def _dataset(self) -> Any:
        """The file, open."""
        if self._known is None:
            try:
                self._known = self._open.enter_context(open_raster(self._path))
            except UnreadableFileError as error:
                raise ProcessError("FormatUnsuitable", f"{self._name[:200]!r} cannot be loaded: {error.reason}") from error
        return self._known

    def close(self) -> None:
        """Close the file."""
        self._known = None
        self._open.close()

    @property
    def hollow(self) -> Cube:
        """The cube without a pixel."""
        dtype = np.result_type(*self._dataset.dtypes)
        empty = np.zeros((self._dataset.count, 0, 0), dtype=dtype)
        return Cube(
            values=self._settle(empty, np.ones(empty.shape, dtype=bool), self._dataset.indexes), dimensions=self._dimensions
        )

    @property
    def chunks(self) -> Mapping[str, int]:
        """Rows and columns of a block."""
        rows, columns = self._dataset.block_shapes[0]
        return {"bands": 1, "y": rows, "x": columns}

    def read(self, window: Window) -> Cube:
        """Return a part, with its labels."""
        places = [range(len(each.labels))[window.get(each.name, slice(None))] for each in self._dimensions]
        bands, rows, columns = places
        part = ((rows.start, rows.stop), (columns.start, columns.stop))
        indexes = [self._dataset.indexes[band] for band in bands]
        data = self._dataset.read(indexes, window=part)
        there = self._dataset.read_masks(indexes, window=part) > 0
        dimensions = tuple([each.take(chosen) for each, chosen in zip(self._dimensions, places, strict=True)])
        return Cube(values=self._settle(data, there, indexes), dimensions=dimensions)

    def _settle(self, data: NDArray[Any], there: NDArray[np.bool_], indexes: Any) -> Values:
        """Apply scales, and mark what is no data: by NaN where numbers are floats, else by a mask."""
        scales = np.array([self._dataset.scales[index - 1] for index in indexes])
        offsets = np.array([self._dataset.offsets[index - 1] for index in indexes])
        if any(scale != 1 for scale in self._dataset.scales) or any(self._dataset.offsets):
            kind = as_float(data).dtype
            data = (data * scales[:, None, None] + offsets[:, None, None]).astype(kind)
        if data.dtype.kind == "f":
            return Values(data=np.where(there, data, data.dtype.type(np.nan)), nan_is_nodata=True)
        return Values(data=data, valid=None if there.all() else there)
