"""NetCDF files as a cube, in a child: what ingest would say of them is said here, and planned as of items of a collection."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from twinlake.core.clock import to_text
from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.cubes import describe
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.readers.formats import HDF5, NETCDF_CLASSIC, detect
from twinlake.holdings.readers.hints import NO_HINTS
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.loading.pins import KeptFile, PinnedFile
from twinlake.processing.openeo.loading.planning.arrays import plan_arrays
from twinlake.processing.openeo.loading.reading.arrays import open_cubes
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.loading.source import Source, Window
from twinlake.standards.openeo.errors import OpenEoError, ProcessError

_KEY = "data"
_NO_TIME = "1970-01-01T00:00:00Z"
_EVERYTHING = LoadRequest(node="", process="", source="")


@contextmanager
def open_array_files(files: Sequence[tuple[KeptFile, Path]]) -> Iterator[Source]:
    """Yield the cube of files that hold arrays on one grid; those that know no time make a cube without one.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``: one is no NetCDF, is damaged, or holds nothing on a grid; or they do not go together.
    """
    items, knows_time = [], False
    for number, (kept, path) in enumerate(files):
        item, has_time = _describe(str(number), kept.name, path)
        items.append(item)
        knows_time = knows_time or has_time
    try:
        plan = plan_arrays(_EVERYTHING, items, {})
    except OpenEoError as error:
        raise _unsuitable(files[0][0].name, error.message) from error
    if plan is None:
        raise _unsuitable(files[0][0].name, "It holds nothing on a grid.")
    pinned = {
        (str(number), _KEY): PinnedFile(
            collection="", item=kept.name, asset=_KEY, size_bytes=kept.size_bytes, sha256=kept.sha256, filename=kept.name
        )
        for number, (kept, _) in enumerate(files)
    }
    with open_cubes(plan.pin(pinned), {kept.sha256: path for kept, path in files}) as source:
        yield source if knows_time else _Timeless(source)


def _describe(item: str, name: str, path: Path) -> tuple[JsonObject, bool]:
    """Return a file as an item, and whether it knows when its data are of."""
    try:
        found = detect(path)
        if found not in {NETCDF_CLASSIC, HDF5}:
            raise _unsuitable(name, "It is no NetCDF.")
        described = describe(path, found, NO_HINTS)
    except UnreadableFileError as error:
        raise _unsuitable(name, error.reason) from error
    times: JsonObject = {"datetime": _NO_TIME}
    if described.time is not None:
        times = {"start_datetime": to_text(described.time.start), "end_datetime": to_text(described.time.end), "datetime": None}
    asset = {**described.asset, "type": described.media_type}
    return {"id": item, "properties": times, "assets": {_KEY: asset}}, described.time is not None


def _unsuitable(name: str, reason: str) -> ProcessError:
    return ProcessError("FormatUnsuitable", f"{name[:200]!r} cannot be loaded: {reason}")


@dataclass(frozen=True)
class _Timeless:
    """A cube of which the only label of time was made up: without it."""

    source: Source

    @property
    def hollow(self) -> Cube:
        """The cube without a cell along its spatial dimensions; see `Source`."""
        return _drop_time(self.source.hollow)

    @property
    def chunks(self) -> Mapping[str, int]:
        """How many labels along each dimension are stored together."""
        chunks = self.source.chunks
        return {each.name: chunks[each.name] for each in self.hollow.dimensions}

    def close(self) -> None:
        """Close what is open; see `Source`."""
        self.source.close()

    def read(self, window: Window) -> Cube:
        """Return a part; see `Source`."""
        return _drop_time(self.source.read(window))


def _drop_time(cube: Cube) -> Cube:
    valid = cube.values.valid
    values = replace(cube.values, data=cube.values.data[0], valid=None if valid is None else valid[0])
    return Cube(values=values, dimensions=cube.dimensions[1:])
