"""Both databases keep the contract."""

import pytest

from twinlake.engines.database import MemoryDatabase, SqliteDatabase
from twinlake.testing.database import DatabaseContract


class TestMemoryDatabase(DatabaseContract):
    @pytest.fixture
    def make(self):
        return MemoryDatabase


class TestSqliteDatabase(DatabaseContract):
    @pytest.fixture
    def make(self, tmp_path):
        return lambda **options: SqliteDatabase(tmp_path / "site.db", **options)
