"""Realms, clients, and what the parts of the issuer hand each other."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from twinlake.core.documents import JsonObject
from twinlake.identity.trust.models import VerifiedSubject

RealmName = Literal["desp", "dedl"]
AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a word of the standard
CLIENT_CREDENTIALS = "client_credentials"
PASSWORD = "password"  # noqa: S105 - a word of the standard
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a word of the standard
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a word of the standard

IDENTITY_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
USER_SCOPES = frozenset({"search", "read", "process", "subscribe"})
"""What a program of the lake's users may do for them."""
TOKENS_LIVE = timedelta(hours=1)
TOKENS_LIVE_LONG = timedelta(hours=10)
"""As long as those of the real service (its questions and answers)."""


@dataclass(frozen=True, slots=True)
class Realm:
    """One face of the site's accounts, at the addresses of a Keycloak realm."""

    name: RealmName
    public_url: str

    @property
    def path(self) -> str:
        """Where the realm begins; ``/auth`` is how Keycloak had it before its version 17, and how clients of dedl ask."""
        return "/realms/desp" if self.name == "desp" else "/auth/realms/dedl"

    @property
    def url(self) -> str:
        """The issuer of the realm's tokens (``iss``)."""
        return self.public_url + self.path

    def endpoint(self, name: str) -> str:
        """Return the URL of an endpoint of the protocol."""
        return f"{self.url}/protocol/openid-connect/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A program that may ask for tokens."""

    id: str
    title: str
    realms: frozenset[RealmName]
    grants: frozenset[str]
    site: str
    """The site whose client it is."""
    redirect_uris: frozenset[str] = frozenset()
    """Compared exactly."""
    secret_sha256: bytes | None = field(default=None, repr=False)
    """None for a public client."""
    scopes: frozenset[str] = USER_SCOPES
    """Of the site's scopes those that it may have."""
    default_scopes: frozenset[str] = USER_SCOPES
    """What it gets of `scopes` where it asks for none."""
    is_legacy: bool = False
    """Written for the real service: sends no PKCE."""
    tokens_live: timedelta = TOKENS_LIVE
    """How long its access tokens of the realm ``dedl`` are good; they end with their session all the same."""
    is_everywhere: bool = False
    """Whether every site has this client: the redirect URIs at peers are its own, too."""
    logout_redirect_uris: frozenset[str] = frozenset()
    back_channel_logout_uri: str | None = None


class RedirectOwners(Protocol):
    """Knows the redirect URIs of other sites."""

    def owner_of(self, client_id: str, redirect_uri: str) -> str | None:
        """Return the id of the peer whose redirect URI this is, exactly, for a client that every site has."""
        ...

    def may_leave_to(self, client_id: str, redirect_uri: str) -> bool:
        """Tell whether a peer's client of this id may have people sent there, exactly, who signed out."""
        ...


class SubjectTokens(Protocol):
    """Verifies tokens that are exchanged for those of this site."""

    async def verify(self, token: str, subject_issuer: str) -> VerifiedSubject:
        """Return whom *token*, made by the issuer of this alias, speaks for.

        Raises
        ------
        InvalidTokenError
            It is not good, not for this site to exchange, or its issuer is not trusted.
        """
        ...


class VisitorSubjects(Protocol):
    """Knows people of other sites who are signed in here."""

    async def describe(self, sid: str) -> VerifiedSubject:
        """Return whose sign-in here *sid* is, or began within, with what their home may assert of them now.

        Raises
        ------
        InvalidTokenError
            It is over.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A request at a realm's token endpoint."""

    realm: Realm
    form: Mapping[str, str]
    authorization: str = field(repr=False)
    """The header, or empty text."""
    address: str
    request_id: str


GrantHandler = Callable[[TokenRequest], Awaitable[JsonObject]]
"""Answers requests of one ``grant_type`` with what RFC 6749, section 5.1, has; raises `OAuthError`."""
