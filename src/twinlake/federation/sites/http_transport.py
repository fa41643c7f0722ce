"""The network between sites: HTTP over connections that are kept, to addresses that were checked."""

import asyncio
import ssl
from dataclasses import dataclass, field
from functools import cache
from typing import Self

from twinlake.engines.network import Destination
from twinlake.federation.errors import PeerUnreachableError
from twinlake.federation.sites.calls import PeerAnswer, PeerRequest
from twinlake.federation.sites.http_connection import ConnectionOverError, HttpConnection

_CONNECT_SECONDS = 1.5
"""Shorter than a search lets a peer take: who cannot be connected to counts as out of reach, not as slow."""
_KEPT_SECONDS = 20.0
"""Shorter than a site keeps an idle connection."""
_CONNECTIONS = 32
_SHARED = b"accept: */*\r\naccept-encoding: identity\r\nuser-agent: twinlake\r\n"


@dataclass(slots=True)
class _Pool:
    """The connections to one destination."""

    destination: Destination
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CONNECTIONS))
    idle: list[tuple[HttpConnection, float]] = field(default_factory=list)
    """With the monotonic time at which each was last used, the latest last."""

    def take(self, now: float) -> HttpConnection | None:
        """Return a connection that may be used again."""
        while self.idle:
            connection, used_at = self.idle.pop()
            if connection.is_usable and now - used_at < _KEPT_SECONDS:
                return connection
            connection.abort()
        return None

    def close(self) -> None:
        """Leave what nobody uses now."""
        for connection, _ in self.idle:
            connection.abort()
        self.idle.clear()


class HttpTransport:
    """Sends over connections of its own; open it as a context."""

    def __init__(self) -> None:
        self._pools: dict[str, _Pool] = {}
        """By where they lead to."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    async def send(self, request: PeerRequest, *, max_bytes: int) -> PeerAnswer:
        """As `PeerTransport.send`."""
        message, loop = _write(request), asyncio.get_running_loop()
        pool = self._pool_of(request.destination)
        async with pool.free:
            kept = pool.take(loop.time())
            connection = kept or await _connect(request.destination)
            try:
                answer = await _ask(connection, message, max_bytes)
            except ConnectionOverError as over:
                if over.is_sent and not (kept and request.is_safe):
                    raise
                connection = await _connect(request.destination)
                answer = await _ask(connection, message, max_bytes)
        if self._pool_of(request.destination) is pool:
            pool.idle.append((connection, loop.time()))
        else:
            connection.abort()
        return answer

    def _pool_of(self, destination: Destination) -> _Pool:
        """Return the connections to *destination*; those to other addresses of the same name are left."""
        origin = f"{destination.url.scheme}://{destination.url.raw_authority}"
        pool = self._pools.get(origin)
        if pool is None or pool.destination != destination:
            if pool is not None:
                pool.close()
            pool = self._pools[origin] = _Pool(destination)
        return pool


async def _ask(connection: HttpConnection, message: bytes, max_bytes: int) -> PeerAnswer:
    """Return what is answered over *connection*, which is left where that is nothing good."""
    try:
        return await connection.ask(message, max_bytes=max_bytes)
    except BaseException:
        connection.abort()
        raise


async def _connect(destination: Destination) -> HttpConnection:
    """Connect to one of the addresses that were checked, and to nothing else."""
    url, loop = destination.url, asyncio.get_running_loop()
    tls, name = (_tls(), url.raw_host) if url.scheme == "https" else (None, None)
    reason: OSError | None = None
    for address in destination.addresses:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                made = loop.create_connection(HttpConnection, str(address), url.port or 0, ssl=tls, server_hostname=name)
                return (await made)[1]
        except TimeoutError:
            raise PeerUnreachableError("The peer did not answer: it cannot be connected to.") from None
        except OSError as error:  # of TLS, too
            reason = error
    raise PeerUnreachableError(f"The peer did not answer: {reason}.") from reason


def _write(request: PeerRequest) -> bytes:
    """Return the request as it is sent.

    Raises
    ------
    ValueError
        A header would end early: nothing of the kind is sent.
    """
    url = request.destination.url
    path = url.raw_path.rstrip("/") + request.path
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    if lines.count("\r") + lines.count("\n") > 2 * len(request.headers):
        raise ValueError("A header has more than one line.")
    head = f"{request.method} {path} HTTP/1.1\r\nhost: {url.raw_authority}\r\n{lines}".encode("latin-1")
    length = b"content-length: %d\r\n" % len(request.body) if request.body or request.method == "POST" else b""
    return b"".join((head, _SHARED, length, b"\r\n", request.body))


@cache
def _tls() -> ssl.SSLContext:
    """Return how peers must prove who they are; the certificates of the system are read once."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
