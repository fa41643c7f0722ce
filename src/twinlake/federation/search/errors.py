"""What can go wrong between sites."""

from collections.abc import Mapping

from twinlake.core.errors import InvalidInputError, TwinlakeError


class PeerCallError(TwinlakeError):
    """A peer could not be reached, refused, or broke off; who makes the calls raises this or a narrower one."""

    code = "unreachable"
    status = 502


class InvalidAnswerError(PeerCallError):
    """A peer answered what cannot be right: out of order, of a collection not asked for, or no answer at all."""

    code = "invalid-answer"


class UnsupportedQueryError(PeerCallError):
    """A source cannot filter, sort or count so."""

    code = "unsupported"


class ForwardedCallError(InvalidInputError):
    """A call between sites has come through another site already, or back to this one."""

    code = "forwarded-call"


class FederationIncompleteError(TwinlakeError):
    """All sites or none were asked for, and one is missing."""

    code = "federation-incomplete"
    status = 502

    def __init__(self, missing: Mapping[str, str]) -> None:
        names = ", ".join(f"{site} ({reason})" for site, reason in missing.items())
        super().__init__(
            f"Not all sites answered: {names}.", remedy="Try again, or leave out federation:strict to get what the others have."
        )
        self.members = {"federation:missing": list(missing)}


class HolderMissingError(TwinlakeError):
    """No site that answered has it, and one that may did not answer."""

    code = "federation-incomplete"
    status = 502

    def __init__(self, missing: Mapping[str, str]) -> None:
        names = " and ".join(missing)
        super().__init__(f"It is at no site that answered, and {names} did not answer.", remedy="Try again in a moment.")
        self.members = {"federation:missing": list(missing)}


class FederationTimeoutError(FederationIncompleteError):
    """All sites or none were asked for, and one took too long."""

    code = "federation-timeout"
    status = 504
