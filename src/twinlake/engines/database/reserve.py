"""Room kept back on the disk, so that deletions still work when it is full.

Even a deletion grows the write-ahead log first: on a disk without a free block nothing can be deleted.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DiskReserve:
    """A file whose only content is its size."""

    def __init__(self, path: Path, *, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def hold(self) -> bool:
        """Take the room if the disk has it; tell whether it is held."""
        with self._path.open("ab") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, self._size_bytes)
            except OSError:
                file.truncate(0)
                return False
        return True

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give the room back for a while; it is held again afterwards if the disk then has it."""
        self._path.unlink(missing_ok=True)
        try:
            yield
        finally:
            self.hold()
