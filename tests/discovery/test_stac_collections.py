"""Listing and searching collections."""

import httpx2
import pytest

from stac_documents import a_collection
from twinlake.testing.stac_site import running_stac_site


def extent(box, start, end, *more):
    return {"extent": {"spatial": {"bbox": [box, *more]}, "temporal": {"interval": [[start, end]]}}}


COLLECTIONS = [
    a_collection(
        "EO.A", title="Sea ice", keywords=["Arctic", "Ice"], **extent([-180, 60, 180, 90], "2000-01-01T00:00:00Z", None)
    ),
    a_collection(
        "EO.B", title="Land cover", license="CC0-1.0", **extent([0, 0, 40, 40], "2010-01-01T00:00:00Z", "2012-01-01T00:00:00Z")
    ),
    a_collection("EO.C", title="Pacific", rank=3, **extent([170, -20, -170, 20], None, "1999-12-31T23:59:59Z")),
    a_collection(
        "EO.D",
        description="Two islands; ice and land.",
        rank=1,
        **extent([-60, -60, 60, 60], "2015-01-01T00:00:00Z", None, [-60, -60, -50, -50], [50, 50, 60, 60]),
    ),
]
ALL = ["EO.A", "EO.B", "EO.C", "EO.D"]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    with running_stac_site(tmp_path_factory.mktemp("site")) as running:
        running.put(COLLECTIONS)
        yield running


@pytest.fixture
def api(catalogue):
    with httpx2.Client(base_url=catalogue.url) as client:
        yield client


def ids(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json()["numberReturned"] == len(answer.json()["collections"])
    return [collection["id"] for collection in answer.json()["collections"]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ALL),
        ({"q": "ice"}, ["EO.A", "EO.D"]),
        ({"q": "arctic,land cover"}, ["EO.A", "EO.B"]),
        ({"q": "ice AND land"}, ["EO.D"]),
        ({"q": "EO.B"}, ["EO.B"]),
        ({"bbox": "10,10,11,11"}, ["EO.B"]),
        ({"bbox": "-175,0,-174,1"}, ["EO.C"]),
        ({"bbox": "175,0,-179,1"}, ["EO.C"]),
        ({"bbox": "52,52,53,53"}, ["EO.D"]),
        ({"bbox": "0,70,1,71"}, ["EO.A"]),
        ({"datetime": "2011-01-01T00:00:00Z"}, ["EO.A", "EO.B"]),
        ({"datetime": "../1990-01-01T00:00:00Z"}, ["EO.C"]),
        ({"datetime": "2014-01-01T00:00:00Z/.."}, ["EO.A", "EO.D"]),
        ({"filter": "license = 'CC0-1.0'"}, ["EO.B"]),
        ({"filter": "rank > 0 and s_intersects(geometry, point(0 0))"}, ["EO.D"]),
        ({"filter": "a_contains(keywords, ('Ice'))"}, ["EO.A"]),
        ({"filter": '{"op":"like","args":[{"property":"title"},"%a%"]}', "filter-lang": "cql2-json"}, ["EO.A", "EO.B", "EO.C"]),
        ({"query": '{"rank":{"lte":3},"id":{"neq":"EO.D"}}'}, ["EO.C"]),
        ({"sortby": "-id"}, ALL[::-1]),
        ({"sortby": "rank"}, ["EO.D", "EO.C", "EO.A", "EO.B"]),
        ({"sortby": "-rank,-id"}, ["EO.C", "EO.D", "EO.B", "EO.A"]),
        ({"sortby": "datetime"}, ["EO.A", "EO.B", "EO.D", "EO.C"]),
        ({"q": "nothing of this"}, []),
    ],
)
def test_search(api, parameters, expected):
    answer = api.get("/collections", params=parameters)

    assert ids(answer) == expected
    assert answer.json()["numberMatched"] == len(expected)


@pytest.mark.parametrize("sortby", ["", "-id", "rank", "-rank", "title,-rank", "datetime"])
@pytest.mark.parametrize("limit", [1, 3])
def test_pages_are_complete_in_every_order(api, sortby, limit):
    parameters = {"sortby": sortby} if sortby else {}
    whole = ids(api.get("/collections", params=parameters))
    answer = api.get("/collections", params={**parameters, "limit": limit})
    found = ids(answer)
    while (link := next((link for link in answer.json()["links"] if link["rel"] == "next"), None)) is not None:
        answer = api.get(link["href"])
        found += ids(answer)

    assert found == whole


def test_fields(api):
    answer = api.get("/collections", params={"fields": "id,title", "limit": 1})

    assert answer.json()["collections"] == [{"type": "Collection", "stac_version": "1.1.0", "id": "EO.A", "title": "Sea ice"}]


@pytest.mark.parametrize(
    "query", ["q=(a", "limit=0", "bbox=1", "datetime=x", "filter=(", "sortby=id,title", "token=x", "provider=x"]
)
def test_refused(api, query):
    answer = api.get(f"/collections?{query}")

    assert answer.status_code == 400
    assert answer.json()["description"]


def test_the_listing_names_what_collections_can_be_filtered_by(api):
    [link] = [link for link in api.get("/collections").json()["links"] if link["rel"].endswith("/queryables")]
    schema = api.get(link["href"])

    assert schema.headers["content-type"] == "application/schema+json"
    assert schema.json()["$id"] == link["href"]
    assert {"id", "title", "license", "keywords", "datetime", "geometry"} <= schema.json()["properties"].keys()


def test_a_collection_has_an_etag_and_links(api):
    answer = api.get("/collections/EO.A")
    again = api.get("/collections/EO.A", headers={"If-None-Match": answer.headers["etag"]})

    assert {link["rel"] for link in answer.json()["links"]} >= {"self", "root", "parent", "items", "aggregate", "aggregations"}
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
