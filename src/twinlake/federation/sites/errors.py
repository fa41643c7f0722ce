"""What can be wrong with what a site says of itself, and with joining."""

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
