"""Issuers that are trusted, and what one of their tokens says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys.jwt import LEEWAY
from twinlake.identity.principals import Principal

NEVER_ASSERTED = frozenset({"operator", "administrator"})
"""Roles that count only where they were granted: no issuer may bring them along."""

PEER_SCOPES: frozenset[str] = frozenset({"search", "read"})
"""What one site may do for a person at another; a delegation may say otherwise."""
DESP_ALIAS = "desp-oidc"
"""What clients of the real service call the desp realm when they exchange its tokens."""
LOGOUT_TYPE = "logout+jwt"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
"""By which a realm says that a sign-in has ended (OpenID Connect Back-Channel Logout 1.0, section 2.4)."""
LOGOUT_PATH = "/federation/logout"
"""Where a site hears that a sign-in has ended at home."""
DELEGABLE_SCOPES = PEER_SCOPES | {"process"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """An issuer of tokens about people, and how far its word goes."""

    id: str
    """Stable; part of principals. Two URLs of one issuer, one after the other, have one id."""
    alias: str
    """What clients call it (``subject_issuer``)."""
    url: str
    """Exactly what ``iss`` says."""
    algorithms: tuple[str, ...] = ("RS256",)
    audience: str | None = None
    """What ``aud`` must contain; None demands instead that the token names this site (``twinlake:site``)."""
    roles: frozenset[str] = frozenset()
    """Roles that it may assert; all others in its tokens count for nothing."""
    leeway: timedelta = LEEWAY
    keys: tuple[JsonObject, ...] | None = None
    """Its keys where they come from a signed descriptor; None has them fetched from where its discovery says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSubject:
    """Whom a token of this site or of a trusted issuer speaks for, with what may be asserted of them."""

    principal: Principal
    roles: frozenset[str]
    """Those of the token's that its issuer may assert."""
    scopes: frozenset[str] = PEER_SCOPES
    """What another site may do for them."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Of ``preferred_username``, ``name`` and ``email`` those that are known; never keys."""
    sid: str | None = None
    """The session of this site that their token stands on; None where it is another issuer's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRecord:
    """What identity needs to know of a site that is trusted."""

    id: str
    issuer: str
    """``urn:twinlake:site:ID``."""
    token_url: str
    """Where assertions are redeemed: of the trust record, never of discovery."""
    keys: tuple[JsonObject, ...]
    """Public keys that it signs with as a site."""
    roles: frozenset[str] = frozenset()
    """Roles that it may assert for its own accounts."""


class Peers(Protocol):
    """The sites that are trusted now."""

    def find_peer(self, issuer: str) -> PeerRecord | None:
        """Return the trusted site with this issuer id; None where there is none, or it is blocked or has left."""
        ...


class Issuers(Protocol):
    """The issuers that are trusted now."""

    def list_issuers(self) -> Sequence[TrustedIssuer]:
        """Return all of them: of the settings, and the realms of trusted sites."""
        ...


def assertable(roles: object, trusted: frozenset[str]) -> frozenset[str]:
    """Return those of *roles*, as a token has them, that its issuer may assert."""
    named = (role for role in roles if isinstance(role, str)) if isinstance(roles, list) else ()
    return trusted.intersection(named) - NEVER_ASSERTED


def read_subject(claims: JsonObject) -> str:
    """Return ``sub``.

    Raises
    ------
    InvalidTokenError
        There is none that could name anybody.
    """
    try:
        return check_id(claims.get("sub"), "subject")
    except InvalidInputError:
        raise InvalidTokenError("The token is not good: it has no subject.") from None
