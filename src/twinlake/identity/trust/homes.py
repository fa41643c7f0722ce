"""Whether people of other sites are still signed in: their home is asked again and again, and missed for a few hours only.

A sign-in that ends at home ends here at once where home can tell, and within six minutes where it cannot: it is confirmed
every four, and what was found is remembered for one (`BearerTokens`). While home is out of reach its people work on for four
hours since it last answered, without the roles in running this site.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Protocol
from weakref import WeakValueDictionary

from twinlake.core.clock import Clock
from twinlake.core.errors import TwinlakeError
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.principals import SITE_ROLES, Caller
from twinlake.identity.trust.models import PeerRecord, Peers
from twinlake.identity.trust.peer_tokens import PeerTokens
from twinlake.identity.trust.vault import SubjectVault

CONFIRMED_FOR = timedelta(minutes=4)
MISSED_FOR = timedelta(hours=4)
_ANSWERS_WITHIN_SECONDS = 3.0
_LEFT_ALONE_SECONDS = 30.0


class Logouts(Protocol):
    """Reads what homes say of sign-ins that ended."""

    async def verify_logout(self, token: str) -> tuple[str, str]:
        """Return realm and id of the sign-in that has ended; raises `InvalidTokenError` for what does not say that."""
        ...


class SignIns(Protocol):
    """The sign-ins at this site's issuer."""

    async def end(self, sid: str, *, request_id: str) -> None:
        """End one with all that clients were given within it."""
        ...


class Homes:
    """Asks the homes of people who signed in from other sites."""

    def __init__(
        self,
        *,
        peers: Peers,
        tokens: PeerTokens,
        vault: SubjectVault,
        logouts: Logouts,
        sign_ins: SignIns,
        clock: Clock,
    ) -> None:
        self._peers = peers
        self._tokens = tokens
        self._vault = vault
        self._logouts = logouts
        self._sign_ins = sign_ins
        self._clock = clock
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._left_alone: dict[str, float] = {}
        """Monotonic seconds until which a home that did not answer is not asked, by its issuer id."""

    async def confirm(self, caller: Caller) -> Caller:
        """Return *caller* with what may be believed of them now; who is of no other site is believed.

        Raises
        ------
        InvalidTokenError
            Their sign-in at home has ended, which ends the one here, or home has been out of reach for too long.
        """
        home = None if caller.principal is None else self._peers.find_peer(caller.principal.issuer)
        sid = caller.session
        if home is None or sid is None:
            return caller
        lock = self._asking.get(sid)
        if lock is None:
            lock = self._asking[sid] = asyncio.Lock()
        async with lock:
            return await self._confirm(caller, sid, home)

    async def hear_logout(self, token: str, *, request_id: str) -> None:
        """End the sign-ins here that began with the one of which *token*, from its home, says that it has ended.

        Raises
        ------
        InvalidTokenError
            It does not say that, or is of nobody whose people sign in here.
        """
        for sid in await self._vault.list_begun_by(*await self._logouts.verify_logout(token)):
            await self._sign_ins.end(sid, request_id=request_id)

    async def _confirm(self, caller: Caller, sid: str, home: PeerRecord) -> Caller:
        kept = await self._vault.find(sid)
        if kept is None:
            raise InvalidTokenError("The sign-in at home has ended.", remedy="Sign in again.")
        missed_for = self._clock.now() - kept.confirmed_at
        if missed_for < CONFIRMED_FOR:
            return caller
        try:
            if await self._is_alive(kept.token, home):
                await self._vault.note_confirmed(kept.sid)
                return caller
        except InvalidTokenError:
            await self._sign_ins.end(kept.sid, request_id=caller.request_id)
            raise InvalidTokenError("The sign-in at home has ended.", remedy="Sign in again.") from None
        if missed_for > MISSED_FOR:
            raise InvalidTokenError(
                f"{home.id}, where the account is, has not answered for four hours.",
                remedy="Sign in with an account of this site, or wait until that site answers.",
            )
        return replace(caller, roles=caller.roles - SITE_ROLES)

    async def _is_alive(self, token: str, home: PeerRecord) -> bool:
        """Tell whether *home* confirms the sign-in; False where it does not answer, `InvalidTokenError` where it denies it."""
        now = self._clock.monotonic()
        if self._left_alone.get(home.issuer, now) > now:
            return False
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_SECONDS):
                await self._tokens.prove_sign_in(token, home)
        except InvalidTokenError:
            raise
        except (TwinlakeError, TimeoutError):
            self._left_alone[home.issuer] = now + _LEFT_ALONE_SECONDS
            return False
        return True
