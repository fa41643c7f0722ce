"""Backups that become sites again, and checks that find what is wrong."""

import asyncio
from pathlib import Path

import pytest
from pysqlite3 import dbapi2

from twinlake.core.clock import SystemClock
from twinlake.core.errors import ConflictError, InvalidInputError
from twinlake.engines.database import Migration, SqliteDatabase
from twinlake.engines.objectstore import LocalObjectStore
from twinlake.events.log import EventLog
from twinlake.events.schema import MIGRATIONS as EVENT_MIGRATIONS
from twinlake.management.maintenance import SiteFiles, backup, check_database, check_events, restore, run_checks
from twinlake.testing.event_log import new_event

MIGRATIONS = (
    *EVENT_MIGRATIONS,
    Migration("test", 1, "create table parent(id integer primary key); create table held(sha256 text, p references parent(id));"),
)


def database_of(folder):
    return SqliteDatabase(folder / "state" / "site.db", migrations=MIGRATIONS)


def list_held(tx):
    return [sha256 for (sha256,) in tx.execute("select sha256 from held")]


class RunningSite:
    def __init__(self, folder, database):
        self.folder = folder
        self.database = database
        self.objects = LocalObjectStore(folder / "objects")
        self.log = EventLog(clock=SystemClock())

    async def hold(self, data):
        stored = await self.objects.put_bytes(data)

        def work(tx):
            tx.execute("insert into held(sha256) values (?)", (stored.sha256,))
            self.log.append(tx, [new_event(stored.sha256)])

        await self.database.write(work)
        return stored

    async def backup(self, target, **options):
        files = SiteFiles(
            folder=self.folder,
            database=self.folder / "state" / "site.db",
            others=(self.folder / "site.toml", self.folder / "site.key", self.folder / "nothing"),
        )
        options = {"copy_objects": True} | options
        return await backup(files, target, list_cited=list_held, objects=self.objects, prepare=(), clock=SystemClock(), **options)


async def restore_to(source, folder):
    return await restore(
        source, folder, open_database=database_of, open_objects=lambda site: LocalObjectStore(site / "objects"),
        log=EventLog(clock=SystemClock()),
    )  # fmt: skip


@pytest.fixture
async def site(tmp_path):
    folder = tmp_path / "site"
    (folder / "state").mkdir(parents=True)
    (folder / "site.toml").write_text("id = 'x'\n")
    (folder / "site.key").write_bytes(b"k" * 32)
    (folder / "site.key").chmod(0o600)
    async with database_of(folder) as database:
        yield RunningSite(folder, database)


async def test_a_backup_made_under_load_becomes_the_same_site_again(site, tmp_path):
    stored = [await site.hold(str(n).encode() * 1000) for n in range(20)]
    backing_up = asyncio.ensure_future(site.backup(tmp_path / "copy"))
    n = 20
    while not backing_up.done():
        await site.hold(str(n).encode())
        n += 1
    made = await backing_up
    brought_back = await restore_to(tmp_path / "copy", tmp_path / "again")

    assert not made.damaged
    assert not brought_back.missing
    assert made.objects == brought_back.objects >= 20
    again = tmp_path / "again"
    assert (again / "site.toml").read_text() == "id = 'x'\n"
    assert (again / "site.key").read_bytes() == b"k" * 32
    assert (again / "site.key").stat().st_mode & 0o777 == 0o600
    assert again.stat().st_mode & 0o077 == 0
    objects = LocalObjectStore(again / "objects")
    async with database_of(again) as database:
        held = await database.read(list_held)
        assert len(held) == made.objects
        assert await objects.read(stored[7].sha256) == b"7" * 1000
        for finding in await run_checks({"d": lambda: check_database(database), "e": lambda: check_events(database)}):
            assert finding.ok, finding.detail
        page = await database.read(lambda tx: site.log.read(tx, after_seq=3, limit=10))
        assert page.gap is not None


async def test_objects_may_be_listed_and_left_where_they_are(site, tmp_path):
    stored = await site.hold(b"abc")
    made = await site.backup(tmp_path / "copy", copy_objects=False)

    assert (made.objects, made.object_bytes, made.objects_copied) == (1, 3, False)
    assert (tmp_path / "copy" / "objects.txt").read_text() == f"{stored.sha256} 3\n"
    assert not (tmp_path / "copy" / "objects").exists()
    assert (await restore_to(tmp_path / "copy", tmp_path / "again")).missing == (stored.sha256,)


