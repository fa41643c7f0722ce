"""Connections to peers: kept, shared by none, and left at the first thing that is wrong with them."""

import asyncio
import ssl
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


def request(url, *, method="GET", path="/x", body=b"", **headers):
    destination = Destination(url=URL(url), addresses=(ip_address("127.0.0.1"),))
    return PeerRequest(method=method, destination=destination, path=path, headers=headers, body=body)


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
    moved = PeerRequest(method="GET", destination=elsewhere, path="/x", headers={}, body=b"")

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
