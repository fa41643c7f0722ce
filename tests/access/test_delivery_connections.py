"""Bytes over real connections: readers that are slow, that leave, that are many."""

import asyncio
import contextlib
import hashlib
import os
import resource
import socket
import ssl
import struct
import subprocess
import threading
import time
from io import FileIO
from pathlib import Path

import httpx2
import pytest
import uvicorn
from starlette.requests import ClientDisconnect

from twinlake.engines.web import zerocopy
from twinlake.engines.web.files import ContentResponse, FileContent
from twinlake.engines.web.representation import Representation
from twinlake.engines.web.zerocopy import ZeroCopyHttpToolsProtocol

pytestmark = pytest.mark.slow


class FileServer:
    """One file, served by uvicorn in a thread, and what became of each answer."""

    def __init__(self, path, **options):
        self.path = path
        self.outcomes = []
        self.extensions = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            http=ZeroCopyHttpToolsProtocol,
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            **options,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve(sockets=[self._listener])))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def connect(self, *, receive_buffer=None):
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect(("127.0.0.1", self.port))
        connection.settimeout(20)
        return connection

    async def _app(self, scope, receive, send):
        self.extensions.append(scope.get("extensions"))
        content = FileContent(FileIO(self.path, "r"))
        response = ContentResponse(Representation(size_bytes=content.size_bytes, etag='"x"', filename="x"), content)
        try:
            await response(scope, receive, send)
        except ClientDisconnect:
            self.outcomes.append("reader left")
        except Exception as error:
            self.outcomes.append(type(error).__name__)
            raise
        else:
            self.outcomes.append("sent")

    def wait_for(self, outcome, count=1):
        deadline = time.monotonic() + 20
        while self.outcomes.count(outcome) < count:
            assert time.monotonic() < deadline, self.outcomes
            time.sleep(0.005)


@pytest.fixture
def server(tmp_path, large):
    path = tmp_path / "file"
    path.write_bytes(large)
    with FileServer(path) as server:
        yield server


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def count_open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(1)
        assert piece
        data += piece
    return data


def read_exactly(connection, count):
    received = bytearray()
    while len(received) < count:
        piece = connection.recv(min(1 << 20, count - len(received)))
        if not piece:
            break
        received += piece
    return bytes(received)


def test_answers_on_one_connection_follow_each_other(server, large):
    with server.connect() as connection:
        for method in (b"GET", b"HEAD", b"GET"):
            connection.sendall(method + b" / HTTP/1.1\r\nHost: x\r\n\r\n")
            head = read_head(connection)
            assert head.startswith(b"HTTP/1.1 200")
            if method == b"GET":
                assert read_exactly(connection, len(large)) == large
    server.wait_for("sent", 3)
    assert all(zerocopy.ZERO_COPY_SEND in extensions for extensions in server.extensions)


def test_requests_sent_ahead_are_answered_in_order(server, large):
    ranges = [(0, 100), (5, 12_000_000), (7, 8), (1_000_000, 9_500_000)]
    requests = [f"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes={start}-{end - 1}\r\n\r\n".encode() for start, end in ranges]

    with server.connect() as connection:
        connection.sendall(b"".join(requests))
        for start, end in ranges:
            assert read_head(connection).startswith(b"HTTP/1.1 206")
            assert read_exactly(connection, end - start) == large[start:end]


def test_an_old_client_is_told_by_the_end_of_the_connection(server, large):
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        read_head(connection)
        assert read_exactly(connection, len(large) + 1) == large


def test_a_slow_reader_holds_up_nobody(server, large):
    with server.connect(receive_buffer=4096) as slow:
        slow.sendall(GET)
        head = read_head(slow)
        with server.connect() as fast:
            fast.sendall(GET)
            read_head(fast)
            assert read_exactly(fast, len(large)) == large
        assert "sent" in server.outcomes
        assert server.outcomes.count("sent") == 1
        assert read_exactly(slow, len(large)) == large
    assert head.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("how", ["reset", "close", "half close"])
