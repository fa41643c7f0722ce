"""A download that is not finished: its bytes in ``NAME.part``, what is done in ``NAME.part.log``."""

import fcntl
import hashlib
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from twinlake.core.errors import ConflictError

SEGMENT_BYTES = 32 << 20
"""Large enough that a site spends its time on bytes, not on requests."""
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells that a file is still the one of which some segments are here."""

    url: str
    size_bytes: int
    etag: str
    """Strong, of the server that sends the bytes (behind a redirect that is not the one that was asked)."""


class PartFile:
    """Segments of a file in any order. What the log names is in the part file, whatever was killed when."""

    def __init__(self, target: Path, identity: FileIdentity) -> None:
        """Go on with what is there if it is of the same file, or begin anew.

        Raises
        ------
        ConflictError
            Another process fetches the same file to the same place.
        """
        self._size_bytes = identity.size_bytes
        self._target = target
        self._part, self._log_path = _paths(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._log = os.open(self._log_path, _FLAGS | os.O_APPEND, 0o666)
        try:
            _lock(self._log, target)
            self._done = _read_log(self._log, identity)
            if not self._done:
                os.truncate(self._log, 0)
                os.write(self._log, f"{json.dumps(asdict(identity))}\n".encode())
            self._file = os.open(self._part, _FLAGS, 0o666)
        except BaseException:
            os.close(self._log)
            raise
        os.truncate(self._file, identity.size_bytes)
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        os.close(self._log)

    @property
    def done_bytes(self) -> int:
        """Bytes that are here already."""
        return sum(end - start for start, end in self._segments() if start in self._done)

    def missing(self) -> list[tuple[int, int]]:
        """Return the segments that are not here, start inclusive, end exclusive."""
        return [(start, end) for start, end in self._segments() if start not in self._done]

    def write(self, data: bytes, offset: int) -> None:
        """Write some bytes of a segment."""
        while data:
            written = os.pwrite(self._file, data, offset)
            data, offset = data[written:], offset + written

    def finish_segment(self, start: int) -> None:
        """Note that the segment at *start* is whole."""
        with self._guard:
            self._done.add(start)
            os.write(self._log, f"{start}\n".encode())

    def hash(self) -> str:
        """Return the SHA-256 of what is here, in hex."""
        digest = hashlib.sha256()
        offset = 0
        while piece := os.pread(self._file, 1 << 20, offset):
            digest.update(piece)
            offset += len(piece)
        return digest.hexdigest()

    def finish(self) -> None:
        """Give the file its name, durably."""
        os.fsync(self._file)
        self._part.replace(self._target)
        self._log_path.unlink()

    def _segments(self) -> list[tuple[int, int]]:
        size = self._size_bytes
        return [(start, min(start + SEGMENT_BYTES, size)) for start in range(0, size, SEGMENT_BYTES)]


def discard(target: Path) -> None:
    """Delete what was begun of *target*."""
    for path in _paths(target):
        path.unlink(missing_ok=True)


def part_path(target: Path) -> Path:
    """Return where the bytes of *target* are until it is whole."""
    return target.with_name(f"{target.name}.part")


def _paths(target: Path) -> tuple[Path, Path]:
    part = part_path(target)
    return part, part.with_name(f"{part.name}.log")


def _lock(log: int, target: Path) -> None:
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConflictError(f"{target} is being fetched by another process.") from None


def _read_log(log: int, identity: FileIdentity) -> set[int]:
    lines = os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace").split("\n")
    try:
        if FileIdentity(**json.loads(lines[0])) != identity:
            return set()
        # The last line has no end if its writer was killed; then it does not count.
        return {int(line) for line in lines[1:-1]}
    except (ValueError, TypeError):
        return set()
