"""No URL that a user names leads into the site's own network."""

import asyncio
from ipaddress import ip_address

import pytest
from aiohttp import web

from twinlake.core.errors import InvalidInputError
from twinlake.engines.network import DestinationGuard, DestinationRefusedError, DestinationUnreachableError, GuardedClient
from twinlake.engines.network.addresses import is_public

INTERNAL = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::2", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::",
    "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "193.0.0.1",
          "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888"]  # fmt: skip
SPELLINGS = [
    "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "017700000001", "\uff11\uff12\uff17.0.0.1", "①②⑦.0.0.1",
    "127。0。0。1", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[fe80::1%25lo]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0", "0.0.0.0",
]  # fmt: skip
MALFORMED = [
    "", "https://", "https:///x", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "//example.org/", "example.org", "http://example.org/",
    "https://user@example.org/", "https://user:secret@example.org/", "https://example.org:0/", "https://example.org:99999/", "https://exa mple.org/",
    "https://example.org\\@127.0.0.1/", "https://example.org/\r\nX: y", "https://example.org/\x00", "https://ex%61mple.org/", "https://a..b/",
    "https://[::1/", "https://example.org/" + "a" * 3000, "javascript:alert(1)", "https://127.0.0.1%2f@example.org/", "https://0x.0x/",
]  # fmt: skip


def answer_with(*answers):
    """Make a resolver that gives one answer after the other, and counts."""
    rest = list(answers)

    async def resolve(host, port):
        resolve.calls += 1
        return [ip_address(text) for text in rest.pop(0)]

    resolve.calls = 0
    return resolve


@pytest.mark.parametrize("text", INTERNAL)
async def test_internal_addresses_are_refused_by_name_and_by_number(text):
    assert not is_public(ip_address(text))
    with pytest.raises(DestinationRefusedError):
        await DestinationGuard(resolve=answer_with([text])).check("https://example.org/")
    literal = f"[{text.replace('%', '%25')}]" if ":" in text else text
    with pytest.raises(DestinationRefusedError):
        DestinationGuard().parse(f"https://{literal}:8443/x")


@pytest.mark.parametrize("text", PUBLIC)
async def test_public_addresses_pass(text):
    guard = DestinationGuard(resolve=answer_with([text]))

    assert (await guard.check("https://example.org/x?y=z")).addresses == (ip_address(text),)
    assert (await guard.check(f"https://{f'[{text}]' if ':' in text else text}/")).addresses == (ip_address(text),)


@pytest.mark.parametrize("host", SPELLINGS)
async def test_loopback_is_refused_however_it_is_spelled(host):
    # Whether the machine's own resolver knows ``localhost.`` differs; nowhere does it pass.
    with pytest.raises((DestinationRefusedError, DestinationUnreachableError)):
        await DestinationGuard().check(f"https://{host}/")


@pytest.mark.parametrize("url", MALFORMED)
async def test_what_is_no_https_url_with_a_plain_host_is_refused(url):
    with pytest.raises(DestinationRefusedError):
        await DestinationGuard(resolve=answer_with(["1.1.1.1"])).check(url)


async def test_one_internal_address_among_public_ones_is_enough():
    with pytest.raises(DestinationRefusedError) as caught:
        await DestinationGuard(resolve=answer_with(["1.1.1.1", "10.1.2.3"])).check("https://example.org/")

    assert "10.1.2.3" not in caught.value.message


async def test_a_name_without_address_is_unreachable():
    async def resolve(host, port):
        raise OSError("no such name")

    for resolver in (resolve, answer_with([])):
        with pytest.raises(DestinationUnreachableError):
            await DestinationGuard(resolve=resolver).check("https://example.org/")


async def test_the_allow_list_is_exact():
    guard = DestinationGuard(
        resolve=answer_with(*[["127.0.0.1"]] * 9), allow=["http://127.0.0.1:9000", "http://receiver.test:80"]
    )

    assert await guard.check("http://127.0.0.1:9000/any/path")
    assert await guard.check("http://receiver.test/")
    for near in (
        "http://127.0.0.1:9001/", "https://127.0.0.1:9000/", "http://127.0.0.2:9000/", "http://localhost:9000/", "http://127.1:9000/",
        "http://receiver.test.:80/", "https://receiver.test/", "http://receiver.test:8080/", "http://a.receiver.test/",
    ):  # fmt: skip
        with pytest.raises(DestinationRefusedError):
            await guard.check(near)


