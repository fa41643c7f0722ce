"""Objects in a bucket (S3 and what speaks it), through obstore."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Self

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import MemoryStore, S3Store

from twinlake.core.errors import InvalidInputError, StorageFailedError
from twinlake.engines.objectstore.errors import CorruptObjectError, ObjectNotFoundError
from twinlake.engines.objectstore.interfaces import PRESIGNED_HEADERS, ObjectEntry, StoredObject, check_sha256
from twinlake.engines.objectstore.local import open_regular
from twinlake.engines.objectstore.presigning import sign_again

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_PIECE_BYTES = 1 << 20
_PART_BYTES = 8 << 20
_UPLOADS_AT_ONCE = 4
_RETRIES = 3
_RETRY_TIME = timedelta(seconds=20)


class BucketObjectStore:
    """Every object is one key, its hash, in the bucket (and under the prefix) of *store*.

    An upload is atomic: S3 shows a key only when it is complete, and keeps it durably then. A bucket should have a
    lifecycle rule for incomplete multipart uploads, which no put of ours can see after a crash.

    Parameters
    ----------
    keys
        Access key and secret key of the store, where they are known: pre-signed URLs name headers of the answer then.
    """

    def __init__(self, store: S3Store | MemoryStore, *, keys: tuple[str, str] | None = None) -> None:
        self._store = store
        self._keys = keys

    @classmethod
    def open_s3(cls, *, bucket: str, region: str, endpoint: str | None = None, prefix: str = "") -> Self:
        """Open a bucket with the credentials of the environment (``AWS_*``) or of the machine.

        Parameters
        ----------
        endpoint
            URL of the S3 service; None is AWS. Plain http is for a service on the same machine or network.
        prefix
            What all keys begin with.
        """
        retry: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": _RETRY_TIME}
        client: ClientConfig = {"allow_http": (endpoint or "").startswith("http://"), "connect_timeout": "5s"}
        store = S3Store(
            bucket,
            prefix=prefix or None,
            config={"region": region, **({"endpoint": endpoint} if endpoint else {})},
            client_options=client,
            retry_config=retry,
        )
        access_key, secret_key = (os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
        return cls(store, keys=(access_key, secret_key) if access_key and secret_key else None)

    async def put_file(self, path: Path, *, take: bool = False) -> StoredObject:
        file = open_regular(path)
        with file:
            # The key is the hash, so the file is read twice; the second reading must find the same bytes.
            sha256 = (await asyncio.to_thread(hashlib.file_digest, file, "sha256")).hexdigest()
            size_bytes = os.fstat(file.fileno()).st_size
            await self._upload(sha256, file, size_bytes)
        if take:
            await asyncio.to_thread(path.unlink)
        return StoredObject(sha256, size_bytes)

    async def put_bytes(self, data: bytes) -> StoredObject:
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            await obstore.put_async(self._store, sha256, data, chunk_size=_PART_BYTES, max_concurrency=_UPLOADS_AT_ONCE)
        except BaseError as error:
            raise _explain(error) from error
        return StoredObject(sha256, len(data))

    async def read(self, sha256: str, start: int = 0, end: int | None = None) -> bytes:
        size_bytes = await self.find_size(sha256)
        if size_bytes is None:
            raise ObjectNotFoundError(sha256)
        end = size_bytes if end is None else end
        if end > size_bytes:
            raise CorruptObjectError(sha256)
        return b"".join([piece async for piece in self.open_range(sha256, start, end)])

    async def open_range(self, sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
        if start >= end:
            return
        try:
            result = await obstore.get_async(self._store, check_sha256(sha256), options={"range": (start, end)})
            async for piece in result.stream(min_chunk_size=_PIECE_BYTES):
                start += len(piece)
                yield bytes(piece)
        except (NotFoundError, FileNotFoundError):
            raise ObjectNotFoundError(sha256) from None
        except BaseError as error:
            if await self.find_size(sha256) is None:
                raise ObjectNotFoundError(sha256) from None
            raise CorruptObjectError(sha256) from error
        if start < end:
            raise CorruptObjectError(sha256)

    def local_path(self, sha256: str) -> Path | None:
        check_sha256(sha256)
        return None

    async def find_size(self, sha256: str) -> int | None:
        entry = await self._find(check_sha256(sha256))
        return None if entry is None else entry.size_bytes

    async def delete(self, sha256: str, *, not_put_since: datetime | None = None) -> bool:
        # S3 has no lock: a put between the look and the deletion is lost. Sweeps take only what is hours old.
        entry = await self._find(check_sha256(sha256))
        if entry is None or (not_put_since is not None and entry.modified_at >= not_put_since):
            return False
        await obstore.delete_async(self._store, sha256)
        return True

    async def list_objects(self) -> AsyncIterator[ObjectEntry]:
        async for batch in obstore.list(self._store, chunk_size=1000):
            for found in batch:
                yield ObjectEntry(found["path"], found["size"], found["last_modified"])

    async def delete_leftovers(self, older_than: datetime) -> int:  # noqa: ARG002 - the bucket's lifecycle rule does it
        return 0

    async def presign(self, sha256: str, *, expires_in: timedelta, headers: Mapping[str, str]) -> str | None:
        check_sha256(sha256)
        if not isinstance(self._store, S3Store):
            return None
        url = await obstore.sign_async(self._store, "GET", sha256, expires_in)
        if self._keys is None:
            return url
        parameters = {f"response-{name}": headers[name] for name in PRESIGNED_HEADERS if name in headers}
        return sign_again(url, parameters, access_key=self._keys[0], secret_key=self._keys[1]) or url

    async def _upload(self, sha256: str, file: FileIO, size_bytes: int) -> None:
        if size_bytes <= _PART_BYTES:
            data = await asyncio.to_thread(os.pread, file.fileno(), size_bytes, 0)
            if hashlib.sha256(data).hexdigest() != sha256:
                raise _changed()
            await self.put_bytes(data)
            return
        try:
            await obstore.put_async(
                self._store,
                sha256,
                _verified(file, sha256),
                use_multipart=True,
                chunk_size=_PART_BYTES,
                max_concurrency=_UPLOADS_AT_ONCE,
            )
        except BaseError as error:
            raise _explain(error) from error

    async def _find(self, sha256: str) -> ObjectEntry | None:
        try:
            found = await obstore.head_async(self._store, sha256)
        except (NotFoundError, FileNotFoundError):
            return None
        except BaseError as error:
            raise _explain(error) from error
        return ObjectEntry(sha256, found["size"], found["last_modified"])


async def _verified(file: FileIO, sha256: str) -> AsyncIterator[bytes]:
    """Read *file* again, holding its last piece back until all of it has the expected hash."""
    digest = hashlib.sha256()
    offset = 0
    held = b""
    while piece := await asyncio.to_thread(os.pread, file.fileno(), _PIECE_BYTES, offset):
        digest.update(piece)
        offset += len(piece)
        if held:
            yield held
        held = piece
    if digest.hexdigest() != sha256:
        raise _changed()
    yield held


def _changed() -> InvalidInputError:
    return InvalidInputError("The file changed while it was read.", remedy="Send it again when nobody writes to it.")


def _explain(error: BaseError) -> StorageFailedError:
    reason = str(error).partition("\n")[0][:200]
    return StorageFailedError(f"The bucket did not answer as it should: {reason}", remedy="Tell the operator of this site.")
