"""Keys computed from documents order items as the catalogue does."""

import asyncio
from itertools import pairwise

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinlake.core.clock import SystemClock
from twinlake.core.errors import InvalidInputError
from twinlake.engines.database import MemoryDatabase
from twinlake.events import schema as events
from twinlake.events.log import EventLog
from twinlake.federation.search.keys import key_order
from twinlake.holdings.catalogue import schema
from twinlake.holdings.catalogue.interfaces import EVERYTHING, ItemDraft, ItemQuery, SortKey
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.standards import cql2
from twinlake.testing.odd_items import ODD_COLLECTIONS, odd_collection, odd_item

_NAMES = (
    "datetime", "id", "collection", "eo:cloud_cover", "platform", "gsd", "created", "updated", "start_datetime", "expires",
    "storage:tier", "order:status", "federation:backends", "mixed", 'quo"ted', "dotted.name", "ünïcode", "geometry",
)  # fmt: skip
_instants = st.datetimes().map(lambda at: at.isoformat() + "Z") | st.sampled_from(
    ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000001Z", "2020-01-01T01:00:00+01:00", "2020-01-01")
)
_texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=4)
_plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | _texts
_values = _plain | st.sampled_from((0, 1, 1.0, 2**53, 2**53 + 1, "", "1")) | st.lists(_plain, max_size=2) | _instants
_properties = st.dictionaries(st.sampled_from(sorted({*_NAMES[3:]} - {"start_datetime"})), _values, max_size=6)
_sorts = st.lists(
    st.builds(SortKey, st.sampled_from(_NAMES), st.booleans()), min_size=1, max_size=3, unique_by=lambda key: key.property
)


def _document(number, properties, *, orderable):
    at = f"2020-01-0{number % 3 + 1}T00:00:00Z"
    times = {"datetime": None, "start_datetime": at, "end_datetime": at} if number % 4 == 0 else {"datetime": at}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": ("\uff5a", "😀", "a", "b")[number % 4] + str(number // 2),
        "collection": ("c", "d")[number % 2],
        "geometry": None,
        "properties": {**properties, **times},
        "assets": {},
        "links": [{"rel": "retrieve", "href": "https://x.example"}] if orderable else [],
    }


async def _store(database, documents):
    async with PreparingProcesses() as processes:
        catalogue = SqlCatalogue(
            database=database,
            events=EventLog(clock=SystemClock()),
            clock=SystemClock(),
            processes=processes,
            site_id="here",
            public_url="https://lake.example",
        )
        for collection in ("c", "d", *ODD_COLLECTIONS):
            await catalogue.put_collection(odd_collection(collection))
        await catalogue.put_items([ItemDraft(document=document) for document in documents])
        return catalogue


async def _expect_same_order(catalogue, sortby, count):
    page = await catalogue.search(ItemQuery(sortby=sortby, limit=1000), EVERYTHING, deadline_seconds=20)
    order = key_order(sortby)
    keys = [order.read(body) for body in page.bodies]
    places = [order.place(key) for key in keys]

    assert len(keys) == count
    assert all(one < other for one, other in pairwise(places))
    for number, key in enumerate(keys):
        wire = order.check(orjson.loads(orjson.dumps(key)))
        rest = await catalogue.search(ItemQuery(sortby=sortby, limit=1, after=wire), EVERYTHING, deadline_seconds=20)
        assert rest.bodies == page.bodies[number + 1 : number + 2]


def _database():
    return MemoryDatabase(migrations=(*events.MIGRATIONS, *schema.MIGRATIONS), prepare=(*cql2.PREPARE, *schema.PREPARE))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(items=st.lists(st.tuples(_properties, st.booleans()), min_size=1, max_size=8), sortby=_sorts)
def test_any_items_have_the_order_of_the_catalogue(items, sortby):
    async def run():
        async with _database() as database:
            documents = [_document(number, props, orderable=order) for number, (props, order) in enumerate(items)]
            await _expect_same_order(await _store(database, documents), tuple(sortby), len(documents))

    asyncio.run(run())


@pytest.mark.parametrize("name", ["datetime", "eo:cloud_cover", "updated", "odd:mixed", "odd:number", "platform", "order:status"])
@pytest.mark.parametrize("descending", [False, True])
async def test_odd_items_have_the_order_of_the_catalogue(name, descending):
    async with _database() as database:
        documents = list({(d["collection"], d["id"]): d for d in map(odd_item, range(60))}.values())
        await _expect_same_order(await _store(database, documents), (SortKey(name, descending),), len(documents))


def test_what_is_no_item_has_no_key():
    for body in (b"", b"[]", b'{"type":"Feature","id":"a","collection":"c","properties":{}}', b"[" * 100_000):
        with pytest.raises(InvalidInputError):
            key_order((SortKey("datetime"),)).read(body)


@pytest.mark.parametrize(
    "value", [b"1" + b"0" * 400, b"-1" + b"0" * 400, b"[1" + b"0" * 400 + b"]", b"1e999", b'"\\ud800"', b"[" * 5000]
)
@pytest.mark.parametrize("name", ["n", "order:status"])
def test_a_value_that_nobody_could_keep_makes_no_key(name, value):
    start = b'{"type":"Feature","id":"a","collection":"c","links":[],"properties":{"datetime":"2020-01-01T00:00:00Z","'
    with pytest.raises(InvalidInputError):
        key_order((SortKey(name),)).read(start + name.encode() + b'":' + value + b"}}")


@pytest.mark.parametrize("key", [[], [1, "a"], [1, None, "c"], [[1], "a", "c"], [2**70, "a", "c"], [True, "a", "c"]])
def test_a_key_of_another_form_is_refused(key):
    with pytest.raises(InvalidInputError):
        key_order((SortKey("datetime"),)).check(key)
