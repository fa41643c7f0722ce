"""Files of this machine that a site reads but does not own."""

import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from io import FileIO
from pathlib import Path

from twinlake.core.errors import NotFoundError

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe that nobody writes to must not wait for ever.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LinkedFileError(NotFoundError):
    """The path is outside of the configured roots, leads over a symbolic link, or is no regular file."""

    code = "linked-file-unavailable"


class LinkedFiles:
    """Opens files below the configured roots, and nothing else.

    Parameters
    ----------
    roots
        Absolute folders. They may be reached over symbolic links themselves; nothing below them may.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(roots)

    def locate(self, path: str) -> tuple[int, tuple[str, ...]]:
        """Return the number of the root that holds *path* and the names that lead there from it.

        Raises
        ------
        LinkedFileError
            No root holds it by its name; the file system is not asked.
        """
        for number, root in enumerate(self.roots):
            prefix = f"{str(root).rstrip('/')}/"
            names = tuple(path.removeprefix(prefix).split("/"))
            if path.startswith(prefix) and not any(name in {"", ".", ".."} or "\0" in name for name in names):
                return number, names
        raise LinkedFileError("The file does not lie below a folder that this site may link.")

    def open(self, path: str) -> FileIO:
        """Open *path* for reading.

        Raises
        ------
        LinkedFileError
            It must not be opened, or it is gone.
        """
        number, names = self.locate(path)
        try:
            return self._walk(self.roots[number], names)
        except OSError as error:
            raise LinkedFileError(f"The linked file {names[-1]!r} cannot be read: {error.strerror}.") from error

    def _walk(self, root: Path, names: tuple[str, ...]) -> FileIO:
        """Open folder by folder, each relative to the one before: a link put in on the way is not followed."""
        with ExitStack() as opened:
            folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, folder)
            for name in names[:-1]:
                folder = os.open(name, _FOLDER_FLAGS, dir_fd=folder)
                opened.callback(os.close, folder)
            file = FileIO(os.open(names[-1], _FILE_FLAGS, dir_fd=folder), "r")
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise LinkedFileError(f"The linked file {names[-1]!r} is not a regular file.")
        return file
