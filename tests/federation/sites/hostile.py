"""A server that speaks HTTP byte by byte, so that it can lie in every way, and counts who connects."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from twinlake.federation.sites.trust import Peer
from twinlake.testing.clock import START

Speak = Callable[[asyncio.StreamWriter, str], Awaitable[None]]
"""Answers a request for a path; the connection is kept if it returns."""


class HostileServer:
    """Listens on loopback; *speak* says what it answers, and may be changed."""

    def __init__(self, speak: Speak) -> None:
        self.speak = speak
        self.connections = 0
        self.heads: list[str] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def peer(self) -> Peer:
        """This server as a peer, called where it listens."""
        return Peer(
            id="liar",
            public_url="https://liar.example",
            address=self.url,
            fingerprint="x",
            fingerprints=frozenset({"x"}),
            state="trusted",
            changed_at=START,
        )

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                text = head.decode("latin-1")
                self.heads.append(text)
                await self.speak(writer, text.split(" ", 2)[1])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def answering(body: bytes, *, status: str = "200 OK", media_type: str = "application/json", **headers: str) -> Speak:
    """Answer with *body*, whole."""

    async def speak(writer: asyncio.StreamWriter, _path: str) -> None:
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(
            f"HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n{more}\r\n".encode() + body
        )

    return speak
