"""Anticipated failures of delivery."""

from twinlake.core.errors import NotFoundError, TwinlakeError


class BackendNotFoundError(NotFoundError):
    """No site or provider of this name delivers here."""

    code = "backend-not-found"

    def __init__(self, backend: str, known: str) -> None:
        super().__init__(f"No backend {backend!r} delivers here.", remedy=f"The data of this site is under /data/{known}/.")


class AssetNotOnlineError(NotFoundError):
    """The item names the asset, but there is nothing here or elsewhere that could be sent now."""

    code = "asset-not-online"


class AssetDamagedError(TwinlakeError):
    """The site should have these bytes and has others, fewer, or none."""

    code = "asset-damaged"
    status = 502

    def __init__(self, message: str) -> None:
        super().__init__(message, remedy="Tell the operator of this site the ticket of this answer.")
