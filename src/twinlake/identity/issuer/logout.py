"""Back-channel logout (OpenID Connect Back-Channel Logout 1.0): clients that gave an address hear of sessions that ended.

So do the sites of the federation at which somebody signed in with a session of here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import urlencode

from structlog.typing import FilteringBoundLogger

from twinlake.core.errors import TwinlakeError
from twinlake.engines.network.client import Answer
from twinlake.identity.issuer.clients import ClientRegistry
from twinlake.identity.issuer.minting import TokenMint
from twinlake.identity.issuer.models import Realm
from twinlake.identity.issuer.session_rows import Session


class Post(Protocol):
    """Sends, as `GuardedClient.post` does."""

    async def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer: ...


TellSite = Callable[[str, str], Awaitable[None]]
"""Brings a site, by its id, a logout token; raises `TwinlakeError` where it cannot."""


class BackChannelLogout:
    """Tells clients. One that does not answer is named in the log: its token ends by itself within the hour."""

    def __init__(
        self,
        *,
        site_id: str,
        realms: Sequence[Realm],
        clients: ClientRegistry,
        mint: TokenMint,
        post: Post,
        tell_site: TellSite,
        log: FilteringBoundLogger,
    ) -> None:
        self._site_id = site_id
        self._tell_site = tell_site
        self._realms: dict[str, Realm] = {realm.name: realm for realm in realms}
        self._clients = clients
        self._mint = mint
        self._post = post
        self._log = log

    async def tell(self, ended: Sequence[Session]) -> None:
        """Tell the clients of sessions that ended."""
        await asyncio.gather(*(self._tell(session) for session in ended))

    async def _tell(self, session: Session) -> None:
        realm = self._realms.get(session.realm)
        client = None if realm is None else self._clients.find(realm, session.client)
        if realm is None or client is None:
            return
        if session.site != self._site_id:
            try:
                await self._tell_site(session.site, self._mint.logout_token(realm, session))
            except TwinlakeError as error:
                self._log.warning("a site did not hear of a logout", site=session.site, reason=error.message)
        if client.back_channel_logout_uri is None:
            return
        body = urlencode({"logout_token": self._mint.logout_token(realm, session)}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        try:
            answer = await self._post(client.back_channel_logout_uri, headers=headers, body=body)
        except TwinlakeError as error:
            self._log.warning("back-channel logout failed", client_id=client.id, reason=error.message)
            return
        if answer.status >= 300:
            self._log.warning("back-channel logout refused", client_id=client.id, status=answer.status)
