"""What only a file has: threads, groups, other connections, a schema that grows."""

import asyncio
import threading

import pytest
from pysqlite3 import dbapi2

from twinlake.core.errors import ConflictError, DeadlineExceededError, OverloadedError, StorageFailedError
from twinlake.engines.database import Migration, SqliteDatabase, sqlite, writer
from twinlake.testing.database import ENDLESS, MIGRATIONS, insert, list_numbers


@pytest.fixture
def path(tmp_path):
    return tmp_path / "site.db"


@pytest.fixture
async def database(path):
    async with SqliteDatabase(path, migrations=MIGRATIONS) as database:
        yield database


class HeldWriter:
    """Occupies the writer until released."""

    def __init__(self, database):
        self.started = threading.Event()
        self._release = threading.Event()
        self.task = asyncio.ensure_future(database.write(self._hold))

    def _hold(self, tx):
        self.started.set()
        assert self._release.wait(30)

    async def release(self):
        self._release.set()
        await self.task


@pytest.fixture
async def held(database):
    held = HeldWriter(database)
    await asyncio.to_thread(held.started.wait, 30)
    yield held
    await held.release()


async def test_writers_beyond_the_limit_are_told_to_come_back(database, held):
    waiting = [asyncio.ensure_future(database.write(insert(n))) for n in range(writer._WAITING_LIMIT - 1)]
    await asyncio.sleep(0)

    with pytest.raises(OverloadedError):
        await database.write(insert(-1))

    await held.release()
    await asyncio.gather(*waiting)
    assert await database.write(insert(-1)) == -1
    assert len(await database.read(list_numbers)) == writer._WAITING_LIMIT


