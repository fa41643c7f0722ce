"""Signing in to the console with an account: the console as a client of OpenID Connect (authorization code, PKCE S256).

At home the site's own ``dedl`` realm signs in; people of another site sign in at its ``desp`` realm, and what that says is
exchanged at this site's own issuer, as any client would do it. Who signs out is signed out there, too: otherwise the next
sign-in would ask for nothing.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlencode

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.core.randomness import Randomness
from twinlake.identity.errors import CrossSiteFormError, InvalidTokenError
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import Principal, site_issuer
from twinlake.identity.secrets import new_secret

CONSOLE_CLIENT = "twinlake-console"
"""The console as a client of realms ``desp``, its own site's and others': public, for a secret would have to be told around."""
OWN_CONSOLE_CLIENT = "twinlake-console-own"
"""The console as a client of its own site's realm ``dedl``, with a secret."""
CALLBACK = "/sign-in/callback"
SIGNED_OUT = "/"
"""Where a home sends the browser back to whom it has signed out."""
PENDING_LIFE = timedelta(minutes=15)
_BINDING = "sign-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A site where people may have their account."""

    id: str
    title: str
    realm_url: str
    """Issuer of the realm at which they sign in."""
    client_id: str = CONSOLE_CLIENT
    """As which the console is known there."""

    @property
    def account_url(self) -> str:
        """Where people see to their account."""
        return f"{self.realm_url}/account"


class Homes(Protocol):
    """The sites where people may have their account."""

    def list_homes(self) -> Sequence[Home]:
        """Return those that are trusted now, first the one that most people want."""
        ...


class Realms(Protocol):
    """The token endpoints that a sign-in needs."""

    async def redeem_code(self, home: Home, form: Mapping[str, str]) -> JsonObject:
        """Send the authorization code grant to the realm of *home* and return its answer.

        Raises
        ------
        InvalidTokenError
            It refused.
        TwinlakeError
            It did not answer.
        """
        ...

    async def exchange(self, home: Home, subject_token: str) -> JsonObject:
        """Exchange at this site's issuer what the realm of *home* gave; raises as `redeem_code` does."""
        ...


class SignIns(Protocol):
    """The sign-ins of this site's issuer."""

    async def sign_out(self, sid: str, *, request_id: str) -> None:
        """End the sign-in *sid* with the browser's session within which it began."""
        ...


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that has begun."""

    url: str
    """Where the browser goes."""
    cookie: str
    """What it must bring back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A sign-in that was finished."""

    token: str = field(repr=False)
    """An access token of this site."""
    target: str
    """Where the browser wanted to be."""
    way_out: str = field(repr=False)
    """What `SignIn.leave` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """Where a browser goes to be signed out at its home."""

    home: Home
    url: str = field(repr=False)