def test_a_reader_that_leaves_is_let_go_with_its_file(server, how):
    httpx2.head(f"http://127.0.0.1:{server.port}")
    before = count_open_files()
    for _ in range(20):
        with server.connect(receive_buffer=4096) as connection:
            connection.sendall(GET)
            read_head(connection)
            if how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if how == "half close":
                connection.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError):
                    while connection.recv(1 << 20):
                        pass
    deadline = time.monotonic() + 20
    while len(server.outcomes) < 21 or count_open_files() > before + 2:
        assert time.monotonic() < deadline, (server.outcomes, count_open_files())
        time.sleep(0.01)
    assert set(server.outcomes) <= {"reader left", "sent"}
    assert "reader left" in server.outcomes


def test_a_reader_that_stalls_is_let_go(server, monkeypatch):
    monkeypatch.setattr(zerocopy, "_STALL_SECONDS", 0.2)
    with server.connect(receive_buffer=4096) as connection:
        connection.sendall(GET)
        read_head(connection)

        server.wait_for("reader left")

        with contextlib.suppress(ConnectionResetError):
            while connection.recv(1 << 20):
                pass


def test_a_reader_that_is_only_slow_is_not_taken_for_stalled(server, large, monkeypatch):
    monkeypatch.setattr(zerocopy, "_STALL_SECONDS", 0.05)
    with server.connect(receive_buffer=1 << 16) as connection:
        connection.sendall(GET)
        read_head(connection)
        received = bytearray()
        while piece := connection.recv(1 << 16):
            received += piece
            if len(received) == len(large):
                break
            if len(received) % (1 << 20) < (1 << 13):
                time.sleep(0.01)
    assert bytes(received) == large


def test_many_readers_each_get_their_own_ranges(server, large):
    async def read(client, number):
        start = number * 100_003 % (len(large) - 3_000_000)
        end = start + 70_000 * (number % 40 + 1)
        answer = await client.get("/", headers={"Range": f"bytes={start}-{end - 1}"})
        assert answer.status_code == 206
        assert answer.content == large[start:end]

    async def read_all():
        limits = httpx2.Limits(max_connections=60)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", limits=limits, timeout=60) as client:
            await asyncio.gather(*(read(client, number) for number in range(120)))

    asyncio.run(read_all())
    server.wait_for("sent", 120)


@pytest.mark.parametrize("change", ["truncated", "rewritten"])
def test_a_file_that_changes_on_the_way_never_ends_well(server, large, change):
    with server.connect(receive_buffer=4096) as connection:
        connection.sendall(GET)
        read_head(connection)
        received = read_exactly(connection, 1 << 16)
        if change == "truncated":
            os.truncate(server.path, 1 << 20)
        else:
            os.utime(server.path, (1, 1))
        with contextlib.suppress(ConnectionResetError):
            received += read_exactly(connection, len(large))
    server.wait_for("ShortFileError")
    assert len(received) < len(large)


def test_without_the_extension_pieces_are_read_and_sent(tmp_path, large):
    """TLS must see the bytes, so the kernel cannot send them from the file."""
    path = tmp_path / "file"
    path.write_bytes(large)
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "1",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    with FileServer(path, ssl_keyfile=key, ssl_certfile=certificate) as server:
        trust = ssl.create_default_context(cafile=str(certificate))
        with httpx2.Client(base_url=f"https://127.0.0.1:{server.port}", verify=trust) as client:
            whole = client.get("/")
            part = client.get("/", headers={"Range": "bytes=5-12000000"})
        assert server.extensions == [None, None]
    assert hashlib.sha256(whole.content).digest() == hashlib.sha256(large).digest()
    assert part.content == large[5:12_000_001]


def test_the_stopped_server_cuts_who_still_reads(tmp_path, large):
    path = tmp_path / "file"
    path.write_bytes(large)
    with FileServer(path, timeout_graceful_shutdown=0.1) as server:
        connection = server.connect(receive_buffer=4096)
        connection.sendall(GET)
        read_head(connection)
    with connection, contextlib.suppress(ConnectionResetError):
        assert len(read_exactly(connection, len(large))) < len(large)


@pytest.mark.soak
def test_a_thousand_slow_readers_hold_up_nobody(server, large):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    try:
        with contextlib.ExitStack() as opened:
            slow = [opened.enter_context(server.connect(receive_buffer=4096)) for _ in range(1000)]
            for connection in slow:
                connection.sendall(GET)
            for connection in slow:
                assert read_head(connection).startswith(b"HTTP/1.1 200")
            for _ in range(20):
                assert httpx2.get(f"http://127.0.0.1:{server.port}").content == large
            assert server.outcomes == ["sent"] * 20
        server.wait_for("reader left", 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