@pytest.mark.parametrize(
    "entry", ["127.0.0.1:9000", "http://127.0.0.1", "http://127.0.0.1:9000/", "http://u@h:1", "*", "", "ftp://h:1", "http://h:x"]
)
def test_an_allow_list_that_is_not_exact_is_refused(entry):
    with pytest.raises(InvalidInputError):
        DestinationGuard(allow=[entry])


@pytest.fixture
async def receiver():
    """A server on loopback that keeps what it gets; paths choose how it misbehaves."""
    got = []

    async def receive(request):
        got.append((request.host, request.path, dict(request.headers), await request.read()))
        match request.path:
            case "/redirect":
                raise web.HTTPFound("/elsewhere")
            case "/large":
                return web.Response(body=b"x" * (10 << 20))
            case "/silent":
                await asyncio.sleep(60)
            case "/cookie":
                return web.Response(headers={"Set-Cookie": "a=b"})
        return web.Response(text="ok", headers={"X-Odd": "é"})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1], got
    await runner.cleanup()


def make_client(port, resolve, **options):
    return GuardedClient(guard=DestinationGuard(resolve=resolve, allow=[f"http://receiver.test:{port}"]), **options)


async def test_the_connection_goes_to_the_address_that_was_checked_though_the_name_server_changes_its_answer(receiver):
    port, got = receiver
    resolve = answer_with(["127.0.0.1"], ["192.0.2.9"])

    answer = await make_client(port, resolve).post(f"http://receiver.test:{port}/a", headers={"x": "y"}, body=b"hello")

    assert (answer.status, answer.body) == (200, b"ok")
    assert resolve.calls == 1
    host, path, headers, body = got[0]
    assert (host, path, headers["x"], body) == (f"receiver.test:{port}", "/a", "y", b"hello")


async def test_rebinding_to_loopback_is_refused_each_time_anew(receiver):
    port, got = receiver
    client = GuardedClient(guard=DestinationGuard(resolve=answer_with(["127.0.0.1"])))

    with pytest.raises(DestinationRefusedError):
        await client.post(f"https://rebind.test:{port}/", headers={}, body=b"")

    assert not got


async def test_redirects_are_answers_and_cookies_are_forgotten(receiver):
    port, got = receiver
    client = make_client(port, answer_with(*[["127.0.0.1"]] * 3))

    assert (await client.post(f"http://receiver.test:{port}/redirect", headers={}, body=b"")).status == 302
    await client.post(f"http://receiver.test:{port}/cookie", headers={}, body=b"")
    await client.post(f"http://receiver.test:{port}/after", headers={}, body=b"")

    assert [path for _, path, _, _ in got] == ["/redirect", "/cookie", "/after"]
    assert "Cookie" not in got[2][2]


async def test_answers_are_bounded_in_size_and_time(receiver):
    port, _ = receiver
    client = make_client(port, answer_with(*[["127.0.0.1"]] * 2), timeout_seconds=0.5)

    assert len((await client.post(f"http://receiver.test:{port}/large", headers={}, body=b"")).body) == 64 << 10
    with pytest.raises(DestinationUnreachableError):
        await client.post(f"http://receiver.test:{port}/silent", headers={}, body=b"")


async def test_a_slow_name_server_is_bounded_in_time():
    async def resolve(host, port):
        await asyncio.sleep(60)

    client = GuardedClient(guard=DestinationGuard(resolve=resolve), timeout_seconds=0.05)
    with pytest.raises(DestinationUnreachableError):
        await client.post("https://example.org/", headers={}, body=b"")


async def test_who_does_not_speak_http_is_unreachable():
    async def mumble(reader, writer):
        writer.write(b"220 smtp.example.org ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(mumble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(DestinationUnreachableError):
            await make_client(port, answer_with(["127.0.0.1"])).post(f"http://receiver.test:{port}/", headers={}, body=b"")
