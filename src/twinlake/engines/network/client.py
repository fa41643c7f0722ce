"""The HTTP client for addresses that users name: behind the guard, bounded in time and size."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from twinlake.engines.network.errors import DestinationUnreachableError
from twinlake.engines.network.guard import Destination, DestinationGuard

_MAX_ANSWER_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver answered."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """At most the first 64 KiB, or as much as was asked for."""


class GuardedClient:
    """Sends to what a `DestinationGuard` lets pass. Follows no redirect, keeps no cookie, asks no proxy."""

    def __init__(self, *, guard: DestinationGuard, timeout_seconds: float = 15.0) -> None:
        self.guard = guard
        self._timeout_seconds = timeout_seconds

    async def get(self, url: str, *, most_bytes: int = _MAX_ANSWER_BYTES) -> Answer:
        """Ask for *url* and return the answer, whatever its status; raises as `post` does.

        Parameters
        ----------
        most_bytes
            Of the body; what follows is not read.
        """
        return await self._send("GET", url, headers={}, body=b"", most_bytes=most_bytes)

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send *body* and return the answer, whatever its status.

        Raises
        ------
        DestinationRefusedError
            The guard does not let it pass.
        DestinationUnreachableError
            Nobody answered in time, or not in HTTP.
        """
        return await self._send("POST", url, headers=headers, body=body)

    async def _send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes, most_bytes: int = _MAX_ANSWER_BYTES
    ) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._exchange(
                    method, await self.guard.check(url), headers=headers, body=body, most_bytes=most_bytes
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise DestinationUnreachableError(f"The receiver did not answer: {reason}.") from error

    async def _exchange(
        self, method: str, destination: Destination, *, headers: Mapping[str, str], body: bytes, most_bytes: int
    ) -> Answer:
        connector = aiohttp.TCPConnector(resolver=_Pinned(destination), use_dns_cache=False, force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as session,
            session.request(
                method, destination.url, data=body, headers={"accept-encoding": "identity", **headers}, allow_redirects=False
            ) as response,
        ):
            return Answer(
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=await _read_start(response, most_bytes),
            )


async def _read_start(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_MAX_ANSWER_BYTES):
        body += chunk
        if len(body) >= most_bytes:
            break
    return bytes(body[:most_bytes])


class _Pinned(AbstractResolver):
    """Answers every question with the addresses that were checked."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._destination.addresses
            if family in {socket.AF_UNSPEC, socket.AF_INET if address.version == 4 else socket.AF_INET6}
        ]

    async def close(self) -> None:
        """There is nothing to close."""
