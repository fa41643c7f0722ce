"""What every catalogue does, on every database: the invariants of items, versions, visibility, assets and events."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from twinlake.core.clock import to_microseconds
from twinlake.core.documents import JsonObject
from twinlake.core.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionFailedError
from twinlake.engines.database import Database
from twinlake.events.log import EventLog
from twinlake.events.models import Event
from twinlake.holdings.catalogue.announcing import EXPANDERS
from twinlake.holdings.catalogue.interfaces import (
    Bundle,
    CollectionAccess,
    Holding,
    ItemDraft,
    ItemPage,
    ItemQuery,
    ItemText,
    Linked,
    Managed,
    SortKey,
    Visibility,
)
from twinlake.holdings.catalogue.keeping import list_held_objects
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.testing.catalogue_oracle import Oracle, random_question
from twinlake.testing.clock import HandClock
from twinlake.testing.generated_items import COLLECTIONS, generated_collection, generated_item, generated_items
from twinlake.testing.odd_items import ODD_COLLECTIONS, odd_collection, odd_item

EVERYTHING = Visibility(everything=True)
URL = "https://lake.example"
SHA = "ab" * 32
Events = Callable[[], Awaitable[list[Event]]]


def draft(item: str = "one", collection: str = "c", **members: object) -> ItemDraft:
    """Make a small item; *members* go to the document, those in `properties` to its properties."""
    properties = {"datetime": "2020-06-01T12:00:00Z", **members.pop("properties", {})}  # type: ignore[dict-item]
    document: JsonObject = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": item,
        "collection": collection,
        "geometry": {"type": "Point", "coordinates": [10.0, 50.0]},
        "bbox": [10.0, 50.0, 10.0, 50.0],
        "properties": properties,
        "assets": {},
        "links": [],
        **members,
    }
    return ItemDraft(document=document)


def item_text(document: JsonObject) -> ItemText:
    """Return *document* as a bulk load takes it."""
    return ItemText(orjson.dumps(document))


def names(page: ItemPage) -> list[str]:
    """Return the ids of a page, in order."""
    return [orjson.loads(body)["id"] for body in page.bodies]


class CatalogueContract:
    """Give a fixture ``database`` with the schemas and functions of log, CQL2 and catalogue."""

    random_questions = 300
    """How many are compared with brute force."""

    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def log(self, clock: HandClock) -> EventLog:
        log = EventLog(clock=clock)
        for source, expand in EXPANDERS.items():
            log.register_expander(source, expand)
        return log

    @pytest.fixture
    async def catalogue(self, database: Database, log: EventLog, clock: HandClock) -> AsyncGenerator[SqlCatalogue]:
        async with PreparingProcesses() as processes:
            catalogue = SqlCatalogue(
                database=database, events=log, clock=clock, processes=processes, site_id="here", public_url=URL
            )
            await catalogue.put_collection(odd_collection("c"))
            yield catalogue
            assert await catalogue.find_differences() == []

    @pytest.fixture
    def events(self, database: Database, log: EventLog) -> Events:
        async def read() -> list[Event]:
            page = await database.read(lambda tx: log.read(tx, after_seq=0, limit=1000))
            return [event for event in page.events if event.type.startswith("org.ogc.api.collection.item.")]

        return read

    async def search(self, catalogue: SqlCatalogue, visibility: Visibility = EVERYTHING, **query: object) -> ItemPage:
        return await catalogue.search(ItemQuery(**query), visibility, deadline_seconds=20)  # type: ignore[arg-type]

    # Items and versions

    async def test_an_integer_of_more_than_63_bits_is_kept_sorted_and_found(self, catalogue: SqlCatalogue) -> None:
        numbers = {"small": 7, "large": 2**63, "largest": 2**64 - 1}
        await catalogue.put_items(
            [draft(name, properties={"n": number, "eo:cloud_cover": number}) for name, number in numbers.items()]
        )

        stored = await catalogue.get_item("c", "largest", EVERYTHING)
        assert orjson.loads(stored.body)["properties"]["n"] == 2**64 - 1
        for name in ("n", "eo:cloud_cover"):
            assert names(await self.search(catalogue, sortby=(SortKey(name),))) == ["small", "large", "largest"]
            wide = {"op": ">", "args": [{"property": name}, 8]}
            assert names(await self.search(catalogue, filter=wide, sortby=(SortKey("id"),))) == ["large", "largest"]

    async def test_an_item_is_served_as_it_was_put_with_links_last(self, catalogue: SqlCatalogue) -> None:
        given = draft("a b/ü".replace("/", ""), properties={"x": 1.5, "a": None})
        report = await catalogue.put_items([given])

        stored = await catalogue.get_item("c", "a bü", EVERYTHING)
        document = orjson.loads(stored.body)

        assert report.outcomes == ("created",)
        assert list(document)[-1] == "links"
        assert document["properties"] == given.document["properties"] | {
            "storage:tier": "online",
            "order:status": "succeeded",
            "federation:backends": ["here"],
        }
        assert document["links"][0]["href"] == f"{URL}/stac/v2/collections/c/items/a%20b%C3%BC"
        assert {link["rel"] for link in document["links"]} == {"self", "parent", "collection", "root"}

    async def test_an_unchanged_put_makes_no_version_and_no_event(self, catalogue: SqlCatalogue, events: Events) -> None:
        await catalogue.put_items([draft(assets={"a": {"href": "https://x.example/a.tif"}})])
        served = orjson.loads((await catalogue.get_item("c", "one", EVERYTHING)).body)

        again = await catalogue.put_items([draft(assets={"a": {"href": "https://x.example/a.tif"}})])
        read_and_put_back = await catalogue.put_items([ItemDraft(document=served)])

        assert again.outcomes == read_and_put_back.outcomes == ("unchanged",)
        assert len(await events()) == 1

    async def test_the_version_is_the_hash_of_the_canonical_document(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_items([draft("one"), draft("two", properties={"b": 1, "a": 2}, links=[{"rel": "self", "href": "x"}])])
        await catalogue.put_items([draft("three", properties={"a": 2, "b": 1})])

        one, two, three = [await catalogue.get_item("c", name, EVERYTHING) for name in ("one", "two", "three")]
        await catalogue.put_collection(odd_collection("d"))
        await catalogue.put_items([draft("two", "d", properties={"a": 2, "b": 1})])
        other = await catalogue.get_item("d", "two", EVERYTHING)

        assert len({one.version, two.version, three.version, other.version}) == 4
        await catalogue.put_items([draft("two", properties={"a": 2, "b": 1})])
        assert (await catalogue.get_item("c", "two", EVERYTHING)).version == two.version

    async def test_old_versions_are_read_by_their_hash_also_after_deletion(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_items([draft(properties={"n": 1})])
        first = await catalogue.get_item("c", "one", EVERYTHING)
        await catalogue.put_items([draft(properties={"n": 2})])
        await catalogue.delete_item("c", "one")

        assert await catalogue.get_item("c", "one", EVERYTHING, version=first.version) == first
        with pytest.raises(NotFoundError):
            await catalogue.get_item("c", "one", EVERYTHING)
        for wrong in ("0" * 64, "x", first.version.upper()):
            with pytest.raises(NotFoundError):
                await catalogue.get_item("c", "one", EVERYTHING, version=wrong)

    async def test_an_item_can_go_back_to_an_earlier_version(self, catalogue: SqlCatalogue, events: Events) -> None:
        for n in (1, 2, 1):
            await catalogue.put_items([draft(properties={"n": n})])
        await catalogue.delete_item("c", "one")
        report = await catalogue.put_items([draft(properties={"n": 2})])

        assert report.outcomes == ("created",)
        assert [event.type.rpartition(".")[2] for event in await events()] == ["create", "update", "update", "delete", "create"]

    async def test_all_or_none(self, catalogue: SqlCatalogue, events: Events) -> None:
        await catalogue.put_items([draft("one")])
        with pytest.raises(ConflictError):
            await catalogue.put_items([draft("two"), draft("one", properties={"x": 1})], create=True)
        with pytest.raises(NotFoundError):
            await catalogue.put_items([draft("three"), draft("four", "nowhere")])

        assert names(await self.search(catalogue)) == ["one"]
        assert len(await events()) == 1

    async def test_preconditions_hold_or_refuse(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_items([draft()])
        etag = (await catalogue.get_item("c", "one", EVERYTHING)).etag
        await catalogue.put_items([draft(properties={"n": 1})], if_match=etag)

        for refused in (
            catalogue.put_items([draft(properties={"n": 2})], if_match=etag),
            catalogue.delete_item("c", "one", if_match=etag),
            catalogue.put_items([draft("new")], if_match="*"),
        ):
            with pytest.raises(PreconditionFailedError):
                await refused
        await catalogue.delete_item("c", "one", if_match="*")

    @pytest.mark.parametrize("bad", ["", ".x", "a/b", "a\\b", "a\x00b", "x" * 256])
    async def test_bad_ids_are_refused(self, catalogue: SqlCatalogue, bad: str) -> None:
        with pytest.raises(InvalidInputError):
            await catalogue.put_items([draft(bad)])
        with pytest.raises(InvalidInputError):
            await catalogue.put_collection(odd_collection(bad))

    async def test_an_item_needs_a_time_that_runs_forward(self, catalogue: SqlCatalogue) -> None:
        for times in (
            {"datetime": None},
            {"datetime": None, "start_datetime": "2020-01-01T00:00:00Z"},
            {"datetime": None, "start_datetime": "2020-01-02T00:00:00Z", "end_datetime": "2020-01-01T00:00:00Z"},
        ):
            with pytest.raises(InvalidInputError):
                await catalogue.put_items([draft(properties=times)])

    # Assets

    async def test_held_assets_get_this_sites_hrefs_and_their_facts(self, catalogue: SqlCatalogue) -> None:
        assets = {
            "da ta": {"href": "scene.tif", "type": "image/tiff"},
            "link": {"href": "x"},
            "far": {"href": "https://far.example/q/far.nc?x=1"},
        }
        holdings: dict[str, Holding] = {"da ta": Managed(SHA, 42), "link": Linked("/srv/in/x.nc", 7)}
        await catalogue.put_items([replace(draft(assets=assets), holdings=holdings)])

        served = orjson.loads((await catalogue.get_item("c", "one", EVERYTHING)).body)["assets"]
        stored = [await catalogue.get_asset("c", "one", key, EVERYTHING) for key in assets]

        assert served["da ta"]["href"] == f"{URL}/data/here/c/one/da%20ta"
        assert (served["da ta"]["file:size"], served["da ta"]["file:checksum"]) == (42, "1220" + SHA)
        assert served["far"] == assets["far"]
        assert [asset.holding for asset in stored] == [Managed(SHA, 42), Linked("/srv/in/x.nc", 7), None]
        assert [asset.filename for asset in stored] == ["scene.tif", "x.nc", "far.nc"]
        assert [asset.media_type for asset in stored] == ["image/tiff", None, None]
        assert stored[2].href == "https://far.example/q/far.nc?x=1"
        with pytest.raises(NotFoundError):
            await catalogue.get_asset("c", "one", "none", EVERYTHING)

    async def test_a_document_put_back_keeps_what_is_held(self, catalogue: SqlCatalogue) -> None:
        given = replace(draft(assets={"data": {"href": "scene.tif"}}), holdings={"data": Managed(SHA, 42)})
        await catalogue.put_items([given])
        served = orjson.loads((await catalogue.get_item("c", "one", EVERYTHING)).body)

        unchanged = await catalogue.put_items([ItemDraft(document=served)])
        served["properties"]["title"] = "New"
        changed = await catalogue.put_items([ItemDraft(document=served)])
        kept = await catalogue.get_asset("c", "one", "data", EVERYTHING)

        assert (unchanged.outcomes, changed.outcomes) == (("unchanged",), ("updated",))
        assert (kept.holding, kept.filename) == (Managed(SHA, 42), "scene.tif")
        served["assets"]["more"] = {"href": f"{URL}/data/here/c/one/more"}
        with pytest.raises(InvalidInputError):
            await catalogue.put_items([ItemDraft(document=served)])

    async def test_the_whole_product_of_what_is_held_is_an_asset(self, catalogue: SqlCatalogue) -> None:
        assets = {
            "a": {"href": "a.tif", "title": "A", "type": "image/tiff"},
            "b": {"href": "b.txt"},
            "far": {"href": "https://x.example/far.nc"},
        }
        holdings: dict[str, Holding] = {"a": Managed(SHA, 42), "b": Linked("/srv/in/b.txt", 7)}
        one = {key: value for key, value in holdings.items() if key == "a"}
        await catalogue.put_items([replace(draft("s.2 x", assets=assets), holdings=holdings)])
        await catalogue.put_items([replace(draft("one", assets=assets), holdings=one)])

        several, single = [orjson.loads((await catalogue.get_item("c", name, EVERYTHING)).body) for name in ("s.2 x", "one")]
        bundle, file = [await catalogue.get_asset("c", name, "downloadLink", EVERYTHING) for name in ("s.2 x", "one")]

        href = f"{URL}/data/here/c/s.2%20x/downloadLink"
        described = {"title": "All files", "type": "application/zip", "roles": ["data"], "href": href}
        assert several["assets"]["downloadLink"] == described
        href = f"{URL}/data/here/c/one/downloadLink"
        assert single["assets"]["downloadLink"] == {"title": "A", "type": "image/tiff", "roles": ["data"], "href": href}
        parts = tuple([await catalogue.get_asset("c", "s.2 x", key, EVERYTHING) for key in ("a", "b")])
        assert (bundle.holding, bundle.filename) == (Bundle(parts), "s_2 x.zip")
        assert file == await catalogue.get_asset("c", "one", "a", EVERYTHING)
        put_back = await catalogue.put_items([ItemDraft(document=several), ItemDraft(document=single)])
        assert put_back.outcomes == ("unchanged", "unchanged")

    async def test_the_whole_product_of_what_is_not_held_is_its_only_file(self, catalogue: SqlCatalogue) -> None:
        far = {"href": "https://x.example/far.nc"}
        shown: dict[str, JsonObject] = {"only": {"a": far}, "two": {"a": far, "b": far}, "odd": {"a": {"href": "s3://b/k"}}}
        await catalogue.put_items([draft(name, assets=assets) for name, assets in shown.items()])
        served = {name: orjson.loads((await catalogue.get_item("c", name, EVERYTHING)).body) for name in shown}

        assert "downloadLink" in served["only"]["assets"]
        assert (await catalogue.get_asset("c", "only", "downloadLink", EVERYTHING)).href == far["href"]
        assert [served[name]["assets"] for name in ("two", "odd")] == [shown["two"], shown["odd"]]
        with pytest.raises(NotFoundError):
            await catalogue.get_asset("c", "two", "downloadLink", EVERYTHING)
        put_back = await catalogue.put_items([ItemDraft(document=document) for document in served.values()])
        assert put_back.outcomes == ("unchanged",) * 3

    async def test_what_is_not_there_yet_has_no_whole_product(self, catalogue: SqlCatalogue) -> None:
        far, small = {"href": "https://x.example/far.nc"}, {"href": "t.png", "roles": ["thumbnail"]}
        for state in ({"order:status": "ordered"}, {"storage:tier": "offline"}):
            await catalogue.put_items([draft("open", properties=state, assets={"a": far})])
            assert "downloadLink" not in orjson.loads((await catalogue.get_item("c", "open", EVERYTHING)).body)["assets"]
        seen = replace(draft("seen", assets={"a": far, "t": small}), holdings={"t": Managed(SHA, 42)})
        await catalogue.put_items([seen, replace(draft("small", assets={"t": small}), holdings={"t": Managed(SHA, 42)})])
        served = [orjson.loads((await catalogue.get_item("c", name, EVERYTHING)).body)["assets"] for name in ("seen", "small")]

        assert ["downloadLink" in assets for assets in served] == [False, True]

    async def test_a_whole_product_of_the_origin_is_kept(self, catalogue: SqlCatalogue) -> None:
        link = {"href": "https://x.example/download?a=b", "type": "application/zip"}
        far = draft("far", assets={"data": {"href": "data.tif"}, "downloadLink": link})
        await catalogue.put_items([replace(far, holdings={"data": Managed(SHA, 42)})])
        given = draft("held", assets={"data": {"href": "https://x.example/a"}, "downloadLink": {"href": "all.zip"}})
        await catalogue.put_items([replace(given, holdings={"downloadLink": Managed(SHA, 42)})])
        served = [orjson.loads((await catalogue.get_item("c", name, EVERYTHING)).body) for name in ("far", "held")]

        assert served[0]["assets"]["downloadLink"] == link
        assert (await catalogue.get_asset("c", "far", "downloadLink", EVERYTHING)).href == link["href"]
        assert (await catalogue.get_asset("c", "held", "downloadLink", EVERYTHING)).holding == Managed(SHA, 42)
        put_back = await catalogue.put_items([ItemDraft(document=document) for document in served])
        assert put_back.outcomes == ("unchanged", "unchanged")

    async def test_the_whole_product_of_another_site_or_item_is_not_taken_for_this_ones(self, catalogue: SqlCatalogue) -> None:
        """Addresses that only look like the one that this site makes for the item stay what they are."""
        near = [f"https://far.example/data/here/c/i{at}/downloadLink" for at in range(2)]
        near += [f"{URL}.example/data/here/c/i2/downloadLink", f"{URL}/elsewhere/data/here/c/i3/downloadLink"]
        assets = [{"data": {"href": "https://x.example/a"}, "downloadLink": {"href": href}} for href in near]
        await catalogue.put_items([draft(f"i{at}", assets=each) for at, each in enumerate(assets)])
        served = [orjson.loads((await catalogue.get_item("c", f"i{at}", EVERYTHING)).body) for at in range(len(near))]

        assert [each["assets"] for each in served] == assets
        got = [(await catalogue.get_asset("c", f"i{at}", "downloadLink", EVERYTHING)).href for at in range(len(near))]
        assert got == near
        put_back = await catalogue.put_items([ItemDraft(document=document) for document in served])
        assert put_back.outcomes == ("unchanged",) * len(near)
        for other in ("i1/downloadLink", "i0/downloadLink?x=1", "i0/data"):
            borrowed = {"downloadLink": {"href": f"{URL}/data/here/c/{other}"}}
            with pytest.raises(InvalidInputError):
                await catalogue.put_items([draft("i0", assets=borrowed)])

    async def test_other_bytes_under_the_same_key_are_another_version(self, catalogue: SqlCatalogue, database: Database) -> None:
        given = draft(assets={"data": {"href": "scene.tif"}})
        versions = []
        for sha256 in (SHA, "cd" * 32):
            await catalogue.put_items([replace(given, holdings={"data": Managed(sha256, 42)})])
            versions.append((await catalogue.get_item("c", "one", EVERYTHING)).version)

        assert versions[0] != versions[1]
        assert await database.read(list_held_objects) == {SHA, "cd" * 32}

    async def test_a_moved_link_keeps_its_version(self, catalogue: SqlCatalogue) -> None:
        given = draft(assets={"data": {"href": "scene.tif"}})
        for path in ("/srv/a.tif", "/srv/b.tif"):
            report = await catalogue.put_items([replace(given, holdings={"data": Linked(path, 42)})])

        assert report.outcomes == ("updated",)
        assert (await catalogue.get_asset("c", "one", "data", EVERYTHING)).holding == Linked("/srv/b.tif", 42)

    async def test_what_can_be_ordered_says_so(self, catalogue: SqlCatalogue) -> None:
        retrieve = {"rel": "retrieve", "href": "https://x.example/order", "method": "POST"}
        await catalogue.put_items([draft(links=[retrieve])])

        document = orjson.loads((await catalogue.get_item("c", "one", EVERYTHING)).body)

        assert document["links"][0] == retrieve
        assert (document["properties"]["storage:tier"], document["properties"]["order:status"]) == ("offline", "orderable")

    async def test_versions_are_collected_after_grace_unless_cited(
        self, catalogue: SqlCatalogue, clock: HandClock, database: Database
    ) -> None:
        given = draft(assets={"data": {"href": "scene.tif"}})
        versions = []
        for number in range(3):
            sha256 = f"{number:064x}"
            await catalogue.put_items([replace(given, holdings={"data": Managed(sha256, 42)})])
            versions.append((await catalogue.get_item("c", "one", EVERYTHING)).version)
            clock.advance(days=1)
        await catalogue.cite("c", "one", versions[0], citer="job-1")

        assert (await catalogue.collect_garbage(timedelta(days=5))).versions == 0
        collected = await catalogue.collect_garbage(timedelta(hours=1))
        assert (collected.versions, set(collected.objects)) == (1, {f"{1:064x}"})
        assert await database.read(list_held_objects) == {f"{0:064x}", f"{2:064x}"}

        await catalogue.release(citer="job-1")
        assert (await catalogue.collect_garbage(timedelta(hours=1))).objects == {f"{0:064x}"}
        assert (await catalogue.get_item("c", "one", EVERYTHING)).version == versions[2]
        with pytest.raises(NotFoundError):
            await catalogue.cite("c", "one", versions[0], citer="job-2")

    # Collections

    async def test_extents_and_summaries_are_of_what_is_held(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_items(
            [
                draft("one", properties={"eo:cloud_cover": 5, "platform": "p"}),
                draft("two", bbox=[-170.5, 1, -170.5, 1], geometry={"type": "Point", "coordinates": [-170.5, 1]}),
                draft("three", properties={"datetime": "2021-01-01T00:00:00Z", "eo:cloud_cover": 7.5}, geometry=None),
            ]
        )
        document = orjson.loads((await catalogue.get_collection("c", EVERYTHING)).body)

        assert document["extent"]["spatial"]["bbox"] == [[-170.5, 1.0, 10.0, 50.0]]
        assert document["extent"]["temporal"]["interval"] == [["2020-06-01T12:00:00Z", "2021-01-01T00:00:00Z"]]
        assert document["summaries"]["eo:cloud_cover"] == {"minimum": 5, "maximum": 7.5}
        assert document["summaries"]["platform"] == ["p"]

        await catalogue.delete_item("c", "two")
        after = orjson.loads((await catalogue.get_collection("c", EVERYTHING)).body)
        assert after["extent"]["spatial"]["bbox"] == [[10.0, 50.0, 10.0, 50.0]]

    async def test_collections_are_created_replaced_and_guarded(self, catalogue: SqlCatalogue) -> None:
        first = await catalogue.get_collection("c", EVERYTHING)
        with pytest.raises(ConflictError):
            await catalogue.put_collection(odd_collection("c"), create=True)
        replaced = await catalogue.put_collection(odd_collection("c") | {"title": "T"}, if_match=first.etag)
        with pytest.raises(PreconditionFailedError):
            await catalogue.put_collection(odd_collection("c"), if_match=first.etag)
        with pytest.raises(PreconditionFailedError):
            await catalogue.delete_collection("c", if_match=first.etag)

        assert orjson.loads(replaced.body)["title"] == "T"
        assert (await catalogue.get_collection("c", EVERYTHING)).etag == replaced.etag
        put_back = await catalogue.put_collection(orjson.loads(replaced.body))
        assert put_back.etag == replaced.etag

    async def test_what_was_computed_is_not_declared_by_putting_it_back(
        self, catalogue: SqlCatalogue, database: Database
    ) -> None:
        declared = {"platform": ["p", "q"], "gsd": [10], "eo:cloud_cover": {"minimum": 0, "maximum": 100}}
        await catalogue.put_collection(odd_collection("c") | {"summaries": declared})
        await catalogue.put_items([draft("one", properties={"platform": "p", "eo:cloud_cover": 5})])
        served = orjson.loads((await catalogue.get_collection("c", EVERYTHING)).body)
        temporal = {"interval": [["2000-01-01T00:00:00Z", None]]}
        changed = served | {"title": "T", "extent": {"spatial": served["extent"]["spatial"], "temporal": temporal}}
        changed["summaries"] = {**served["summaries"], "instruments": ["i"], "platform": ["r"]}

        await catalogue.put_collection(changed)
        with_items = orjson.loads((await catalogue.get_collection("c", EVERYTHING)).body)
        [(text,)] = await database.read(lambda tx: tx.execute("select document from collection where id = 'c'").fetchall())
        after = orjson.loads(text)

        assert (served["summaries"]["platform"], with_items["extent"]) == (["p"], served["extent"])
        assert after["extent"] == {"spatial": odd_collection("c")["extent"]["spatial"], "temporal": temporal}
        assert after["summaries"] == declared | {"instruments": ["i"], "platform": ["r"]}
        assert after["title"] == "T"

    async def test_an_etag_is_that_of_what_the_caller_sees(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_items([draft("a"), draft("b", properties={"datetime": "2022-01-15T00:00:00Z"})])
        horizon = to_microseconds(HandClock().now() - timedelta(days=4 * 366))
        seen = Visibility(collections=frozenset({"c"}), horizons={"c": horizon})
        whole, part = await catalogue.get_collection("c", EVERYTHING), await catalogue.get_collection("c", seen)
        assert whole.etag != part.etag

        for one, other in ((whole, seen), (part, EVERYTHING)):
            with pytest.raises(PreconditionFailedError):
                await catalogue.put_collection(orjson.loads(one.body), if_match=one.etag, visibility=other)
            with pytest.raises(PreconditionFailedError):
                await catalogue.delete_collection("c", if_match=one.etag, visibility=other)
        unchanged = await catalogue.put_collection(orjson.loads(part.body), if_match=part.etag, visibility=seen)
        assert (unchanged.etag, unchanged.body) == (part.etag, part.body)
        assert (await catalogue.get_collection("c", EVERYTHING)).etag == whole.etag
        await catalogue.delete_collection("c", if_match=part.etag, visibility=seen)

    async def test_a_deleted_collection_takes_its_items_along(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_collection(odd_collection("d"), access=CollectionAccess(access="private"))
        await catalogue.put_items([draft(f"i{n}", "d") for n in range(450)] + [draft("kept")])
        await catalogue.delete_collection("d")

        assert (await self.search(catalogue)).matched == 1
        with pytest.raises(NotFoundError):
            await catalogue.get_item("d", "i1", EVERYTHING)
        with pytest.raises(NotFoundError):
            await catalogue.put_items([draft("x", "d")])
        again = await catalogue.put_collection(odd_collection("d"), create=True)
        assert again.access == CollectionAccess()
        assert (await self.search(catalogue, collections=("d",))).matched == 0
        assert "summaries" not in orjson.loads(again.body)

    async def test_access_records_are_kept_and_listed(self, catalogue: SqlCatalogue) -> None:
        access = CollectionAccess(access="restricted", owner="iss|sub", projects=("p", "q"), embargo_days=30)
        assert (await catalogue.list_access())["c"] == CollectionAccess()
        await catalogue.set_access("c", access)

        assert await catalogue.list_access() == {"c": access}
        assert (await catalogue.put_collection(odd_collection("c") | {"title": "T"})).access == access
        with pytest.raises(NotFoundError):
            await catalogue.set_access("none", access)

    # Visibility

    async def test_nothing_tells_of_what_may_not_be_seen(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_collection(odd_collection("hidden"))
        await catalogue.put_items([draft("a", properties={"platform": "seen", "eo:cloud_cover": 1})])
        late = {"datetime": "2022-01-15T00:00:00Z", "platform": "late", "only:late": 1, "eo:cloud_cover": 99}
        await catalogue.put_items(
            [draft("b", properties=late, bbox=[0, 0, 0, 0], geometry={"type": "Point", "coordinates": [0, 0]})]
        )
        await catalogue.put_items([draft("c", "hidden", properties={"platform": "hidden"})])
        horizon = to_microseconds(HandClock().now() - timedelta(days=4 * 366))
        seen = Visibility(collections=frozenset({"c"}), horizons={"c": horizon})

        page = await self.search(catalogue, seen)
        assert (names(page), page.matched) == (["a"], 1)
        queryables = (await catalogue.queryables(None, seen))["properties"]
        assert queryables["platform"]["enum"] == ["seen"]
        assert "only:late" not in queryables
        assert "maximum" not in queryables["eo:cloud_cover"]
        counts = await catalogue.aggregate_counts(
            ItemQuery(), seen, by=("total_count", "collection", "datetime_month", "platform"), deadline_seconds=20
        )
        assert counts == {
            "total_count": 1,
            "collection": [{"key": "c", "count": 1}],
            "datetime_month": [{"key": "2020-06-01T00:00:00Z", "count": 1}],
            "platform": [{"key": "seen", "count": 1}],
        }
        [only] = await catalogue.list_collections(seen)
        assert orjson.loads(only.body)["extent"]["temporal"]["interval"][0][1] == "2020-06-01T12:00:00Z"
        assert orjson.loads(only.body)["extent"]["spatial"]["bbox"] == [[10.0, 50.0, 10.0, 50.0]]
        for refused in (
            catalogue.get_item("c", "b", seen),
            catalogue.get_item("hidden", "c", seen),
            catalogue.get_collection("hidden", seen),
            catalogue.queryables("hidden", seen),
            catalogue.get_asset("c", "b", "x", seen),
        ):
            with pytest.raises(NotFoundError):
                await refused

    async def test_a_new_collection_is_not_seen_by_who_was_not_told(self, catalogue: SqlCatalogue) -> None:
        seen = Visibility(collections=frozenset({"c"}))
        await catalogue.put_items([draft()])
        assert (await self.search(catalogue, seen)).matched == 1
        await catalogue.put_collection(odd_collection("new"))
        await catalogue.put_items([draft("x", "new")])

        assert names(await self.search(catalogue, seen)) == ["one"]
        assert (await self.search(catalogue, Visibility())).matched == 0

    # Search

    @pytest.mark.slow
    async def test_random_questions_are_answered_as_by_brute_force(self, catalogue: SqlCatalogue) -> None:
        chance = random.Random(20_260_101)  # noqa: S311 - made by rule, not secret
        documents = await self._fill(catalogue, 2500)
        horizon = {"odd-a": 1_578_614_400_000_000}
        oracle = Oracle(documents)
        for number in range(self.random_questions):
            question = random_question(chance, documents, ODD_COLLECTIONS)
            some = frozenset(chance.sample(ODD_COLLECTIONS, 3))
            visibility = chance.choice((EVERYTHING, Visibility(collections=some), Visibility(collections=some, horizons=horizon)))
            expected = oracle.find(question, visibility)
            query = replace(question.query, limit=max(question.query.limit, len(expected) // 25))
            found = await self._every_page(catalogue, query, visibility, len(expected))
            assert found == expected, f"question {number}: {question.query}, {visibility}"

    async def _fill(self, catalogue: SqlCatalogue, count: int) -> list[JsonObject]:
        """Load odd items, of which some are replaced and some deleted again; return what is left."""
        for collection in ODD_COLLECTIONS:
            await catalogue.put_collection(odd_collection(collection))
        report = await catalogue.load_items(item_text(odd_item(number)) for number in range(count))
        documents = {(item["collection"], item["id"]): item for item in map(odd_item, range(count))}
        assert report.created == len(documents)
        for key in list(documents)[::17]:
            await catalogue.delete_item(*key)
            del documents[key]
        return list(documents.values())

    async def _every_page(
        self, catalogue: SqlCatalogue, query: ItemQuery, visibility: Visibility, expected: int
    ) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        after = None
        while True:
            page = await catalogue.search(replace(query, after=after), visibility, deadline_seconds=20)
            assert page.matched == expected
            found += [(item["collection"], item["id"]) for item in map(orjson.loads, page.bodies)]
            if page.after is None:
                return found
            assert len(page.bodies) == query.limit
            after = tuple(orjson.loads(orjson.dumps(page.after)))

    async def test_a_listing_that_changes_neither_repeats_nor_skips_what_stays(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_items([draft(f"i{n:02d}") for n in range(30)])
        first = await self.search(catalogue, limit=10)
        await catalogue.put_items([draft("i00a"), draft("i12", properties={"n": 1})])
        await catalogue.delete_item("c", "i05")
        await catalogue.delete_item("c", "i20")
        rest = await self.search(catalogue, limit=100, after=first.after)

        assert names(first) + names(rest) == [f"i{n:02d}" for n in range(30) if n != 20]

    async def test_no_geometry_is_found_by_no_box(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_items([draft("nowhere", geometry=None, bbox=None), draft("somewhere")])

        assert names(await self.search(catalogue, bbox=(-180.0, -90.0, 180.0, 90.0))) == ["somewhere"]
        assert (await self.search(catalogue)).matched == 2

    async def test_outlines_drawn_across_the_antimeridian_are_found_where_they_are(self, catalogue: SqlCatalogue) -> None:
        ring = [[179, -10], [-179, -10], [-179, -8], [179, -8], [179, -10]]
        outline = {"type": "Polygon", "coordinates": [ring]}
        await catalogue.put_items([draft(geometry=outline, bbox=[179, -10, -179, -8])])

        assert (await self.search(catalogue, bbox=(0.0, -10.0, 10.0, -8.0))).matched == 0
        assert (await self.search(catalogue, bbox=(179.5, -9.0, -179.5, -9.0))).matched == 1

    async def test_a_foreign_key_of_a_page_is_refused(self, catalogue: SqlCatalogue) -> None:
        with pytest.raises(InvalidInputError):
            await self.search(catalogue, after=("a",))
        with pytest.raises(InvalidInputError):
            await self.search(catalogue, sortby=(SortKey(""),))

    async def test_an_empty_catalogue_answers(self, catalogue: SqlCatalogue) -> None:
        page = await self.search(catalogue, bbox=(0.0, 0.0, 1.0, 1.0), start=0, sortby=(SortKey("eo:cloud_cover"),))

        assert (page.bodies, page.after, page.matched) == ([], None, 0)
        assert (await catalogue.aggregate_counts(ItemQuery(), EVERYTHING, by=("total_count",), deadline_seconds=20)) == {
            "total_count": 0
        }

    async def test_counts_over_an_outline_are_exact(self, catalogue: SqlCatalogue) -> None:
        documents = await self._fill(catalogue, 600)
        chance, oracle = random.Random(5), Oracle(documents)  # noqa: S311 - made by rule, not secret
        for _ in range(30):
            question = random_question(chance, documents, ODD_COLLECTIONS)
            expected = oracle.find(question, EVERYTHING)
            counts = await catalogue.aggregate_counts(
                question.query, EVERYTHING, by=("total_count", "collection"), deadline_seconds=20
            )
            assert counts["total_count"] == len(expected)
            buckets = {bucket["key"]: bucket["count"] for bucket in counts["collection"]}
            assert buckets == {name: n for name in ODD_COLLECTIONS if (n := sum(key[0] == name for key in expected))}

    # Bulk load and events

    async def test_a_load_is_announced_item_by_item_and_repeats_without_effect(
        self, catalogue: SqlCatalogue, events: Events
    ) -> None:
        for collection in COLLECTIONS:
            await catalogue.put_collection(generated_collection(collection))
        loaded = await catalogue.load_items(item_text(item) for item in generated_items(300))
        again = await catalogue.load_items(item_text(item) for item in generated_items(300))
        announced = await events()

        assert (loaded.created, again.unchanged, again.created) == (300, 300, 0)
        assert sorted(event.data["id"] for event in announced if event.data) == sorted(i["id"] for i in generated_items(300))
        assert {event.domain for event in announced} <= {f"collection:{name}" for name in COLLECTIONS}
        one = next(event for event in announced if event.data and event.data["id"] == generated_item(7)["id"])
        assert one.data is not None
        assert one.data["bbox"] == generated_item(7)["bbox"]
        assert one.data["operation"] == "create"

    async def test_a_load_names_what_it_refuses_and_keeps_the_rest(self, catalogue: SqlCatalogue) -> None:
        def texts() -> Iterator[ItemText]:
            for number in range(300):
                item = draft(f"i{number}" if number % 100 else f"bad/{number}").document
                yield item_text(item) if number % 150 else ItemText(b"{no JSON")

        report = await catalogue.load_items(texts(), collection="c")
        foreign = await catalogue.load_items([item_text(draft().document)], collection="d")

        assert (report.created, [one.number for one in report.refused]) == (296, [0, 100, 150, 200])
        assert report.refused[1].item == "bad/100"
        assert report.refused[1].remedy
        assert foreign.refused[0].code == "invalid-document"

    async def test_the_last_of_several_in_one_load_stays(self, catalogue: SqlCatalogue, events: Events) -> None:
        report = await catalogue.load_items(item_text(draft(properties={"n": n}).document) for n in (1, 2, 2, 3))

        assert (report.created, report.updated, report.unchanged) == (1, 2, 1)
        assert orjson.loads((await catalogue.get_item("c", "one", EVERYTHING)).body)["properties"]["n"] == 3
        assert [event.type.rpartition(".")[2] for event in await events()] == ["create", "update", "update"]

    async def test_the_last_stays_however_far_apart_in_load_and_time(self, catalogue: SqlCatalogue) -> None:
        def texts() -> Iterator[ItemText]:
            for n in range(1500):
                properties = {"n": n, "datetime": f"{2020 - n // 300}-01-01T00:00:00Z"}
                yield item_text(draft(f"i{n % 700}", properties=properties).document)

        report = await catalogue.load_items(texts())
        page = await self.search(catalogue, limit=1000)
        kept = {item["id"]: item["properties"]["n"] for item in map(orjson.loads, page.bodies)}

        assert (report.created, report.updated) == (700, 800)
        assert kept == {f"i{n % 700}": n for n in range(1500)}

    @pytest.mark.slow
    async def test_readers_and_writers_during_a_load_see_whole_items(self, catalogue: SqlCatalogue) -> None:
        for collection in COLLECTIONS:
            await catalogue.put_collection(generated_collection(collection))
        loading = asyncio.create_task(catalogue.load_items(item_text(item) for item in generated_items(1500)))
        seen = [0]
        while not loading.done():
            await asyncio.sleep(0)
            page = await self.search(catalogue, limit=1)
            assert page.matched is not None
            seen.append(page.matched)
            await catalogue.put_items([draft(f"meanwhile-{len(seen)}")])
        await loading

        assert seen == sorted(seen)

    # Notes

    async def test_queryables_tell_types_and_values(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_items(
            [
                draft("a", properties={"s": "x", "n": 1, "f": 0.5, "b": True, "l": ["p", "q"], "o": {"k": 1}}),
                draft("b", properties={"s": "y", "n": 3, "mixed": 1}),
                draft("c", properties={"mixed": "t", "updated": "2020-01-01T00:00:00Z"}),
                *(draft(f"many{n}", properties={"many": f"v{n}"}) for n in range(101)),
            ]
        )
        properties = (await catalogue.queryables("c", EVERYTHING))["properties"]

        assert properties["s"] == {"title": "s", "type": "string", "enum": ["x", "y"]}
        assert properties["n"] == {"title": "n", "type": "integer", "minimum": 1, "maximum": 3}
        assert properties["f"]["type"] == "number"
        assert properties["b"]["type"] == "boolean"
        assert properties["l"]["items"]["enum"] == ["p", "q"]
        assert properties["o"]["type"] == "object"
        assert properties["mixed"]["type"] == ["string", "integer"]
        assert properties["updated"]["format"] == "date-time"
        assert "enum" not in properties["many"]
        assert {"id", "collection", "geometry", "datetime"} <= set(properties)

    async def test_notes_stay_wide_until_they_are_made_anew(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_items([draft("a", properties={"s": "x"}), draft("b", properties={"s": "y"})])
        await catalogue.delete_item("c", "b")
        assert (await catalogue.queryables("c", EVERYTHING))["properties"]["s"]["enum"] == ["x", "y"]

        await catalogue.shrink_notes("c")
        assert (await catalogue.queryables("c", EVERYTHING))["properties"]["s"]["enum"] == ["x"]
        await catalogue.put_items([draft("b", properties={"s": "y"})])
        found = await self.search(catalogue, filter={"op": "=", "args": [{"property": "s"}, "y"]})
        assert names(found) == ["b"]

    async def test_what_was_rolled_back_is_noted_the_next_time(self, catalogue: SqlCatalogue) -> None:
        await catalogue.put_items([draft("a")])
        for _ in range(2):
            with pytest.raises(ConflictError):
                await catalogue.put_items([draft("a", properties={"s": "new"})], create=True)
        await catalogue.put_items([draft("a", properties={"s": "new"})])

        found = await self.search(catalogue, filter={"op": "=", "args": [{"property": "s"}, "new"]})
        assert names(found) == ["a"]
