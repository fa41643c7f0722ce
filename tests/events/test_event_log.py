"""The event log keeps its contract on both databases."""

import pytest

from twinlake.engines.database import MemoryDatabase, SqliteDatabase
from twinlake.events.schema import MIGRATIONS
from twinlake.testing.event_log import EventLogContract


class TestEventLogInMemory(EventLogContract):
    @pytest.fixture
    async def database(self):
        async with MemoryDatabase(migrations=MIGRATIONS) as database:
            yield database


class TestEventLogInAFile(EventLogContract):
    @pytest.fixture
    async def database(self, tmp_path):
        async with SqliteDatabase(tmp_path / "site.db", migrations=MIGRATIONS) as database:
            yield database
