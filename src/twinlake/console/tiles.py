"""Map tiles of an item's asset, for who may read it."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.engines.objectstore import LinkedFiles, ObjectStore
from twinlake.holdings.catalogue.interfaces import Catalogue, Linked, Managed
from twinlake.holdings.previews import PreviewRenderer, RasterSummary, TileRequest
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.principals import Caller

_DEEPEST_ZOOM = 24
_THREE_BANDS = re.compile(r"\d{1,5}(,\d{1,5}){2}", re.ASCII)


class _NotHereError(NotFoundError):
    def __init__(self) -> None:
        super().__init__("The bytes of this asset are not on this machine, so they cannot be drawn.")


@dataclass(frozen=True, slots=True)
class DrawableAsset:
    """A raster on this machine's disk."""

    path: Path
    etag: str
    headers: Mapping[str, str]


class TileDesk:
    """Finds the file behind a tile and has it drawn."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        collections: CollectionPolicy,
        objects: ObjectStore,
        links: LinkedFiles,
        renderer: PreviewRenderer,
    ) -> None:
        self._catalogue = catalogue
        self._collections = collections
        self._objects = objects
        self._links = links
        self._renderer = renderer

    async def find(self, caller: Caller, collection: str, item: str, asset: str) -> DrawableAsset:
        """Return the file of an asset that *caller* may read.

        Raises
        ------
        NotFoundError
            There is none, or its bytes are not on this machine.
        RefusedError
            The caller may not read the collection.
        """
        await self._collections.require(caller, "read", collection)
        visibility = await self._collections.visibility_of(caller)
        stored = await self._catalogue.get_asset(collection, item, asset, visibility)
        match stored.holding:
            case Managed(sha256=sha256):
                return self.find_object(sha256)
            case Linked(path=text):
                with self._links.open(text) as file:
                    status = os.fstat(file.fileno())
                return _as_drawable(Path(text), f"{status.st_mtime_ns:x}-{status.st_size:x}")
        raise _NotHereError

    def find_object(self, sha256: str) -> DrawableAsset:
        """Return the file of a stored object; who asks may read it.

        Raises
        ------
        NotFoundError
            It is not on this machine.
        """
        path = self._objects.local_path(sha256)
        if path is None:
            raise _NotHereError
        return _as_drawable(path, sha256)

    async def summarise(self, asset: DrawableAsset, bands: Sequence[int]) -> RasterSummary:
        """Return what is in a raster of which *bands* are drawn; raises what the renderer raises."""
        return await self._renderer.summarise(str(asset.path), bands)

    async def draw(self, asset: DrawableAsset, z: int, x: int, y: int, bands: Sequence[int]) -> bytes:
        """Return a tile of *bands* as PNG; raises what the renderer raises, and NotFoundError beyond the tile matrix."""
        if not (0 <= z <= _DEEPEST_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z):
            raise NotFoundError(f"There is no tile {z}/{x}/{y}.")
        return await self._renderer.draw(TileRequest(str(asset.path), z, x, y, bands))


def read_bands(query: Mapping[str, str]) -> tuple[int, ...]:
    """Return the places of the bands of red, green and blue that the address of a tile names; none where it names none.

    Raises
    ------
    InvalidInputError
        It names others than three.
    """
    text = query.get("bands", "")
    if not text:
        return ()
    if _THREE_BANDS.fullmatch(text) is None:
        raise InvalidInputError("'bands' are the places of three bands, such as 2,1,0.")
    return tuple(map(int, text.split(",")))


def _as_drawable(path: Path, version: str) -> DrawableAsset:
    etag = f'"{version}"'
    return DrawableAsset(path, etag, {"ETag": etag, "Cache-Control": "private, max-age=3600"})
