"""What every database of a site does."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from pysqlite3 import dbapi2

from twinlake.core.errors import ConflictError, DeadlineExceededError
from twinlake.engines.database import Connection, Database, Migration, RememberedReads

MIGRATIONS = (
    Migration("test", 1, "create table number(n integer primary key, word text); create index number_word on number(word);"),
    Migration("test", 2, "create table parent(id integer primary key) strict; create table child(p references parent(id));"),
)
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
MakeDatabase = Callable[..., AbstractAsyncContextManager[Database]]


def insert(n: int) -> Callable[[Connection], int]:
    """Make a work that inserts *n* and returns it."""

    def work(tx: Connection) -> int:
        tx.execute("insert into number(n) values (?)", (n,))
        return n

    return work


def list_numbers(tx: Connection) -> list[int]:
    """List what was inserted."""
    return [row[0] for row in tx.execute("select n from number order by n")]


class DatabaseContract:
    """Give a fixture ``make(*, migrations, prepare)`` that opens an empty database."""

    @pytest.fixture
    async def database(self, make: MakeDatabase) -> AsyncGenerator[Database, None]:
        async with make(migrations=MIGRATIONS) as database:
            yield database

    async def test_a_change_is_read_back(self, database: Database) -> None:
        assert await database.write(insert(7)) == 7
        assert await database.read(list_numbers) == [7]

    async def test_a_change_is_all_or_none(self, database: Database) -> None:
        def fail_after_half(tx: Connection) -> None:
            insert(1)(tx)
            raise KeyError("why")

        with pytest.raises(KeyError, match="why"):
            await database.write(fail_after_half)

        assert await database.read(list_numbers) == []

    async def test_changes_at_once_are_each_kept_or_not_on_their_own(self, database: Database) -> None:
        outcomes = await asyncio.gather(*(database.write(insert(n // 2)) for n in range(200)), return_exceptions=True)

        kept = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
        assert kept == list(range(100))
        assert sum(isinstance(outcome, dbapi2.IntegrityError) for outcome in outcomes) == 100
        assert await database.read(list_numbers) == kept

    async def test_a_work_that_raises_stop_iteration_gets_an_answer(self, database: Database) -> None:
        with pytest.raises((RuntimeError, StopIteration)):
            await asyncio.wait_for(database.write(lambda tx: next(iter(tx.execute("select n from number")))), 10)

    async def test_foreign_keys_hold(self, database: Database) -> None:
        with pytest.raises(dbapi2.IntegrityError):
            await database.write(lambda tx: tx.execute("insert into child values (1)").close())

    async def test_a_read_changes_nothing(self, database: Database) -> None:
        with pytest.raises(dbapi2.Error, match="readonly"):
            await database.read(insert(1))

        assert await database.write(insert(1)) == 1

    async def test_a_read_past_its_deadline_is_refused_and_harms_nothing(self, database: Database) -> None:
        with pytest.raises(DeadlineExceededError):
            await database.read(lambda tx: tx.execute(ENDLESS).fetchall(), deadline_seconds=0.05)

        assert await database.read(list_numbers, deadline_seconds=5) == []

    async def test_listeners_hear_of_commits_until_they_stop(self, database: Database) -> None:
        heard: list[int] = []
        stop = database.on_commit(lambda: heard.append(1))
        await database.write(insert(1))
        assert heard
        stop()
        heard.clear()
        await database.write(insert(2))

        assert not heard

    async def test_a_remembered_read_is_asked_again_after_a_commit(self, database: Database) -> None:
        asked: list[int] = []

        def work(tx: Connection) -> list[int]:
            asked.append(1)
            return list_numbers(tx)

        reads = RememberedReads(database, size=2)
        first = [await reads.read("numbers", work) for _ in range(3)]
        await database.write(insert(1))
        second = [await reads.read("numbers", work) for _ in range(3)]

        assert (first, second, len(asked)) == ([[]] * 3, [[1]] * 3, 2)

    async def test_a_read_that_fails_is_not_remembered_and_the_oldest_makes_room(self, database: Database) -> None:
        reads = RememberedReads(database, size=2)
        with pytest.raises(dbapi2.Error):
            await reads.read("numbers", lambda tx: tx.execute("select nothing").fetchall())
        assert await reads.read("numbers", list_numbers) == []
        for key in ("b", "c"):
            await reads.read(key, list_numbers)

        assert await reads.read("numbers", lambda _: ["anew"]) == ["anew"]
        assert await reads.read("c", lambda _: ["anew"]) == []

    async def test_what_a_listener_was_told_of_can_be_read(self, database: Database) -> None:
        seen: list[list[int]] = []
        woken = asyncio.Event()
        database.on_commit(woken.set)
        await database.write(insert(5))
        await asyncio.wait_for(woken.wait(), 10)
        seen.append(await database.read(list_numbers))

        assert seen == [[5]]

    async def test_sql_functions_are_there_for_changes_and_reads(self, make: MakeDatabase) -> None:
        def prepare(connection: Connection) -> None:
            connection.create_function("twice", 1, lambda n: 2 * n, deterministic=True)

        indexed = Migration("test", 3, "create index number_twice on number(twice(n));")
        async with make(migrations=(*MIGRATIONS, indexed), prepare=[prepare]) as database:
            await database.write(insert(4))

            assert await database.read(lambda tx: tx.execute("select twice(n) from number").fetchall()) == [(8,)]

    async def test_a_backup_is_a_database_of_its_own(self, database: Database, tmp_path: Path) -> None:
        await database.write(insert(1))
        target = tmp_path / "copy.db"
        await database.backup(target)
        await database.write(insert(2))

        copy = dbapi2.connect(str(target))
        try:
            assert copy.execute("select n from number").fetchall() == [(1,)]
            assert copy.execute("pragma integrity_check").fetchall() == [("ok",)]
        finally:
            copy.close()

    async def test_a_backup_never_overwrites(self, database: Database, tmp_path: Path) -> None:
        (tmp_path / "copy.db").write_bytes(b"precious")

        with pytest.raises(ConflictError):
            await database.backup(tmp_path / "copy.db")

        assert (tmp_path / "copy.db").read_bytes() == b"precious"
