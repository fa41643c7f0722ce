"""Cubes in Zarr stores that Twinlake wrote: read part by part, exactly as they were.

The store is a group with arrays:

``data``
    All cells; texts and other objects as JSON, one text a cell.
``valid``
    Where there is data, if it is not everywhere; what NaN tells beside (`CubeDescription.nan_is_nodata`).
``cube``
    Bytes of the JSON of a `CubeDescription`: dimensions with all that is known of them.
variables of dimensions, of bounds and of the reference system
    By CF, for other programs.

The first three are told by their attribute ``twinlake_cube``: where a dimension is called so, they have other names. People are
told by ``long_name`` and ``comment`` what the second and third are.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from twinlake.holdings.readers.arrays import ArrayVariable
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.readers.zarr_store import open_arrays
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.loading.source import Source, Window
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import InternalError

CUBE = "twinlake_cube"
"""Attribute of an array of a cube: which one it is."""
_MAX_DESCRIPTION = 64 << 20
_TYPES = frozenset({"object", "bool", *(f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64))}) - {
    "float8"
}


class CubeDescription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a cube is beside its cells."""

    dimensions: tuple[Dimension, ...]
    type: str
    """Of numpy; ``object`` for texts and everything else that is no number."""
    chunks: tuple[int, ...]
    """How many labels along each dimension are stored together."""
    nan_is_nodata: bool = False
    quantity: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZarrCube:
    """A cube in a store."""

    description: CubeDescription
    cells: ArrayVariable
    valid: ArrayVariable | None

    @property
    def chunks(self) -> Mapping[str, int]:
        """How many labels along each dimension are stored together."""
        names = [each.name for each in self.description.dimensions]
        return dict(zip(names, self.description.chunks, strict=True))

    @property
    def hollow(self) -> Cube:
        """The cube without a cell along its spatial dimensions; see `Source`."""
        nothing = {each.name: slice(0, 0) for each in self.description.dimensions if each.kind == "spatial"}
        return Cube(values=self._read(nothing), dimensions=self.description.dimensions, quantity=self.description.quantity)

    def close(self) -> None:
        """Do nothing: files of a store are open only while they are read."""

    def read(self, window: Window) -> Cube:
        """Return a part; see `Source`."""
        dimensions = tuple(
            each.take(range(*window[each.name].indices(len(each.labels)))) if each.name in window else each
            for each in self.description.dimensions
        )
        return Cube(values=self._read(window), dimensions=dimensions)

    def _read(self, window: Window) -> Values:
        place = tuple(
            slice(*window.get(each.name, slice(None)).indices(len(each.labels))) for each in self.description.dimensions
        )
        valid: NDArray[np.bool_] | None = None
        with _told():
            data = np.asarray(self.cells.read(place))
            if self.valid is not None:
                valid = np.asarray(self.valid.read(place))
        if self.description.type == "object":
            data = _from_json(data, valid)
        return Values(data=data, valid=valid, nan_is_nodata=self.description.nan_is_nodata)


def open_cube(path: Path) -> Source:
    """Return the cube in the store at *path*.

    Raises
    ------
    OpenEoError
        It is damaged, or none that Twinlake wrote.
    """
    with _told(), open_arrays(path) as file:
        named = {each.attributes.get(CUBE): each for each in file.variables.values() if CUBE in each.attributes}
        if not {"data", "cube"} <= named.keys():
            raise InternalError("The Zarr store holds no cube of Twinlake.")
        description = _read_description(named["cube"])
        cells, valid = named["data"], named.get("valid")
        shape = tuple(len(each.labels) for each in description.dimensions)
        stored = np.dtype(object if description.type == "object" else description.type)
        if (
            cells.shape != shape
            or cells.dtype != stored
            or (valid is not None and (valid.shape, valid.dtype) != (shape, np.dtype(bool)))
        ):
            raise InternalError("The Zarr store contradicts itself.")
        return ZarrCube(description=description, cells=cells, valid=valid)


def _read_description(variable: ArrayVariable) -> CubeDescription:
    if variable.dtype != np.uint8 or len(variable.shape) != 1 or variable.size > _MAX_DESCRIPTION:
        raise InternalError("The description of the cube in the Zarr store is none.")
    text = np.asarray(variable.read((slice(None),))).tobytes()
    try:
        description = msgspec.json.decode(text, type=CubeDescription)
    except msgspec.MsgspecError as error:
        raise InternalError(f"The description of the cube in the Zarr store is damaged: {error}.") from None
    if description.type not in _TYPES or len({each.name for each in description.dimensions}) < len(description.dimensions):
        raise InternalError("The description of the cube in the Zarr store is damaged.")
    if len(description.chunks) != len(description.dimensions) or min(description.chunks, default=1) < 1:
        raise InternalError("The chunks of the cube in the Zarr store are none.")
    for each in description.dimensions:
        known = (each.intervals, each.common_names, each.wavelengths, each.quantities)
        if any(member is not None and len(member) != len(each.labels) for member in known):
            raise InternalError(f"The labels of {each.name!r} in the Zarr store are damaged.")
    return description


def _from_json(texts: NDArray[Any], valid: NDArray[np.bool_] | None) -> NDArray[Any]:
    cells = np.empty(texts.shape, dtype=object)
    for place in np.ndindex(texts.shape):
        if valid is None or valid[place]:
            try:
                cells[place] = json.loads(str(texts[place]))
            except (ValueError, RecursionError):
                raise InternalError("A cell of the Zarr store is no JSON.") from None
    return cells


@contextmanager
def _told() -> Iterator[None]:
    """Raise what is wrong with the file as an error of openEO."""
    try:
        yield
    except UnreadableFileError as error:
        raise InternalError(error.reason) from error
