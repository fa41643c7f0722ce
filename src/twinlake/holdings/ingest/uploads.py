"""Resumable uploads: bytes come in pieces, are hashed, and wait for an item that cites them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.ids import new_id
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.engines.objectstore.interfaces import ObjectStore, check_sha256
from twinlake.holdings.ingest.errors import (
    ChecksumMismatchError,
    UploadBusyError,
    UploadIncompleteError,
    UploadNotFoundError,
    UploadOffsetError,
    UploadQuotaError,
    UploadTooLargeError,
)
from twinlake.holdings.ingest.models import Upload, UploadLimits
from twinlake.holdings.ingest.names import check_file_name
from twinlake.holdings.ingest.staging import Staging

_PIECE_BYTES = 1 << 20
_COLUMNS = "id, owner, name, size_bytes, declared_sha256, sha256, expires_at"
_INSERT = """
insert into upload(id, owner, name, size_bytes, declared_sha256, created_at, expires_at)
select :id, :owner, :name, :size, :declared, :now, :expires
where (select coalesce(sum(size_bytes), 0) from upload where owner = :owner and is_staged = 1) + :size <= :most
"""


class Uploads:
    """Takes in bytes for their owners.

    What an owner has uploaded before need not be sent again while the site has it. Only their own uploads count
    for that: who knows no more than the hash of another's bytes must not come to have them.
    """

    def __init__(
        self,
        *,
        database: Database,
        objects: ObjectStore,
        clock: Clock,
        randomness: Randomness,
        folder: Path,
        limits: UploadLimits,
    ) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock
        self._randomness = randomness
        self._limits = limits
        self._staging = Staging(folder)
        self._staging.prepare()
        self._busy: set[str] = set()

    async def create(self, owner: str, *, name: str, size_bytes: int, sha256: str | None) -> tuple[Upload, bool]:
        """Begin an upload, or find one of the same bytes and owner: finished, or to be gone on with.

        Returns
        -------
        tuple[Upload, bool]
            The upload, and whether it is new.

        Raises
        ------
        FileNameError, InvalidInputError
            The name or hash is none.
        UploadTooLargeError
            The file is beyond the limit.
        UploadQuotaError
            What the owner has in staging would be.
        StorageFullError
        """
        check_file_name(name)
        if sha256 is not None:
            check_sha256(sha256)
            known = await self._find_known(owner, sha256, size_bytes)
            if known is not None:
                return known, False
        if size_bytes < 0 or size_bytes > self._limits.file_bytes:
            raise UploadTooLargeError(f"A file may have 0 to {self._limits.file_bytes} bytes.", remedy="Ask the operator.")
        upload = new_id(self._clock, self._randomness)
        now = to_microseconds(self._clock.now())
        values = {
            "id": upload,
            "owner": owner,
            "name": name,
            "size": size_bytes,
            "declared": sha256,
            "now": now,
            "expires": now + self._limits.lifetime // timedelta(microseconds=1),
            "most": self._limits.owner_bytes,
        }
        await asyncio.to_thread(self._staging.create, upload, size_bytes)
        if not await self._database.write(lambda tx: tx.execute(_INSERT, values).rowcount):
            await asyncio.to_thread(self._staging.delete, upload)
            raise UploadQuotaError(size_bytes, self._limits.owner_bytes)
        if size_bytes == 0:
            return await self.append(owner, upload, 0, _nothing()), True
        return await self.get(owner, upload), True

    async def get(self, owner: str, upload: str) -> Upload:
        """Return an upload.

        Raises
        ------
        UploadNotFoundError
            There is none of this id and owner, or it has expired.
        """
        now = to_microseconds(self._clock.now())
        row = await self._database.read(
            lambda tx: tx.execute(f"select {_COLUMNS} from upload where id = ? and owner = ?", (upload, owner)).fetchone()
        )
        if row is None:
            raise UploadNotFoundError(upload)
        found = self._read(row)
        if found.expires_at <= now and not found.is_complete:
            raise UploadNotFoundError(upload)
        return found

    async def append(self, owner: str, upload: str, offset: int, pieces: AsyncIterator[bytes]) -> Upload:
        """Take the bytes that follow the first *offset*; when these were the last, hash them all.

        What has arrived when the sender goes away is kept.

        Raises
        ------
        UploadNotFoundError
        UploadBusyError
            Another request is writing.
        UploadOffsetError
            The upload does not go on at *offset*.
        UploadTooLargeError
            More bytes came than were declared; none of these are kept.
        ChecksumMismatchError
            The whole is not what was declared; it is deleted.
        """
        if upload in self._busy:
            raise UploadBusyError(upload)
        self._busy.add(upload)
        try:
            found = await self.get(owner, upload)
            if found.is_complete or offset != found.received_bytes:
                raise UploadOffsetError(upload, found.received_bytes)
            received = await self._receive(found, pieces)
            if received == found.size_bytes:
                await self._finish(found)
            else:
                await self._prolong(upload)
            return await self.get(owner, upload)
        finally:
            self._busy.discard(upload)

    async def delete(self, owner: str, upload: str) -> None:
        """Forget an upload. What an item cites stays in the object store."""
        found = await self.get(owner, upload)
        if upload in self._busy:
            raise UploadBusyError(upload)
        await self._forget(found.id)

    async def get_complete(self, owner: str, upload: str) -> Upload:
        """Return an upload that has all of its bytes, or raise."""
        found = await self.get(owner, upload)
        if not found.is_complete:
            raise UploadIncompleteError(upload, found.received_bytes, found.size_bytes)
        return found

    async def check_complete(self, owner: str, uploads: Sequence[str]) -> None:
        """Raise unless every one of *uploads* is the owner's and has all of its bytes."""
        text = orjson.dumps(list(uploads)).decode()
        complete = await self._database.read(
            lambda tx: {
                row[0]
                for row in tx.execute(
                    "select upload.id from json_each(?) as asked cross join upload on upload.id = asked.value"
                    " where owner = ? and sha256 is not null",
                    (text, owner),
                )
            }
        )
        for upload in uploads:
            if upload not in complete:
                await self.get_complete(owner, upload)

    def staged_path(self, upload: str) -> Path | None:
        """Return the file in staging; None if its bytes have gone to the object store."""
        path = self._staging.path(upload)
        return path if path.is_file() else None

    async def sweep(self) -> int:
        """Forget uploads that have expired and files that belong to none; return how many.

        A finished upload whose bytes an item cites is remembered on, so that its owner need not send it again.
        """
        now = to_microseconds(self._clock.now())
        rows = await self._database.read(
            lambda tx: tx.execute(f"select {_COLUMNS} from upload where expires_at <= ?", (now,)).fetchall()
        )
        swept = 0
        for found in map(self._read, rows):
            await asyncio.to_thread(self._staging.delete, found.id)
            if await self._has_object(found):
                await self._prolong(found.id)
            else:
                await self._forget(found.id)
                swept += 1
        return swept + await self._sweep_strays()

    async def mark_taken(self, upload: str) -> None:
        """Note that the bytes of an upload have gone to the object store: they count no more for its owner's staging."""
        await self._database.write(lambda tx: tx.execute("update upload set is_staged = 0 where id = ?", (upload,)).rowcount)

    async def _sweep_strays(self) -> int:
        """Delete files of no upload that are older than any upload may be."""
        before = self._clock.now() - self._limits.lifetime
        old = await asyncio.to_thread(self._staging.list_older, before)
        known = await self._database.read(lambda tx: {row[0] for row in tx.execute("select id from upload")})
        strays = [name for name in old if name not in known]
        for name in strays:
            await asyncio.to_thread(self._staging.delete, name)
        return len(strays)

    async def _find_known(self, owner: str, sha256: str, size_bytes: int) -> Upload | None:
        """Return an upload of the same bytes: a finished one that is still here, or one to go on with."""
        rows = await self._database.read(
            lambda tx: tx.execute(
                f"select {_COLUMNS} from upload where owner = ? and declared_sha256 = ? and size_bytes = ?"
                " order by sha256 is null, id desc limit 3",
                (owner, sha256, size_bytes),
            ).fetchall()
        )
        for found in map(self._read, rows):
            if self.staged_path(found.id) is not None or await self._has_object(found):
                await self._prolong(found.id)
                return found
        return None

    async def _has_object(self, upload: Upload) -> bool:
        return upload.sha256 is not None and await self._objects.find_size(upload.sha256) == upload.size_bytes

    async def _receive(self, upload: Upload, pieces: AsyncIterator[bytes]) -> int:
        received, waiting = upload.received_bytes, bytearray()

        async def write() -> None:
            nonlocal received
            if waiting:
                await asyncio.to_thread(self._staging.write, upload.id, received, bytes(waiting))
                received += len(waiting)
                waiting.clear()

        try:
            async for piece in pieces:
                waiting += piece
                if received + len(waiting) > upload.size_bytes:
                    waiting.clear()
                    await asyncio.to_thread(self._staging.truncate, upload.id, upload.received_bytes)
                    raise UploadTooLargeError(f"Upload {upload.id!r} was declared with {upload.size_bytes} bytes; more came.")
                if len(waiting) >= _PIECE_BYTES:
                    await write()
        finally:
            await write()
        return received

    async def _finish(self, upload: Upload) -> None:
        sha256 = await asyncio.to_thread(self._staging.finish, upload.id)
        if upload.declared_sha256 not in {None, sha256}:
            await self._forget(upload.id)
            raise ChecksumMismatchError(upload.name)

        def work(tx: Connection) -> int:
            return tx.execute("update upload set sha256 = ? where id = ?", (sha256, upload.id)).rowcount

        await self._database.write(work)
        await self._prolong(upload.id)

    async def _prolong(self, upload: str) -> None:
        expires = to_microseconds(self._clock.now() + self._limits.lifetime)
        await self._database.write(
            lambda tx: tx.execute("update upload set expires_at = ? where id = ?", (expires, upload)).rowcount
        )

    async def _forget(self, upload: str) -> None:
        await self._database.write(lambda tx: tx.execute("delete from upload where id = ?", (upload,)).rowcount)
        await asyncio.to_thread(self._staging.delete, upload)

    def _read(self, row: tuple[Any, ...]) -> Upload:
        upload, owner, name, size_bytes, declared, sha256, expires_at = row
        received = size_bytes if sha256 is not None else self._staging.size(upload) or 0
        return Upload(
            id=upload,
            owner=owner,
            name=name,
            size_bytes=size_bytes,
            declared_sha256=declared,
            sha256=sha256,
            received_bytes=received,
            expires_at=expires_at,
        )


async def _nothing() -> AsyncIterator[bytes]:
    yield b""
