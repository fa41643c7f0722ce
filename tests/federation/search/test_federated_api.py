"""The STAC API of a site with peers: one answer from all, honest about who is missing."""

import pytest

from stac_documents import a_collection, an_item
from twinlake.holdings.catalogue.interfaces import ItemDraft

pytestmark = pytest.mark.slow

SEARCH = "/stac/v2/search"


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["features"]]


async def pages(client, body):
    """Follow `next` to the end; return all ids and the first page."""
    answer = await client.post(SEARCH, json=body)
    first, found = answer.json(), ids(answer)
    while following := [link for link in answer.json()["links"] if link["rel"] == "next"]:
        answer = await client.post(SEARCH, json=following[0]["body"])
        found += ids(answer)
    return found, first


async def test_a_search_goes_over_all_sites_with_one_total_and_one_token(federation):
    async with federation.client("central") as client:
        found, first = await pages(client, {"limit": 4, "sortby": [{"field": "datetime", "direction": "asc"}]})

    assert found[:-2] == [f"{('central', 'climate', 'extremes')[day % 3]}-{day + 1:02d}" for day in range(15)]
    assert found[-2:] == ["same", "same"]
    assert first["numberMatched"] == 17
    assert first["twinlake:federation"] == {"backends": ["central", "climate", "extremes"], "missing": []}
    assert "federation:missing" not in first


async def test_every_page_size_and_order_gives_every_item_once(federation):
    async with federation.client("climate") as client:
        for limit in (1, 2, 3, 16, 17, 5000):
            for field in ("datetime", "n", "id", "properties.n"):
                found, first = await pages(client, {"limit": limit, "sortby": [{"field": field, "direction": "desc"}]})
                assert len(found) == 17
                assert len(set(found)) == 16
                assert first["numberMatched"] == 17


async def test_a_site_that_is_down_is_named_and_stays_missing(federation):
    async with federation.client("central") as client:
        federation.down.add("climate")
        answer = (await client.post(SEARCH, json={"limit": 5})).json()
        federation.down.clear()
        [following] = [link["body"] for link in answer["links"] if link["rel"] == "next"]
        later = (await client.post(SEARCH, json=following)).json()

    assert answer["federation:missing"] == later["federation:missing"] == ["climate"]
    assert "numberMatched" not in answer
    assert answer["twinlake:federation"] == {
        "backends": ["central", "extremes"],
        "missing": [{"id": "climate", "reason": "peer-unreachable"}],
        "partialMatched": 11,
    }
    assert {item["federation:backends"][0] for item in later["features"]} <= {"central", "extremes"}


async def test_what_a_dead_site_may_hold_is_not_said_to_be_nowhere(federation):
    async with federation.client("central") as client:
        federation.down.add("climate")
        paths = ("/collections/of-climate", "/collections/of-climate/queryables", "/collections/no-such/queryables")
        answers = [await client.get(f"/stac/v2{path}") for path in paths]
        held = await client.get("/stac/v2/collections/of-extremes/queryables")

    assert [answer.status_code for answer in answers] == [502] * 3
    assert all(answer.json()["federation:missing"] == ["climate"] for answer in answers)
    assert held.status_code == 200


async def test_all_or_nothing(federation):
    async with federation.client("central") as client:
        federation.down.add("climate")
        refused = await client.post(SEARCH, json={"federation:strict": True})
        elsewhere = await client.post(SEARCH, json={"federation:strict": True, "collections": ["of-extremes"]})

    assert refused.status_code == 502
    assert "climate" in refused.text
    assert len(ids(elsewhere)) == 5


async def test_only_named_sites_are_asked(federation):
    async with federation.client("central") as client:
        by_member = await client.post(SEARCH, json={"federation:backends": ["climate"]})
        by_query = await client.post(SEARCH, json={"query": {"federation:backends": {"eq": "climate"}, "n": {"gt": 0}}})
        by_get = await client.get(SEARCH, params={"federation:backends": "climate,central", "limit": "20"})
        nobody = await client.post(SEARCH, json={"federation:backends": ["nobody"]})
        here = await client.get(SEARCH, params={"federation:local": "true"})

    assert len(ids(by_member)) == 6
    assert len(ids(by_query)) == 5
    assert len(ids(by_get)) == 11
    assert by_get.json()["twinlake:federation"]["backends"] == ["central", "climate"]
    assert nobody.status_code == 400
    assert len(ids(here)) == here.json()["numberMatched"] == 5
    assert "twinlake:federation" not in here.json()


