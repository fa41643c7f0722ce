"""What the bad network of the tests does to bytes: nothing, but for when they come."""

import asyncio
from contextlib import suppress

import pytest

from twinlake.testing.shaped_proxy import ShapedProxy


@pytest.fixture
async def echo():
    async def repeat(reader, writer):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(repeat, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def exchange(port, sent):
    """Return what came back, and the seconds that it took."""
    started = asyncio.get_running_loop().time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    back = await reader.read()
    seconds = asyncio.get_running_loop().time() - started
    writer.close()
    await writer.wait_closed()
    return back, seconds


async def test_bytes_come_whole_and_in_order(echo):
    sent = b"".join(number.to_bytes(4, "big") for number in range(100_000))
    async with ShapedProxy(echo) as proxy:
        assert (await exchange(proxy.port, sent))[0] == sent


async def test_they_come_later_and_no_faster_than_they_may(echo):
    sent = bytes(100_000)
    async with ShapedProxy(echo, delay_seconds=0.1, bytes_per_second=1e6) as proxy:
        back, seconds = await exchange(proxy.port, sent)

    assert back == sent
    assert seconds >= 0.2 + 0.08  # there and back; the last piece waits for none after it


async def test_a_cut_ends_what_is_under_way_until_it_is_mended(echo):
    async with ShapedProxy(echo) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"

        await proxy.cut()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

        proxy.mend()
        assert (await exchange(proxy.port, b"y"))[0] == b"y"