class SignIn:
    """Takes a browser to a home and back."""

    def __init__(
        self,
        *,
        site_id: str,
        public_url: str,
        homes: Homes,
        realms: Realms,
        sign_ins: SignIns,
        sealer: Sealer,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._site_id = site_id
        self._redirect_uri = public_url + CALLBACK
        self._signed_out = public_url + SIGNED_OUT
        self._homes = homes
        self._realms = realms
        self._sign_ins = sign_ins
        self._sealer = sealer
        self._clock = clock
        self._randomness = randomness
        self.cookie_name = f"twinlake-sign-in-{hashlib.sha256(site_id.encode()).hexdigest()[:12]}"

    def list_homes(self) -> Sequence[Home]:
        """Return the sites where people may have their account."""
        return self._homes.list_homes()

    def find_home(self, principal: Principal) -> Home | None:
        """Return the site that keeps the account of *principal*, if people may sign in with it there."""
        return next((home for home in self._homes.list_homes() if site_issuer(home.id) == principal.issuer), None)

    def begin(self, home_id: str, *, target: str) -> Pending:
        """Return where to send a browser that wants to sign in at a home and then see *target*.

        Raises
        ------
        NotFoundError
            There is no such home.
        """
        home = self._find(home_id)
        state, verifier = new_secret(self._randomness), new_secret(self._randomness)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        kept = {"home": home.id, "state": state, "verifier": verifier, "target": target, "at": self._clock.now().timestamp()}
        question = {
            "response_type": "code",
            "client_id": home.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid profile search read write process subscribe admin",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        cookie = base64.urlsafe_b64encode(self._sealer.seal(json.dumps(kept).encode(), binding=_BINDING)).decode()
        return Pending(f"{home.realm_url}/protocol/openid-connect/auth?{urlencode(question)}", cookie)

    async def finish(self, answer: Mapping[str, str], *, cookie: str) -> SignedIn:
        """Return what a sign-in gave.

        Raises
        ------
        CrossSiteFormError
            The answer does not belong to a sign-in that this browser began here.
        InvalidTokenError
            The home refused, or gave no token.
        TwinlakeError
            The home did not answer.
        """
        kept = self._open(cookie)
        home = self._find(kept["home"])
        belongs = hmac.compare_digest(answer.get("state", "").encode(), kept["state"].encode())
        if not belongs or answer.get("iss", home.realm_url) != home.realm_url:  # RFC 9207
            raise _not_begun()
        if "code" not in answer:
            reason = answer.get("error_description") or answer.get("error") or "no reason given"
            raise InvalidTokenError(f"The sign-in was not finished: {reason[:200]}.", remedy="Sign in again.")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": self._redirect_uri,
            "client_id": home.client_id,
            "code_verifier": kept["verifier"],
        }
        given = await self._realms.redeem_code(home, form)
        way_out = {"home": home.id, "id_token": given.get("id_token")}
        if home.id != self._site_id:
            given = await self._realms.exchange(home, _token_of(given))
        way_out["sid"] = given.get("session_state")
        return SignedIn(token=_token_of(given), target=kept["target"], way_out=json.dumps(way_out))

    async def leave(self, way_out: str, *, request_id: str) -> Farewell | None:
        """End a sign-in at this site; return where its browser goes to end it at another one, too, if that is its home.

        There it is a logout that the console asks for (OpenID Connect RP-Initiated Logout 1.0, section 2), which ends
        nothing but what was begun in that very browser.
        """
        kept = json.loads(way_out)
        await self._sign_ins.sign_out(str(kept["sid"]), request_id=request_id)
        home = next((home for home in self._homes.list_homes() if home.id == kept["home"]), None)
        if home is None or home.id == self._site_id:
            return None
        asked = {"post_logout_redirect_uri": self._signed_out, "client_id": home.client_id}
        if kept["id_token"]:
            asked["id_token_hint"] = kept["id_token"]
        return Farewell(home=home, url=f"{home.realm_url}/protocol/openid-connect/logout?{urlencode(asked)}")

    def _open(self, cookie: str) -> dict[str, str]:
        try:
            kept = json.loads(self._sealer.open(base64.urlsafe_b64decode(cookie), binding=_BINDING))
        except (InvalidInputError, ValueError):
            raise _not_begun() from None
        if self._clock.now().timestamp() - kept.pop("at") > PENDING_LIFE.total_seconds():
            raise _not_begun()
        return dict(kept)

    def _find(self, home_id: str) -> Home:
        for home in self._homes.list_homes():
            if home.id == home_id:
                return home
        raise NotFoundError(f"Nobody can sign in at {home_id[:80]!r} for this site.", remedy="Choose one of those on the page.")


def _token_of(answer: JsonObject) -> str:
    token = answer.get("access_token")
    if not isinstance(token, str):
        raise InvalidTokenError("The sign-in gave no token.", remedy="Sign in again.")
    return token


def _not_begun() -> CrossSiteFormError:
    return CrossSiteFormError("This sign-in was not begun here, or a quarter of an hour ago.", remedy="Sign in again.")
