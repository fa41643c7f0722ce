"""Connections to peers: kept, shared by none, and left at the first thing that is wrong with them."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from federation.sites.hostile import HostileServer, answering
from twinlake.engines.network import Destination
from twinlake.federation.errors import PeerAnswerError, PeerUnreachableError
from twinlake.federation.sites import http_transport
from twinlake.federation.sites.calls import PeerRequest
from twinlake.federation.sites.http_transport import HttpTransport


@pytest.fixture
async def server():
    async with HostileServer(answering(b"{}")) as server:
        yield server


@pytest.fixture
async def transport():
    async with HttpTransport() as transport:
        yield transport


def request(url, *, method="GET", path="/x", body=b"", is_safe=False, **headers):
    destination = Destination(url=URL(url), addresses=(ip_address("127.0.0.1"),))
    return PeerRequest(
        method=method, destination=destination, path=path, headers=headers, body=body, is_safe=is_safe or method == "GET"
    )


async def send(transport, url, **more):
    return await transport.send(request(url, **more), max_bytes=1 << 20)


def saying(*parts, close=False):
    async def speak(writer, _path):
        for part in parts:
            writer.write(part)
            await writer.drain()
        if close:
            raise ConnectionError

    return speak


OK = b"HTTP/1.1 200 OK\r\ncontent-type: Text/JSON; charset=utf-8\r\n"


@pytest.mark.parametrize(
    ("parts", "close", "body"),
    [
        ([OK + b"content-length: 2\r\n\r\n{}"], False, b"{}"),
        ([bytes([byte]) for byte in OK + b"content-length: 2\r\n\r\n{}"], False, b"{}"),
        ([OK + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n", b"1\r\n}\r\n0\r\n\r\n"], False, b"{}"),
        ([OK + b"content-length: 0\r\n\r\n"], False, b""),
        ([OK + b"\r\n{", b"}"], True, b"{}"),
        ([OK + b"connection: close\r\ncontent-length: 2\r\n\r\n{}"], True, b"{}"),
    ],
)
async def test_an_answer_is_read_however_it_comes(transport, server, parts, close, body):
    server.speak = saying(*parts, close=close)

    answers = [await send(transport, server.url) for _ in range(2)]

    assert [(answer.status, answer.media_type, answer.body) for answer in answers] == [(200, "text/json", body)] * 2
    assert server.connections == (2 if close else 1)


async def test_a_body_is_sent_with_its_length(transport, server):
    bodies = []

    async def echo(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        bodies.append(await reader.readexactly(length))
        writer.write(OK + b"connection: close\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    listener = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        for body in (b"", b"x" * 3_000_000):
            await send(transport, url, method="POST", body=body)

    assert [len(body) for body in bodies] == [0, 3_000_000]


async def test_what_nobody_asked_for_ends_the_connection(transport, server):
    server.speak = saying(OK + b"content-length: 2\r\n\r\n{}" + OK + b"content-length: 4\r\n\r\nfake")
    assert (await send(transport, server.url)).body == b"{}"

    server.speak = answering(b"[]")
    assert (await send(transport, server.url)).body == b"[]"
    assert server.connections == 2


async def test_questions_at_once_have_a_connection_each_and_as_many_as_there_may_be(transport, server):
    most, now = 0, 0

    async def slow(writer, _path):
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        await answering(b"{}")(writer, _path)

    server.speak = slow
    answers = await asyncio.gather(*(send(transport, server.url) for _ in range(80)))

    assert {answer.body for answer in answers} == {b"{}"}
    assert most == server.connections == 32


async def test_who_gives_up_takes_no_answer_of_another(transport, server):
    async def late(writer, path):
        if path == "/late":
            await asyncio.Event().wait()
        await answering(path.encode())(writer, path)

    server.speak = late
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await transport.send(request(server.url, path="/late"), max_bytes=100)

    assert (await send(transport, server.url, path="/next")).body == b"/next"


async def test_a_name_that_has_moved_is_called_where_it_is_now(transport, server):
    await send(transport, server.url)
    elsewhere = Destination(url=URL(server.url), addresses=(ip_address("127.0.0.1"), ip_address("127.0.0.2")))
    moved = replace(request(server.url), destination=elsewhere)

    await transport.send(moved, max_bytes=100)

    assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (OK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n", PeerUnreachableError),
        (OK + b"content-length: x\r\n\r\n", PeerUnreachableError),
        (OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n{}", PeerUnreachableError),
        (OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n", PeerUnreachableError),
        (OK + b"content-length: 9999999999\r\n\r\n", PeerAnswerError),
        (OK + b"content-encoding: br\r\ncontent-length: 2\r\n\r\n{}", PeerAnswerError),
    ],
)
async def test_what_is_wrong_with_an_answer_ends_the_connection(transport, server, answer, error):
    server.speak = saying(answer)
    with pytest.raises(error):
        await send(transport, server.url)

    server.speak = answering(b"{}")
    await send(transport, server.url)
    assert server.connections == 2


def ending_at(*turns, after=b""):
    """Answer, but end the connection at these requests, counted from 0 over all connections, having said *after*."""
    asked = 0

    async def speak(writer, path):
        nonlocal asked
        asked += 1
        if asked - 1 in turns:
            writer.write(after)
            raise ConnectionError
        await answering(b"{}")(writer, path)

    return speak


@pytest.mark.parametrize(("method", "is_safe"), [("GET", True), ("POST", True)])
async def test_what_changes_nothing_is_asked_again_where_a_kept_connection_has_ended(transport, server, method, is_safe):
    server.speak = ending_at(1)

    answers = [await send(transport, server.url, method=method, is_safe=is_safe) for _ in range(3)]

    assert [answer.body for answer in answers] == [b"{}"] * 3
    assert (server.connections, len(server.heads)) == (2, 4)


async def test_it_is_asked_again_once_however_many_connections_have_ended(transport, server):
    barrier = asyncio.Barrier(3)

    async def together(writer, path):
        await barrier.wait()
        await answering(b"{}")(writer, path)

    server.speak = together
    await asyncio.gather(*(send(transport, server.url) for _ in range(3)))
    server.speak = ending_at(0, 1)
    with pytest.raises(PeerUnreachableError, match="the connection ended"):
        await send(transport, server.url)

    assert (server.connections, len(server.heads)) == (4, 5)


@pytest.mark.parametrize(
    ("turn", "method", "after"),
    [
        pytest.param(1, "POST", b"", id="what may have changed something"),
        pytest.param(0, "GET", b"", id="on a new connection"),
        pytest.param(1, "GET", b"HTTP/1.1 200", id="with an answer begun"),
    ],
)
async def test_nothing_else_is_asked_again(transport, server, turn, method, after):
    server.speak = ending_at(turn, after=after)
    for _ in range(turn):
        await send(transport, server.url)
    with pytest.raises(PeerUnreachableError):
        await send(transport, server.url, method=method)

    assert len(server.heads) == turn + 1


async def test_a_connection_that_changes_its_protocol_is_left(transport, server):
    server.speak = saying(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")
    assert (await send(transport, server.url)).status == 101

    server.speak = answering(b"{}")
    await send(transport, server.url)
    assert server.connections == 2


async def test_no_header_begins_another_line(transport, server):
    with pytest.raises(ValueError, match="more than one line"):
        await send(transport, server.url, authorization="Bearer x\r\nhost: evil.test")

    assert server.connections == 0


@pytest.fixture
def certificate(tmp_path):
    """A certificate that nobody has signed but itself, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "site.pem"
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


