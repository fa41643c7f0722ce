"""What graphs come to that are computed while somebody waits."""

import os
import stat
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from twinlake.engines.web.files import FileContent
from twinlake.standards.openeo.errors import InternalError


@dataclass(frozen=True, slots=True)
class Made:
    """A result that is a file; whoever gets it closes it."""

    name: str
    media_type: str
    content: FileContent


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a graph comes to, and what that took."""

    content: bytes | Made
    cpu_seconds: float


def take_file(path: Path) -> FileContent:
    """Open a file that a child has made, and take its name away; it is gone when it is closed."""
    file = FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InternalError("A child has made something that is no file.")
    path.unlink()
    return FileContent(file)
