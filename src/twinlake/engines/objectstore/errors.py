"""Anticipated failures of the object store."""

import errno

from twinlake.core.errors import NotFoundError, StorageFailedError, StorageFullError, TwinlakeError

_FULL = {errno.ENOSPC, errno.EDQUOT}


class ObjectNotFoundError(NotFoundError):
    """No object has this hash."""

    code = "object-not-found"

    def __init__(self, sha256: str) -> None:
        super().__init__(f"No object {sha256} in the store.")
        self.sha256 = sha256


class CorruptObjectError(TwinlakeError):
    """The store has other bytes, or fewer, than the object's hash and size say."""

    code = "object-corrupt"
    status = 502

    def __init__(self, sha256: str) -> None:
        super().__init__(f"Object {sha256} is damaged.", remedy="Tell the operator of this site; `twinlake admin fsck` finds it.")
        self.sha256 = sha256


def explain_write_error(error: OSError) -> StorageFullError | StorageFailedError:
    """Translate what the disk said when a put failed."""
    if error.errno in _FULL:
        return StorageFullError("The disk of the object store is full.", remedy="Free some space, then send it again.")
    return StorageFailedError(
        f"The disk of the object store refused a write ({errno.errorcode.get(error.errno or 0, 'unknown error')}).",
        remedy="Tell the operator of this site.",
    )
