"""The store of people's files.

The bytes of a file are durable before its row is, and a row is replaced in one step: after a crash there is the old file or the
new one. What no row names is swept from the object store later (`list_held_objects`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from twinlake.core.clock import Clock, from_microseconds, to_microseconds
from twinlake.core.errors import StorageFailedError, StorageFullError
from twinlake.core.ids import new_id
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.engines.objectstore import ObjectStore, StoredObject
from twinlake.holdings.ingest.staging import Staging
from twinlake.identity.principals import Principal
from twinlake.processing.openeo.files.paths import check_path
from twinlake.standards.openeo.errors import (
    FileNotFoundError,  # noqa: A004 - openEO calls it so
    FilePathInvalidError,
    FileSizeExceededError,
    FolderOperationUnsupportedError,
    InfrastructureBusyError,
    StorageFailureError,
    StorageQuotaExceededError,
)

MOST_FILES = 10_000
"""Of one person."""
_AT_ONCE = 4
"""Files that one person sends at a time: more of them would fill the disk before any is counted."""
_PIECE_BYTES = 1 << 20
_COLUMNS = "path, sha256, size_bytes, modified_at"
_OWNED = "owner_issuer = :issuer and owner_subject = :subject"
_WITHIN = "path > :path || '/' and path < :path || '0'"
"""Paths of files in the folder *path*: ``0`` follows the slash."""
_PUT = f"""
insert into openeo_file(owner_issuer, owner_subject, {_COLUMNS})
select :issuer, :subject, :path, :sha256, :size, :now
where (select coalesce(sum(size_bytes), 0) from openeo_file where {_OWNED} and path <> :path) + :size <= :most_bytes
and (select count(*) from openeo_file where {_OWNED} and path <> :path) < :most_files
on conflict do update set sha256 = excluded.sha256, size_bytes = excluded.size_bytes, modified_at = excluded.modified_at
"""


@dataclass(frozen=True, slots=True)
class UserFile:
    """A file of somebody's."""

    path: str
    sha256: str
    size_bytes: int
    modified_at: datetime


