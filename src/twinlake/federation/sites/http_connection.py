"""One connection to a peer: requests of HTTP/1.1 one after the other, each answered within limits.

A search asks every peer, and a general client costs more than reading the answers does (`benchmarks/federation/http.py`).
"""

import asyncio
from typing import Any

import httptools

from twinlake.federation.errors import PeerAnswerError, PeerUnreachableError
from twinlake.federation.sites.calls import PeerAnswer

_HEAD_BYTES = 64 << 10


class ConnectionOverError(PeerUnreachableError):
    """The connection ended before any byte of the answer came.

    Attributes
    ----------
    is_sent
        Whether the peer may have got the request.
    """

    def __init__(self, reason: str, *, is_sent: bool) -> None:
        super().__init__(f"The peer did not answer: {reason}.")
        self.is_sent = is_sent


class HttpConnection(asyncio.Protocol):
    """The client's side; made by `loop.create_connection`. One request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[PeerAnswer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._max_bytes = 0
        self._begin()
        self.is_usable = False
        """Whether another request may be sent over it."""

    def _begin(self) -> None:
        self._head_bytes = 0
        self._is_head = True
        self._length: int | None = None
        self._is_chunked = False
        self._media_type = ""
        self._body = bytearray()

    async def ask(self, request: bytes, *, max_bytes: int) -> PeerAnswer:
        """Send *request* and return the whole answer; who gives up must `abort`.

        Raises
        ------
        ConnectionOverError
            The peer has ended the connection instead of answering.
        PeerUnreachableError, PeerAnswerError
            As of `PeerTransport.send`.
        """
        if self._transport is None or not self.is_usable or self._transport.is_closing():
            raise ConnectionOverError("the connection is closed", is_sent=False)
        self._begin()
        self._max_bytes = max_bytes
        self.is_usable = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def abort(self) -> None:
        """Leave the connection at once."""
        self.is_usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_usable = True

    def connection_lost(self, error: Exception | None) -> None:
        self.is_usable = False
        if self._is_waiting and not self._is_head and self._length is None and not self._is_chunked:
            self._finish()  # the end of the connection is that of the answer (RFC 9112, section 6.3)
            return
        reason = str(error or "the connection ended")
        if self._head_bytes == 0:
            self._fail(ConnectionOverError(reason, is_sent=True))
        else:
            self._fail(PeerUnreachableError(f"The peer did not answer: {reason}."))

    def data_received(self, data: bytes) -> None:
        if not self._is_waiting:
            self.abort()  # nobody has asked
            return
        if self._is_head:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES + self._max_bytes:
                self._fail(PeerUnreachableError("The peer did not answer: its headers have no end."))
                return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(PeerUnreachableError(f"The peer did not answer in HTTP: {error}."))

    # What httptools calls.

    def on_message_begin(self) -> None:
        if not self._is_waiting:
            self.abort()  # more than one answer to one question

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"content-length":
                self._length = int(value)
            case b"transfer-encoding":
                self._is_chunked = True
            case b"content-type":
                self._media_type = value.decode("latin-1").partition(";")[0].strip().lower()
            case b"content-encoding" if value.lower() != b"identity":
                self._fail(PeerAnswerError("The answer is encoded, which was not asked for."))

    def on_headers_complete(self) -> None:
        self._is_head = False
        if (self._length or 0) > self._max_bytes:
            self._fail(PeerAnswerError(f"The answer is larger than {self._max_bytes} bytes."))

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > self._max_bytes:
            self._fail(PeerAnswerError(f"The answer is larger than {self._max_bytes} bytes."))

    def on_message_complete(self) -> None:
        if self._is_waiting:
            keeps = self._parser.should_keep_alive()
            self._finish()
            self.is_usable = keeps and self._transport is not None and not self._transport.is_closing()
            if not keeps:
                self.abort()

    @property
    def _is_waiting(self) -> bool:
        return self._answer is not None and not self._answer.done()

    def _finish(self) -> None:
        answer = PeerAnswer(status=self._parser.get_status_code(), media_type=self._media_type, body=bytes(self._body))
        self._set(lambda waiting: waiting.set_result(answer))

    def _fail(self, error: Exception) -> None:
        self.abort()
        self._set(lambda waiting: waiting.set_exception(error))

    def _set(self, settle: Any) -> None:
        if self._answer is not None and not self._answer.done():
            settle(self._answer)
