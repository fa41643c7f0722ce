"""Kill -9, failing and full disks: what was acknowledged is there, what failed was never acknowledged."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pysqlite3 import dbapi2

from twinlake.core.errors import StorageFullError
from twinlake.engines.database import SqliteDatabase
from twinlake.engines.database.reserve import DiskReserve
from twinlake.testing.database import MIGRATIONS, insert, list_numbers

pytestmark = pytest.mark.slow

CHILD = Path(__file__).with_name("database_child.py")
WRITES = 100_000_000


def start_child(path, *before, count=WRITES, writers=4):
    return subprocess.Popen(
        [*before, sys.executable, CHILD, path, str(count), str(writers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_program(text):
    return subprocess.run([sys.executable, "-c", text], check=False, timeout=60, capture_output=True, text=True)


def read_outcome(child):
    """Return the acknowledged numbers and what else was said, once the child has ended."""
    out, err = child.communicate(timeout=60)
    lines = out.splitlines()
    complete = lines if out.endswith("\n") else lines[:-1]
    return {int(line) for line in complete if line.isdigit()}, [line for line in complete if not line.isdigit()], err


async def reopen(path):
    """Open the file as a restarted site does, and list its numbers."""
    check = dbapi2.connect(str(path))
    assert check.execute("pragma quick_check").fetchall() == [("ok",)]
    check.close()
    async with SqliteDatabase(path, migrations=MIGRATIONS) as database:
        await database.write(insert(-1))
        await database.write(lambda tx: tx.execute("delete from number where n = -1").close())
        return set(await database.read(list_numbers))


@pytest.mark.parametrize("acknowledged", [1, 40, 300])
async def test_what_was_acknowledged_survives_kill_9(tmp_path, acknowledged):
    await check_kill_9(tmp_path / "site.db", acknowledged)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_what_was_acknowledged_survives_kill_9_a_thousand_times(tmp_path):
    for n in range(1000):
        await check_kill_9(tmp_path / f"{n}.db", n % 300)


async def check_kill_9(path, acknowledged):
    with start_child(path) as child:
        for _ in range(acknowledged + 1):
            assert child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        acked, _, _ = read_outcome(child)

    assert acked <= await reopen(path)


async def test_a_migration_killed_in_the_middle_is_run_again(tmp_path):
    path = tmp_path / "site.db"
    program = f"""
import os, signal
from pathlib import Path
from twinlake.engines.database import Migration, SqliteDatabase
from twinlake.testing.database import MIGRATIONS
step = Migration("test", 3, "create table half(x); insert into half values (stop()); create table whole(x);")
SqliteDatabase(Path({str(path)!r}), migrations=(*MIGRATIONS, step),
    prepare=[lambda c: c.create_function("stop", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))])
"""
    assert run_program(program).returncode == -signal.SIGKILL

    assert await reopen(path) == set()
    check = dbapi2.connect(str(path))
    tables = {name for (name,) in check.execute("select name from sqlite_master where type = 'table'")}
    check.close()
    assert tables == {"schema_migration", "number", "parent", "child"}


FAULTS = {
    "fsync,fdatasync:error=EIO:when={n}+": "StorageFailedError",
    "pwrite64,write:error=EIO:when={n}+": "StorageFailedError",
    "pwrite64:error=ENOSPC:when={n}+": "StorageFullError",
}


async def run_on_failing_disk(path, strace, fault):
    """Return what was acknowledged and said by a program whose database's files fail, and only they."""
    async with SqliteDatabase(path, migrations=MIGRATIONS):
        pass
    files = [option for suffix in ("", "-wal") for option in ("-P", f"{path}{suffix}")]
    with start_child(path, strace, "-f", "-qq", "-o", "/dev/null", *files, "-e", f"inject={fault}") as child:
        return read_outcome(child)


@pytest.mark.system
@pytest.mark.parametrize(("fault", "error"), FAULTS.items())
async def test_nothing_is_acknowledged_after_the_disk_failed(tmp_path, need_command, fault, error):
    path = tmp_path / "site.db"
    acked, said, err = await run_on_failing_disk(path, need_command("strace", "strace"), fault.format(n=30))

    assert error in said, err
    assert f"still {error}" in said
    assert any(line.startswith("reads ") for line in said)
    assert acked
    assert acked <= await reopen(path)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_disk_that_fails_at_any_moment_loses_nothing_acknowledged(tmp_path, need_command, fault):
    for n in range(1, 201):
        path = tmp_path / f"{n}.db"
        acked, _, _ = await run_on_failing_disk(path, need_command("strace", "strace"), fault.format(n=n))
        assert acked <= await reopen(path)


@pytest.mark.system
async def test_one_failed_fsync_is_never_followed_by_an_acknowledgement(tmp_path, need_command):
    path = tmp_path / "site.db"
    async with SqliteDatabase(path, migrations=MIGRATIONS):
        pass
    fault = ["-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync,fdatasync:error=EIO:when=25"]
    with start_child(path, need_command("strace", "strace"), *fault) as child:
        acked, said, err = read_outcome(child)

    assert "StorageFailedError" in said, err
    assert "still StorageFailedError" in said
    assert "went on" not in said
    assert acked <= await reopen(path)


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 6 MiB, where this user may mount one."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


async def fill(database, size_bytes):
    """Insert rows of *size_bytes* until the disk is full; return how many were acknowledged."""
    acked = 0
    try:
        while True:
            await database.write(lambda tx: tx.execute("insert into number(word) values (?)", ("x" * size_bytes,)).close())
            acked += 1
    except StorageFullError:
        return acked


async def test_a_full_disk_refuses_changes_serves_reads_and_recovers(tiny_disk):
    path = tiny_disk / "site.db"
    (tiny_disk / "ballast").write_bytes(bytes(4 << 20))
    async with SqliteDatabase(path, migrations=MIGRATIONS) as database:
        acked = await fill(database, 20_000)

        assert len(await database.read(list_numbers)) == acked
        (tiny_disk / "ballast").unlink()
        await database.write(insert(-5))
        assert len(await database.read(list_numbers)) == acked + 1

    assert len(await reopen(path)) == acked + 1


async def test_the_reserve_makes_room_for_deletions_on_a_full_disk(tiny_disk):
    reserve = DiskReserve(tiny_disk / "reserve", size_bytes=1 << 20)
    assert reserve.hold()
    async with SqliteDatabase(tiny_disk / "site.db", migrations=MIGRATIONS) as database:
        await fill(database, 20_000)
        await fill(database, 10)

        def delete(tx):
            return tx.execute("delete from number where n % 2 = 0").rowcount

        with pytest.raises(StorageFullError):
            await database.write(delete)
        with reserve.released():
            assert await database.write(delete) > 10

        await database.write(insert(-5))


async def test_a_read_only_file_is_refused_at_the_start(tmp_path):
    path = tmp_path / "site.db"
    async with SqliteDatabase(path, migrations=MIGRATIONS):
        pass
    program = f"""
import os
from pathlib import Path
from twinlake.core.errors import StorageFailedError
from twinlake.engines.database import SqliteDatabase
from twinlake.testing.database import MIGRATIONS
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    SqliteDatabase(Path({str(path)!r}), migrations=MIGRATIONS)
except StorageFailedError as error:
    print("refused", error)
"""
    if os.geteuid() != 0:
        program = "\n".join(line for line in program.splitlines() if "setuid" not in line)
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    for parent in path.parents[1:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    try:
        done = run_program(program)
    finally:
        tmp_path.chmod(0o755)

    assert done.stdout.startswith("refused"), done.stderr
