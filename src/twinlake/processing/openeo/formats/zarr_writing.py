"""Cubes as sharded Zarr stores of version 3 with consolidated metadata, so that `zarr_cube.open_cube` restores them exactly."""

import json
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import LocalStore

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, find_quantity
from twinlake.processing.openeo.formats.cf import CONVENTIONS, Coordinate, describe_quantity, grid_mapping, to_coordinate
from twinlake.processing.openeo.formats.chunking import Chunking, choose_chunks
from twinlake.processing.openeo.formats.facts import WrittenFile
from twinlake.processing.openeo.formats.order import Order
from twinlake.processing.openeo.formats.spool import Spool, pieces
from twinlake.processing.openeo.formats.stac import describe_bands, describe_cube, describe_place, describe_type, find_extent
from twinlake.processing.openeo.formats.zarr_cube import CUBE, CubeDescription
from twinlake.processing.openeo.shapes.dimensions import Dimension

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}", re.ASCII)
"""Of a dimension that gets a variable: other names may be no paths."""
_LEVEL = 5
_TOLD_OF_DESCRIPTION = {
    "long_name": "description of the cube, for Twinlake",
    "comment": "Bytes of JSON (UTF-8): dimensions, labels and types, by which load_stac restores the cube exactly. "
    "Other programs can leave it out.",
}


def write_zarr(hollow: Cube, cells: Spool | Cube, order: Order) -> Iterator[WrittenFile]:
    """Write a cube.

    Parameters
    ----------
    cells
        A `Spool` with the order of the cube's dimensions; the whole cube where it has texts and other objects.
    """
    dimensions = hollow.dimensions
    path = order.path()
    with warnings.catch_warnings():
        # Texts, and metadata in one document, are of zarr-python and not of the specification yet.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        store = _Store(LocalStore(path), dimensions)
        store.write_facts({"Conventions": CONVENTIONS, **order.facts.embedded()})
        store.write_coordinates()
        name = store.write_cells(hollow, cells)
        zarr.consolidate_metadata(store.store)
    fields = describe_cube(dimensions, {name: find_quantity(hollow)})
    fields |= describe_type(hollow.values.data.dtype, None) | describe_place(dimensions)
    if bands := describe_bands(dimensions):
        fields["bands"] = bands
    yield order.written(path, find_extent(dimensions), fields)


class _Store:
    """A store that is being written."""

    def __init__(self, store: LocalStore, dimensions: Sequence[Dimension]) -> None:
        self.store = store
        self._dimensions = dimensions
        self._taken = {each.name for each in dimensions}
        self._mapping: str | None = None

    def write_facts(self, attributes: JsonObject) -> None:
        zarr.create_group(self.store, attributes=attributes)

    def write_coordinates(self) -> None:
        """Write what other programs know the dimensions by."""
        if (mapping := grid_mapping(self._dimensions)) is not None:
            self._mapping = self._free("spatial_ref")
            self._put(self._mapping, np.array(0, dtype=np.int64), (), mapping)
        for each in self._dimensions:
            if _NAME.fullmatch(each.name):
                self._write_coordinate(each.name, to_coordinate(each))

    def write_cells(self, hollow: Cube, cells: Spool | Cube) -> str:
        """Write the cells, and return the name of their array."""
        chunking = choose_chunks(self._dimensions)
        is_object = hollow.values.data.dtype == object
        description = CubeDescription(
            dimensions=hollow.dimensions,
            type=hollow.values.data.dtype.name,
            chunks=chunking.chunk,
            nan_is_nodata=hollow.values.nan_is_nodata,
            quantity=hollow.quantity,
        )
        text = np.frombuffer(msgspec.json.encode(description), dtype=np.uint8)
        self._put(self._free("cube"), text, ("byte",), {CUBE: "cube", **_TOLD_OF_DESCRIPTION})
        name = self._free("data")
        attributes = {CUBE: "data", **describe_quantity(find_quantity(hollow))}
        if self._mapping is not None:
            attributes["grid_mapping"] = self._mapping
        if is_object:
            data = self._create(name, str, chunking, attributes, fill="")
        else:
            dtype = hollow.values.data.dtype
            data = self._create(name, dtype, chunking, attributes, fill=np.nan if dtype.kind == "f" else 0)
        if isinstance(cells, Spool):
            self._write_numbers(data, cells, chunking)
        else:
            self._write_objects(data, cells, chunking)
        return name

    def _write_numbers(self, data: Any, cells: Spool, chunking: Chunking) -> None:
        mask = self._create_mask(chunking) if cells.has_gaps else None
        for place in pieces(cells.shape, chunking.shard):
            part = cells.read(place).astype(data.dtype, copy=False)
            if mask is not None:
                valid = cells.read_valid(place)
                part[~valid] = data.fill_value
                mask[place] = valid
            data[place] = part

    def _write_objects(self, data: Any, cells: Cube, chunking: Chunking) -> None:
        valid = cells.values.where()
        texts = np.full(data.shape, "", dtype=object)
        for place in zip(*np.nonzero(valid), strict=True):
            texts[place] = json.dumps(cells.values.data[place], ensure_ascii=False, default=_to_plain)
        if data.size:
            data[...] = texts
        if not valid.all():
            self._create_mask(chunking)[...] = valid

    def _write_coordinate(self, name: str, coordinate: Coordinate) -> None:
        attributes = dict(coordinate.attributes)
        if coordinate.bounds is not None:
            attributes["bounds"] = self._free(f"{name}_bnds")
            self._put(attributes["bounds"], coordinate.bounds, (name, "bnds"), {})
        if coordinate.texts is not None:
            self._put(self._free(f"{name}_label"), np.array(coordinate.texts, dtype=object), (name,), {})
        self._put(name, coordinate.values, (name,), attributes)

    def _put(self, name: str, values: Any, along: tuple[str, ...], attributes: JsonObject) -> None:
        """Write a small array in one piece."""
        array = zarr.create_array(
            self.store,
            name=name,
            shape=values.shape,
            dtype=str if values.dtype == object else values.dtype,
            chunks=tuple(max(length, 1) for length in values.shape),
            compressors=ZstdCodec(level=_LEVEL) if values.shape else None,
            dimension_names=along,
            attributes=attributes,
        )
        if values.size:
            array[...] = values

    def _create_mask(self, chunking: Chunking) -> Any:
        return self._create(
            self._free("valid"), np.dtype(bool), chunking, {CUBE: "valid", "long_name": "whether there is data"}, fill=True
        )

    def _create(self, name: str, dtype: Any, chunking: Chunking, attributes: JsonObject, *, fill: Any) -> Any:
        """Make an array of cells: where nothing is written there is *fill*."""
        return zarr.create_array(
            self.store,
            name=name,
            shape=tuple(len(each.labels) for each in self._dimensions),
            dtype=dtype,
            chunks=chunking.chunk,
            shards=chunking.shard if chunking.chunk and dtype is not str else None,
            compressors=ZstdCodec(level=_LEVEL),
            fill_value=fill,
            dimension_names=[each.name for each in self._dimensions],
            attributes=attributes,
        )

    def _free(self, name: str) -> str:
        """Return a name that nothing has."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def _to_plain(value: Any) -> Any:
    """Return a number of numpy as Python's."""
    return value.item() if isinstance(value, np.generic) else value.tolist()
