"""The Unix socket of a site: the public application and the child protocol, for processes of the same user only.

The socket lies in a directory that only its owner may enter, and each connection's peer is asked of the
kernel (SO_PEERCRED): another user's is closed before a byte of it is read.
"""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from twinlake.engines.sandbox.socket_path import short_path

_UCRED = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED
_BACKLOG = 256


class _PeerCheckedProtocol(HttpToolsProtocol):
    """HTTP over a Unix socket, spoken with processes of this user alone."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        peer: socket.socket = transport.get_extra_info("socket")
        _, uid, _ = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        if uid != os.geteuid():
            transport.abort()
        super().connection_made(transport)


class SocketApp:
    """What the Unix socket answers: ``/internal/…`` by the child protocol, all else by the public application."""

    def __init__(self, *, public: ASGIApp, internal: ASGIApp) -> None:
        self._public = public
        self._internal = internal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_internal = scope["type"] == "http" and scope["path"].startswith("/internal/")
        await (self._internal if is_internal else self._public)(scope, receive, send)


@asynccontextmanager
async def serve_at_socket(app: ASGIApp, path: Path) -> AsyncGenerator[None]:
    """Serve *app* at the Unix socket *path* until the context ends.

    The directory of *path* is made and closed to other users; a socket left there by a site that was killed is replaced.
    """
    listener = _listen(path)
    config = uvicorn.Config(
        app, http=_PeerCheckedProtocol, lifespan="off", ws="none", access_log=False, log_config=None, timeout_graceful_shutdown=1
    )
    server = _QuietServer(config)
    serving = asyncio.create_task(server.serve([listener]), name="unix socket")
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listener.close()


def _listen(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with short_path(path) as name:
        listener.bind(name)
    path.chmod(0o600)
    listener.listen(_BACKLOG)
    return listener


class _QuietServer(uvicorn.Server):
    """A server beside the site's main one: signals are that one's business."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