async def test_only_sites_that_list_a_collection_are_asked_and_nobody_forwards(federation):
    async with federation.client("central") as client:
        ids(await client.post(SEARCH, json={"collections": ["of-climate"]}))

    assert [(peer, path) for peer, path, _ in federation.bodies] == [("climate", "/federation/search")]


async def test_a_new_collection_is_found_before_its_site_has_told_of_it(federation):
    catalogue = federation.sites["climate"].services.catalogue
    await catalogue.put_collection(a_collection("new"))
    await catalogue.put_items([ItemDraft(document=an_item("first", "new"))])

    async with federation.client("central") as client:
        found = await client.post(SEARCH, json={"collections": ["new"]})
        pages = [await client.get(f"/stac/v2/collections/{path}") for path in ("new", "new/items/first", "no-such")]

    assert (ids(found), found.json()["numberMatched"]) == (["first"], 1)
    assert [page.status_code for page in pages] == [200, 200, 404]


async def test_who_is_signed_in_finds_what_is_not_for_everybody(federation):
    async with federation.client("central") as client:
        assert ids(await client.post(SEARCH, json={"collections": ["hidden"]})) == []
    tokens = [await federation.sites["central"].token(name) for name in ("ada", "bob")]
    for token, expected in zip(tokens, (["secret"], []), strict=True):
        async with federation.client("central", token) as client:
            found = await client.post(SEARCH, json={"collections": ["hidden"]})
        assert ids(found) == expected
        assert found.json()["numberMatched"] == len(expected)


async def test_a_missing_site_tells_nobody_of_hidden_holdings(federation):
    federation.down.update(("climate", "extremes"))
    async with federation.client("central") as client:
        told = [await client.post(SEARCH, json={"collections": [name]}) for name in ("hidden", "no-such")]
    async with federation.client("central", await federation.sites["central"].token("bob")) as client:
        told += [await client.post(SEARCH, json={"collections": [name]}) for name in ("hidden", "no-such")]

    assert [answer.json()["federation:missing"] for answer in told] == [["climate", "extremes"]] * 4


async def test_a_token_holds_for_one_query_one_caller_and_one_set_of_peers(federation):
    async with federation.client("central") as client:
        page = (await client.post(SEARCH, json={"limit": 2})).json()
        [body] = [link["body"] for link in page["links"] if link["rel"] == "next"]
        other_query = await client.post(SEARCH, json={**body, "collections": ["of-climate"]})
        other_scope = await client.post(SEARCH, json={**body, "federation:backends": ["climate"]})
        here = await client.post(SEARCH, json={**body, "federation:local": True})
        async with federation.client("climate") as elsewhere:
            other_site = await elsewhere.post(SEARCH, json=body)
        async with federation.client("central", await federation.sites["central"].token("ada")) as ada:
            other_caller = await ada.post(SEARCH, json=body)
        federation.version = "2"
        other_peers = await client.post(SEARCH, json=body)

    refused = (other_query, other_scope, here, other_site, other_caller, other_peers)
    assert [answer.status_code for answer in refused] == [400] * 6


async def test_fields_are_cut_at_the_peer_and_here(federation):
    async with federation.client("central") as client:
        body = {"collections": ["of-climate"], "fields": {"include": ["properties.n"]}, "sortby": [{"field": "n"}]}
        included = (await client.post(SEARCH, json=body)).json()["features"]
        body = {"collections": ["of-climate"], "fields": {"exclude": ["properties", "assets"]}}
        excluded = (await client.post(SEARCH, json=body)).json()["features"]

    assert included[0].keys() == {"type", "stac_version", "id", "collection", "properties", "federation:backends"}
    assert included[0]["properties"] == {"n": 2}
    assert "properties" not in excluded[0]
    sent = [body["fields"] for _, _, body in federation.bodies]
    assert "properties.datetime" in sent[0]["include"]
    assert sent[1]["exclude"] == ["assets"]


