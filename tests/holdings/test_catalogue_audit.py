"""The audit of the catalogue names every kind of damage, and nothing where there is none."""

import orjson
import pytest

from twinlake.core.clock import SystemClock
from twinlake.engines.database import MemoryDatabase
from twinlake.events import schema as events
from twinlake.events.log import EventLog
from twinlake.holdings.catalogue import schema
from twinlake.holdings.catalogue.interfaces import ItemText
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.standards import cql2
from twinlake.testing.odd_items import ODD_COLLECTIONS, odd_collection, odd_item


@pytest.fixture
async def database():
    migrations = (*events.MIGRATIONS, *schema.MIGRATIONS)
    async with MemoryDatabase(migrations=migrations, prepare=(*cql2.PREPARE, *schema.PREPARE)) as database:
        yield database


@pytest.fixture
async def catalogue(database):
    clock = SystemClock()
    catalogue = SqlCatalogue(
        processes=PreparingProcesses(),
        database=database,
        events=EventLog(clock=clock),
        clock=clock,
        site_id="here",
        public_url="https://lake.example",
    )
    for collection in ODD_COLLECTIONS:
        await catalogue.put_collection(odd_collection(collection))
    await catalogue.load_items(ItemText(orjson.dumps(odd_item(number))) for number in range(60))
    return catalogue


async def test_a_sound_catalogue_has_no_differences(catalogue):
    assert await catalogue.find_differences() == []


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("update cell_count set n = n + 1", "cell_count"),
        ("update grid_count set n = n + 1", "grid_count"),
        ("update month_count set n = n + 1", "month_count"),
        ("update collection_month set n = n + 1", "collection_month"),
        ("delete from collection_month where month = (select min(month) from collection_month)", "collection_month"),
        ("update collection set longest_after = 0", "reach further"),
        ("delete from property_value where value = 'alpha'", "notes on 'platform'"),
        ("update property_range set high = 1 where property = 'eo:cloud_cover'", "notes on 'eo:cloud_cover'"),
        ("update item set cell = cell + 1 where cell >= 0", "another place"),
        ("update item set west = west - 1, east = east - 1 where west is not null", "another place"),
        ("update item set at = at + 1, starts = starts + 1, ends = ends + 1", "other times"),
        ("update item set platform = 'x'", "other properties"),
        ("update item_version set superseded_at = 1", "superseded version"),
        ("update item_version set etag = x'00'", "ETag"),
        ("delete from item where vid = (select max(vid) from item)", "neither current nor superseded"),
        ("update collection set document = null where id = 'odd-a'", "deleted and has items"),
    ],
)
async def test_damage_is_named(catalogue, database, damage, named):
    await database.write(lambda tx: tx.execute(damage.replace("", "")))

    assert any(named in difference for difference in await catalogue.find_differences())
