"""Both databases keep the contract of tokens."""

import pytest

from twinlake.engines.database import MemoryDatabase, SqliteDatabase
from twinlake.identity.schema import MIGRATIONS
from twinlake.testing.identity import TokenContract


class TestTokensInMemory(TokenContract):
    @pytest.fixture
    async def database(self):
        async with MemoryDatabase(migrations=MIGRATIONS) as database:
            yield database


class TestTokensInSqlite(TokenContract):
    @pytest.fixture
    async def database(self, tmp_path):
        async with SqliteDatabase(tmp_path / "site.db", migrations=MIGRATIONS) as database:
            yield database
