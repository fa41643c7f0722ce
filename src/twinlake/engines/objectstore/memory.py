"""Objects in memory, for tests and for the federation simulator: its coroutines never suspend."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from twinlake.core.clock import Clock
from twinlake.core.errors import InvalidInputError
from twinlake.engines.objectstore.errors import CorruptObjectError, ObjectNotFoundError
from twinlake.engines.objectstore.interfaces import ObjectEntry, StoredObject, check_sha256

_CHUNK_BYTES = 1 << 20


class MemoryObjectStore:
    """A dictionary of bytes, with the age of each by the given clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._objects: dict[str, tuple[bytes, datetime]] = {}

    async def put_file(self, path: Path, *, take: bool = False) -> StoredObject:
        return await self.put_bytes(_load(path, take=take))

    async def put_bytes(self, data: bytes) -> StoredObject:
        sha256 = hashlib.sha256(data).hexdigest()
        self._objects[sha256] = (bytes(data), self._clock.now())
        return StoredObject(sha256, len(data))

    async def read(self, sha256: str, start: int = 0, end: int | None = None) -> bytes:
        data = self._get(sha256)
        if end is not None and end > len(data):
            raise CorruptObjectError(sha256)
        return data[start:end]

    async def open_range(self, sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
        for first in range(start, end, _CHUNK_BYTES):
            yield await self.read(sha256, first, min(first + _CHUNK_BYTES, end))

    def local_path(self, sha256: str) -> Path | None:
        check_sha256(sha256)
        return None

    async def find_size(self, sha256: str) -> int | None:
        found = self._objects.get(check_sha256(sha256))
        return None if found is None else len(found[0])

    async def delete(self, sha256: str, *, not_put_since: datetime | None = None) -> bool:
        found = self._objects.get(check_sha256(sha256))
        if found is None or (not_put_since is not None and found[1] >= not_put_since):
            return False
        del self._objects[sha256]
        return True

    async def list_objects(self) -> AsyncIterator[ObjectEntry]:
        for sha256, (data, modified_at) in list(self._objects.items()):
            yield ObjectEntry(sha256, len(data), modified_at)

    async def delete_leftovers(self, older_than: datetime) -> int:  # noqa: ARG002 - nothing is ever left over
        return 0

    async def presign(self, sha256: str, *, expires_in: timedelta, headers: Mapping[str, str]) -> str | None:  # noqa: ARG002 - memory has no URL
        return None

    def _get(self, sha256: str) -> bytes:
        found = self._objects.get(check_sha256(sha256))
        if found is None:
            raise ObjectNotFoundError(sha256)
        return found[0]


def _load(path: Path, *, take: bool) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise InvalidInputError(f"{path.name!r} is not a regular file.")
    data = path.read_bytes()
    if take:
        path.unlink()
    return data
