"""What this site's identity asks of peers and tells them, over the one client of peers."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.federation.errors import PeerRefusedError
from twinlake.federation.sites.breaking import Budget
from twinlake.federation.sites.calls import PeerClient, PeerQuestion
from twinlake.federation.sites.destinations import path_at
from twinlake.federation.sites.trust import Peer, PeerDirectory
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.issuer.build import Issuer
from twinlake.identity.issuer.models import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE, TokenRequest
from twinlake.identity.relying import OWN_CONSOLE_CLIENT, Home
from twinlake.identity.trust.models import DESP_ALIAS, LOGOUT_PATH, PeerRecord

_TOKEN_SECONDS = 10.0
_TELL_SECONDS = 2.0
"""Who signs out waits for it."""
_TOKEN_BYTES = 64 << 10
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """Brings trusted sites word of sign-ins that ended here. One that does not hear asks by itself within four minutes."""

    directory: PeerDirectory
    client: PeerClient
    clock: Clock

    async def tell(self, site: str, logout_token: str) -> None:
        """Bring *site* the token, as `TellSite` does; one that is not trusted is told nothing."""
        peer = self.directory.find(site)
        if peer is None or peer.state != "trusted":
            return
        body = urlencode({"logout_token": logout_token}).encode()
        question = PeerQuestion(path=LOGOUT_PATH, method="POST", body=body, content_type=_FORM)
        await self.client.ask(peer, question, budget=Budget(clock=self.clock, seconds=_TELL_SECONDS, size_bytes=_TOKEN_BYTES))


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteEndpoints:
    """The token endpoints of this site and of its peers."""

    site_id: str
    directory: PeerDirectory
    client: PeerClient
    issuer: Issuer
    console_secret: str
    clock: Clock

    async def post_form(self, peer: PeerRecord, form: Mapping[str, str]) -> JsonObject:
        """Send *form* to the token endpoint of a trusted site; raises as `TokenEndpoints.post_form` does."""
        return await self._post(self.directory.get(peer.id), peer.token_url, form)

    async def redeem_code(self, home: Home, form: Mapping[str, str]) -> JsonObject:
        """Send the authorization code grant to a home; raises as `Realms.redeem_code` does."""
        if home.id == self.site_id:
            return await self._ask_own("authorization_code", form)
        return await self._post(self.directory.get(home.id), f"{home.realm_url}/protocol/openid-connect/token", form)

    async def exchange(self, home: Home, subject_token: str) -> JsonObject:
        """Exchange here what a home gave; raises as `Realms.exchange` does."""
        _ = home
        form = {
            "client_id": OWN_CONSOLE_CLIENT,
            "subject_token": subject_token,
            "subject_token_type": ACCESS_TOKEN_TYPE,
            "subject_issuer": DESP_ALIAS,
            "scope": "search read write process subscribe admin",
        }
        return await self._ask_own(TOKEN_EXCHANGE, form)

    async def _ask_own(self, grant: str, form: Mapping[str, str]) -> JsonObject:
        realm = next(each for each in self.issuer.realms if each.name == "dedl")
        asked = {**form, "grant_type": grant, "client_secret": self.console_secret}
        request = TokenRequest(realm=realm, form=asked, authorization="", address="console", request_id="console")
        return await self.issuer.grants[grant](request)

    async def _post(self, peer: Peer, url: str, form: Mapping[str, str]) -> JsonObject:
        question = PeerQuestion(path=path_at(peer, url), method="POST", body=urlencode(form).encode(), content_type=_FORM)
        budget = Budget(clock=self.clock, seconds=_TOKEN_SECONDS, size_bytes=_TOKEN_BYTES)
        try:
            answer = await self.client.ask_json(peer, question, budget=budget)
        except PeerRefusedError as error:
            if error.answered not in {400, 401, 403}:
                raise
            raise InvalidTokenError(error.message, remedy="Sign in again.") from None
        if not isinstance(answer, dict):
            raise InvalidTokenError(f"{peer.id} answered without a token.")
        return answer
