"""What the folder store promises beyond the contract: durability, damage found, room that runs out, sweeps that race."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from twinlake.core.errors import StorageFailedError, StorageFullError
from twinlake.engines.objectstore import LinkedFileError, LinkedFiles, LocalObjectStore, StoredObject, scrub, sweep

PUT_ENDLESSLY = """
import asyncio, os, sys
from pathlib import Path
from twinlake.engines.objectstore import LocalObjectStore

async def main():
    store = LocalObjectStore(Path(sys.argv[1]))
    source = Path(sys.argv[1]).with_name("source")
    for number in range(10**9):
        data = number.to_bytes(8, "big") * 20000
        if number % 2:
            source.write_bytes(data)
            stored = await store.put_file(source, take=number % 4 == 1)
        else:
            stored = await store.put_bytes(data)
        print(stored.sha256, stored.size_bytes, flush=True)

asyncio.run(main())
"""
PUT_ONCE = """
import asyncio, os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from twinlake.core.errors import TwinlakeError
from twinlake.engines.objectstore import LocalObjectStore

async def main():
    store = LocalObjectStore(Path(sys.argv[1]))
    store._threads = ThreadPoolExecutor(1)  # strace counts the calls of each thread: both puts are the same one's
    await store.put_bytes(b"first")
    try:
        await store.put_bytes(b"x" * 100_000)
    except TwinlakeError as error:
        os.write(1, b"refused " + error.code.encode())
    else:
        os.write(1, b"stored")

