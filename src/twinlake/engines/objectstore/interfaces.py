"""The contract of a site's object store."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from twinlake.core.errors import InvalidInputError

_SHA256 = re.compile(r"[0-9a-f]{64}")
PRESIGNED_HEADERS = ("content-disposition", "content-type")
"""What a pre-signed URL can say of its answer."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Bytes as the catalogue cites them."""

    sha256: str
    """64 lower-case hex digits; the object's only name."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One object as the store lists it."""

    sha256: str
    size_bytes: int
    modified_at: datetime
    """When it was last put (putting again renews it), UTC."""


def check_sha256(value: str) -> str:
    """Return *value* if it is 64 lower-case hex digits, so that it is safe as a file name.

    Raises
    ------
    InvalidInputError
        It is not.
    """
    if _SHA256.fullmatch(value) is None:
        raise InvalidInputError(f"{value[:80]!r} is not a SHA-256 in lower-case hex.")
    return value


class ObjectStore(Protocol):
    """Keeps bytes under their SHA-256.

    Every implementation passes `twinlake.testing.object_store.ObjectStoreContract`. An object is never changed;
    it is whole and durable before any put returns, and never visible in part. Methods that take a hash raise
    `InvalidInputError` if it is none. Blocking work happens off the event loop.
    """

    async def put_file(self, path: Path, *, take: bool = False) -> StoredObject:
        """Store the bytes of the regular file *path*; putting what is there already heals and renews it.

        With *take* the file becomes the store's own, by rename where that is possible: nobody may write to it any more.
        It is gone when this returns; when this raises it may be gone or not.

        Raises
        ------
        InvalidInputError
            *path* is no regular file (a symbolic link is none), or it changed while it was read.
        StorageFullError
            There is no room; nothing was kept.
        StorageFailedError
            The bytes could not be made durable; nothing was kept.
        """
        ...

    async def put_bytes(self, data: bytes) -> StoredObject:
        """Store *data*; otherwise like `put_file`."""
        ...

    async def read(self, sha256: str, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes from *start* up to, not including, *end* (None: to the last).

        Raises
        ------
        ObjectNotFoundError
            There is no such object.
        CorruptObjectError
            The object ends before *end*.
        """
        ...

    def open_range(self, sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from *start* up to, not including, *end* in pieces of at most about 1 MiB.

        Raises
        ------
        ObjectNotFoundError, CorruptObjectError
            As `read`, while it is iterated.
        """
        ...

    def local_path(self, sha256: str) -> Path | None:
        """Return where an object lies (or would lie) in this machine's file system; None where bytes are elsewhere.

        The file is read-only for everybody: write to it never.
        """
        ...

    async def find_size(self, sha256: str) -> int | None:
        """Return the size in bytes as the store has it now, or None if there is no such object."""
        ...

    async def delete(self, sha256: str, *, not_put_since: datetime | None = None) -> bool:
        """Delete an object; return whether it was there and went.

        With *not_put_since* an object that was put at or after that instant stays, so that a sweep
        cannot take what somebody is about to cite.
        """
        ...

    def list_objects(self) -> AsyncIterator[ObjectEntry]:
        """Yield every object, in no particular order; what is put or deleted meanwhile may appear or not."""
        ...

    async def delete_leftovers(self, older_than: datetime) -> int:
        """Delete what interrupted puts left behind before *older_than*; return how many."""
        ...

    async def presign(self, sha256: str, *, expires_in: timedelta, headers: Mapping[str, str]) -> str | None:
        """Return a URL at which anybody may GET (or read ranges of) the object until it expires; None if the store has none.

        The answer has those of *headers*, by the names in `PRESIGNED_HEADERS`, that the store's credentials can ask for.
        """
        ...
