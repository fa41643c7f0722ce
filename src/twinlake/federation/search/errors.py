"""What can go wrong with an answer of several sites."""

from collections.abc import Mapping

from twinlake.core.errors import TwinlakeError
from twinlake.federation.errors import PeerUnavailableError


class InvalidAnswerError(PeerUnavailableError):
    """A peer answered what cannot be right: out of order, of a collection not asked for, or no answer at all."""

    code = "invalid-answer"


class UnsupportedQueryError(TwinlakeError):
    """A source cannot filter, sort or count so."""

    code = "unsupported"


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
