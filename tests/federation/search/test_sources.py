"""Sources that are slow, hostile or unable: each costs its budget at most, is named, and takes nothing from the others."""

import asyncio
import random
from dataclasses import replace
from io import BytesIO

import orjson
import pytest

from twinlake.core.errors import DeadlineExceededError, InvalidInputError
from twinlake.core.paging import TokenSeal
from twinlake.engines.web.logs import new_logger
from twinlake.federation.errors import PeerUnreachableError
from twinlake.federation.search.errors import FederationIncompleteError, FederationTimeoutError, InvalidAnswerError
from twinlake.federation.search.interfaces import Abilities, Budget, PeerSet, SourcePage
from twinlake.federation.search.models import EVERYWHERE, Scope
from twinlake.federation.search.service import FederatedSearch
from twinlake.federation.search.sources import PeerSource
from twinlake.holdings.catalogue.interfaces import ItemQuery, SortKey
from twinlake.identity.principals import ANONYMOUS
from twinlake.standards.cql2 import check_json
from twinlake.standards.stac import read_item
from twinlake.standards.stac.selecting import Fields
from twinlake.testing.federation.lies import MISSHAPEN, misshapen, write_lie
from twinlake.testing.federation.loop import run_simulated
from twinlake.testing.generated_items import generated_item

REMOTE = Budget(seconds=2.0, size_bytes=100_000)
QUERY = ItemQuery(sortby=(SortKey("n"),))
HERE = orjson.dumps({"type": "Feature", "id": "h", "collection": "c", "properties": {"n": 5, "datetime": "2020-01-01T00:00:00Z"}})
COLLECTION = {
    "type": "Collection",
    "stac_version": "1.1.0",
    "id": "c",
    "description": "d",
    "license": "other",
    "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
    "links": [],
}


def item(number, **members):
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": f"i{number}",
        "collection": "c",
        "geometry": None,
        "properties": {"n": number, "datetime": "2020-01-01T00:00:00Z"},
        "links": [],
        "assets": {},
        **members,
    }


def page(*features, more=False, matched=None):
    return orjson.dumps({"features": features, "more": more, "matched": len(features) if matched is None else matched})


class Here:
    """A source of this site with one item."""

    id = "here"
    abilities = Abilities()
    is_listed = True

    def __init__(self, error=None):
        self.error = error

    async def list_ids(self, caller):
        return frozenset({"c"})

    async def search(self, query, *, fields, caller, budget):
        if self.error is not None:
            raise self.error
        return SourcePage(bodies=[HERE] if query.after is None else [], more=False, matched=1)

    def settle(self, bodies, *, closed, are_whole):
        return bodies


class Calls:
    """Answers by script: bytes, an error, or seconds to wait."""

    def __init__(self, **answers):
        self.answers = answers
        self.cancelled = []

    async def call(self, peer, path, body, *, caller, budget):
        answer = self.answers[peer]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            try:
                await asyncio.sleep(answer)
            except asyncio.CancelledError:
                self.cancelled.append(peer)
                raise
            return page(item(9))
        return answer


class Peers:
    def __init__(self, *sources):
        self.sources = sources
        self.judged = []

    def current(self):
        return PeerSet(version="1", sources=self.sources)

    def judge(self, peer, *, believed):
        self.judged.append((peer, believed))


def source(calls, peer, **options):
    return PeerSource(
        peer=peer,
        asker="here",
        calls=calls,
        stac_root="https://peer.example/stac/v2",
        own_stac_root="https://here.example/stac/v2",
        data_root="https://peer.example/data/peer/",
        own_data_root="https://here.example/data/peer/",
        **{"collections": frozenset({"c"}), **options},
    )


def federated(*sources, here=None, log=None, peers=None):
    return FederatedSearch(
        local=here or Here(),
        peers=peers or Peers(*sources),
        seal=TokenSeal(b"key"),
        own=Budget(seconds=9, size_bytes=1),
        remote=REMOTE,
        log=new_logger(log or BytesIO(), site="here"),
    )


async def ask(answer, query=QUERY, scope=EVERYWHERE, **options):
    return await federated(source(Calls(peer=answer), "peer", **options)).search(ANONYMOUS, query, scope=scope)