class FileStore:
    """Keeps them; each belongs to whom it was sent by and is seen by nobody else."""

    def __init__(
        self,
        *,
        database: Database,
        objects: ObjectStore,
        clock: Clock,
        randomness: Randomness,
        folder: Path,
        most_bytes: int,
    ) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock
        self._randomness = randomness
        self._staging = Staging(folder)
        self.most_bytes = most_bytes
        """What the files of one person may have together."""
        self._busy: Counter[Principal] = Counter()

    def prepare(self) -> None:
        """Make the folder of what is arriving, and clear away what a crash left there."""
        self._staging.prepare()
        for name in self._staging.list_older(self._clock.now()):
            self._staging.delete(name)

    async def put(self, owner: Principal, path: str, pieces: AsyncIterator[bytes], *, announced_bytes: int = 0) -> UserFile:
        """Keep what comes in *pieces* in the place of what was there.

        Raises
        ------
        FilePathInvalidError
            The path is none, is that of a folder, or goes through a file.
        FileSizeExceededError, StorageQuotaExceededError
            It is too large, or there are too many.
        InfrastructureBusyError
            The owner is sending several already.
        StorageFailureError
            The disk is full, or failed.
        """
        path = check_path(path)
        if announced_bytes > self.most_bytes:
            raise self._too_large()
        if self._busy[owner] >= _AT_ONCE:
            raise InfrastructureBusyError(f"You are sending {_AT_ONCE} files already.", remedy="Send one after the other.")
        self._busy[owner] += 1
        name = new_id(self._clock, self._randomness)
        try:
            await asyncio.to_thread(self._staging.create, name, announced_bytes)
            await self._receive(name, pieces)
            stored = await self._objects.put_file(self._staging.path(name), take=True)
            return await self._database.write(lambda tx: self._put(tx, owner, path, stored))
        except (StorageFullError, StorageFailedError) as error:
            raise StorageFailureError(f"{error.message}") from error
        finally:
            self._busy -= Counter([owner])
            await asyncio.to_thread(self._staging.delete, name)

    async def get(self, owner: Principal, path: str) -> UserFile:
        """Return a file.

        Raises
        ------
        FilePathInvalidError
        FolderOperationUnsupportedError
            The path is that of a folder.
        FileNotFoundError
        """
        path = check_path(path)
        return await self._database.read(lambda tx: _get(tx, owner, path))

    async def find(self, owner: Principal, paths: Sequence[str]) -> list[UserFile]:
        """Return several files, in the order of *paths*.

        Raises
        ------
        FilePathInvalidError, FolderOperationUnsupportedError, FileNotFoundError
            As `get` does.
        """
        checked = [check_path(path) for path in paths]
        return await self._database.read(lambda tx: [_get(tx, owner, path) for path in checked])

    async def list_page(self, owner: Principal, *, after: str, limit: int | None) -> list[UserFile]:
        """Return the files whose paths stand behind *after*, in order."""
        query = f"select {_COLUMNS} from openeo_file where {_OWNED} and path > :after order by path limit :limit"
        values = {**_key(owner), "after": after, "limit": -1 if limit is None else limit}
        return [_read(row) for row in await self._database.read(lambda tx: tx.execute(query, values).fetchall())]

    async def count_bytes(self, owner: Principal) -> int:
        """Return what the files of *owner* have together."""
        query = f"select coalesce(sum(size_bytes), 0) from openeo_file where {_OWNED}"
        [taken] = await self._database.read(lambda tx: tx.execute(query, _key(owner)).fetchone())
        return int(taken)

    async def delete(self, owner: Principal, path: str) -> None:
        """Forget a file.

        Raises
        ------
        FilePathInvalidError, FolderOperationUnsupportedError, FileNotFoundError
            As `get` does.
        """
        path = check_path(path)

        def work(tx: Connection) -> None:
            _get(tx, owner, path)
            tx.execute(f"delete from openeo_file where {_OWNED} and path = :path", {**_key(owner), "path": path})

        await self._database.write(work)

    async def _receive(self, name: str, pieces: AsyncIterator[bytes]) -> None:
        received, waiting = 0, bytearray()
        async for piece in pieces:
            waiting += piece
            if received + len(waiting) > self.most_bytes:
                raise self._too_large()
            if len(waiting) >= _PIECE_BYTES:
                await asyncio.to_thread(self._staging.write, name, received, bytes(waiting))
                received += len(waiting)
                waiting.clear()
        await asyncio.to_thread(self._staging.write, name, received, bytes(waiting))

    def _put(self, tx: Connection, owner: Principal, path: str, stored: StoredObject) -> UserFile:
        key = {**_key(owner), "path": path}
        if tx.execute(f"select 1 from openeo_file where {_OWNED} and {_WITHIN} limit 1", key).fetchone():
            raise FilePathInvalidError(f"{path!r} is a folder.")
        folders = orjson.dumps([path[:place] for place, each in enumerate(path) if each == "/"]).decode()
        through = f"select path from openeo_file where {_OWNED} and path in (select value from json_each(:folders)) limit 1"
        if found := tx.execute(through, {**key, "folders": folders}).fetchone():
            raise FilePathInvalidError(f"{found[0]!r} is a file, and no folder.")
        now = to_microseconds(self._clock.now())
        sent = {"sha256": stored.sha256, "size": stored.size_bytes, "now": now}
        limits = {"most_bytes": self.most_bytes, "most_files": MOST_FILES}
        if not tx.execute(_PUT, key | sent | limits).rowcount:
            raise StorageQuotaExceededError(
                f"Your files may have {self.most_bytes} bytes in all, and be {MOST_FILES}.",
                remedy="Delete some that are not needed.",
            )
        return UserFile(path, stored.sha256, stored.size_bytes, from_microseconds(now))

    def _too_large(self) -> FileSizeExceededError:
        return FileSizeExceededError(f"A file may have {self.most_bytes} bytes.", remedy="Ask the operator for more.")


def list_held_objects(tx: Connection) -> frozenset[str]:
    """Return the SHA-256 (hex) of every object that is a file of somebody's."""
    return frozenset(sha256 for (sha256,) in tx.execute("select distinct sha256 from openeo_file"))


def list_holdings(tx: Connection) -> list[StoredObject]:
    """Return every object that is a file of somebody's, with the size that it has."""
    return [StoredObject(*row) for row in tx.execute("select distinct sha256, size_bytes from openeo_file")]


def list_holders(tx: Connection, sha256: str, *, limit: int) -> list[tuple[str, str]]:
    """Return whose file an object is, and its path."""
    query = "select owner_subject, path from openeo_file where sha256 = ? order by 1, 2 limit ?"
    return tx.execute(query, (sha256, limit)).fetchall()


def _get(tx: Connection, owner: Principal, path: str) -> UserFile:
    key = {**_key(owner), "path": path}
    row = tx.execute(f"select {_COLUMNS} from openeo_file where {_OWNED} and path = :path", key).fetchone()
    if row is not None:
        return _read(row)
    if tx.execute(f"select 1 from openeo_file where {_OWNED} and {_WITHIN} limit 1", key).fetchone():
        raise FolderOperationUnsupportedError(f"{path!r} is a folder.", remedy="Name the files in it.")
    raise FileNotFoundError(
        f"You have no file {path!r}.", remedy=f"Upload it: PUT /files/{path}, or upload_file() of openEO's client."
    )


def _key(owner: Principal) -> dict[str, Any]:
    return {"issuer": owner.issuer, "subject": owner.subject}


def _read(row: tuple[Any, ...]) -> UserFile:
    path, sha256, size_bytes, modified_at = row
    return UserFile(path, sha256, size_bytes, from_microseconds(modified_at))
