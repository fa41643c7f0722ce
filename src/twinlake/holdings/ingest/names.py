"""Names of files as their senders give them: relative paths, never used as paths of the site."""

import re

from twinlake.holdings.ingest.errors import FileNameError

_MAX_NAME = 1024
_MAX_SEGMENT = 255
_FORBIDDEN = re.compile(r"[\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_file_name(name: str) -> str:
    """Return *name* if it is a relative path of plain segments, separated by single slashes.

    Raises
    ------
    FileNameError
        It is empty, absolute, too long, or has a segment that is empty, ``.`` or ``..``, a backslash or a control character.
    """
    segments = name.split("/")
    if not name or len(name) > _MAX_NAME or any(len(segment) > _MAX_SEGMENT for segment in segments):
        reason = "is empty or too long"
    elif _FORBIDDEN.search(name):
        reason = "contains a backslash or a control character"
    elif any(segment in {"", ".", ".."} for segment in segments):
        reason = "is not a plain relative path"
    else:
        return name
    raise FileNameError(f"The file name {name[:80]!r} {reason}.", remedy="Send a relative name such as 'folder/file.tif'.")
