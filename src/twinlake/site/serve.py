"""Serve a site: one event loop, the public listener and the children's Unix socket."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from twinlake.core.errors import ConflictError
from twinlake.engines.web.logs import StandardLogging, new_logger
from twinlake.engines.web.zerocopy import ZeroCopyHttpToolsProtocol
from twinlake.jobs.unix_socket import SocketApp, serve_at_socket
from twinlake.site.app import build_app, build_internal_app
from twinlake.site.build import open_services
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import SiteSettings

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 30
_SHUTDOWN_SECONDS = 5
_SWITCH_SECONDS = 0.0005
_COLLECTED_AFTER = 20_000
"""New objects; a page of items in JSON has thousands, and hardly a cycle."""


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the site, and says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _make_server(app: ASGIApp) -> _Server:
    config = uvicorn.Config(
        app,
        loop="asyncio",  # uvloop cannot send files without copying
        http=ZeroCopyHttpToolsProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        backlog=_BACKLOG,
    )
    return _Server(config)


def _listen(settings: SiteSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; else each answer waits 40 ms for its second part.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.server.host, settings.server.port))
    except OSError as error:
        listener.close()
        raise ConflictError(
            f"Cannot listen on {settings.server.host}:{settings.server.port}: {error.strerror}.",
            remedy="Stop what listens there, or choose another port: TWINLAKE_SERVER__PORT=8701.",
        ) from error
    return listener


@asynccontextmanager
async def running_site(settings: SiteSettings, folder: SiteFolder) -> AsyncIterator[str]:
    """Serve the site while the block runs; yields its URL once it answers.

    Raises
    ------
    ConflictError
        The port is taken, or the site runs already.
    """
    with folder.lock(), _listen(settings) as listener:
        port = listener.getsockname()[1]
        settings = settings.model_copy(update={"server": settings.server.model_copy(update={"port": port})})
        async with open_services(settings, folder) as services:
            app = build_app(services)
            server = _make_server(app)
            socket_app = SocketApp(public=app, internal=build_internal_app(services))
            async with serve_at_socket(socket_app, folder.socket), services.loops():
                task = asyncio.create_task(server.serve(sockets=[listener]))
                ready = asyncio.create_task(server.ready.wait())
                try:
                    await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
                    yield settings.base_url
                finally:
                    ready.cancel()
                    services.closing.set()
                    server.should_exit = True
                    await task


def _spare_collector() -> None:
    """Have garbage looked for among what requests make, and not among all that was imported and built for the site's life."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER)


async def serve(config: Path, *, tell: Callable[[str], None], unsafe_user_code: bool = False) -> None:
    """Serve the site of *config* until SIGTERM or SIGINT; *tell* is told when it is ready.

    Parameters
    ----------
    unsafe_user_code
        As the setting `openeo.unsafe_user_code`.
    """
    settings = SiteSettings.read(config)
    if unsafe_user_code:
        settings = settings.model_copy(update={"openeo": settings.openeo.model_copy(update={"unsafe_user_code": True})})
    # A writer that comes back from the disk waits for the event loop to let go; Python's 5 ms would be most of its time.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # What libraries have to say goes to the same log, in the same form, without secrets.
    log = new_logger(sys.stderr.buffer, site=settings.id, level=settings.logging.level)
    logging.basicConfig(handlers=[StandardLogging(log)], level=logging.WARNING)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running_site(settings, SiteFolder.of(config)) as url:
        _spare_collector()
        tell(f"Site {settings.id} is ready at {url}")
        await stop.wait()
