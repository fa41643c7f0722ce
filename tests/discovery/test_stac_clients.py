"""Unmodified clients against a running site."""

import json
import subprocess
import sys

import pystac
import pytest
from pystac_client import Client

from stac_documents import a_collection, an_item


@pytest.fixture
def client(site):
    return Client.open(site.url)


def ids(search):
    return [item.id for item in search.items()]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pystac_client_follows_every_page(client, method):
    search = client.search(method=method, limit=4, sortby="+datetime")

    assert ids(search) == [f"s{day:02d}" for day in range(25)]
    assert search.matched() == 25
    assert [len(page.items) for page in search.pages()] == [4, 4, 4, 4, 4, 4, 1]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"collections": ["other"], "max_items": 2}, ["s24", "s23"]),
        ({"ids": ["s01", "s02"]}, ["s02", "s01"]),
        ({"bbox": [0.5, 0.5, 2.5, 2.5]}, ["s02", "s01", "s00"]),
        ({"intersects": {"type": "Point", "coordinates": [3.5, 3.5]}}, ["s03"]),
        ({"datetime": "2020-03-02"}, ["s01"]),
        ({"datetime": "2020-03-01/2020-03-02"}, ["s01", "s00"]),
        ({"datetime": ["2020-03-24T10:00:00Z", None]}, ["s24", "s23"]),
        ({"query": ["eo:cloud_cover>=80"]}, ["s14", "s10"]),
        ({"filter": "eo:cloud_cover > 70 or id = 's01'"}, ["s14", "s10", "s01"]),
        (
            {"filter": {"op": "like", "args": [{"property": "id"}, "s0%"]}, "filter_lang": "cql2-json", "max_items": 2},
            ["s09", "s08"],
        ),
        ({"filter": {"op": "isNull", "args": [{"property": "eo:cloud_cover"}]}, "max_items": 2}, ["s23", "s21"]),
        ({"sortby": ["-eo:cloud_cover", "id"], "max_items": 2}, ["s14", "s10"]),
    ],
)
def test_pystac_client_searches(client, method, arguments, expected):
    assert ids(client.search(method=method, limit=7, **arguments)) == expected


def test_pystac_client_selects_fields(client):
    search = client.search(fields=["id", "properties.platform"], ids=["s01"])

    [item] = search.items_as_dicts()
    assert item["properties"] == {"platform": "terra"}


def test_pystac_client_browses(client):
    collections = {collection.id: collection for collection in client.get_collections()}
    assert set(collections) == {"scenes", "other"}
    assert [link.title for link in client.get_child_links()] == ["Something else", "Title of scenes"]
    collection = client.get_collection("scenes")
    item = collection.get_item("s07")

    assert isinstance(item, pystac.Item)
    assert item.get_collection().id == "scenes"
    assert collection.get_item("nothing") is None
    assert len(list(collection.get_items())) == 20
    assert [item.id for item in collection.get_items("s03")] == ["s03"]
    assert item.assets["data"].media_type == "image/tiff"
    collection.validate()


def test_pystac_client_searches_collections(client):
    assert [each.id for each in client.collection_search(q="something").collections()] == ["other"]
    assert [each.id for each in client.collection_search(datetime="2020-03-24").collections()] == ["other"]
    assert [each.id for each in client.collection_search(bbox=[0, 0, 1, 1], limit=1).collections()] == ["scenes"]
    assert [each.id for each in client.collection_search(filter="id = 'other'", sortby="-title").collections()] == ["other"]
    assert client.collection_search(limit=1).matched() == 2


def test_pystac_client_reads_queryables(client):
    assert client.get_queryables()["properties"]["platform"]["enum"] == ["aqua", "terra"]
    merged = client.get_merged_queryables(["scenes", "other"])
    assert {"platform", "datetime", "geometry"} <= merged["properties"].keys()
    assert client.get_collection("other").get_queryables()["properties"]["eo:cloud_cover"]["maximum"] == 21


def test_pystac_client_changes_items(changing_site):
    token = changing_site.token("ada", roles=["data-steward"])
    collection = Client.open(changing_site.url, headers={"Authorization": f"Bearer {token}"}).get_collection("c")
    item = pystac.Item.from_dict(an_item("i", "c", platform="terra"))

    assert collection.create_item(item).properties["platform"] == "terra"
    item.properties["platform"] = "aqua"
    assert collection.update_item(item).properties["platform"] == "aqua"
    assert collection.patch_item("i", {"properties": {"gsd": 10}}).properties["gsd"] == 10
    assert collection.get_item("i").properties["platform"] == "aqua"
    collection.delete_item("i")
    assert collection.get_item("i") is None


@pytest.mark.slow
def test_stac_api_validator_finds_no_error(shared, changing_site):
    area = {"type": "Polygon", "coordinates": [[[0, 0], [30, 0], [30, 30], [0, 30], [0, 0]]]}
    scenes = [
        an_item(f"i{day:02d}", "c", datetime=f"2020-03-{day + 1:02d}T10:00:00Z", at=(day, day), **{"eo:cloud_cover": day})
        for day in range(25)
    ]
    changing_site.put([a_collection("d"), *scenes, an_item("x", "d")])
    command = [sys.executable, str(shared / "tools/stac_api_validator_offline.py"), "--root-url", changing_site.url]
    command += ["--collection", "c", "--geometry", json.dumps(area), "--validate-pagination"]
    command += ["--fields-nested-property", "properties.eo:cloud_cover"]
    command += ["--query-comparison-field", "eo:cloud_cover", "--query-eq-value", "3", "--query-neq-value", "3"]
    command += ["--query-lt-value", "3", "--query-lte-value", "3", "--query-gt-value", "3", "--query-gte-value", "3"]
    for each in ("core", "collections", "features", "item-search", "filter", "item-search#fields", "item-search#sort"):
        command += ["--conformance", each]

    outcome = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (outcome.returncode, "Errors: none" in outcome.stdout) == (0, True), outcome.stdout + outcome.stderr
