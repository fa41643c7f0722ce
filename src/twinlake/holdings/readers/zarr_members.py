"""The files of a Zarr store: in a folder, or in an archive in which nothing is packed."""

import mmap
import os
import struct
import zipfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from twinlake.holdings.readers.errors import ForeignReferenceError, TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.formats import open_regular
from twinlake.holdings.readers.limits import MAX_DIRECTORY_FILES

if TYPE_CHECKING:  # most of what is read does without it, and it takes a tenth of a second
    from zarr.storage import LocalStore, ZipStore

REMEDY = "Write the store again with zarr or xarray, and send all of its files."
_MEMBER_HEAD = struct.Struct("<26x2H")
"""Before a member of an archive; its end tells how long the name and the extra fields are that follow (APPNOTE 6.3.10, 4.3.7)."""


class Members(Protocol):
    """Where the files of a store lie; their names have ``/`` between parts."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """How many bytes each file has, sorted by name."""
        ...

    def read(self, name: str) -> NDArray[np.uint8]:
        """Return a file, of which no byte is copied.

        Raises
        ------
        UnreadableFileError
            It is shorter than it was.
        """
        ...

    def open(self) -> "LocalStore | ZipStore":
        """Return the store for zarr-python."""
        ...


def find_members(path: Path) -> Members:
    """Return the files of the store at *path*, a folder or an archive."""
    return Folder(path) if path.is_dir() else _Archive(path)


class Folder:
    """A store in a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """How many bytes each file has, sorted by name.

        Raises
        ------
        UnreadableFileError
            There is a link, a device, or there are too many files.
        """
        found: dict[str, int] = {}
        for folder, folders, files in os.walk(self._path):
            for name in (*folders, *files):
                member = Path(folder, name)
                if member.is_symlink() or not (member.is_file() or member.is_dir()):
                    raise ForeignReferenceError("The Zarr store holds a link or something that is no file.")
            for name in files:
                found[Path(folder, name).relative_to(self._path).as_posix()] = Path(folder, name).stat().st_size
            if len(found) > MAX_DIRECTORY_FILES:
                raise _too_many()
        return dict(sorted(found.items()))

    def read(self, name: str) -> NDArray[np.uint8]:
        """Return a file; see `Members`."""
        return _map(self._path / name, 0, self.sizes[name])

    def open(self) -> "LocalStore":
        """Return the store for zarr-python."""
        from zarr.storage import LocalStore

        return LocalStore(self._path, read_only=True)


class _Archive:
    """A store in one archive as an ingest run writes it; what is damaged in it is found out by who unpacks it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _entries(self) -> dict[str, zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise UnreadableFileError(f"The archive of the Zarr store cannot be read: {str(error)[:200]}.", REMEDY) from error
        if any(each.compress_type != zipfile.ZIP_STORED or each.compress_size != each.file_size for each in entries):
            raise UnreadableFileError("The archive of the Zarr store is compressed.", REMEDY)
        if len(entries) > MAX_DIRECTORY_FILES:
            raise _too_many()
        return {each.filename: each for each in sorted(entries, key=lambda each: each.filename)}

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        return {name: each.file_size for name, each in self._entries.items()}

    def read(self, name: str) -> NDArray[np.uint8]:
        entry = self._entries[name]
        head = _map(self._path, entry.header_offset, _MEMBER_HEAD.size)
        start = entry.header_offset + _MEMBER_HEAD.size + sum(_MEMBER_HEAD.unpack(head.tobytes()))
        return _map(self._path, start, entry.file_size)

    def open(self) -> "ZipStore":
        from zarr.storage import ZipStore

        return ZipStore(self._path, mode="r", read_only=True)


def _map(path: Path, start: int, size: int) -> NDArray[np.uint8]:
    """Return bytes of a file as they lie in the system's cache."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size < start + size:
            raise UnreadableFileError("A file of the Zarr store ends too early.", REMEDY)
        if size == 0:
            return np.empty(0, np.uint8)
        before = start % mmap.ALLOCATIONGRANULARITY
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        mapped = mmap.mmap(file.fileno(), before + size, flags, mmap.PROT_READ, offset=start - before)
    return np.frombuffer(mapped, np.uint8, offset=before)


def _too_many() -> TooLargeToReadError:
    return TooLargeToReadError(f"The Zarr store has more than {MAX_DIRECTORY_FILES} files.", "Write it with larger chunks.")
