"""Anticipated failures: each has a code, an HTTP status and a word on what to do next.

The sub-apps write them in the form of their own standard; nothing else may reach a client.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class TwinlakeError(Exception):
    """A failure that a caller can understand and act on.

    Parameters
    ----------
    message
        What is wrong, with the offending name or value, fit for a client's eyes.
    remedy
        What to do next; None where the message says it all.
    """

    code: ClassVar[str] = "internal-error"
    status: ClassVar[int] = 500
    members: Mapping[str, object] = MappingProxyType({})
    """What a client may read beside the message, such as the rule that refused."""
    retry_after_seconds: int | None = None
    """When the same request may succeed."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class InvalidInputError(TwinlakeError):
    """The request itself is wrong; repeating it will not help."""

    code = "invalid-input"
    status = 400


class UnauthenticatedError(TwinlakeError):
    """The caller must say who they are, or their token is not good."""

    code = "unauthenticated"
    status = 401


class ForbiddenError(TwinlakeError):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403


class NotFoundError(TwinlakeError):
    """Nothing of this name is here, or the caller may not see it."""

    code = "not-found"
    status = 404


class ConflictError(TwinlakeError):
    """The state of the thing does not allow the change."""

    code = "conflict"
    status = 409


class PreconditionFailedError(TwinlakeError):
    """An `If-Match` or `If-None-Match` did not hold."""

    code = "precondition-failed"
    status = 412


class TooLargeError(TwinlakeError):
    """The body or what it unfolds to is beyond a limit."""

    code = "too-large"
    status = 413


class OverloadedError(TwinlakeError):
    """The site cannot do this now; the same request may succeed later."""

    code = "overloaded"
    status = 503

    def __init__(self, message: str, *, remedy: str | None = None, retry_after_seconds: int = 5) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_seconds = retry_after_seconds


class DeadlineExceededError(OverloadedError):
    """A query took longer than the site gives one."""

    code = "deadline-exceeded"


class StorageFullError(TwinlakeError):
    """The disk has no room for this change; nothing of it was kept."""

    code = "storage-full"
    status = 507


class StorageFailedError(OverloadedError):
    """The disk refused a durable write; the site reads on but takes no changes until restarted."""

    code = "storage-failed"