async def test_a_peer_proves_who_it_is(transport, certificate, monkeypatch):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"content-length: 2\r\n\r\n{}")
        writer.close()

    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(certificate)
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=own)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(PeerUnreachableError, match="certificate verify failed"):
            await send(transport, f"https://localhost:{port}")

        trusting = ssl.create_default_context(cafile=certificate)
        monkeypatch.setattr(http_transport, "_tls", lambda: trusting)
        assert (await send(transport, f"https://localhost:{port}")).body == b"{}"
        with pytest.raises(PeerUnreachableError, match=r"certificate verify failed|Hostname mismatch"):
            await send(transport, f"https://other.test:{port}")


async def test_what_was_not_sent_is_sent_over_another_connection(transport, certificate, monkeypatch):
    """A server that is told to end says goodbye with the last words of the handshake: nothing can be asked over that connection."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.maximum_version = ssl.TLSVersion.TLSv1_2  # of which the server has the last word
    own.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(http_transport, "_tls", lambda: trusting)
    heads = []

    async def greet(reader, writer):
        """Take part in a handshake; return what the server may read then."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = own.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(1 << 16))
            else:
                return tls, incoming, outgoing

    async def serve(reader, writer):
        tls, incoming, outgoing = await greet(reader, writer)
        heads.append(b"")
        if len(heads) > 1:
            writer.write(outgoing.read())
            incoming.write(await reader.read(1 << 16))
            heads[-1] = tls.read(1 << 16)
            tls.write(OK + b"content-length: 2\r\n\r\n{}")
        with suppress(ssl.SSLWantReadError):
            tls.unwrap()
        writer.write(outgoing.read())
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        answer = await send(transport, f"https://localhost:{port}", method="POST")

    assert answer.body == b"{}"
    assert [head[:4] for head in heads] == [b"", b"POST"]
