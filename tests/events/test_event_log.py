"""The event log numbers events without a gap, in the transaction of their change."""

import pytest

from twinlake.core.clock import SystemClock
from twinlake.engines.database import MemoryDatabase
from twinlake.events.interfaces import EventRange, NewEvent
from twinlake.events.log import EventLog
from twinlake.events.schema import MIGRATIONS


@pytest.fixture
async def database():
    async with MemoryDatabase(migrations=MIGRATIONS) as database:
        yield database


async def test_numbers(database):
    log = EventLog(clock=SystemClock())
    event = NewEvent(type="a", subject="s", domain="collection:c")
    await database.write(
        lambda tx: log.append(tx, [event, EventRange(type="a", domain="collection:c", source="x", first=5, count=3), event])
    )
    with pytest.raises(ZeroDivisionError):
        await database.write(lambda tx: (log.append(tx, [event]), 1 / 0))
    await database.write(lambda tx: log.append(tx, [event]))

    rows = await database.read(lambda tx: tx.execute("select seq, number, count from event order by seq").fetchall())

    assert rows == [(1, 1, 1), (2, 2, 3), (5, 5, 1), (6, 6, 1)]