async def test_damaged_and_missing_objects_are_named_and_do_not_stop_the_rest(site, tmp_path):
    good, bad, gone = [await site.hold(data) for data in (b"good", b"bad!", b"gone")]
    path = site.objects.local_path(bad.sha256)
    path.chmod(0o644)
    path.write_bytes(b"BAD!")
    await site.objects.delete(gone.sha256)

    made = await site.backup(tmp_path / "copy")

    assert set(made.damaged) == {bad.sha256, gone.sha256}
    assert (await restore_to(tmp_path / "copy", tmp_path / "again")).objects == 1
    assert await LocalObjectStore(tmp_path / "again" / "objects").read(good.sha256) == b"good"


async def test_nothing_is_overwritten_and_nothing_half_is_left(site, tmp_path):
    await site.hold(b"abc")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("x")
    with pytest.raises(ConflictError):
        await site.backup(tmp_path / "full")
    await site.backup(tmp_path / "copy")
    with pytest.raises(ConflictError):
        await site.backup(tmp_path / "copy")
    with pytest.raises(ConflictError):
        await restore_to(tmp_path / "copy", tmp_path / "full")

    def fail(_):
        raise ZeroDivisionError

    site.objects.find_size = fail
    with pytest.raises(ZeroDivisionError):
        await site.backup(tmp_path / "other")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "full", "site"]
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["precious"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda copy: (copy / "backup.json").unlink(),
        lambda copy: (copy / "backup.json").write_text("{}"),
        lambda copy: (copy / "backup.json").write_text("[1]"),
        lambda copy: (copy / "site" / "site.key").unlink(),
        lambda copy: (copy / "site" / "extra").write_text("x"),
        lambda copy: (copy / "site" / "site.toml").write_text("id = 'y'\n"),
        lambda copy: flip_a_byte(copy / "site" / "state" / "site.db"),
        lambda copy: (copy / "objects.txt").write_text(""),
    ],
)
async def test_a_damaged_backup_is_refused_and_leaves_nothing(site, tmp_path, damage):
    await site.hold(b"abc")
    await site.backup(tmp_path / "copy")
    damage(tmp_path / "copy")

    with pytest.raises(InvalidInputError, match="backup"):
        await restore_to(tmp_path / "copy", tmp_path / "again")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "site"]


async def test_an_object_that_changed_in_the_backup_is_missing(site, tmp_path):
    stored = await site.hold(b"abc")
    await site.backup(tmp_path / "copy")
    flip_a_byte(tmp_path / "copy" / "objects" / stored.sha256[:2] / stored.sha256)

    assert (await restore_to(tmp_path / "copy", tmp_path / "again")).missing == (stored.sha256,)


def flip_a_byte(path: Path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


class TestChecks:
    """Each check finds what it is for."""

    @pytest.mark.parametrize(
        ("damage", "words"),
        [
            ("delete from event where seq = 2", "gap before 3"),
            ("delete from event where seq = 1", "begins with 2"),
            ("delete from event where seq = 4", "ends before 4"),
            ("update event set number = 9 where seq = 2", "gap before 9"),
            ("update event_stream set next_number = 9", "does not end"),
            ("update event set time = 0 where seq = 3", "backwards 1 times"),
            ("update event_log set next_seq = 9", "ends before 5, not 9"),
        ],
    )
    async def test_events(self, site, damage, words):
        for n in range(4):
            await site.hold(str(n).encode())
        assert await check_events(site.database) == []
        await site.database.write(lambda tx: tx.execute(damage).close())

        assert any(words in problem for problem in await check_events(site.database))

    async def test_an_empty_log_is_whole(self, site):
        assert await check_events(site.database) == []

    async def test_references(self, site):
        other = dbapi2.connect(str(site.folder / "state" / "site.db"), isolation_level=None)
        other.execute("insert into held values ('x', 5)")
        other.close()

        [finding] = await run_checks({"database": lambda: check_database(site.database)})

        assert not finding.ok
        assert finding.detail == "1 rows of held refer to nothing in parent"

    async def test_pages(self, tmp_path):
        path = tmp_path / "site.db"
        async with SqliteDatabase(path, migrations=MIGRATIONS) as database:
            await database.write(
                lambda tx: tx.executemany("insert into held(sha256) values (?)", [(str(n) * 50,) for n in range(5000)]).close()
            )
        data = bytearray(path.read_bytes())
        middle = len(data) // 2 // 4096 * 4096
        data[middle : middle + 4096] = b"\xff" * 4096
        path.write_bytes(data)
        async with SqliteDatabase(path, migrations=MIGRATIONS) as database:
            [finding] = await run_checks({"database": lambda: check_database(database)})
        assert not finding.ok
