"""Pins: what a load will read, fixed. Plain JSON, the same on every machine; whoever has them asks no catalogue any more."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.projecting import Crs
from twinlake.processing.openeo.shapes.times import Bounded, Interval

ZARR = "Zarr"
"""Of `FilePins.format`: the files are those of one store that Twinlake wrote."""
_NAMES = frozenset({"collection", "item", "asset", "filename", "modified_ns", "name"})
"""What bytes are called, of which the hash is known."""


class PinnedFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bytes of one asset."""

    collection: str
    """Of this site; empty where it is in none, and the hash tells all."""
    item: str
    asset: str
    size_bytes: int
    sha256: str | None = None
    modified_ns: int | None = None
    """Last change of a linked file, nanoseconds since 1970; of managed bytes the hash says all."""
    filename: str = ""
    """As the asset names it; its ending tells nothing."""

    @property
    def key(self) -> str:
        """What the file is called among those that were laid out."""
        return f"{self.collection}/{self.item}/{self.asset}" if self.collection else self.sha256 or ""


class _Pins(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="reads"):
    dimensions: tuple[Dimension, ...]
    """Of the cube, with all labels."""
    dtype: str
    """Of its values; floating-point numbers have NaN for no data, others a mask."""
    area: JsonObject | None = None
    """GeoJSON: pixels whose centre is in none of its polygons have no data."""
    left_out: tuple[Bounded, ...] = ()
    """Label and bounds of what begins outside of the temporal extent, though most of it lies within: for the log."""


class Image(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One raster file and where its pixels lie."""

    file: PinnedFile
    crs: Crs
    transform: tuple[float, float, float, float, float, float]
    """From column and row of a corner to x and y: ``x = t[0] * column + t[1] * row + t[2]``, and y alike."""
    shape: tuple[int, int]
    """Rows, columns."""


class ImageBand(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One band of one image, at its place in the cube."""

    image: int
    """Place among the images."""
    number: int
    """In the file, from 1."""
    t: int
    """Place of the label along ``t``."""
    band: int
    """Place of the label along ``bands``."""
    dtype: str
    """As stored."""
    nodata: float | None = None
    """What the item says stands for no data; None leaves it to the file."""
    scale: float = 1.0
    offset: float = 0.0


class RasterPins(_Pins, frozen=True, kw_only=True, omit_defaults=True, tag="rasters"):
    """A cube of raster images, with dimensions ``t``, ``bands``, ``y``, ``x``."""

    images: tuple[Image, ...]
    parts: tuple[ImageBand, ...]
    """In the order in which they are looked at: the first with a valid value in a cell has it."""

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """Every file that may be read."""
        return tuple(each.file for each in self.images)


class CubeVariable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One variable of a file of named arrays, at its place in the cube."""

    name: str
    band: int
    """Place of the label along ``bands``."""
    dimensions: tuple[str, ...]
    """As the file calls and orders them."""
    dtype: str
    """As stored."""
    scale: float = 1.0
    offset: float = 0.0


class CubeFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file of named arrays, and where its times stand in the cube."""

    file: PinnedFile
    variables: tuple[CubeVariable, ...]
    times: tuple[tuple[int, int], ...]
    """Places along the file's own time axis, 0 where it has none, and of the labels along ``t``."""
    time: str | None = None
    """Name of its time dimension; None where it is of one time."""
    y: str
    x: str
    """Names of its horizontal dimensions."""


class ArrayPins(_Pins, frozen=True, kw_only=True, omit_defaults=True, tag="arrays"):
    """A cube of files that hold named arrays, with dimensions ``t``, ``bands``, others under their own names, ``y``, ``x``."""

    cubes: tuple[CubeFile, ...]
    """In the order in which they are looked at: the first with a valid value in a cell has it."""
    others: dict[str, tuple[int, ...]] = {}
    """Of the dimensions under their own names: where in the files each of their labels stands."""
    is_curvilinear: bool = False
    """Whether cells have places of their own, of which the nearest counts."""

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """Every file that may be read."""
        return tuple(each.file for each in self.cubes)


CubePins = RasterPins | ArrayPins
"""Of which dimensions and type are known."""


class KeptFile(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of one file."""

    name: str
    """For people: its path, or its address. In a store its path within, with slashes."""
    sha256: str
    size_bytes: int


class Narrowing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is wanted of a cube, as in a `LoadRequest`; None for all."""

    spatial_extent: JsonObject | None = None
    temporal_extent: Interval | None = None
    bands: tuple[str, ...] | None = None


class VectorPins(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="reads", tag="vectors"):
    """Vector or table files of items, whose rows follow one another; their places and columns are told by the bytes."""

    format: str
    files: tuple[PinnedFile, ...]
    narrowing: Narrowing = Narrowing()


Pins = CubePins | VectorPins
"""Of items, whose collections say who may read them."""


class FilePins(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="reads", tag="files"):
    """What will be read: dimensions and values are told by the bytes, the options and the narrowing alone."""

    format: str
    options: JsonObject
    kept: tuple[KeptFile, ...]
    narrowing: Narrowing = Narrowing()

    @property
    def store(self) -> str | None:
        """What tells a store by all that is in it, and what its folder is called; None where the files are no store."""
        if self.format != ZARR:
            return None
        lines = sorted(f"{each.sha256} {each.name}" for each in self.kept)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def is_exact(pins: Pins | FilePins) -> bool:
    """Whether all bytes are known by their hash: two files may well have the same size and time of change."""
    return isinstance(pins, FilePins) or all(each.sha256 is not None for each in pins.files)


PinnedLoads = Mapping[str, Pins | FilePins]
"""What each load of a graph reads, by node."""


def write_pinned(pinned: PinnedLoads) -> dict[str, Any]:
    """Return pins as JSON that `read_pinned` reads."""
    return {node: msgspec.to_builtins(pins) for node, pins in pinned.items()}


def tell_apart(pinned: PinnedLoads) -> dict[str, Any]:
    """Return what counts of pins where results are the same or not: bytes by their hash, never by their names or addresses."""
    told = {}
    for node, pins in pinned.items():
        store = pins.store if isinstance(pins, FilePins) else None
        plain = pins if isinstance(pins, FilePins | VectorPins) else msgspec.structs.replace(pins, left_out=())
        told[node] = _without_names(msgspec.to_builtins(plain)) | ({} if store is None else {"kept": store})
    return told


def write_lineage(pinned: PinnedLoads) -> list[JsonObject]:
    """Return what is read, in order and each once: ``id``, and ``sha256`` (hex) where it is known.

    An id is collection/item/asset of this site, or the path or address of a file; a store is told by one hash of all in it.
    """
    files: set[tuple[str, str]] = set()
    for pins in pinned.values():
        if not isinstance(pins, FilePins):
            files |= {(each.key, each.sha256 or "") for each in pins.files}
        elif pins.store is not None:
            files.add(("Zarr store", pins.store))
        else:
            files |= {(each.name, each.sha256) for each in pins.kept}
    return [{"id": name, "sha256": sha256} if sha256 else {"id": name} for name, sha256 in sorted(files)]


def _without_names(value: Any) -> Any:  # within the depth of pins
    if isinstance(value, dict):
        left_out = _NAMES if "sha256" in value else ()
        return {name: _without_names(each) for name, each in value.items() if name not in left_out}
    return [_without_names(each) for each in value] if isinstance(value, list | tuple) else value


def read_pinned(document: Mapping[str, Any]) -> PinnedLoads:
    """Return what `write_pinned` wrote."""
    return {node: msgspec.convert(each, Pins | FilePins) for node, each in document.items()}
