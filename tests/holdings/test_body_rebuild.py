"""Items that were stored before they had their whole product are served with it once a site has been updated."""

from dataclasses import replace

import orjson
import pytest

from twinlake.core.clock import SystemClock
from twinlake.engines.database import SqliteDatabase
from twinlake.events import schema as events
from twinlake.events.log import EventLog
from twinlake.holdings.catalogue import schema
from twinlake.holdings.catalogue.bodies import body_packer, unpack
from twinlake.holdings.catalogue.documents import PUBLIC_URL, digest
from twinlake.holdings.catalogue.interfaces import ItemDraft, ItemText, Managed
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.standards import cql2
from twinlake.testing.catalogue import EVERYTHING, SHA, draft
from twinlake.testing.odd_items import ODD_COLLECTIONS, odd_collection, odd_item

BEFORE = (*events.MIGRATIONS, *schema.MIGRATIONS[:1])
AFTER = (*events.MIGRATIONS, *schema.MIGRATIONS)
ODD = 600
"""More than are compiled at once."""


def open_database(folder, migrations):
    return SqliteDatabase(folder / "site.db", migrations=migrations, prepare=(*cql2.PREPARE, *schema.PREPARE))


def open_catalogue(database, *, processes=None):
    clock = SystemClock()
    return SqlCatalogue(
        database=database,
        events=EventLog(clock=clock),
        clock=clock,
        processes=processes or PreparingProcesses(),
        site_id="here",
        public_url="https://lake.example",
    )


async def all_bodies(database):
    """Return vid, hash, ETag and unpacked body of every version that is kept."""
    rows = await database.read(lambda tx: tx.execute("select vid, sha256, etag, body from item_version order by vid").fetchall())
    return [(vid, sha256, etag, unpack(body)) for vid, sha256, etag, body in rows]


def write_as_before(tx):
    """Take the whole product away from every body that has one."""
    mark, pack = b"https://mark.example", body_packer()
    for vid, packed in tx.execute("select vid, body from item_version").fetchall():
        document = orjson.loads(unpack(packed).replace(PUBLIC_URL, mark))
        if document["assets"].get("downloadLink", {}).get("href", "").startswith(mark.decode()):
            del document["assets"]["downloadLink"]
        body = orjson.dumps(document).replace(mark, PUBLIC_URL)
        tx.execute("update item_version set body = ?, etag = ? where vid = ?", (pack(body), digest(body), vid))


async def rebuild_all(catalogue):
    while await catalogue.rebuild_bodies():
        pass


@pytest.fixture
async def written(tmp_path):
    """A database as it was before the step; return what its versions would be today."""
    async with open_database(tmp_path, BEFORE) as database, PreparingProcesses() as processes:
        catalogue = open_catalogue(database, processes=processes)
        for collection in ("c", *ODD_COLLECTIONS):
            await catalogue.put_collection(odd_collection(collection))
        assets = {"a": {"href": "a.tif"}, "b": {"href": "b.tif"}}
        held = {"a": Managed(SHA, 42), "b": Managed(SHA, 42)}
        for title in ("first", "second"):
            await catalogue.put_items([replace(draft("held", assets=assets, properties={"title": title}), holdings=held)])
        foreign = {"data": {"href": "https://x.example/a"}, "downloadLink": {"href": "https://x.example/all.zip"}}
        await catalogue.put_items([draft("foreign", assets=foreign), draft("bare")])
        await catalogue.load_items(ItemText(orjson.dumps(odd_item(number))) for number in range(ODD))
        today = await all_bodies(database)
        await database.write(write_as_before)
    return today


async def test_every_body_is_compiled_anew_once_and_is_what_would_be_written_today(tmp_path, written):
    async with open_database(tmp_path, AFTER) as database:
        catalogue = open_catalogue(database)
        assert await all_bodies(database) != written
        await catalogue.put_items([draft("new", assets={"a": {"href": "https://x.example/a"}})])

        await rebuild_all(catalogue)

        assert (await all_bodies(database))[: len(written)] == written
        assert await catalogue.find_differences() == []
        item = orjson.loads((await catalogue.get_item("c", "held", EVERYTHING)).body)
        assert item["assets"]["downloadLink"]["href"] == "https://lake.example/data/here/c/held/downloadLink"
        assert (await catalogue.put_items([ItemDraft(document=item)])).outcomes == ("unchanged",)
        assert not await catalogue.rebuild_bodies()


async def test_what_was_cut_short_goes_on_where_it_was(tmp_path, written):
    async with open_database(tmp_path, AFTER) as database:
        assert await open_catalogue(database).rebuild_bodies()
        some = await all_bodies(database)
    async with open_database(tmp_path, AFTER) as database:
        await rebuild_all(open_catalogue(database))

        assert (some[-1], await all_bodies(database)) == (written[-1], written) != (written[-1], some)


async def test_a_new_site_has_nothing_to_compile_anew(tmp_path):
    async with open_database(tmp_path, AFTER) as database:
        assert await database.read(lambda tx: tx.execute("select * from body_rebuild").fetchall()) == []
        assert not await open_catalogue(database).rebuild_bodies()