async def test_an_item_of_a_peer_says_where_it_is_from_whatever_the_peer_wrote():
    found = await ask(
        page(item(1, **{"federation:backends": ["central"]}, links=[{"rel": "self", "href": "https://peer.example/stac/v2/x"}]))
    )

    document = orjson.loads(found.bodies[0])
    assert document["federation:backends"] == ["peer"]
    assert document["links"] == [{"rel": "self", "href": "https://here.example/stac/v2/x"}]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "invalid-answer"),
        (b"[]", "invalid-answer"),
        (b'{"features":[],"more":false}', "invalid-answer"),
        (b'{"features":[],"more":false,"matched":-1}', "invalid-answer"),
        (b'{"features":{},"more":false,"matched":0}', "invalid-answer"),
        (page(item(1))[:-9], "invalid-answer"),
        (page(item(1, title="T")).replace(b'"T"', b'"\xff"'), "invalid-answer"),
        (page(item(1, title="T")).replace(b'"T"', b'"\n"'), "invalid-answer"),
        (page(item(1, title="T")).replace(b'"T"', b"[" * 5000 + b"]" * 5000), "invalid-answer"),
        (page(item(2), item(1)), "invalid-answer"),
        (page(item(1, id="a/b")), "invalid-answer"),
        (page(item(1, id="..")), "invalid-answer"),
        (page(item(1, links=[{"rel": "about", "href": " JavaScript:alert(1)"}])), "invalid-answer"),
        (page(item(1, assets={"a": {"href": "javascript:alert(1)"}})), "invalid-answer"),
        (page(item(1, assets={"a": {"href": "https://x.example/\n"}})), "invalid-answer"),
        (page(item(1, assets=[])), "invalid-answer"),
        (page(item(1, title="x" * 200_000)), "invalid-answer"),
        (page(item(1), matched=7), "invalid-answer"),
        (PeerUnreachableError("gone"), "peer-unreachable"),
        (DeadlineExceededError("slow query"), "deadline-exceeded"),
        (InvalidAnswerError("no token"), "invalid-answer"),
    ],
)
async def test_a_bad_answer_costs_its_sender_only(answer, reason):
    found = await ask(answer)

    assert dict(found.completeness.missing) == {"peer": reason}
    assert [orjson.loads(body)["id"] for body in found.bodies] == ["h"]
    assert (found.matched, found.partial) == (None, 1)


@pytest.mark.parametrize("name", MISSHAPEN)
async def test_an_item_that_no_site_could_hold_costs_its_sender_only(name):
    lie, log = misshapen(MISSHAPEN[name]), BytesIO()
    answer = lie(orjson.loads(page(item(1), item(2))), {}, random.Random(1))
    calls = Calls(peer=write_lie(answer))

    found = await federated(source(calls, "peer"), log=log).search(ANONYMOUS, QUERY)
    partial = await federated(source(calls, "peer")).search(ANONYMOUS, QUERY, fields=Fields(("id",), ()))

    # Where fields were chosen, a geometry may be without what makes it one.
    for each in (found,) if name == "a geometry of texts" else (found, partial):
        assert dict(each.completeness.missing) == {"peer": "invalid-answer"}
        assert [orjson.loads(body)["id"] for body in each.bodies] == ["h"]
    told = orjson.loads(log.getvalue())
    assert (told["peer"], told["level"]) == ("peer", "warning")
    assert len(told["reason"]) < 500


@pytest.mark.parametrize("name", ["geometry", "links", "assets", "stac_version", "properties"])
async def test_what_a_whole_item_must_have_may_be_left_out_only_where_that_was_asked_for(name):
    answer = page({key: value for key, value in item(1).items() if key != name})

    whole = await ask(answer)
    selected = await federated(source(Calls(peer=answer), "peer")).search(ANONYMOUS, QUERY, fields=Fields(("id",), ()))

    assert dict(whole.completeness.missing) == {"peer": "invalid-answer"}
    assert (len(selected.bodies) == 2) == (name != "properties")


async def test_what_a_site_may_hold_is_believed_and_goes_through_untouched():
    shapes = [
        None,
        {"type": "Point", "coordinates": [1, 2, 3]},
        {"type": "MultiPoint", "coordinates": [[1, 2]]},
        {"type": "LineString", "coordinates": [[1, 2], [3, 4]]},
        {"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
        {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]]]},
        {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]},
    ]
    items = [{**item(n), "geometry": shape, **({"bbox": [0, 0, 3, 4]} if shape else {})} for n, shape in enumerate(shapes)]
    scene = generated_item(1)
    items.append(
        {**scene, "properties": {**scene["properties"], "n": 8, "title": 'Gr\u00f6\u00dfe \\ "x"', "deep": [[{"a": [1e300]}]]}}
    )
    for each in items:
        read_item(each)

    found = await ask(page(*items))

    assert dict(found.completeness.missing) == {}
    bodies = [body.replace(b',"federation:backends":["peer"]', b"") for body in found.bodies if b'"peer"' in body]
    assert bodies == [orjson.dumps(each) for each in items]


