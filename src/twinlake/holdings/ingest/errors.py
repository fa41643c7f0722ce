"""Anticipated failures of taking in."""

from twinlake.core.errors import ConflictError, InvalidInputError, NotFoundError, TooLargeError


class UploadNotFoundError(NotFoundError):
    """No upload has this id, it is somebody else's, or it has expired."""

    code = "upload-not-found"

    def __init__(self, upload: str) -> None:
        super().__init__(f"You have no upload {upload[:80]!r}, or it has expired.", remedy="Start the upload again.")


class UploadOffsetError(ConflictError):
    """The bytes do not follow those that the site has."""

    code = "upload-offset-mismatch"

    def __init__(self, upload: str, offset: int) -> None:
        super().__init__(
            f"Upload {upload!r} goes on at byte {offset}.", remedy=f"Send what follows with Upload-Offset: {offset}."
        )
        self.members = {"offset": offset}


class UploadBusyError(ConflictError):
    """Another request writes to the same upload."""

    code = "upload-busy"

    def __init__(self, upload: str) -> None:
        super().__init__(f"Another request is writing to upload {upload!r}.", remedy="Wait for it, then ask for the offset.")


class UploadIncompleteError(ConflictError):
    """The upload has not received all of its bytes."""

    code = "upload-incomplete"

    def __init__(self, upload: str, received: int, size: int) -> None:
        super().__init__(f"Upload {upload!r} has {received} of {size} bytes.", remedy="Send the rest first.")


class ChecksumMismatchError(InvalidInputError):
    """The bytes received are not those that were declared; the upload is gone."""

    code = "checksum-mismatch"
    status = 422

    def __init__(self, name: str) -> None:
        super().__init__(f"The bytes of {name!r} do not have the SHA-256 that was declared.", remedy="Upload the file again.")


class UploadTooLargeError(TooLargeError):
    """The file is beyond what the site accepts, or beyond what was declared."""

    code = "upload-too-large"


class UploadQuotaError(TooLargeError):
    """With this upload more of its owner's bytes would wait to be taken in than may."""

    code = "upload-quota-exceeded"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"Your uploads that wait to be taken in may have {limit} bytes together; with these {size} they would have more.",
            remedy="Ingest or delete what waits, or ask the operator for a higher ingest.upload_quota_bytes.",
        )
        self.members = {"limit": limit}


class LinkRefusedError(InvalidInputError):
    """The site does not link this path."""

    code = "link-refused"


class FileNameError(InvalidInputError):
    """The name is no relative path of plain segments."""

    code = "file-name-refused"
