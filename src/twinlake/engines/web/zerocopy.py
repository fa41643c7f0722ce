"""Files out of uvicorn without a copy through Python.

`ZeroCopyHttpToolsProtocol` adds the ASGI extension ``http.response.zerocopysend``
(https://asgi.readthedocs.io/en/latest/extensions.html#zero-copy-send) to uvicorn's httptools protocol with
`os.sendfile`. It is absent where the kernel cannot do this (TLS); applications then read and send pieces.
"""

import asyncio
import os
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    import socket

    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

ZERO_COPY_SEND = "http.response.zerocopysend"
_TURN_BYTES = 2 << 20  # as nginx's sendfile_max_chunk: one fast reader does not hold the loop
_STALL_SECONDS = 60.0  # as nginx's send_timeout: between two successful writes, not for the whole file


class ShortFileError(Exception):
    """A file ended before the bytes that were promised; the connection was cut so that the reader notices."""


class ZeroCopyHttpToolsProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the extension; wants the asyncio loop. The head of an answer goes out with its body."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", _HoldingTransport(transport)))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        if self.scheme == "http":
            app = _with_extension(app, cycle)
        super()._start_asgi_task(cycle, app)


class _HoldingTransport:
    """A transport that holds what is written back while it is told to: one call of the kernel, and one packet, for all of it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] | None = None
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._held is None:
            self._transport.write(data)
        else:
            self._held.append(data)

    def close(self) -> None:
        self.release()
        self._transport.close()

    def hold(self) -> None:
        self._held = []

    def release(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            self._transport.write(b"".join(held))


def _with_extension(app: "ASGI3Application", cycle: RequestResponseCycle) -> "ASGI3Application":
    """Give *app* a send that understands the extension's message."""
    transport: Any = cycle.transport

    async def send_with_files(message: Any) -> None:
        kind = message["type"]
        if kind == ZERO_COPY_SEND:
            transport.release()
            await _answer(cycle, message)
        elif kind == "http.response.start":
            transport.hold()
            await cycle.send(message)
            if cycle.chunked_encoding is not False:  # nobody knows when the body comes
                transport.release()
        else:
            if cycle.disconnected and message.get("more_body", False):
                raise ClientDisconnect  # uvicorn would take the rest of the body, and drop it
            await cycle.send(message)
            transport.release()

    async def serve(scope: "Scope", receive: "ASGIReceiveCallable", _: "ASGISendCallable") -> None:
        scope["extensions"] = {ZERO_COPY_SEND: {}}  # type: ignore[typeddict-unknown-key]  # uvicorn itself has none
        try:
            await app(scope, receive, send_with_files)
        finally:
            transport.release()

    return serve


async def _answer(cycle: RequestResponseCycle, message: dict[str, Any]) -> None:
    """Send one part of a body from a file, then let uvicorn finish the answer if it was the last."""
    if cycle.disconnected:
        raise ClientDisconnect
    file, offset = message["file"].fileno(), message.get("offset", 0)
    count = message.get("count", os.fstat(file).st_size - offset)
    if not cycle.response_started or cycle.chunked_encoding is not False or count > cycle.expected_content_length:
        raise RuntimeError(f"{ZERO_COPY_SEND} needs a started answer whose Content-Length it does not pass.")
    if cycle.scope["method"] != "HEAD" and count:
        await _drain(cycle)
        await _FileSender(cycle, file, offset, count).run()
        cycle.expected_content_length -= count
    if not message.get("more_body", False):
        await cycle.send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(cycle: RequestResponseCycle) -> None:
    """Wait until what the transport holds (the head of the answer) has gone to the kernel."""
    transport: asyncio.Transport = cycle.transport
    if transport.get_write_buffer_size() == 0:
        return
    low, high = transport.get_write_buffer_limits()
    transport.set_write_buffer_limits(high=0)
    try:
        await cycle.flow.drain()
    finally:
        transport.set_write_buffer_limits(high=high, low=low)
    if cycle.disconnected:
        raise ClientDisconnect


class _FileSender:
    """Sends one stretch of a file whenever the connection takes more.

    It works on a duplicate of the connection's descriptor: asyncio watches every descriptor of a transport itself,
    and its own ``loop.sendfile`` registers anew for every write and never gives up on a reader that stalls.
    """

    def __init__(self, cycle: RequestResponseCycle, file: int, offset: int, count: int) -> None:
        self._cycle = cycle
        self._file = file
        self._offset = offset
        self._end = offset + count
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._offset_at_check = offset
        self._stall_timer: asyncio.TimerHandle

    async def run(self) -> None:
        """Return when every byte is with the kernel.

        Raises
        ------
        ClientDisconnect
            The reader went away, or took nothing for a minute.
        ShortFileError
            The file is shorter than it was to be.
        """
        connection: Any = self._cycle.transport.get_extra_info("socket")
        duplicate: socket.socket = connection.dup()
        self._watch_for_stall()
        self._loop.add_writer(duplicate, self._send_some, duplicate.fileno())
        try:
            await self._done
        except BaseException:
            # Part of the body is out: whatever happened, this connection has no further answer.
            self._cycle.disconnected = True
            self._cycle.transport.abort()
            raise
        finally:
            self._loop.remove_writer(duplicate)
            self._stall_timer.cancel()
            duplicate.close()

    def _watch_for_stall(self) -> None:
        self._offset_at_check = self._offset
        self._stall_timer = self._loop.call_later(_STALL_SECONDS, self._check_stall)

    def _check_stall(self) -> None:
        if self._offset != self._offset_at_check:
            self._watch_for_stall()
        elif not self._done.done():
            self._done.set_exception(ClientDisconnect())

    def _send_some(self, connection: int) -> None:
        if self._done.done():
            return
        if self._cycle.disconnected:
            self._done.set_exception(ClientDisconnect())
            return
        try:
            sent = os.sendfile(connection, self._file, self._offset, min(_TURN_BYTES, self._end - self._offset))
        except BlockingIOError:
            return
        except (ConnectionError, TimeoutError):
            self._done.set_exception(ClientDisconnect())
            return
        except OSError as error:
            self._done.set_exception(error)
            return
        self._offset += sent
        if sent == 0:
            self._done.set_exception(ShortFileError(f"The file ends {self._end - self._offset} bytes early."))
        elif self._offset == self._end:
            self._done.set_result(None)