async def test_a_cancelled_caller_counts_until_its_change_is_done(database, held):
    waiting = [asyncio.ensure_future(database.write(insert(n))) for n in range(writer._WAITING_LIMIT - 1)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    with pytest.raises(OverloadedError):
        await database.write(insert(-1))


async def test_cancellation_leaves_a_change_whole_and_its_neighbours_alone(database, held):
    cancelled, failing, neighbour = (asyncio.ensure_future(database.write(insert(n))) for n in (1, 1, 2))
    await asyncio.sleep(0)
    cancelled.cancel()
    failing.cancel()
    await held.release()

    assert await neighbour == 2
    assert cancelled.cancelled()
    assert await database.read(list_numbers) == [1, 2]


async def test_a_group_costs_one_commit(database, held):
    commits = []
    database.on_commit(lambda: commits.append(1))
    waiting = [asyncio.ensure_future(database.write(insert(n))) for n in range(100)]
    await asyncio.sleep(0)
    await held.release()
    await asyncio.gather(*waiting)

    assert len(commits) < 20


async def test_reads_see_what_was_committed_while_a_writer_is_at_work(database):
    await database.write(insert(1))
    held = HeldWriter(database)
    await asyncio.to_thread(held.started.wait, 30)
    seen = await database.read(list_numbers)
    await held.release()

    assert seen == [1]


async def test_a_slow_read_leaves_the_loop_alone(database):
    go_on = threading.Event()

    def read_slowly(tx):
        if threading.current_thread() is threading.main_thread():
            tx.execute(ENDLESS).fetchall()  # too slow for the loop: the work runs again in a thread
        assert go_on.wait(30)
        return list_numbers(tx)

    slow = asyncio.ensure_future(database.read(read_slowly))
    for _ in range(20):
        assert await database.read(list_numbers) == []
    assert not slow.done()
    go_on.set()

    assert await slow == []


async def test_waiting_for_a_reader_counts_as_time(path):
    def read_endlessly(tx):
        return tx.execute(ENDLESS).fetchall()

    async with SqliteDatabase(path, migrations=MIGRATIONS, readers=1) as database:
        first = asyncio.ensure_future(database.read(read_endlessly, deadline_seconds=0.5))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(database.read(read_endlessly, deadline_seconds=0.001))
        outcomes = await asyncio.gather(first, second, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [DeadlineExceededError] * 2


async def test_a_slow_read_stays_on_one_snapshot(database):
    await database.write(insert(1))
    between = threading.Event()
    go_on = threading.Event()

    def read_twice(tx):
        if threading.current_thread() is threading.main_thread():
            tx.execute(ENDLESS).fetchall()  # too slow for the loop: the work runs again in a thread
        first = list_numbers(tx)
        between.set()
        assert go_on.wait(30)
        return first, list_numbers(tx)

    reading = asyncio.ensure_future(database.read(read_twice))
    await asyncio.sleep(0)
    await asyncio.to_thread(between.wait, 30)
    await database.write(insert(2))
    go_on.set()

    assert await reading == ([1], [1])


async def test_closing_finishes_what_waits_and_refuses_what_comes(path):
    database = SqliteDatabase(path, migrations=MIGRATIONS)
    waiting = [asyncio.ensure_future(database.write(insert(n))) for n in range(50)]
    await asyncio.sleep(0)
    async with database:
        pass
    with pytest.raises(OverloadedError):
        await database.write(insert(99))
    assert await asyncio.gather(*waiting) == list(range(50))

    async with SqliteDatabase(path, migrations=MIGRATIONS) as again:
        assert await again.read(list_numbers) == list(range(50))


async def test_another_program_that_holds_the_file_is_an_overload(database, path):
    await database.write(lambda tx: tx.execute("pragma busy_timeout = 50").close())
    other = dbapi2.connect(str(path), isolation_level=None)
    other.execute("begin immediate")
    try:
        with pytest.raises(OverloadedError, match="Another program"):
            await database.write(insert(1))
    finally:
        other.close()

    assert await database.write(insert(1)) == 1


async def test_backup_while_writing_is_a_consistent_prefix(database, tmp_path):
    target = tmp_path / "copy.db"
    await asyncio.gather(*(database.write(insert(n)) for n in range(1000)))
    copying = asyncio.ensure_future(database.backup(target))
    n = 1000
    while not copying.done():
        await database.write(insert(n))
        n += 1
    await copying

    copy = dbapi2.connect(str(target))
    copied = list_numbers(copy)
    assert copy.execute("pragma quick_check").fetchall() == [("ok",)]
    copy.close()
    assert copied == list(range(len(copied)))
    assert 1000 <= len(copied) <= n


class TestMigrations:
    """The schema grows by steps that are applied once."""

    async def test_a_second_start_applies_nothing_again(self, path):
        for _ in range(2):
            async with SqliteDatabase(path, migrations=MIGRATIONS) as database:
                pass
        step = Migration("test", 3, "alter table number add column colour text default 'red';")
        async with SqliteDatabase(path, migrations=MIGRATIONS) as database:
            await database.write(insert(1))
        async with SqliteDatabase(path, migrations=(*MIGRATIONS, step)) as database:
            assert await database.read(lambda tx: tx.execute("select n, colour from number").fetchall()) == [(1, "red")]

    @pytest.mark.parametrize(
        "other",
        [
            MIGRATIONS[:1],
            (MIGRATIONS[0], Migration("test", 2, MIGRATIONS[1].sql + " ")),
            (*MIGRATIONS[:1], Migration("other", 2, MIGRATIONS[1].sql)),
        ],
        ids=["newer database", "changed step", "renamed capability"],
    )
    async def test_a_schema_that_this_version_does_not_know_is_refused_untouched(self, path, other):
        async with SqliteDatabase(path, migrations=MIGRATIONS) as database:
            await database.write(insert(1))
        before = path.read_bytes()

        with pytest.raises(ConflictError, match="does not know"):
            SqliteDatabase(path, migrations=other)

        assert path.read_bytes() == before

    async def test_a_step_that_fails_leaves_nothing_and_can_be_run_again(self, path):
        broken = Migration("test", 3, "create table half(x); create table number(n);")
        with pytest.raises(dbapi2.OperationalError, match="already exists"):
            SqliteDatabase(path, migrations=(*MIGRATIONS, broken))

        good = Migration("test", 3, "create table half(x);")
        async with SqliteDatabase(path, migrations=(*MIGRATIONS, good)) as database:
            assert await database.read(lambda tx: tx.execute("select count(*) from half").fetchall()) == [(0,)]


@pytest.mark.parametrize(
    "content", [b"this is no database, whatever its name says " * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
async def test_a_file_that_is_no_database_is_refused(path, content):
    path.write_bytes(content)

    with pytest.raises(StorageFailedError, match=r"site\.db|disk"):
        SqliteDatabase(path, migrations=MIGRATIONS)


async def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StorageFailedError, match="nowhere"):
        SqliteDatabase(tmp_path / "nowhere" / "site.db", migrations=MIGRATIONS)


async def test_the_end_of_a_snapshot_is_never_interrupted(database, monkeypatch):
    # SQLite counts the steps of a cached statement over all its runs, so even a rollback asks the limit now and then.
    monkeypatch.setattr(sqlite, "_INLINE_SECONDS", -1.0)

    for _ in range(10_000):
        await database.read(lambda tx: None)

    assert await database.read(list_numbers) == []
