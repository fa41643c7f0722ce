"""Cubes as netCDF 4 by CF 1.11, written with HDF5 itself: netCDF 4 is HDF5 with dimension scales.

Source: NetCDF File Format Specifications, "NetCDF-4 Format"; CF Conventions 1.11
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, find_quantity
from twinlake.processing.openeo.formats.blanks import blank
from twinlake.processing.openeo.formats.cf import CONVENTIONS, describe_quantity, grid_mapping, to_coordinate
from twinlake.processing.openeo.formats.chunking import choose_chunks
from twinlake.processing.openeo.formats.facts import WrittenFile
from twinlake.processing.openeo.formats.order import Order
from twinlake.processing.openeo.formats.spool import Spool, pieces
from twinlake.processing.openeo.formats.stac import describe_bands, describe_cube, describe_place, describe_type, find_extent
from twinlake.processing.openeo.formats.texts import without_controls
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_kind

_CACHE = 32 << 20
"""Bytes of chunks that HDF5 keeps unpacked."""
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable.{:10d}"
_OTHER = re.compile(r"[^A-Za-z0-9_]+", re.ASCII)
_MAX_NAME = 100


def order_of(dimensions: Sequence[Dimension]) -> list[str]:
    """Return the names of *dimensions* with that of bands first, so that those which become variables lie by themselves."""
    return [each.name for each in sorted(dimensions, key=lambda each: each.kind != "bands")]


def write_netcdf(cube: Cube, spool: Spool, order: Order) -> Iterator[WrittenFile]:
    """Write the cells of *spool*, of which the dimensions have the order of `order_of`.

    Parameters
    ----------
    cube
        Hollow: tells the dimensions in their own order.
    """
    hollow = cube.dimensions
    nodata = blank(spool)
    path = order.path()
    is_split = order.options["bands"] == "variables" and len(find_kind(hollow, "bands")) == 1
    with h5py.File(path, "w", track_order=True, rdcc_nbytes=_CACHE) as file:
        writer = _File(file, hollow, nodata, order)
        if is_split:
            bands = spool.dimensions[0]
            writer.write_coordinates(spool.dimensions[1:])
            along, facts = spool.dimensions[1:], describe_bands([bands])
            quantities = bands.quantities or (None,) * len(bands.labels)
            names = [
                writer.write_cells(
                    spool,
                    (slice(number, number + 1),),
                    along,
                    str(label),
                    _known(facts[number]) | describe_quantity(quantities[number]),
                )
                for number, label in enumerate(bands.labels)
            ]
        else:
            along, quantities = spool.dimensions, (find_quantity(cube),)
            writer.write_coordinates(along)
            names = [writer.write_cells(spool, (), along, "data", describe_quantity(quantities[0]))]
    variables = dict(zip(names, quantities, strict=True))
    fields = describe_cube([each for each in hollow if each in along], variables) | describe_type(spool.dtype, nodata)
    fields |= describe_place(hollow)
    if facts := describe_bands(hollow):
        fields["bands"] = facts
    yield order.written(path, find_extent(hollow), fields)


def _known(band: JsonObject) -> JsonObject:
    return {name.removeprefix("eo:"): value for name, value in band.items() if name.startswith("eo:")}


class _File:
    """A file that is being written."""

    def __init__(self, file: Any, dimensions: Sequence[Dimension], nodata: float | None, order: Order) -> None:
        self._file = file
        self._nodata = nodata
        self._level = order.options["zlevel"]
        self._scales: dict[str, Any] = {}
        """Of dimensions, by their names in the cube."""
        self._texts: list[str] = []
        self._write_attributes(file, {"Conventions": CONVENTIONS, **order.facts.embedded()})
        self._mapping = self._write_mapping(grid_mapping(dimensions))

    def write_coordinates(self, dimensions: Sequence[Dimension]) -> None:
        """Write the variables of dimensions, and of their bounds."""
        bounds = None
        for each in dimensions:
            coordinate, name = to_coordinate(each), self._free(each.name)
            variable = self._create_small(name, coordinate.values)
            variable.make_scale(name)
            self._scales[each.name] = variable
            attributes = dict(coordinate.attributes)
            if coordinate.bounds is not None:
                bounds = self._create_pair() if bounds is None else bounds
                attributes["bounds"] = self._free(f"{name}_bnds")
                self._attach(self._create_small(attributes["bounds"], coordinate.bounds), (variable, bounds))
            if coordinate.texts is not None:
                self._texts.append(self._free(f"{name}_label"))
                self._attach(self._create_small(self._texts[-1], np.array(coordinate.texts, dtype=object)), (variable,))
            self._write_attributes(variable, attributes)

    def write_cells(
        self, spool: Spool, front: tuple[slice, ...], along: Sequence[Dimension], label: str, known: Mapping[str, Any]
    ) -> str:
        """Write the cells at *front* of the first dimensions along all others, and return the name of the variable."""
        name = self._free(label)
        shape = tuple(len(each.labels) for each in along)
        packed: dict[str, Any] = {}
        if shape:
            packed = {"chunks": choose_chunks(along).chunk, "fillvalue": self._nodata}
            if self._level:
                packed |= {"compression": "gzip", "compression_opts": self._level, "shuffle": True}
        variable = self._file.create_dataset(name, shape=shape, dtype=spool.dtype, **packed)
        for place in pieces(shape, choose_chunks(along).shard):
            variable[place] = spool.read((*front, *place)).reshape([each.stop - each.start for each in place])
        self._attach(variable, [self._scales[each.name] for each in along])
        attributes: JsonObject = {"long_name": label, **known}
        if self._nodata is not None:
            attributes["_FillValue"] = np.array([self._nodata], dtype=spool.dtype)
        if self._mapping is not None:
            attributes["grid_mapping"] = self._mapping
        if self._texts:
            attributes["coordinates"] = " ".join(self._texts)
        if spool.is_truth:
            attributes |= {"flag_values": np.array([0, 1], dtype=spool.dtype), "flag_meanings": "false true"}
        self._write_attributes(variable, attributes)
        return name

    def _write_mapping(self, attributes: JsonObject | None) -> str | None:
        if attributes is None:
            return None
        name = self._free("crs")
        self._write_attributes(self._file.create_dataset(name, data=np.int32(0)), attributes)
        return name

    def _create_small(self, name: str, values: Any) -> Any:
        if values.dtype != object:
            return self._file.create_dataset(name, data=values)
        return self._file.create_dataset(name, data=list(map(without_controls, values)), dtype=h5py.string_dtype("utf-8"))

    def _create_pair(self) -> Any:
        """Make the dimension of two, start and end, which has no labels."""
        scale = self._file.create_dataset(self._free("bnds"), shape=(2,), dtype=np.float32)
        scale.make_scale(_NO_VARIABLE.format(2))
        return scale

    def _attach(self, variable: Any, scales: Sequence[Any]) -> None:
        for number, scale in enumerate(scales):
            variable.dims[number].attach_scale(scale)

    def _write_attributes(self, target: Any, attributes: Mapping[str, Any]) -> None:
        for name, value in attributes.items():
            if isinstance(value, str):
                raw = without_controls(value).encode()
                target.attrs.create(name, raw, dtype=h5py.string_dtype("utf-8", max(len(raw), 1)))
            else:
                target.attrs[name] = value

    def _free(self, name: str) -> str:
        """Return a name of CF that is like *name* and that nothing has."""
        free = _OTHER.sub("_", name)[:_MAX_NAME]
        if not free[:1].isalpha():
            free = f"n{free}" if free else "n"
        while free in self._file:
            free += "_"
        return free
