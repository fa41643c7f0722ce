"""Paths of people's files: names with slashes between, as openEO and every file system may have them."""

import unicodedata

from twinlake.standards.openeo.errors import FilePathInvalidError

_MOST_BYTES = 1024
_MOST_NAME_BYTES = 255
_MOST_FOLDERS = 32
_FORBIDDEN = frozenset("\\:'\"")
"""Beside control characters: openEO's graphs cannot name files that have them (``load_uploaded_files``)."""


def check_path(text: str) -> str:
    """Return a path in Unicode's normal form C, so that what looks alike is one file.

    Raises
    ------
    FilePathInvalidError
        A name is empty, hidden, too long, or has characters that are not taken; or there are too many folders.
    """
    path = unicodedata.normalize("NFC", text)
    names = path.split("/")
    if len(names) > _MOST_FOLDERS or len(path) > _MOST_BYTES or len(path.encode(errors="replace")) > _MOST_BYTES:
        raise FilePathInvalidError(f"The path is longer than {_MOST_BYTES} bytes, or has more than {_MOST_FOLDERS} names.")
    for name in names:
        if not name or name != name.strip() or name.startswith("."):
            raise FilePathInvalidError(f"The path has a name that is empty, hidden, or ends in a space: {name[:80]!r}.")
        if any(each in _FORBIDDEN or unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in name):
            raise FilePathInvalidError("The path has a backslash, colon, quote, or a character that nobody sees.")
        if len(name.encode()) > _MOST_NAME_BYTES:
            raise FilePathInvalidError(f"A name in the path is longer than {_MOST_NAME_BYTES} bytes.")
    return path


def path_in_workspace(text: str) -> str:
    """Return the path that a graph names: also from the root (``/a/b``), or from the workspace (``./a/b``).

    Raises
    ------
    FilePathInvalidError
        As `check_path` does.
    """
    return check_path(text.removeprefix("./").removeprefix("/"))
