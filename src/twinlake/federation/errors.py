"""What the routes between sites refuse."""

from twinlake.core.errors import ForbiddenError


class NotAPeerError(ForbiddenError):
    """Only peers may use the routes between sites."""

    code = "not-a-peer"

    def __init__(self) -> None:
        super().__init__("Only sites of the federation may ask here.", remedy="Search at /stac/v2.")
