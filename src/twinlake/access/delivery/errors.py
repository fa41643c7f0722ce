"""Anticipated failures of delivery."""

from twinlake.core.errors import ForbiddenError, NotFoundError, TwinlakeError, UnauthenticatedError


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


class NoPictureError(NotFoundError):
    """The asset is nothing that a page could show."""

    code = "no-picture"


class SiteAwayError(TwinlakeError):
    """The site that holds the bytes does not answer, or not as a site of the federation does."""

    code = "site-away"
    status = 502

    def __init__(self, site: str) -> None:
        super().__init__(f"The site {site!r}, which holds these bytes, does not answer as it should.", remedy="Try again later.")
        self.members = {"federation:missing": [site]}


class SiteLateError(SiteAwayError):
    """The site that holds the bytes did not answer in time."""

    code = "site-late"
    status = 504


class SignInElsewhereError(UnauthenticatedError):
    """The site that holds the bytes does not give them to somebody whom it does not know."""

    code = "sign-in-required"


class RefusedElsewhereError(ForbiddenError):
    """The site that holds the bytes does not give them to the caller."""

    code = "refused-by-site"


class NotFoundElsewhereError(NotFoundError):
    """The site that should hold the bytes has no such asset, or the caller may not know of it."""

    code = "not-found-at-site"


def refused_elsewhere(site: str, status: int, message: str) -> TwinlakeError:
    """Return this site's own error for what another one answered.

    Parameters
    ----------
    status
        400 to 499.
    message
        What the other said, for people.
    """
    match status:
        case 401:
            return SignInElsewhereError(message, remedy="Send a token of this site: Authorization: Bearer ..., or sign in.")
        case 403:
            return RefusedElsewhereError(message, remedy=f"Ask the operator of {site} for access.")
        case 400 | 404:
            return NotFoundElsewhereError(message)
        case _:
            return SiteAwayError(site)
