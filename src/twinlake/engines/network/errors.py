"""What can be wrong with an address that a user named."""

from twinlake.core.errors import InvalidInputError, TwinlakeError


class DestinationRefusedError(InvalidInputError):
    """The site does not send there."""

    code = "destination-refused"


class DestinationUnreachableError(TwinlakeError):
    """Nobody answered there in time, or not in HTTP."""

    code = "destination-unreachable"
    status = 502
