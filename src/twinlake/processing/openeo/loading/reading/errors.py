"""What is wrong with a file that was pinned, told by the name of its asset."""

from collections.abc import Iterator
from contextlib import contextmanager

from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.processing.openeo.loading.pins import PinnedFile
from twinlake.standards.openeo.errors import OpenEoError, ProcessError


class FileUnlikeItsItemError(ProcessError):
    """A file is not what its item says."""

    def __init__(self, file: PinnedFile, reason: str) -> None:
        super().__init__("FileUnlikeItem", f"The file of asset {file.key!r} {reason}, unlike its item: ingest it again.")


def unlike(file: PinnedFile, reason: str) -> FileUnlikeItsItemError:
    """Return the error that *file* is not what its item says; *reason* says what is so."""
    return FileUnlikeItsItemError(file, reason)


@contextmanager
def refuse(file: PinnedFile) -> Iterator[None]:
    """Tell of which asset a file is that cannot be read.

    Raises
    ------
    ProcessError
        ``FileUnreadable``: it is damaged.
    """
    try:
        yield
    except OpenEoError:
        raise
    except UnreadableFileError as error:
        raise ProcessError("FileUnreadable", f"The file of asset {file.key!r} cannot be read: {error.reason}") from error
