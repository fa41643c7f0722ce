"""Access tokens of this site's own realms: verified against its own keys."""

from dataclasses import dataclass
from typing import Literal, Protocol

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys.jwt import UnknownKeyError, check_times, peek, verify
from twinlake.identity.keys.ring import KeyRing

_ALGORITHMS = ("RS256",)


class Sessions(Protocol):
    """The sign-ins of this site's issuer."""

    async def is_alive(self, sid: str) -> bool:
        """Tell whether the sign-in *sid* has neither ended nor been ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RealmTokens:
    """Reads the access tokens of one realm of this site."""

    realm: Literal["desp", "dedl"]
    url: str
    """What ``iss`` says."""
    ring: KeyRing
    sessions: Sessions
    clock: Clock

    async def read(self, token: str) -> JsonObject:
        """Return the claims of an access token that is good now.

        Raises
        ------
        InvalidTokenError
            It is not of this realm, is forged or expired, or its sign-in has ended.
        """
        claims = self._read_signed(token)
        check_times(claims, self.clock.now())
        sid = claims.get("sid")
        if sid is not None:
            await self._check_sign_in(sid)
        return claims

    async def read_sign_in(self, token: str) -> JsonObject:
        """Return the claims of an access token whose sign-in lasts, though it may have expired: it proves that, and no more.

        Raises
        ------
        InvalidTokenError
            It is not of this realm, is forged, or its sign-in has ended.
        """
        claims = self._read_signed(token)
        await self._check_sign_in(claims.get("sid"))
        return claims

    def _read_signed(self, token: str) -> JsonObject:
        try:
            claims = verify(token, self.ring.verifying_keys(self.realm), algorithms=_ALGORITHMS, typ="JWT")
        except UnknownKeyError:
            # Not verified, and good for the choice of words only.
            _, claims = peek(token)
            if claims.get("iss") == self.url:
                raise
            raise InvalidTokenError(
                "The token is of another site or issuer, and does not count at this site.",
                remedy="Send no token for open data, or a token of this site.",
            ) from None
        if claims.get("iss") != self.url:
            raise InvalidTokenError("The token is of another issuer.", remedy="Exchange it at this site first.")
        if claims.get("typ") != "Bearer":
            raise InvalidTokenError("The token is no access token.", remedy="Send the access token.")
        return claims

    async def _check_sign_in(self, sid: object) -> None:
        if not (isinstance(sid, str) and await self.sessions.is_alive(sid)):
            raise InvalidTokenError("The sign-in that the token belongs to has ended.", remedy="Sign in again.")
