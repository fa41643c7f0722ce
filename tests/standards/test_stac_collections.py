"""Collections are read as the specification and its schema have them; old versions come as 1.1.0."""

import copy
import json

import pytest

from twinlake.standards.stac import InvalidDocumentError, read_collection, read_item
from twinlake.standards.stac.schema import find_schema_fault

_COLLECTION = {
    "type": "Collection",
    "stac_version": "1.1.0",
    "id": "scenes",
    "description": "Scenes",
    "license": "other",
    "extent": {
        "spatial": {"bbox": [[-180, -90, 180, 90]]},
        "temporal": {"interval": [["2015-06-23T00:00:00Z", None]]},
    },
    "links": [],
    "summaries": {"gsd": [10, 20], "eo:cloud_cover": {"minimum": 0, "maximum": 100}},
    "item_assets": {"B01": {"title": "Coastal", "roles": ["data"]}},
}


def _with(path, value):
    collection = copy.deepcopy(_COLLECTION)
    holder = collection
    for name in path[:-1]:
        holder = holder[name]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return collection


def test_a_right_collection_comes_back_as_it_is():
    assert read_collection(_COLLECTION) == _COLLECTION
    assert read_collection(_with(["links"], ...))["links"] == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["type"], "Catalog", "type: is not 'Collection'"),
        (["id"], "..", "begins with a dot"),
        (["description"], ..., "description: is missing"),
        (["description"], "", "description: is not a text of at least one"),
        (["license"], ..., "license: is missing"),
        (["license"], "my own", "license: is not an SPDX"),
        (["extent"], ..., "extent: is missing"),
        (["extent"], [], "extent: is not an object"),
        (["extent", "spatial"], ..., "extent.spatial.bbox: is not a list of one box"),
        (["extent", "spatial", "bbox"], [[0, 0, 1, 1]] * 2, "extent.spatial.bbox: is not a list of one box"),
        (["extent", "spatial", "bbox", 0], [0, 5, 1, 1], "extent.spatial.bbox[0]: has its south"),
        (["extent", "temporal"], 5, "extent.temporal.interval: is not a list"),
        (["extent", "temporal", "interval", 0], [None], "extent.temporal.interval[0]: is not a list of start and end"),
        (["extent", "temporal", "interval", 0, 0], "2015", "extent.temporal.interval[0][0]: '2015' is not a UTC"),
        (
            ["extent", "temporal", "interval", 0],
            ["2016-01-01T00:00:00Z", "2015-01-01T00:00:00Z"],
            "extent.temporal.interval[0]: ends before it starts",
        ),
        (["summaries"], [], "summaries: must be object"),
        (["summaries", "gsd"], [], "summaries.gsd: "),
        (["item_assets", "B01"], {"href": "x", "title": "y"}, "item_assets.B01: has an href"),
        (["assets"], {"a": {}}, "assets.a.href: is missing"),
        (["providers"], [{"name": ""}], "providers: has a provider without a name"),
    ],
)
def test_each_fault_is_named_with_its_path(path, value, problem):
    with pytest.raises(InvalidDocumentError) as caught:
        read_collection(_with(path, value))

    assert any(problem in str(found) for found in caught.value.problems), caught.value.problems


def test_real_collections_are_read_whatever_their_version(shared):
    versions = set()
    for path in sorted((shared / "data").glob("**/*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and "extent" in document and "stac_version" in document:
            collection = read_collection(document)
            versions.add(document["stac_version"])
            assert collection["id"] == document["id"]
            assert find_schema_fault("collection", collection) is None

    assert versions >= {"1.0.0-beta.2", "1.0.0", "1.1.0"}


def test_from_1_0_on_extensions_are_kept_as_declared():
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"],
        "id": "a",
        "collection": "c",
        "geometry": None,
        "properties": {"datetime": "2021-01-01T00:00:00Z", "proj:epsg": 4326, "license": "proprietary"},
        "links": [],
        "assets": {},
    }
    before = copy.deepcopy(item)

    read = read_item(item)

    assert item == before
    assert read["stac_version"] == "1.1.0"
    assert read["stac_extensions"] == item["stac_extensions"]
    assert read["properties"] == item["properties"] | {"license": "other"}


@pytest.mark.parametrize("version", ["0.8.0", "0.9.0", "1.0.0-beta.2", "1.0.0-rc.1"])
def test_before_1_0_short_names_of_extensions_become_those_of_today(version):
    old = {
        "type": "Feature",
        "stac_version": version,
        "stac_extensions": ["eo", "projection"],
        "id": "a",
        "collection": "c",
        "geometry": {"type": "Point", "coordinates": [1, 2]},
        "bbox": [1, 2, 1, 2],
        "properties": {"datetime": "2021-01-01T00:00:00Z", "eo:cloud_cover": 5, "proj:epsg": 4326},
        "links": [],
        "assets": {"a": {"href": "a.tif"}},
    }

    read = read_item(old)

    assert read["stac_version"] == "1.1.0"
    assert all(name.startswith("https://stac-extensions.github.io/") for name in read["stac_extensions"])
    assert read["properties"]["eo:cloud_cover"] == 5


@pytest.mark.parametrize("change", [{"properties": None}, {"stac_extensions": 5}, {"type": 7}, {"properties": 5}, {"links": 3}])
def test_a_broken_old_document_is_refused(change):
    old = {"type": "Feature", "stac_version": "0.9.0", "id": "a", "properties": {}, "geometry": None, "links": [], "assets": {}}
    with pytest.raises(InvalidDocumentError):
        read_item(old | change, collection="c")
