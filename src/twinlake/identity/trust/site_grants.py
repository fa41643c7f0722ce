"""The two grants by which sites get tokens for people from each other. Decision 9, "How an asking site speaks for a user"."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Database
from twinlake.identity.errors import InvalidTokenError, SiteNotProvenError
from twinlake.identity.grants import read_grants
from twinlake.identity.keys.jwt import BACK_DATED, sign
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.principals import Principal, site_issuer
from twinlake.identity.trust.assertions import LIFE, AssertionReader, AssertionSigner
from twinlake.identity.trust.bearer import PEER_AUDIENCE
from twinlake.identity.trust.delegations import Delegations
from twinlake.identity.trust.models import NEVER_ASSERTED, PEER_SCOPES, PeerRecord, Peers, VerifiedSubject
from twinlake.identity.trust.realm_tokens import RealmTokens

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - names a grant (RFC 8693)
CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - names a type (RFC 8693)
DELEGATION_TYPE = "urn:twinlake:token-type:delegation"
ASSERTION_TYPE = "urn:twinlake:token-type:assertion"
PEER_TOKEN_LIFE = timedelta(minutes=5)
Form = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteGrants:
    """What the token endpoint does for other sites; a site proves who it is with ``private_key_jwt``."""

    dedl_url: str
    ring: KeyRing
    signer: AssertionSigner
    reader: AssertionReader
    peers: Peers
    delegations: Delegations
    desp_tokens: RealmTokens | None
    """Those of this site's own `desp` realm; None where it has none."""
    database: Database
    clock: Clock
    randomness: Randomness

    async def exchange(self, form: Form) -> JsonObject:
        """Give the asking site an assertion for another one about an account of this site, or a token for this one (RFC 8693).

        Raises
        ------
        SiteNotProvenError
            The asking site is not trusted, or did not prove that it is the one.
        InvalidTokenError
            The subject token is not good or was not made for that site.
        NotFoundError
            There is no such delegation for it.
        InvalidInputError
            The audience is no other trusted site.
        """
        asker = await self._read_client(form)
        audience = form.get("audience", "")
        if audience == asker.issuer or (audience != self.signer.issuer and self.peers.find_peer(audience) is None):
            raise InvalidInputError("The audience must be another site that is trusted here.")
        if form.get("subject_token_type") == DELEGATION_TYPE:
            delegation = await self.delegations.redeem(form.get("subject_token", ""), actor=asker.issuer, audience=audience)
            subject = await self._describe(delegation.principal, scopes=delegation.scopes)
        else:
            subject = await self._read_sign_in(form.get("subject_token", ""), asker)
        if audience == self.signer.issuer:
            return {**self._issue(subject, presenter=asker), "issued_token_type": ACCESS_TOKEN_TYPE}
        return {
            "access_token": self.signer.assert_subject(subject, audience=audience, actor=asker.issuer),
            "issued_token_type": ASSERTION_TYPE,
            "token_type": "N_A",
            "expires_in": int(LIFE.total_seconds()),
        }

    async def redeem(self, form: Form) -> JsonObject:
        """Give the asking site a token of five minutes for what an assertion says (RFC 7523).

        Raises
        ------
        SiteNotProvenError
            The asking site is not trusted, or did not prove that it is the one.
        InvalidTokenError
            The assertion's home is not trusted, or the assertion is not good.
        """
        presenter = await self._read_client(form)
        subject = await self.reader.read_assertion(form.get("assertion", ""), presenter=presenter)
        return self._issue(subject, presenter=presenter)

    async def _read_sign_in(self, token: str, asker: PeerRecord) -> VerifiedSubject:
        if self.desp_tokens is None:
            raise InvalidTokenError("This site signs nobody in for others.")
        claims = await self.desp_tokens.read_sign_in(token)
        if site_issuer(str(claims.get("twinlake:site"))) != asker.issuer:
            raise InvalidTokenError("The subject token was made for another site.")
        subject = await self._describe(Principal(self.signer.issuer, claims["sub"]), scopes=PEER_SCOPES)
        carried = frozenset(claims["realm_access"]["roles"])
        return replace(subject, roles=subject.roles & carried)

    async def _describe(self, principal: Principal, *, scopes: frozenset[str]) -> VerifiedSubject:
        grants = await self.database.read(lambda tx: read_grants(tx, principal))
        return VerifiedSubject(principal=principal, roles=grants.roles - NEVER_ASSERTED, scopes=scopes)

    def _issue(self, subject: VerifiedSubject, *, presenter: PeerRecord) -> JsonObject:
        now = self.clock.now()
        claims = {
            "iss": self.dedl_url,
            "sub": subject.principal.subject,
            "aud": [PEER_AUDIENCE],
            "typ": "Bearer",
            "azp": presenter.issuer,
            "iat": int((now - BACK_DATED).timestamp()),
            "exp": int((now + PEER_TOKEN_LIFE).timestamp()),
            "jti": base64.urlsafe_b64encode(self.randomness(18)).decode(),
            "scope": " ".join(sorted(subject.scopes)),
            "realm_access": {"roles": sorted(subject.roles)},
            "twinlake:principal": str(subject.principal),
            "twinlake:peer": presenter.id,
        }
        return {
            "access_token": sign(claims, self.ring.signing_key("dedl"), typ="JWT"),
            "token_type": "Bearer",
            "expires_in": int(PEER_TOKEN_LIFE.total_seconds()),
            "scope": claims["scope"],
        }

    async def _read_client(self, form: Form) -> PeerRecord:
        if form.get("client_assertion_type") != CLIENT_ASSERTION_TYPE:
            raise SiteNotProvenError("A site must prove who it is with a signed client assertion.")
        try:
            return await self.reader.read_client(form.get("client_assertion", ""))
        except InvalidTokenError as error:
            raise SiteNotProvenError(error.message) from None
