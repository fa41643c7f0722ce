"""Names of Unix sockets."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_SUN_PATH_BYTES = 108  # unix(7)


@contextmanager
def short_path(path: Path) -> Generator[str]:
    """Give a name of *path* that fits the kernel's 108 bytes for socket addresses, good inside the context.

    A longer path is reached through a descriptor of its directory.
    """
    if len(os.fsencode(path)) < _SUN_PATH_BYTES:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
