"""What can go wrong between sites, whatever is asked."""

from twinlake.core.errors import ForbiddenError, TwinlakeError


class NotAPeerError(ForbiddenError):
    """Only peers may use the routes between sites."""

    code = "not-a-peer"

    def __init__(self) -> None:
        super().__init__("Only sites of the federation may ask here.", remedy="Search at /stac/v2.")


class ForwardingRefusedError(ForbiddenError):
    """A site that was asked by a site asks no third, and answers nothing that came through another."""

    code = "forwarding-refused"


class PeerUnavailableError(TwinlakeError):
    """The peer did not answer, or not as a site of the federation does."""

    code = "peer-unavailable"
    status = 502


class PeerUnreachableError(PeerUnavailableError):
    """Nobody answered at the peer's address."""

    code = "peer-unreachable"


class PeerAnswerError(PeerUnavailableError):
    """The peer's answer is not one: too large, of another type, not JSON, a redirect, or a failure of the peer."""

    code = "peer-answer"


class PeerDeadlineError(PeerUnavailableError):
    """The peer did not answer within the time, bytes or pages that it was given."""

    code = "peer-deadline"
    status = 504


class PeerRestingError(PeerUnavailableError):
    """The peer failed so often of late that it is left alone for a moment."""

    code = "peer-resting"


class PeerRefusedError(PeerUnavailableError):
    """The peer understood the question and does not answer it.

    Attributes
    ----------
    answered
        Its HTTP status, 400 to 499.
    """

    code = "peer-refused"

    def __init__(self, message: str, *, answered: int, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.answered = answered
