"""What can be wrong with a peer, or with what it says."""

from typing import Literal

from twinlake.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, TwinlakeError

Refusal = Literal[
    "unreadable",
    "oversized",
    "unsigned",
    "unknown-key",
    "other-site",
    "other-protocol",
    "expired",
    "rolled-back",
    "contradictory",
]
"""Why a descriptor was not taken."""


class DescriptorRefusedError(TwinlakeError):
    """A site's descriptor is not taken; what was known of the site before stays."""

    code = "descriptor-refused"
    status = 502

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(f"The descriptor was refused: {message}.")
        self.reason = reason


class PeerNotFoundError(NotFoundError):
    """No site of this id is known here."""

    code = "peer-not-found"

    def __init__(self, peer: str) -> None:
        super().__init__(f"No site {peer!r} is known here.", remedy="List those that are: twinlake federation list")


class PeerStateError(ConflictError):
    """What this site and the other are to each other does not allow the change."""

    code = "peer-state"


class InviteError(InvalidInputError):
    """The invite is damaged, has ended, was used, or is for somebody else."""

    code = "invite-refused"


class JoinRefusedError(ForbiddenError):
    """A site that wants to join, or tells of itself, is not who it must be."""

    code = "join-refused"


class ForwardingRefusedError(ForbiddenError):
    """A site that was asked by a site asks no third."""

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

    def __init__(self, message: str, *, answered: int) -> None:
        super().__init__(message)
        self.answered = answered