asyncio.run(main())
"""


@pytest.fixture
def root(tmp_path):
    return tmp_path / "objects"


@pytest.fixture
def store(root):
    return LocalObjectStore(root)


async def each(*cited):
    for stored in cited:
        yield stored


def future():
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize("rounds", [4, pytest.param(200, marks=pytest.mark.soak)])
def test_what_was_acknowledged_outlives_kill(root, rounds):
    """Whole and right whatever is killed when; what was not acknowledged is swept."""
    acknowledged = set()
    for number in range(rounds):
        with subprocess.Popen([sys.executable, "-c", PUT_ENDLESSLY, root], stdout=subprocess.PIPE, text=True) as process:
            for _ in range(3 + number * 7 % 20):
                acknowledged.add(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            acknowledged.update(line for line in process.stdout if line.endswith("\n"))
    cited = [StoredObject(line.split()[0], int(line.split()[1])) for line in acknowledged]

    async def check():
        store = LocalObjectStore(root)
        report = await scrub(store, each(*cited))
        there = [StoredObject(entry.sha256, entry.size_bytes) async for entry in store.list_objects()]
        everything = await scrub(store, each(*there))
        swept = await sweep(store, {stored.sha256 for stored in cited}, not_put_since=future())
        left = [entry.sha256 async for entry in store.list_objects()]
        return report, everything, swept, left

    report, everything, _, left = asyncio.run(check())
    assert (report.objects, report.damages) == (len(cited), ())
    assert everything.damages == ()
    assert sorted(left) == sorted(stored.sha256 for stored in cited)
    assert list((root / "tmp").iterdir()) == []


async def test_a_scrub_finds_every_damage(store):
    stored = [await store.put_bytes(os.urandom(1000) + bytes([number])) for number in range(60)]
    flipped, truncated, grown, missing, one, other = stored[3], stored[17], stored[20], stored[31], stored[40], stored[50]
    for each_stored in stored:
        store.local_path(each_stored.sha256).chmod(0o600)
    with store.local_path(flipped.sha256).open("r+b") as file:
        file.seek(500)
        byte = file.read(1)
        file.seek(500)
        file.write(bytes([byte[0] ^ 1]))
    os.truncate(store.local_path(truncated.sha256), 100)
    with store.local_path(grown.sha256).open("ab") as file:
        file.write(b"more")
    store.local_path(missing.sha256).unlink()
    between = store.local_path(one.sha256).with_name("between")
    store.local_path(one.sha256).rename(between)
    store.local_path(other.sha256).rename(store.local_path(one.sha256))
    between.rename(store.local_path(other.sha256))

    thorough = await scrub(store, each(*stored))
    quick = await scrub(store, each(*stored), content=False)

    assert {damage.cited: damage.kind for damage in thorough.damages} == {
        flipped: "content",
        truncated: "size",
        grown: "size",
        missing: "missing",
        one: "content",
        other: "content",
    }
    assert {damage.cited for damage in quick.damages} == {truncated, grown, missing}


async def test_putting_it_again_heals_an_object(store):
    stored = await store.put_bytes(b"healthy")
    path = store.local_path(stored.sha256)
    path.chmod(0o600)
    path.write_bytes(b"damaged")

    await store.put_bytes(b"healthy")

    assert await store.read(stored.sha256) == b"healthy"


async def test_an_object_cannot_be_written_to_by_mistake(store, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    stored = await store.put_file(tmp_path / "file", take=True)

    assert store.local_path(stored.sha256).stat().st_mode & 0o777 == 0o444


async def test_a_file_with_a_second_name_is_copied_not_moved(store, tmp_path):
    """Whoever holds the other name could change the object."""
    (tmp_path / "file").write_bytes(b"shared")
    os.link(tmp_path / "file", tmp_path / "other name")

    stored = await store.put_file(tmp_path / "file", take=True)
    (tmp_path / "other name").write_bytes(b"changed")

    assert await store.read(stored.sha256) == b"shared"
    assert not (tmp_path / "file").exists()


async def test_putting_an_old_object_again_keeps_it_from_a_sweep(store):
    stored = await store.put_bytes(b"old")
    os.utime(store.local_path(stored.sha256), (1, 1))
    listed = [entry async for entry in store.list_objects()]
    cut = datetime.now(UTC) - timedelta(minutes=1)

    await store.put_bytes(b"old")

    assert listed[0].modified_at < cut
    assert await store.delete(stored.sha256, not_put_since=cut) is False
    assert await store.read(stored.sha256) == b"old"


async def test_a_taken_old_file_counts_as_put_now(store, tmp_path):
    (tmp_path / "file").write_bytes(b"uploaded days ago")
    os.utime(tmp_path / "file", (1, 1))

    stored = await store.put_file(tmp_path / "file", take=True)

    assert await store.delete(stored.sha256, not_put_since=datetime.now(UTC) - timedelta(minutes=1)) is False


async def test_sweeps_and_puts_at_once_lose_nothing(store):
    async def put(number):
        data = bytes([number])
        for _ in range(20):
            stored = await store.put_bytes(data)
            assert await store.read(stored.sha256) == data

    async def sweep_on():
        for _ in range(30):
            await sweep(store, set(), not_put_since=datetime.now(UTC) - timedelta(seconds=20))

    await asyncio.gather(*(put(number) for number in range(8)), sweep_on(), sweep_on())


@pytest.mark.system
@pytest.mark.parametrize(
    ("calls", "error", "when", "code", "left"),
    [
        ("fsync", "EIO", 3, "storage-failed", 1),
        ("fsync", "EIO", 4, "storage-failed", 2),  # of the folder: the object is whole, but may be gone after a crash
        ("write", "ENOSPC", 2, "storage-full", 1),
        ("write", "EDQUOT", 2, "storage-full", 1),
        ("rename", "EROFS", 2, "storage-failed", 1),
        ("fchmod", "EIO", 2, "storage-failed", 1),
    ],
)
def test_a_disk_that_refuses_is_never_acknowledged(need_command, root, calls, error, when, code, left):
    strace = need_command("strace", "strace")
    inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}"]
    done = subprocess.run(
        [strace, "-f", "-qq", "-o", "/dev/null", *inject, sys.executable, "-B", "-c", PUT_ONCE, root],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.strip() == f"refused {code}"
    assert len([path for path in root.rglob("*") if path.is_file()]) == left


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system needs the right to mount one: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.system
async def test_a_full_disk_refuses_and_recovers(small_disk, tmp_path):
    store = LocalObjectStore(small_disk / "objects")
    kept = await store.put_bytes(os.urandom(1 << 20))
    (tmp_path / "large").write_bytes(os.urandom(5 << 20))

    for _ in range(3):
        with pytest.raises(StorageFullError):
            await store.put_file(tmp_path / "large")
        with pytest.raises(StorageFullError):
            await store.put_bytes(os.urandom(5 << 20))

    assert [entry.sha256 async for entry in store.list_objects()] == [kept.sha256]
    assert list((small_disk / "objects" / "tmp").iterdir()) == []
    assert (tmp_path / "large").exists()
    assert len(await store.read(kept.sha256)) == 1 << 20
    await store.delete(kept.sha256)
    assert (await store.put_bytes(os.urandom(3 << 20))).size_bytes == 3 << 20


@pytest.mark.system
async def test_a_file_of_another_disk_is_taken_too(small_disk, store):
    (small_disk / "file").write_bytes(b"from elsewhere")

    stored = await store.put_file(small_disk / "file", take=True)

    assert await store.read(stored.sha256) == b"from elsewhere"
    assert not (small_disk / "file").exists()


@pytest.mark.system
async def test_a_read_only_disk_reads_on(small_disk):
    store = LocalObjectStore(small_disk / "objects")
    stored = await store.put_bytes(b"kept")
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(StorageFailedError):
        await store.put_bytes(b"refused")
    assert await LocalObjectStore(small_disk / "objects").read(stored.sha256) == b"kept"


# --- linked files


@pytest.fixture
def links(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(name.encode())
    (tmp_path / "outside").write_bytes(b"outside")
    return LinkedFiles([tmp_path / "a", tmp_path / "b"])


def test_files_below_the_roots_are_opened(links, tmp_path):
    for number, name in enumerate(("a", "b")):
        with links.open(f"{tmp_path}/{name}/file") as file:
            assert file.read() == name.encode()
        assert links.locate(f"{tmp_path}/{name}/file") == (number, ("file",))


@pytest.mark.parametrize(
    "path",
    ["{0}/outside", "{0}/a/../outside", "{0}/a/./file", "{0}/a//file", "{0}/a", "{0}/a/", "{0}/ab/file", "file", "", "/", "{0}/a/x\0y",
     "{0}/a/none", "{0}/a/link", "{0}/a/folder/file"],
)  # fmt: skip
def test_nothing_else_is(links, tmp_path, path):
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "file")
    (tmp_path / "a" / "folder").symlink_to(tmp_path / "b")

    with pytest.raises(LinkedFileError):
        links.open(path.format(tmp_path))