async def test_what_fails_here_fails():
    for error in (DeadlineExceededError("slow"), InvalidInputError("wrong")):
        with pytest.raises(type(error)):
            await federated(source(Calls(peer=page()), "peer"), here=Here(error)).search(ANONYMOUS, QUERY)


@pytest.mark.parametrize(
    ("abilities", "query"),
    [
        (Abilities(operators=frozenset({"="})), ItemQuery(filter=check_json({"op": "<", "args": [{"property": "n"}, 1]}))),
        (
            Abilities(operators=frozenset({"and", "="})),
            ItemQuery(
                filter=check_json(
                    {
                        "op": "and",
                        "args": [
                            {"op": "=", "args": [{"property": "n"}, 1]},
                            {"op": "like", "args": [{"property": "s"}, "a%"]},
                        ],
                    }
                )
            ),
        ),
        (Abilities(sortable=frozenset({"datetime"})), QUERY),
    ],
)
async def test_a_source_that_cannot_do_it_is_named(abilities, query):
    found = await ask(page(), query, abilities=abilities)

    assert dict(found.completeness.missing) == {"peer": "unsupported"}


async def test_a_source_that_does_not_count_leaves_no_total():
    found = await ask(orjson.dumps({"features": [], "more": False, "matched": None}))

    assert (found.matched, found.partial, dict(found.completeness.missing)) == (None, 1, {})


def test_fifty_sites_and_a_slow_one_never_take_longer_than_the_budget():
    names = [f"p{number}" for number in range(50)]
    calls = Calls(**{**dict.fromkeys(names, 0.5), "p7": 3600.0, "p8": 2.1})

    async def run():
        found = await federated(*(source(calls, name) for name in names)).search(ANONYMOUS, QUERY)
        return found, asyncio.get_running_loop().time()

    found, seconds = run_simulated(run())
    assert seconds == pytest.approx(REMOTE.seconds)
    assert dict(found.completeness.missing) == {"p7": "timeout", "p8": "timeout"}
    assert calls.cancelled == ["p7", "p8"]
    assert len(found.bodies) == 10
    assert found.partial == 49


def test_all_or_nothing_tells_late_from_broken():
    async def run(answer):
        await ask(answer, scope=Scope(strict=True))

    with pytest.raises(FederationTimeoutError) as late:
        run_simulated(run(100.0))
    with pytest.raises(FederationIncompleteError) as broken:
        run_simulated(run(b""))

    assert (late.value.status, broken.value.status) == (504, 502)
    assert late.value.members == {"federation:missing": ["peer"]}


async def test_collections_of_a_peer_must_be_collections():
    for documents in ([{**COLLECTION, "id": "a/b"}], [COLLECTION, COLLECTION], [{"id": "c"}], ["c"]):
        calls = Calls(peer=orjson.dumps({"collections": documents}))
        found, completeness = await federated(source(calls, "peer")).collections(
            ANONYMOUS, scope=Scope(backends=frozenset({"peer"}))
        )
        assert (found, dict(completeness.missing)) == ([], {"peer": "invalid-answer"})


async def test_counts_of_a_peer_must_be_what_was_asked_for():
    strange = (
        {},
        {"total_count": -1},
        {"total_count": []},
        {"total_count": 0.5},
        {"total_count": 1, "x": 1},
        {"total_count": 2**60},
        [],
    )
    for counts in strange:
        found, completeness = await federated(source(Calls(peer=orjson.dumps(counts)), "peer")).aggregate(
            ANONYMOUS, QUERY, ["total_count"], scope=Scope(backends=frozenset({"peer"}))
        )
        assert (found, dict(completeness.missing)) == ({"total_count": 0}, {"peer": "invalid-answer"})


@pytest.mark.parametrize(
    "schema",
    [
        [],
        {"properties": []},
        {"properties": {"n": "number"}},
        {"properties": {"n": {"type": 5}}},
        {"properties": {"n": {"enum": "abc"}}},
        {"properties": {"n": {"title": {}}}},
        {"properties": {"n": {"items": []}}},
        {"properties": {"n": {"minimum": "@infinite"}}},
        {"properties": {}, "x": ["@infinite"]},
        {"properties": {"n": "@deep"}},
    ],
)
async def test_what_can_be_queried_at_a_peer_must_be_a_schema(schema):
    found, completeness = await federated(source(Calls(peer=write_lie(schema)), "peer")).queryables(
        ANONYMOUS, None, scope=Scope(backends=frozenset({"peer"}))
    )

    assert (found.get("properties"), dict(completeness.missing)) == ({}, {"peer": "invalid-answer"})


