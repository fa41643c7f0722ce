"""Tokens of trusted issuers, read: for the exchange by which people sign in here (RFC 8693 with ``subject_issuer``)."""

from collections.abc import Iterator
from dataclasses import dataclass

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys.jwt import audiences, check_times, peek, verify
from twinlake.identity.principals import Principal
from twinlake.identity.trust.keysets import KeySets
from twinlake.identity.trust.models import (
    DESP_ALIAS,
    LOGOUT_EVENT,
    LOGOUT_TYPE,
    Issuers,
    TrustedIssuer,
    VerifiedSubject,
    assertable,
    read_subject,
)

_ACCESS_TOKEN = "at+jwt"  # noqa: S105 - a word of the standard
_ATTRIBUTES = ("preferred_username", "name", "email")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectReader:
    """Reads tokens of the issuers that are trusted here."""

    site_id: str
    issuers: Issuers
    keys: KeySets
    clock: Clock

    async def verify(self, token: str, subject_issuer: str) -> VerifiedSubject:
        """Return whom *token* speaks for, which is said to be of the issuer with the alias *subject_issuer*.

        Raises
        ------
        InvalidTokenError
            There is no such issuer, or the token is not of it, not for this site, forged or expired.
        """
        header, claims = peek(token)
        issuer = self._find(subject_issuer, claims.get("iss"))
        keys = await self.keys.keys_of(issuer, kid=header.get("kid"))
        claims = verify(token, keys, algorithms=issuer.algorithms, typ=_type_of(header))
        check_times(claims, self.clock.now(), leeway=issuer.leeway)
        self._check_audience(issuer, claims)
        return _describe(issuer, claims)

    def read_kept(self, token: str) -> VerifiedSubject:
        """Return whom a token of a site speaks for that `verify` took when somebody signed in with it; it may have expired.

        Raises
        ------
        InvalidTokenError
            Its issuer is not trusted any more.
        """
        claims = peek(token)[1]
        return _describe(self._find(DESP_ALIAS, claims.get("iss")), claims)

    async def verify_logout(self, token: str) -> tuple[str, str]:
        """Return the realm, by its URL, and the id of the sign-in that *token* says has ended there.

        Raises
        ------
        InvalidTokenError
            It is no logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6) of a realm that signs in for this site.
        """
        header, claims = peek(token)
        issuer = self._find(DESP_ALIAS, claims.get("iss"))
        keys = await self.keys.keys_of(issuer, kid=header.get("kid"))
        claims = verify(token, keys, algorithms=issuer.algorithms, typ=LOGOUT_TYPE)
        check_times(claims, self.clock.now(), leeway=issuer.leeway)
        sid, events = claims.get("sid"), claims.get("events")
        if not isinstance(sid, str) or not isinstance(events, dict) or LOGOUT_EVENT not in events or "nonce" in claims:
            raise InvalidTokenError("The token does not say that a sign-in has ended.")
        return issuer.url, sid

    def _find(self, alias: str, url: object) -> TrustedIssuer:
        for issuer in self.issuers.list_issuers():
            if issuer.alias == alias and issuer.url == url:
                return issuer
        raise InvalidTokenError("The token is of an issuer that is not trusted here.")

    def _check_audience(self, issuer: TrustedIssuer, claims: JsonObject) -> None:
        if issuer.audience is not None:
            if issuer.audience not in audiences(claims):
                raise InvalidTokenError("The token was made for another audience.")
        elif claims.get("twinlake:site") != self.site_id or "aud" in claims:
            raise InvalidTokenError("The token was made for another site.", remedy="Sign in again from here.")


def _describe(issuer: TrustedIssuer, claims: JsonObject) -> VerifiedSubject:
    """Return whom *claims* name, with what their issuer may assert."""
    roles = frozenset[str]().union(*(assertable(named, issuer.roles) for named in _role_lists(claims)))
    attributes = {name: claims[name] for name in _ATTRIBUTES if isinstance(claims.get(name), str)}
    return VerifiedSubject(principal=Principal(issuer.id, read_subject(claims)), roles=roles, attributes=attributes)


def _type_of(header: JsonObject) -> str:
    """Return the type that a token must have: RFC 9068 has one for access tokens, which not every issuer uses."""
    stated = str(header.get("typ")).lower().removeprefix("application/")
    return _ACCESS_TOKEN if stated == _ACCESS_TOKEN else "JWT"


def _role_lists(claims: JsonObject) -> Iterator[object]:
    """Yield where issuers put roles: Keycloak's realm and clients, entitlements and groups (RFC 9068, section 2.2.3.1)."""
    access = claims.get("realm_access")
    yield access.get("roles") if isinstance(access, dict) else None
    clients = claims.get("resource_access")
    for client in clients.values() if isinstance(clients, dict) else ():
        yield client.get("roles") if isinstance(client, dict) else None
    for name in ("entitlements", "groups"):
        listed = claims.get(name)
        yield listed.split(",") if isinstance(listed, str) else listed  # Glewlwyd writes lists so
