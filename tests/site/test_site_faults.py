"""A serving site whose disk fills or fails, or that is killed: what it acknowledged is there, and its parts agree."""

import asyncio
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from pysqlite3 import dbapi2

from twinlake.site.administration import check
from twinlake.testing.delivery_site import new_collection, new_item
from twinlake.testing.site import SiteProcess, make_site, site_process

pytestmark = pytest.mark.slow

CLIENTS = 8


class Writers:
    """Clients that put items over HTTP, each one after the other, until the site refuses or is gone.

    Attributes
    ----------
    acknowledged
        Ids that were answered with success.
    refusals
        Status and body of every other answer.
    """

    def __init__(self, site, *, prefix, collection="c", size_bytes=0):
        self._site = site
        self._prefix = prefix
        self._address = f"/stac/v2/collections/{collection}/items"
        self._collection = collection
        self._size_bytes = size_bytes
        self._enough = threading.Condition()
        self.acknowledged = set()
        self.refusals = []
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._running = [self._pool.submit(self._put, number) for number in range(CLIENTS)]

    def wait_for(self, count):
        """Return once *count* items were acknowledged or a writer has ended."""
        with self._enough:
            assert self._enough.wait_for(lambda: len(self.acknowledged) >= count or self.refusals, 60)

    def finish(self):
        """Return once all have ended."""
        for each in self._running:
            each.result()
        self._pool.shutdown()

    def _put(self, number):
        with self._site.client() as client:
            for count in range(100_000):
                name = f"{self._prefix}-{number}-{count}"
                document = new_item(name, self._collection, {})
                document["properties"]["ballast"] = os.urandom(self._size_bytes // 2).hex()
                try:
                    answer = client.post(self._address, json=document)
                except httpx2.TransportError:
                    return
                with self._enough:
                    if answer.is_success:
                        self.acknowledged.add(name)
                    else:
                        self.refusals.append((answer.status_code, answer.json()))
                    self._enough.notify_all()
                if not answer.is_success:
                    return


def make_collection(site):
    with site.client() as client:
        assert client.post("/stac/v2/collections", json=new_collection("c")).status_code == 201


def list_all(site):
    """Return the ids of all items, page by page."""
    ids, address = set(), "/stac/v2/collections/c/items?limit=1000"
    with site.client() as client:
        while address:
            page = client.get(address).json()
            ids |= {feature["id"] for feature in page["features"]}
            address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    return ids


def assert_whole(site):
    """Prove that a stopped site's parts agree, and that every item was announced once."""
    report = asyncio.run(check(site.config, read_objects=True))
    assert report.ok, [finding for finding in report.findings if not finding.ok]
    connection = dbapi2.connect(str(site.folder / "state" / "site.db"))
    [(versions,)] = connection.execute("select count(*) from item_version").fetchall()
    [(announced,)] = connection.execute(
        "select sum(count) from event join event_stream on event_stream.id = event.stream where type like '%item.create'"
    ).fetchall()
    connection.close()
    assert announced == versions


def kill_while_writing(site, *, rounds):
    acknowledged = set()
    for number in range(rounds):
        writers = Writers(site, prefix=f"r{number}")
        writers.wait_for(20 + 7 * (number % 11))
        site.kill()
        writers.finish()
        assert not writers.refusals
        acknowledged |= writers.acknowledged
        assert_whole(site)
        site.restart()
        assert acknowledged <= list_all(site)
    assert len(acknowledged) >= 20 * rounds


@pytest.mark.slow
def test_no_acknowledged_item_is_lost_over_kills(running):
    make_collection(running)
    kill_while_writing(running, rounds=5)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_no_acknowledged_item_is_lost_over_200_kills(running):
    make_collection(running)
    kill_while_writing(running, rounds=200)


def test_a_decision_is_kept_whose_site_is_killed_when_it_has_answered(running):
    with running.client() as client:
        made = client.post("/stac/v2/collections", json=new_collection("c"))
        permitted = client.delete("/stac/v2/collections/c")
    with running.anonymous() as nobody:
        refused = nobody.post("/stac/v2/collections", json=new_collection("d"))
    running.kill()
    running.restart()

    with running.client() as client:
        entries = client.get("/api/audit").json()["entries"]
    kept = {entry["request_id"]: (entry["action"], entry["allowed"]) for entry in entries}
    assert {
        answer.headers["x-request-id"]: kept.get(answer.headers["x-request-id"]) for answer in (made, permitted, refused)
    } == {
        made.headers["x-request-id"]: ("create_collection", True),
        permitted.headers["x-request-id"]: ("delete", True),
        refused.headers["x-request-id"]: ("create_collection", False),
    }


@pytest.fixture
def tiny_site(tmp_path):
    """A site on a file system of 48 MiB, where this user may mount one."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", disk], check=False, capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        with site_process(disk) as site:
            yield site
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.slow
def test_a_full_disk_refuses_changes_serves_reads_and_recovers(tiny_site):
    site, disk = tiny_site, tiny_site.folder.parent
    make_collection(site)
    (disk / "ballast").write_bytes(bytes(24 << 20))
    writers = Writers(site, prefix="full", size_bytes=200_000)
    writers.finish()

    assert writers.acknowledged
    assert {status for status, _ in writers.refusals} == {507}
    assert {problem["code"] for _, problem in writers.refusals} == {"storage-full"}
    assert all("Free space" in problem["remedy"] for _, problem in writers.refusals)
    with site.client() as client:
        upload = client.post("/uploads", json={"name": "big.csv", "size": 64 << 20})
        piece = bytes(16 << 20)
        while upload.is_success:
            offset = upload.json()["offset"]
            headers = {"content-type": "application/offset+octet-stream", "upload-offset": str(offset)}
            upload = client.patch(f"/uploads/{upload.json()['id']}", content=piece, headers=headers)
        assert upload.status_code == 507, upload.text
        assert client.get("/health").status_code == 503
        assert "free" in client.get("/health").json()["checks"]["disk"]
        assert client.get("/stac/v2/search", params={"limit": 5}).status_code == 200
    assert list_all(site) == writers.acknowledged

    (disk / "ballast").unlink()
    again = Writers(site, prefix="again")
    again.wait_for(50)

    assert not again.refusals
    assert site.stop() == 0
    again.finish()
    assert "Traceback" not in site.raw_log()
    assert_whole(site)


FAULTS = {
    "fsync,fdatasync:error=EIO:when=20+": (503, "storage-failed"),
    "pwrite64:error=EIO:when=400+": (503, "storage-failed"),
    "pwrite64:error=ENOSPC:when=400+": (507, "storage-full"),
}


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize(("fault", "answer"), FAULTS.items())
def test_a_failing_disk_is_never_followed_by_an_acknowledgement(tmp_path, need_command, fault, answer):
    """Calls on the database's files fail from the n-th on, for good; those before were acknowledged and must be kept."""
    strace = need_command("strace", "strace")
    site = SiteProcess(make_site(tmp_path / "lake"))
    database = site.folder / "state" / "site.db"
    files = [option for suffix in ("", "-wal") for option in ("-P", f"{database}{suffix}")]
    with site:
        make_collection(site)
        site.stop()
        site.restart(before=[strace, "-D", "-f", "-qq", "-o", "/dev/null", *files, "-e", f"inject={fault}"])
        writers = Writers(site, prefix="item")
        writers.finish()

        assert writers.acknowledged
        assert {(status, problem["code"]) for status, problem in writers.refusals} <= {answer, (503, "storage-failed")}
        assert len(writers.refusals) == CLIENTS
        later = Writers(site, prefix="later")
        later.finish()
        assert not later.acknowledged
        with site.anonymous() as client:
            if answer[0] == 503:  # a full disk needs no restart, and there is room on this one
                assert client.get("/health").json()["checks"]["writing"] != "ok"
            assert client.get("/stac/v2/search").status_code == 200
        site.kill()
        assert "Traceback" not in site.raw_log()

        site.restart()
        assert writers.acknowledged <= list_all(site)
        recovered = Writers(site, prefix="recovered")
        recovered.wait_for(10)
        assert not recovered.refusals
        site.stop()
        recovered.finish()
        assert_whole(site)