async def test_documents_of_a_peer_are_found_under_this_site(federation):
    async with federation.client("central") as client:
        found = (await client.post(SEARCH, json={"collections": ["of-climate"], "limit": 1})).json()["features"][0]
        links = {link["rel"]: link["href"] for link in found["links"]}
        item = await client.get(links["self"])
        collection = await client.get(links["collection"])
        listing = await client.get(f"{links['collection']}/items", params={"limit": "2"})
        nothing = await client.get("/stac/v2/collections/no-such/items")

    assert all(":9001/" in href or href.endswith(":9001/stac/v2") for href in links.values())
    assert item.json() == found
    assert collection.json()["federation:backends"] == ["climate"]
    assert len(ids(listing)) == 2
    assert nothing.status_code == 404


async def test_collections_of_all_sites_stand_on_one_page(federation):
    async with federation.client("central") as client:
        whole = (await client.get("/stac/v2/collections")).json()
        first = (await client.get("/stac/v2/collections", params={"limit": "1"})).json()
        found = list(first["collections"])
        while following := [link["href"] for link in first["links"] if link["rel"] == "next"]:
            first = (await client.get(following[0])).json()
            found += first["collections"]

    listed = [(each["id"], *each["federation:backends"]) for each in whole["collections"]]
    assert listed == [
        ("both", "climate"),
        ("both", "extremes"),
        ("of-central", "central"),
        ("of-climate", "climate"),
        ("of-extremes", "extremes"),
    ]
    assert found == whole["collections"]


async def test_one_origin_makes_one_collection(federation):
    for name in ("climate", "extremes"):
        catalogue = federation.sites[name].services.catalogue
        await catalogue.put_collection(a_collection("both", **{"twinlake:origin": "climate"}))
    async with federation.client("central") as client:
        whole = (await client.get("/stac/v2/collections")).json()

    assert [each["federation:backends"] for each in whole["collections"] if each["id"] == "both"] == [["climate", "extremes"]]


async def test_queryables_and_counts_are_of_all_sites(federation):
    async with federation.client("central") as client:
        queryables = (await client.get("/stac/v2/queryables")).json()
        of_one = await client.get("/stac/v2/collections/of-climate/queryables")
        of_none = await client.get("/stac/v2/collections/no-such/queryables")
        names = ["total_count", "collection_frequency", "datetime_frequency"]
        counted = (await client.post("/stac/v2/aggregate", json={"aggregations": names})).json()
        federation.down.add("climate")
        partly = (await client.post("/stac/v2/aggregate", json={})).json()

    assert queryables["properties"]["n"] == {"title": "n", "type": "integer", "minimum": 1, "maximum": 15}
    assert of_one.status_code == 200
    assert of_none.status_code == 404
    total, by_collection, by_month = counted["aggregations"]
    assert total["value"] == 17
    assert {bucket["key"]: bucket["frequency"] for bucket in by_collection["buckets"]}["both"] == 2
    assert [bucket["frequency"] for bucket in by_month["buckets"]] == [15, 2]
    assert partly["federation:missing"] == ["climate"]
    assert partly["aggregations"][0]["value"] == 11


async def test_of_several_of_one_id_that_of_the_named_site_is_given(federation):
    places = ("/stac/v2/collections/both", "/stac/v2/collections/both/items/same")
    catalogue = federation.sites["extremes"].services.catalogue
    await catalogue.put_collection(a_collection("both", title="Of extremes"))
    async with federation.client("climate") as client:
        for place in places:
            own = (await client.get(place)).json()
            theirs = (await client.get(place, params={"federation:backends": "extremes"})).json()
            assert own.get("federation:backends", ["climate"]) == ["climate"]
            assert theirs["federation:backends"] == ["extremes"]
            assert (await client.get(place, params={"federation:backends": "central"})).status_code == 404
            assert (await client.get(place, params={"federation:backends": "nobody"})).status_code == 400
        theirs = await client.get(places[0], params={"federation:backends": "extremes"})
        assert theirs.json()["title"] == "Of extremes"
        here = await client.get("/stac/v2/collections/of-extremes", params={"federation:local": "true"})
        assert here.status_code == 404
        federation.down.add("extremes")
        assert (await client.get(places[0], params={"federation:backends": "extremes"})).status_code == 502
        assert (await client.get(places[0])).status_code == 200
