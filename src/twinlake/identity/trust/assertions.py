"""What sites sign about people, and about themselves, for one another. Decision 9; RFC 7523; RFC 8693, section 4.1 (``act``)."""

import base64
from dataclasses import dataclass
from datetime import timedelta

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.core.randomness import Randomness
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys.jwt import BACK_DATED, audiences, check_times, peek, read_keys, sign, verify
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.principals import Principal, site_issuer
from twinlake.identity.trust.models import DELEGABLE_SCOPES, PeerRecord, Peers, VerifiedSubject, assertable, read_subject
from twinlake.identity.trust.used import UsedIds

ASSERTION = "twinlake-assertion+jwt"
CLIENT_ASSERTION = "twinlake-client+jwt"
LIFE = timedelta(seconds=60)
SITE_SUBJECT = "site"
"""Subject of a site that asks for itself: its principal is ``urn:twinlake:site:ID|site``."""
_ALGORITHMS = ("Ed25519",)


class AssertionSigner:
    """Signs for this site."""

    def __init__(self, *, site_id: str, ring: KeyRing, clock: Clock, randomness: Randomness) -> None:
        self.issuer = site_issuer(site_id)
        self._ring = ring
        self._clock = clock
        self._randomness = randomness

    def assert_subject(self, subject: VerifiedSubject, *, audience: str, actor: str | None = None) -> str:
        """Return an assertion that *subject*, who is at home here, asks the site *audience*, through the site *actor* if any."""
        claims = self._claims(subject.principal.subject, audience)
        claims |= {"realm_access": {"roles": sorted(subject.roles)}, "scope": " ".join(sorted(subject.scopes))}
        claims |= {"act": {"sub": actor}} if actor else {}
        return sign(claims, self._ring.signing_key("site"), typ=ASSERTION)

    def authenticate(self, audience: str) -> str:
        """Return what proves to the site *audience* that this site asks (``private_key_jwt``)."""
        return sign(self._claims(self.issuer, audience), self._ring.signing_key("site"), typ=CLIENT_ASSERTION)

    def _claims(self, subject: str, audience: str) -> JsonObject:
        issued_at = self._clock.now() - BACK_DATED
        return {
            "iss": self.issuer,
            "sub": subject,
            "aud": audience,
            "iat": int(issued_at.timestamp()),
            "exp": int((self._clock.now() + LIFE).timestamp()),
            "jti": base64.urlsafe_b64encode(self._randomness(18)).decode(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionReader:
    """Believes what trusted sites sign for this one, once."""

    site_id: str
    peers: Peers
    used: UsedIds
    clock: Clock

    async def read_client(self, token: str) -> PeerRecord:
        """Return the site that proved who it is.

        Raises
        ------
        InvalidTokenError
            It is not trusted, or the proof is not good, not for this site, or was used before.
        """
        peer, claims = self._verify(token, CLIENT_ASSERTION)
        if claims.get("sub") != peer.issuer:
            raise InvalidTokenError("The token is not good: a site proves only who it is itself.")
        await self._consume(peer, claims)
        return peer

    async def read_assertion(self, token: str, *, presenter: PeerRecord) -> VerifiedSubject:
        """Return whom an assertion speaks for, which *presenter* brings.

        Raises
        ------
        InvalidTokenError
            Its home is not trusted, it is not good, not for this site, was used before, or names another as actor.
        """
        home, claims = self._verify(token, ASSERTION)
        actor = claims.get("act", {"sub": home.issuer})
        if not isinstance(actor, dict) or set(actor) != {"sub"} or actor["sub"] != presenter.issuer:
            raise InvalidTokenError("The token is not good: another site was named to use it.")
        subject = read_subject(claims)
        await self._consume(home, claims)
        access = claims.get("realm_access")
        roles = assertable(access.get("roles") if isinstance(access, dict) else None, home.roles)
        return VerifiedSubject(
            principal=Principal(home.issuer, subject),
            roles=roles,
            scopes=DELEGABLE_SCOPES.intersection(str(claims.get("scope", "")).split()),
        )

    def _verify(self, token: str, typ: str) -> tuple[PeerRecord, JsonObject]:
        issuer = peek(token)[1].get("iss")
        peer = self.peers.find_peer(issuer) if isinstance(issuer, str) else None
        if peer is None:
            raise InvalidTokenError("The token is of a site that is not trusted here.")
        claims = verify(token, read_keys(peer.keys, algorithms=_ALGORITHMS), algorithms=_ALGORITHMS, typ=typ)
        check_times(claims, self.clock.now())
        if audiences(claims) != (site_issuer(self.site_id),):
            raise InvalidTokenError("The token is for another site.")
        if claims["exp"] - self.clock.now().timestamp() > (2 * LIFE).total_seconds():
            raise InvalidTokenError("The token is not good: it would live too long.")
        return peer, claims

    async def _consume(self, peer: PeerRecord, claims: JsonObject) -> None:
        # Twice the life covers the leeway, within which an expired one would still be taken.
        await self.used.consume(peer.issuer, claims.get("jti"), until=self.clock.now() + 3 * LIFE)
