"""A whole site that serves on a free port from a thread of this process, for tests that read and write past its APIs."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import uvicorn
from starlette.types import ASGIApp

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.discovery.data.app import API_PATH
from twinlake.engines.web.zerocopy import ZeroCopyHttpToolsProtocol
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.identity.actions import SCOPES
from twinlake.site.services import Services
from twinlake.testing.site import LocalSite, local_site

T = TypeVar("T")
SITE_ID = "test"
_LOG_SECONDS = 30


class StacSite:
    """A running site, used from another thread than its own."""

    def __init__(self, site: LocalSite, loop: asyncio.AbstractEventLoop) -> None:
        self._site = site
        self._loop = loop
        self.public_url = site.services.settings.base_url
        self.url = f"{self.public_url}{API_PATH}"
        """Of the landing page of its STAC API."""

    @property
    def app(self) -> ASGIApp:
        """What is served, middleware and all."""
        return self._site.app

    @property
    def services(self) -> Services:
        """What the site is made of; coroutines go through `run`."""
        return self._site.services

    @property
    def catalogue(self) -> SqlCatalogue:
        """The catalogue; its coroutines go through `run`."""
        return self.services.catalogue

    def run(self, work: Awaitable[T]) -> T:
        """Wait for *work* on the site's own event loop."""

        async def wait() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result()

    def put(self, documents: Sequence[JsonObject], *, access: CollectionAccess | None = None) -> None:
        """Put collections and items, in this order, past the API."""
        for document in documents:
            if document["type"] == "Collection":
                self.run(self.catalogue.put_collection(document, access=access))
        drafts = [ItemDraft(document=document) for document in documents if document["type"] == "Feature"]
        if drafts:
            self.run(self.catalogue.put_items(drafts))

    def token(self, subject: str, *, roles: Sequence[str] = (), scopes: Sequence[str] = tuple(SCOPES)) -> str:
        """Return a new token of *subject*, who has *roles*."""
        return self.run(self._site.token(subject, roles=roles, scopes=scopes))

    def requests(self, least: int, **having: object) -> list[JsonObject]:
        """Return what the log says of the requests whose members are *having*, once that are at least *least*.

        A client may have its answer before the request has ended.
        """

        async def wait() -> list[JsonObject]:
            async with asyncio.timeout(_LOG_SECONDS):
                while True:
                    found = [line for line in self._site.log() if having.items() <= line.items()]
                    if len(found) >= least:
                        return found
                    await asyncio.sleep(0)

        return self.run(wait())


@contextmanager
def running_stac_site(
    directory: Path, *, settings: Mapping[str, Mapping[str, object]] | None = None, clock: Clock | None = None
) -> Generator[StacSite]:
    """Serve a new, empty site in a folder of *directory* until the block ends, without children and other loops.

    Parameters
    ----------
    settings
        Sections by name, as in ``site.toml``.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    chosen = {"server": {"port": listener.getsockname()[1]}, **(settings or {})}
    started = threading.Event()
    held: list[StacSite] = []
    server: list[uvicorn.Server] = []

    async def serve() -> None:
        async with local_site(directory, site_id=SITE_ID, clock=clock, settings=chosen) as site:
            config = uvicorn.Config(
                site.app, http=ZeroCopyHttpToolsProtocol, loop="asyncio", lifespan="off", access_log=False, log_config=None
            )
            server.append(uvicorn.Server(config))
            held.append(StacSite(site, asyncio.get_running_loop()))
            started.set()
            await server[0].serve(sockets=[listener])

    thread = threading.Thread(target=lambda: _run_then(serve, started), name="stac-site")
    thread.start()
    started.wait()
    try:
        yield held[0]
    finally:
        if server:
            server[0].should_exit = True
        thread.join()
        listener.close()


def _run_then(serve: Callable[[], Awaitable[None]], started: threading.Event) -> None:
    async def run() -> None:
        await serve()

    try:
        asyncio.run(run())
    finally:
        started.set()
