"""Files in staging: bytes on their way in, under names that the site gave. Everything here blocks."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from twinlake.core.errors import StorageFailedError, StorageFullError

_HASH_BYTES = 1 << 20
_RESERVE_BYTES = 64 << 20


class Staging:
    """A folder of files by upload id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, upload: str) -> Path:
        """Return where the bytes of an upload lie; *upload* is an id of the site's own making."""
        return self._folder / upload

    def create(self, upload: str, size_bytes: int) -> None:
        """Make an empty file.

        Raises
        ------
        StorageFullError
            The disk has no room for *size_bytes*.
        """
        with explained():
            found = os.statvfs(self._folder)
            if found.f_bavail * found.f_frsize < size_bytes + _RESERVE_BYTES:
                raise StorageFullError("The site has no room for this file.", remedy="Ask the operator for space.")
            self.path(upload).touch(mode=0o600, exist_ok=False)

    def size(self, upload: str) -> int | None:
        """Count the bytes received; None if there is no file."""
        try:
            return self.path(upload).stat().st_size
        except FileNotFoundError:
            return None

    def write(self, upload: str, offset: int, data: bytes) -> None:
        """Put *data* at *offset*."""
        with explained(), self.path(upload).open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def truncate(self, upload: str, size_bytes: int) -> None:
        """Forget what lies behind *size_bytes*."""
        with explained():
            os.truncate(self.path(upload), size_bytes)

    def finish(self, upload: str) -> str:
        """Make the file durable and return its SHA-256 in hex."""
        digest = hashlib.sha256()
        with explained(), self.path(upload).open("rb") as file:
            os.fsync(file.fileno())
            while block := file.read(_HASH_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def delete(self, upload: str) -> None:
        """Remove a file, if it is there."""
        with explained():
            self.path(upload).unlink(missing_ok=True)

    def list_older(self, instant: datetime) -> list[str]:
        """Return the names of files last written before *instant*."""
        return [entry.name for entry in self._folder.iterdir() if entry.stat().st_mtime < instant.timestamp()]


@contextmanager
def explained() -> Iterator[None]:
    """Say what a failed write means to its caller."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFullError("The site's disk is full.", remedy="Ask the operator for space, then go on.") from error
        if error.errno in {errno.EIO, errno.EROFS}:
            raise StorageFailedError(
                "The site's disk refused the bytes.", remedy="Ask the operator to check the disk."
            ) from error
        raise
