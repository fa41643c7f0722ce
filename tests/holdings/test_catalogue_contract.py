"""The SQL catalogue keeps the contract on a file and in memory."""

import pytest

from twinlake.engines.database import MemoryDatabase, SqliteDatabase
from twinlake.events import schema as events
from twinlake.holdings.catalogue import schema
from twinlake.standards import cql2
from twinlake.testing.catalogue import CatalogueContract

_MIGRATIONS = (*events.MIGRATIONS, *schema.MIGRATIONS)
_PREPARE = (*cql2.PREPARE, *schema.PREPARE)


class TestCatalogueOnAFile(CatalogueContract):
    @pytest.fixture
    async def database(self, tmp_path):
        async with SqliteDatabase(tmp_path / "site.db", migrations=_MIGRATIONS, prepare=_PREPARE) as database:
            yield database


class TestCatalogueInMemory(CatalogueContract):
    random_questions = 60

    @pytest.fixture
    async def database(self):
        async with MemoryDatabase(migrations=_MIGRATIONS, prepare=_PREPARE) as database:
            yield database
