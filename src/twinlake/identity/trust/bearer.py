"""Access tokens of the ``dedl`` realm as the callers of this site's APIs."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.engines.database import Database
from twinlake.identity.actions import SCOPES
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.grants import read_grants
from twinlake.identity.keys.jwt import audiences
from twinlake.identity.principals import Caller, Principal, parse_principal
from twinlake.identity.trust.models import NEVER_ASSERTED
from twinlake.identity.trust.realm_tokens import RealmTokens

PEER_AUDIENCE = "twinlake-peer"
"""Audience of the tokens with which sites ask each other."""
RESOURCE_AUDIENCE = "hda-public"
"""Audience of the tokens of users; it counts only with this site's own issuer."""
_USERS_SCOPES = SCOPES - {"admin"}
"""What a token may be used for that names no scope of the lake's: clients of today ask for ``openid`` only."""
_NAME_LENGTH = 80
_REMEMBERED_SECONDS = 60.0
_REMEMBERED_TOKENS = 10_000

RolesOfIssuer = Callable[[str], frozenset[str] | None]
"""Roles that the issuer with this id may assert now; None where it is not trusted (any more)."""


@dataclass(slots=True)
class _Remembered:
    caller: Caller
    expires_at: float
    until: float
    """Monotonic seconds at which everything is looked at again."""


class BearerTokens:
    """Says whom an access token speaks for.

    A token that was found good is remembered for at most a minute and by its hash; whether its sign-in has ended is asked
    every time, and changed grants count at once in this process (`forget`).

    Parameters
    ----------
    confirm
        Says what is to be believed of somebody who may have signed in from another site; None where none is trusted.
    """

    def __init__(
        self,
        *,
        site_issuer: str,
        tokens: RealmTokens,
        roles_of_issuer: RolesOfIssuer,
        database: Database,
        clock: Clock,
        confirm: Callable[[Caller], Awaitable[Caller]] | None = None,
    ) -> None:
        self._site_issuer = site_issuer
        self._tokens = tokens
        self._roles_of_issuer = roles_of_issuer
        self._database = database
        self._clock = clock
        self._confirm = confirm
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._generation = 0

    async def verify(self, token: str) -> Caller:
        """Return whom *token* speaks for.

        Raises
        ------
        InvalidTokenError
            It is no access token of this site that is good now.
        """
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is not None and await self._still_counts(known):
            return known.caller
        while True:
            generation = self._generation
            claims = await self._tokens.read(token)
            caller = await self._to_caller(claims)
            if self._confirm is not None and caller.peer is None:
                caller = await self._confirm(caller)
            # What was read before a change that is answered by now must not be remembered after it.
            if generation == self._generation:
                self._remember(digest, _Remembered(caller, claims["exp"], self._clock.monotonic() + _REMEMBERED_SECONDS))
                return caller

    async def _still_counts(self, known: _Remembered) -> bool:
        if self._clock.monotonic() >= known.until or self._clock.now().timestamp() >= known.expires_at:
            return False
        return known.caller.session is None or await self._tokens.sessions.is_alive(known.caller.session)

    def forget(self) -> None:
        """Look at every token again: a sign-in ended, or grants or trust changed."""
        self._remembered.clear()
        self._generation += 1

    async def _to_caller(self, claims: JsonObject) -> Caller:
        aud, peer = audiences(claims), claims.get("twinlake:peer")
        if not (aud == (PEER_AUDIENCE,) if peer is not None else RESOURCE_AUDIENCE in aud):
            raise InvalidTokenError("The token is for other uses than the APIs of this site.")
        principal = parse_principal(str(claims.get("twinlake:principal")))
        grants = await self._database.read(lambda tx: read_grants(tx, principal))
        asserted = self._assertable(principal)
        carried = claims["realm_access"]["roles"]
        named = frozenset(str(claims.get("scope", "")).split()) & SCOPES
        return Caller(
            principal=principal,
            roles=frozenset(carried) & (asserted | grants.roles),
            scopes=named or _USERS_SCOPES,
            projects=grants.projects,
            licences=grants.licences,
            name=_read_name(claims),
            session=claims.get("sid"),
            peer=peer,
        )

    def _assertable(self, principal: Principal) -> frozenset[str]:
        if principal.issuer == self._site_issuer:
            return frozenset()
        roles = self._roles_of_issuer(principal.issuer)
        if roles is None:
            raise InvalidTokenError("The home of this account is not trusted here any more.")
        return roles - NEVER_ASSERTED

    def _remember(self, digest: bytes, known: _Remembered) -> None:
        self._remembered[digest] = known
        if len(self._remembered) > _REMEMBERED_TOKENS:
            self._remembered.popitem(last=False)


def _read_name(claims: JsonObject) -> str:
    """Return what a token calls its holder, which may be anything, as one line for pages."""
    name = claims.get("preferred_username") or claims.get("name") or ""
    return "".join(filter(str.isprintable, str(name)))[:_NAME_LENGTH].strip()
