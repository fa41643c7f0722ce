"""The tokens with which this site asks others, for its users and for itself."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.core.errors import NotFoundError
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.trust.assertions import SITE_SUBJECT, AssertionSigner
from twinlake.identity.trust.models import NEVER_ASSERTED, PeerRecord, Peers, VerifiedSubject
from twinlake.identity.trust.site_grants import (
    ACCESS_TOKEN_TYPE,
    ASSERTION_TYPE,
    CLIENT_ASSERTION_TYPE,
    JWT_BEARER,
    PEER_TOKEN_LIFE,
    TOKEN_EXCHANGE,
)
from twinlake.identity.trust.vault import KeptToken

_RENEWED_BEFORE_SECONDS = 30.0
_REMEMBERED = 10_000


class TokenEndpoints(Protocol):
    """The token endpoints of trusted sites."""

    async def post_form(self, peer: PeerRecord, form: Mapping[str, str]) -> JsonObject:
        """Send *form* to the token endpoint of *peer* and return its answer.

        Raises
        ------
        InvalidTokenError
            It refused.
        TwinlakeError
            It did not answer, or not well.
        """
        ...


class SubjectTokens(Protocol):
    """The tokens with which people of other sites signed in here."""

    async def find(self, sid: str) -> KeptToken | None:
        """Return the token that the sign-in *sid*, or the one within which it is, began with; None where there is none."""
        ...


@dataclass(slots=True)
class _Slot:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: str = ""
    until: float = 0.0


class PeerTokens:
    """Gets tokens for peers, and keeps each for its five minutes per principal, roles and peer."""

    def __init__(
        self, *, signer: AssertionSigner, peers: Peers, endpoints: TokenEndpoints, subjects: SubjectTokens, clock: Clock
    ) -> None:
        self._signer = signer
        self._peers = peers
        self._endpoints = endpoints
        self._subjects = subjects
        self._clock = clock
        self._slots: OrderedDict[tuple[str, frozenset[str], str], _Slot] = OrderedDict()

    async def token_for(self, caller: Caller, peer_issuer: str) -> str:
        """Return a token that speaks for *caller* at a peer.

        For nobody in particular, and for who is at home elsewhere and did not sign in from there, it speaks for this site.

        Raises
        ------
        NotFoundError
            The peer is not trusted (any more).
        InvalidTokenError
            The peer, or the caller's home, refused.
        TwinlakeError
            One of the two did not answer.
        """
        peer = self._peers.find_peer(peer_issuer)
        if peer is None:
            raise NotFoundError(f"There is no trusted site {peer_issuer[:80]!r}.")
        slot = self._slot(caller, peer)
        async with slot.lock:
            if self._clock.monotonic() >= slot.until:
                slot.token = await self._get_token(caller, peer)
                slot.until = self._clock.monotonic() + PEER_TOKEN_LIFE.total_seconds() - _RENEWED_BEFORE_SECONDS
            return slot.token

    def forget(self) -> None:
        """Ask anew for every token: a sign-in ended, or grants or trust changed."""
        self._slots.clear()

    def _slot(self, caller: Caller, peer: PeerRecord) -> _Slot:
        key = (f"{caller.principal or ''}|{caller.session or ''}", caller.roles, peer.issuer)
        slot = self._slots.setdefault(key, _Slot())
        self._slots.move_to_end(key)
        if len(self._slots) > _REMEMBERED:
            self._slots.popitem(last=False)
        return slot

    async def _get_token(self, caller: Caller, peer: PeerRecord) -> str:
        principal = caller.principal
        if principal is not None and principal.issuer == self._signer.issuer:
            subject = VerifiedSubject(principal=principal, roles=caller.roles - NEVER_ASSERTED)
            return await self._redeem(self._signer.assert_subject(subject, audience=peer.issuer), peer)
        home = None if principal is None else self._peers.find_peer(principal.issuer)
        kept = await self._subjects.find(caller.session) if caller.session else None
        if home is None or kept is None:
            site = VerifiedSubject(principal=Principal(self._signer.issuer, SITE_SUBJECT), roles=frozenset())
            return await self._redeem(self._signer.assert_subject(site, audience=peer.issuer), peer)
        given = await self._exchange(kept.token, home, audience=peer.issuer)
        return given if home == peer else await self._redeem(given, peer)

    async def prove_sign_in(self, subject_token: str, home: PeerRecord) -> None:
        """Have *home* confirm that the sign-in of *subject_token* lasts; raises as `token_for` does."""
        await self._exchange(subject_token, home, audience=home.issuer)

    async def _redeem(self, assertion: str, peer: PeerRecord) -> str:
        return await self._post(peer, {"grant_type": JWT_BEARER, "assertion": assertion})

    async def _exchange(self, subject_token: str, home: PeerRecord, *, audience: str) -> str:
        """Return an assertion for *audience*, or a token for home where that is who shall be asked."""
        form = {"subject_token": subject_token, "subject_token_type": ACCESS_TOKEN_TYPE, "audience": audience}
        return await self._post(home, {"grant_type": TOKEN_EXCHANGE, "requested_token_type": ASSERTION_TYPE, **form})

    async def _post(self, site: PeerRecord, form: Mapping[str, str]) -> str:
        proof = {"client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": self._signer.authenticate(site.issuer)}
        answer = await self._endpoints.post_form(site, {**form, **proof})
        token = answer.get("access_token")
        if not isinstance(token, str) or not token.isascii():
            raise InvalidTokenError("The other site answered without a token.")
        return token
