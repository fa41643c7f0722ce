"""Objects in a local folder: ``ab/abcdef…`` under the root, temporary files in ``tmp`` beside them."""

import asyncio
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import ParamSpec, TypeVar

from twinlake.core.errors import InvalidInputError
from twinlake.engines.objectstore.errors import CorruptObjectError, ObjectNotFoundError, explain_write_error
from twinlake.engines.objectstore.interfaces import ObjectEntry, StoredObject, check_sha256

P = ParamSpec("P")
T = TypeVar("T")
_CHUNK_BYTES = 1 << 20
_THREADS = 4
_FOLDERS = tuple(f"{number:02x}" for number in range(256))


class LocalObjectStore:
    """A folder of this machine.

    obstore's local store renames into place but never calls fsync, so an acknowledged object could be empty after a
    power cut; hence this code of our own: temporary file, hash while copying, fsync, rename, fsync of the folder.
    The folder is on one file system. Several processes may use it at once.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._temporary = root / "tmp"
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="objects")
        self._temporary.mkdir(parents=True, exist_ok=True)
        # All folders exist and are durable before the first put, so that a put has one folder to fsync.
        for name in _FOLDERS:
            (root / name).mkdir(exist_ok=True)
        _sync_folder(root)

    async def put_file(self, path: Path, *, take: bool = False) -> StoredObject:
        return await self._in_thread(self._put_file, path, take=take)

    async def put_bytes(self, data: bytes) -> StoredObject:
        def put() -> StoredObject:
            with _explained(), self._new_file() as (temporary, target):
                _write(target, data)
                return self._place(temporary, target, hashlib.sha256(data).hexdigest())

        return await self._in_thread(put)

    async def read(self, sha256: str, start: int = 0, end: int | None = None) -> bytes:
        return await self._in_thread(self._read, sha256, start, end)

    async def open_range(self, sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
        file = await self._in_thread(self._open, sha256)
        try:
            while start < end:
                piece = await self._in_thread(os.pread, file, min(_CHUNK_BYTES, end - start), start)
                if not piece:
                    raise CorruptObjectError(sha256)
                start += len(piece)
                yield piece
        finally:
            os.close(file)

    def local_path(self, sha256: str) -> Path:
        return _place(self._root, sha256)

    async def find_size(self, sha256: str) -> int | None:
        try:
            return os.stat(self.local_path(sha256)).st_size  # noqa: PTH116 - one system call, no detour
        except FileNotFoundError:
            return None

    async def delete(self, sha256: str, *, not_put_since: datetime | None = None) -> bool:
        return await self._in_thread(self._delete, self.local_path(sha256), not_put_since)

    async def list_objects(self) -> AsyncIterator[ObjectEntry]:
        for name in _FOLDERS:
            for entry in await self._in_thread(_list_folder, self._root / name):
                yield entry

    async def delete_leftovers(self, older_than: datetime) -> int:
        def delete() -> int:
            return sum(_unlink_older(Path(entry.path), older_than) for entry in os.scandir(self._temporary))

        return await self._in_thread(delete)

    async def presign(self, sha256: str, *, expires_in: timedelta, headers: Mapping[str, str]) -> str | None:  # noqa: ARG002 - the protocol's names
        return None

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))

    def _put_file(self, path: Path, *, take: bool) -> StoredObject:
        with open_regular(path) as source, _explained():
            if take and (stored := self._take(path, source)) is not None:
                return stored
            source.seek(0)
            with self._new_file() as (temporary, target):
                stored = self._place(temporary, target, _copy(source, target))
            if take:
                path.unlink()
            return stored

    def _take(self, path: Path, source: FileIO) -> StoredObject | None:
        """Move a file in; return None if it lies on another file system or has other names."""
        status = os.fstat(source.fileno())
        # A second hard link would let its holder change the object.
        if status.st_dev != self._temporary.stat().st_dev or status.st_nlink != 1:
            return None
        sha256 = hashlib.file_digest(source, "sha256").hexdigest()
        os.utime(source.fileno())
        return self._place(path, source, sha256)

    def _place(self, path: Path, file: FileIO, sha256: str) -> StoredObject:
        """Make *file*, now at *path*, durable under its hash."""
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())
        size_bytes = os.fstat(file.fileno()).st_size
        final = self.local_path(sha256)
        with _locked(self._root, fcntl.LOCK_SH):
            path.rename(final)
        _sync_folder(final.parent)
        return StoredObject(sha256, size_bytes)

    @contextmanager
    def _new_file(self) -> Iterator[tuple[Path, FileIO]]:
        """Open a temporary file that is gone afterwards unless it was renamed."""
        descriptor, name = tempfile.mkstemp(dir=self._temporary)
        path = Path(name)
        try:
            with FileIO(descriptor, "w") as target:
                yield path, target
        finally:
            path.unlink(missing_ok=True)

    def _open(self, sha256: str) -> int:
        try:
            return os.open(self.local_path(sha256), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise ObjectNotFoundError(sha256) from None

    def _read(self, sha256: str, start: int, end: int | None) -> bytes:
        with FileIO(self._open(sha256), "r") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            end = size_bytes if end is None else end
            if end > size_bytes:
                raise CorruptObjectError(sha256)
            file.seek(start)
            return _read_exactly(file, max(0, end - start))

    def _delete(self, path: Path, not_put_since: datetime | None) -> bool:
        # The lock keeps a put from renewing the object between the look at its age and its end.
        with _locked(self._root, fcntl.LOCK_EX):
            if not_put_since is not None:
                return _unlink_older(path, not_put_since)
            try:
                path.unlink()
            except FileNotFoundError:
                return False
            return True


@lru_cache(maxsize=4096)
def _place(root: Path, sha256: str) -> Path:
    return root / check_sha256(sha256)[:2] / sha256


def open_regular(path: Path) -> FileIO:
    """Open *path* for reading if it is a regular file, and no symbolic link to one.

    Raises
    ------
    InvalidInputError
        It is not, or cannot be read.
    """
    # O_NONBLOCK: opening a pipe that nobody writes to must not wait for ever.
    try:
        file = FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "r")
    except OSError as error:
        raise InvalidInputError(f"{path.name!r} cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InvalidInputError(f"{path.name!r} is not a regular file.")
    return file


def _copy(source: FileIO, target: FileIO) -> str:
    """Copy and hash in one go: what is hashed is what is written."""
    digest = hashlib.sha256()
    while piece := source.read(_CHUNK_BYTES):
        digest.update(piece)
        _write(target, piece)
    return digest.hexdigest()


def _write(target: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[target.write(view) :]


def _read_exactly(file: FileIO, count: int) -> bytes:
    pieces = []
    while count and (piece := file.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _list_folder(folder: Path) -> list[ObjectEntry]:
    entries = []
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            status = entry.stat(follow_symlinks=False)
            entries.append(ObjectEntry(entry.name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)))
    return entries


def _unlink_older(path: Path, instant: datetime) -> bool:
    try:
        if path.stat().st_mtime >= instant.timestamp():
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(folder: Path, mode: int) -> Iterator[None]:
    """Hold an advisory lock on *folder* across processes; closing its descriptor lets go."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, mode)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise explain_write_error(error) from error
