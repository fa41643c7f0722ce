"""The network between sites: HTTP over connections that are kept, to addresses that were checked."""

import asyncio
import socket
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from twinlake.engines.network import Destination
from twinlake.federation.errors import PeerAnswerError, PeerUnreachableError
from twinlake.federation.sites.calls import PeerAnswer, PeerRequest

_CONNECT_SECONDS = 1.5
"""Shorter than a search lets a peer take: who cannot be connected to counts as out of reach, not as slow."""
_KEPT_SECONDS = 20.0
"""Shorter than a site keeps an idle connection."""
_CONNECTIONS = 32
_CHUNK_BYTES = 256 << 10


class HttpTransport:
    """Sends over one session; open it as a context."""

    def __init__(self) -> None:
        self._pins = _Pins()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=self._pins,
            use_dns_cache=False,
            limit=0,
            limit_per_host=_CONNECTIONS,
            keepalive_timeout=_KEPT_SECONDS,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            headers={"accept-encoding": "identity", "user-agent": "twinlake"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: PeerRequest, *, seconds: float, max_bytes: int) -> PeerAnswer:
        """As `PeerTransport.send`."""
        if self._session is None:
            raise RuntimeError("The transport is not open.")
        self._pins.pin(request.destination)
        url = URL(str(request.destination.url).rstrip("/") + request.path, encoded=True)
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.request(
                    request.method, url, data=request.body or None, headers=request.headers, allow_redirects=False
                ) as response,
            ):
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise PeerAnswerError("The answer is encoded, which was not asked for.")
                return PeerAnswer(
                    status=response.status, media_type=response.content_type.lower(), body=await _read(response, max_bytes)
                )
        except aiohttp.ClientError as error:
            raise PeerUnreachableError(f"The peer did not answer: {error or type(error).__name__}.") from error
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise PeerUnreachableError(f"The peer did not answer: {error}.") from error


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Return the body; an answer that says that it is too large, or is, is left at once."""
    if (response.content_length or 0) > max_bytes:
        raise PeerAnswerError(f"The answer is larger than {max_bytes} bytes.")
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise PeerAnswerError(f"The answer is larger than {max_bytes} bytes.")
    return bytes(body)


class _Pins(AbstractResolver):
    """Answers with the addresses that were checked, and with nothing else."""

    def __init__(self) -> None:
        self._destinations: dict[tuple[str, int], Destination] = {}

    def pin(self, destination: Destination) -> None:
        """Answer for *destination* with its addresses."""
        self._destinations[destination.url.raw_host or "", destination.url.port or 0] = destination

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        _ = family
        destination = self._destinations.get((host, port))
        if destination is None:
            raise OSError(f"{host}:{port} was not checked")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in destination.addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""
