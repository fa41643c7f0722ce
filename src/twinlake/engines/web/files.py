"""Answers with the bytes of a file: whole or a range, without a copy where the server can, never silently short."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from typing import Protocol

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from twinlake.engines.web.ranges import RangeNotSatisfiable
from twinlake.engines.web.representation import Representation, raw_headers
from twinlake.engines.web.zerocopy import ZERO_COPY_SEND, ShortFileError

_PIECE_BYTES = 1 << 20
_WINDOW_BYTES = 8 << 20
_SMALL_BYTES = 1 << 16


class Content(Protocol):
    """Where the bytes of an answer come from."""

    async def send_range(self, scope: Scope, send: Send, start: int, end: int) -> None:
        """Send the bytes from *start* to *end* (exclusive), and the end of the answer.

        Raises
        ------
        Exception
            Any, when the bytes are not what was promised: the server then cuts the connection.
        """
        ...

    def close(self) -> None:
        """Let go of what was opened."""
        ...


class FileContent:
    """An open regular file, which must not change while it is sent; this is checked every 8 MiB."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._state = os.fstat(file.fileno())

    @property
    def size_bytes(self) -> int:
        """Size when it was opened."""
        return self._state.st_size

    @property
    def modified_at(self) -> datetime:
        """When it had last been written to when it was opened, UTC."""
        return datetime.fromtimestamp(self._state.st_mtime, UTC)

    @property
    def modified_ns(self) -> int:
        """The same in nanoseconds since 1970, as exact as the file system has it."""
        return self._state.st_mtime_ns

    @property
    def state_key(self) -> str:
        """Text that changes when the file does: by device, inode, size and time in nanoseconds."""
        state = self._state
        text = f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    async def send_range(self, scope: Scope, send: Send, start: int, end: int) -> None:
        if end - start <= _SMALL_BYTES:
            await send({"type": "http.response.body", "body": self._read(start, end)})
        elif ZERO_COPY_SEND in scope.get("extensions", {}):
            await self._send_windows(send, start, end)
        else:
            await send_pieces(send, self._pieces(start, end))

    def close(self) -> None:
        self._file.close()

    async def _send_windows(self, send: Send, start: int, end: int) -> None:
        for offset in range(start, end, _WINDOW_BYTES):
            self._check_unchanged()
            count = min(_WINDOW_BYTES, end - offset)
            more_body = offset + count < end
            await send({"type": ZERO_COPY_SEND, "file": self._file, "offset": offset, "count": count, "more_body": more_body})

    async def _pieces(self, start: int, end: int) -> AsyncIterator[bytes]:
        for offset in range(start, end, _PIECE_BYTES):
            yield await asyncio.to_thread(self._read, offset, min(offset + _PIECE_BYTES, end))

    def _read(self, start: int, end: int) -> bytes:
        self._check_unchanged()
        data = os.pread(self._file.fileno(), end - start, start)
        if len(data) != end - start:
            raise ShortFileError(f"The file ends {end - start - len(data)} bytes early.")
        return data

    def _check_unchanged(self) -> None:
        state = os.fstat(self._file.fileno())
        if (state.st_size, state.st_mtime_ns) != (self._state.st_size, self._state.st_mtime_ns):
            raise ShortFileError("The file changed while it was sent.")


class StreamContent:
    """Bytes that come in pieces from elsewhere, such as an S3 bucket."""

    def __init__(self, open_range: Callable[[int, int], AsyncIterator[bytes]]) -> None:
        self._open_range = open_range

    async def send_range(self, scope: Scope, send: Send, start: int, end: int) -> None:
        _ = scope
        await send_pieces(send, self._open_range(start, end))

    def close(self) -> None:
        return


class ContentResponse(Response):
    """Answers GET and HEAD with *content*, as *representation* describes it and as the request's conditions ask."""

    def __init__(self, representation: Representation, content: Content, headers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.representation = representation
        self.content = content
        self._extra = headers or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _ = receive
        try:
            await self._answer(scope, send)
        finally:
            self.content.close()

    async def _answer(self, scope: Scope, send: Send) -> None:
        request = Headers(scope=scope)
        answer = plan_answer(self.representation, scope["method"], request)
        accepts_ranges = (b"accept-ranges", b"bytes" if self.representation.has_ranges else b"none")
        headers = [accepts_ranges, *self.representation.headers, *raw_headers(answer.headers), *raw_headers(self._extra)]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if scope["method"] == "HEAD" or answer.start == answer.end:
            await send({"type": "http.response.body"})
        else:
            await self.content.send_range(scope, send, answer.start, answer.end)


@dataclass(frozen=True, slots=True)
class Answer:
    """Which bytes to send, and with which status and headers."""

    status: int
    start: int
    end: int
    """Exclusive."""
    headers: Mapping[str, str]


def plan_answer(representation: Representation, method: str, request: Headers) -> Answer:
    """Decide what a GET or HEAD is answered with.

    Raises
    ------
    HTTPException
        416, with the size in ``Content-Range``, or 412.
    """
    size = representation.size_bytes
    status = representation.find_status(request)
    if status == 304:
        return Answer(304, 0, 0, {})
    if status is not None:
        raise HTTPException(status, "The file is not the one that the request is about.")
    try:
        found = representation.find_range(request) if method == "GET" else None
    except RangeNotSatisfiable:
        message = f"The range lies behind the end of the file, which has {size} bytes."
        raise HTTPException(416, message, {"Content-Range": f"bytes */{size}"}) from None
    if found is None:
        return Answer(200, 0, size, {"Content-Length": str(size)})
    start, end = found
    return Answer(206, start, end, {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)})


async def send_pieces(send: Send, pieces: AsyncIterator[bytes]) -> None:
    """Send a body in pieces as they come."""
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})
