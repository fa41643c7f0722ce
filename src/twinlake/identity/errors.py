"""Anticipated failures of asking who and whether."""

from twinlake.core.errors import ForbiddenError, OverloadedError, UnauthenticatedError


class InvalidTokenError(UnauthenticatedError):
    """A token or session was sent and is not good; the request is not treated as anonymous."""

    code = "invalid-token"


class UnknownProviderError(InvalidTokenError):
    """A client of openEO says that its token is of a provider that this site does not offer."""

    code = "unknown-provider"


class SiteNotProvenError(InvalidTokenError):
    """Who asks for a token as a site is none that is trusted, or did not prove it."""

    code = "site-not-proven"


class SignInRequiredError(UnauthenticatedError):
    """Nobody in particular asks, and this is not for everybody."""

    code = "sign-in-required"

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(message, remedy="Send a token: Authorization: Bearer tl_..., or sign in on the console.")
        self.members = {"rule": rule}


class RefusedError(ForbiddenError):
    """The policy, or the scopes of the token, do not allow the action."""

    code = "refused-by-policy"

    def __init__(self, message: str, *, rule: str, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.members = {"rule": rule}


class CrossSiteFormError(ForbiddenError):
    """A form or script of another origin tried to act with the caller's session."""

    code = "cross-site-request"


class TooManyAttemptsError(OverloadedError):
    """Too many bad tokens came from this address."""

    code = "too-many-attempts"
    status = 429
