"""A confined child reaches what its destination names, and nothing else."""

import asyncio
import json
import socket

import pytest

from engines.sandbox.test_limits import LIMITS, MODULE, needs_landlock
from twinlake.engines.sandbox import Destination, start_child

pytestmark = pytest.mark.slow

TRY = """
import json, socket
from twinlake.engines.sandbox.dialing import Dialer
dialer, found = Dialer.beside_child(), []
for attempt in (dialer.dial, dialer.dial, lambda: socket.create_connection({address!r}, 1)):
    try:
        with attempt() as connection:
            found.append(connection.recv(9).decode())
    except OSError as error:
        found.append(type(error).__name__)
print(json.dumps(found))
"""


async def run(tmp_path, port, host="127.0.0.1"):
    code = TRY.format(address=("127.0.0.1", port)).encode()
    destination = Destination(host=host, port=port)
    child = start_child(MODULE, message=code, limits=LIMITS, scratch=tmp_path, readable=[], destination=destination)
    async with asyncio.timeout(60):
        ended = await child.wait()
    assert ended.code == 0, ended.output
    return json.loads(ended.output)


@needs_landlock
async def test_connections_are_handed_to_it(tmp_path):
    async def greet(_, writer):
        writer.write(b"welcome")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await run(tmp_path, port, host="localhost") == ["welcome", "welcome", "PermissionError"]


async def test_why_there_is_none_is_told(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await run(tmp_path, taken.getsockname()[1])
    assert found[:2] == ["ConnectionError"] * 2