@pytest.mark.parametrize("name", ["a link that is a script", "depth without end", "a number without end"])
async def test_what_is_wrong_with_an_item_is_noticed_on_the_page_that_it_comes_to_stand_on(name):
    features = [item(1), {**item(9), **MISSHAPEN[name](item(9))}]
    search = federated(source(Calls(peer=write_lie({"features": features, "more": False, "matched": 2})), "peer"))

    first = await search.search(ANONYMOUS, replace(QUERY, limit=2))
    search = federated(source(Calls(peer=write_lie({"features": features[1:], "more": False, "matched": 1})), "peer"))
    second = await search.search(ANONYMOUS, replace(QUERY, limit=2), token=first.token)

    assert [orjson.loads(body)["id"] for body in first.bodies] == ["i1", "h"]
    assert dict(first.completeness.missing) == {}
    assert (second.bodies, dict(second.completeness.missing)) == ([], {"peer": "invalid-answer"})


@pytest.mark.parametrize("text", [b'"\xff"', b"[" * 40_000 + b"]" * 40_000, b"{" * 40_000])
async def test_what_is_no_json_goes_no_further_wherever_it_stands(text):
    shown = page(item(1, title="T"))
    behind = page(item(1), item(9, title="T"))

    for answer in (shown, behind):
        found = await federated(source(Calls(peer=answer.replace(b'"T"', text)), "peer")).search(ANONYMOUS, QUERY)
        assert dict(found.completeness.missing) == {"peer": "invalid-answer"}


async def test_a_page_goes_on_behind_what_the_peer_has_and_not_behind_what_is_made_of_it():
    root = "https://peer.example/stac/v2/"
    first = {**item(1), "properties": {"n": f"{root}a", "datetime": "2020-01-01T00:00:00Z"}}
    second = {**item(2), "properties": {"n": f"{root}b", "datetime": "2020-01-01T00:00:00Z"}}
    answer = orjson.dumps({"features": [first, second], "more": True, "matched": 3})
    calls = Calls(peer=answer)
    search = federated(source(calls, "peer"))

    found = await search.search(ANONYMOUS, replace(QUERY, limit=2))
    calls.answers["peer"] = orjson.dumps({"features": [second], "more": False, "matched": None})
    rest = await search.search(ANONYMOUS, replace(QUERY, limit=2), token=found.token)

    assert [orjson.loads(body)["properties"]["n"] for body in (*found.bodies, *rest.bodies)][1:] == [
        "https://here.example/stac/v2/a",
        "https://here.example/stac/v2/b",
    ]


async def test_who_is_believed_and_who_is_not_is_told():
    peers = {"good": page(item(1)), "bad": page(item(1, links=7)), "gone": PeerUnreachableError("gone")}
    known = Peers(*(source(Calls(**peers), name) for name in peers))

    await federated(peers=known).search(ANONYMOUS, QUERY)

    assert sorted(known.judged) == [("bad", False), ("good", True)]


async def test_what_the_origin_says_of_its_collection_counts_before_what_others_claim():
    good = {**COLLECTION, "id": "c", "title": "True"}
    claimed = {**good, "title": "Claimed", "twinlake:origin": "z"}
    calls = Calls(a=orjson.dumps({"collections": [claimed]}), z=orjson.dumps({"collections": [good]}))
    search = federated(source(calls, "a"), source(calls, "z"))

    found, _ = await search.collections(ANONYMOUS, scope=Scope(backends=frozenset({"a", "z"})))

    assert [(each["title"], each["federation:backends"]) for each in found] == [("True", ["a", "z"])]


async def test_a_peer_that_has_more_collections_than_it_lists_is_asked_for_what_another_lists():
    query = ItemQuery(sortby=(SortKey("n"),), collections=("c",))
    calls = Calls(peer=page(item(1)))

    asked = [
        await federated(source(calls, "peer", collections=frozenset({"d"}), is_listed=is_listed)).search(ANONYMOUS, query)
        for is_listed in (True, False)
    ]

    assert [each.completeness.backends for each in asked] == [("here",), ("here", "peer")]
