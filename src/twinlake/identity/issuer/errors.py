"""What OAuth clients are told in its own form (RFC 6749, section 5.2; RFC 8628, section 3.5)."""

from twinlake.core.errors import TwinlakeError


class OAuthError(TwinlakeError):
    """A request of a client that is not granted.

    Parameters
    ----------
    error
        The code of the standard, such as ``invalid_grant``.
    """

    code = "oauth"
    status = 400

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status  # type: ignore[misc]  # each code has its own


def invalid_request(description: str) -> OAuthError:
    """Something is missing, repeated or malformed."""
    return OAuthError("invalid_request", description)


def invalid_client() -> OAuthError:
    """The client is not known, or did not show that it is the one: it is not said which."""
    return OAuthError("invalid_client", "Invalid client or invalid client credentials.", status=401)


def invalid_grant(description: str) -> OAuthError:
    """What the client redeems is not good, not its own, used or over."""
    return OAuthError("invalid_grant", description)


def unauthorized_client(grant_type: str) -> OAuthError:
    """The client may not use this grant."""
    return OAuthError("unauthorized_client", f"The client may not use the grant {grant_type[:80]}.")
