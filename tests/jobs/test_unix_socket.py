"""The socket of the children: for processes of the same user, and for the attempt that holds the run."""

import asyncio
import os
import socket
import stat
import subprocess

import httpx2
import pytest

from twinlake.jobs.gateway import Gateway, GatewayRefusedError
from twinlake.jobs.supervisor import lease_of
from twinlake.testing.job_kinds import job_kind
from twinlake.testing.job_site import open_job_site

ASK = """
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
try:
    peer.sendall(b"GET /internal/runs/x/spec HTTP/1.1\\r\\nhost: site\\r\\n\\r\\n")
    sys.stdout.buffer.write(peer.recv(1000))
except ConnectionError:
    pass
"""


@pytest.fixture
async def site(tmp_path):
    async with open_job_site(tmp_path, []) as site:
        site.kinds["count"] = job_kind("count")
        yield site


def client(site):
    return httpx2.AsyncClient(transport=httpx2.AsyncHTTPTransport(uds=str(site.socket)), base_url="http://site")


async def test_the_socket_is_its_owners_alone(site):
    assert stat.S_IMODE(site.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(site.socket.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_another_users_connection_is_closed_unanswered(site, tmp_path):
    site.socket.parent.chmod(0o777)
    site.socket.chmod(0o777)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)

    def ask(**options):
        return asyncio.to_thread(
            subprocess.run, ["/usr/bin/python3", "-c", ASK, str(site.socket)], capture_output=True, check=True, **options
        )

    assert (await ask()).stdout.startswith(b"HTTP/1.1 401")
    assert (await ask(user=65534, group=65534, extra_groups=[])).stdout == b""


async def test_only_the_attempt_that_holds_the_run_is_answered(site):
    job = await site.submit("count", {"steps": 1})
    await site.runs.claim(site.kinds["count"], lease_of("the secret"))

    async with client(site) as child:
        path = f"/internal/runs/{job.run}/spec"
        assert (await child.get(path)).status_code == 401
        assert (await child.get(path, headers={"authorization": "Bearer guessed"})).status_code == 409
        assert (await child.get("/internal/runs/other/spec", headers={"authorization": "Bearer the secret"})).status_code == 409
        answer = await child.get(path, headers={"authorization": "Bearer the secret"})
        assert answer.json()["spec"] == {"steps": 1}
        assert (await child.get("/jobs")).status_code == 404, "the rest is the public application"


async def test_a_wrong_body_is_refused_with_its_reason(site):
    job = await site.submit("count", {"steps": 1})
    await site.runs.claim(site.kinds["count"], lease_of("the secret"))

    async with client(site) as child:
        for path, body in (("progress", {"done": "much"}), ("begin", {}), ("checkpoint", {"name": "a"}), ("result", [])):
            address = f"/internal/runs/{job.run}/{path}"
            answer = await child.post(address, json=body, headers={"authorization": "Bearer the secret"})
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


async def test_a_socket_deep_in_folders_can_be_reached(tmp_path):

    deep = tmp_path.joinpath(*["a-folder-of-some-length"] * 8)
    deep.mkdir(parents=True)
    async with open_job_site(deep, [job_kind("look_around")]) as site:
        job = await site.submit("look_around", {})
        gateway = await asyncio.to_thread(Gateway, socket=site.socket, run=job.run, secret="wrong")
        with pytest.raises(GatewayRefusedError):
            await asyncio.to_thread(gateway.get, "spec")
        gateway.close()

        assert (await site.finish(job.id)).has_result


async def test_a_socket_left_by_a_killed_site_is_replaced(tmp_path):
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "run" / "gateway.sock"))
    async with open_job_site(tmp_path, [job_kind("look_around")]) as site:
        assert (await site.finish((await site.submit("look_around", {})).id)).has_result
