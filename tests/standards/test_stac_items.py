"""Items are read as the specification and its schema have them, and refused with all that is wrong."""

import copy
import json

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from twinlake.core.errors import TooLargeError
from twinlake.standards.stac import InvalidDocumentError, item_interval, item_shape, read_item, shape_bbox
from twinlake.standards.stac.schema import find_schema_fault

_RING = [[10, 40], [20, 40], [20, 50], [10, 50], [10, 40]]


def _item(**changes):
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": ["https://stac-extensions.github.io/eo/v1.1.0/schema.json"],
        "id": "a scene ü",
        "collection": "scenes",
        "geometry": {"type": "Polygon", "coordinates": [copy.deepcopy(_RING)]},
        "bbox": [10, 40, 20, 50],
        "properties": {
            "datetime": "2021-04-16T10:13:19.5Z",
            "created": "2021-05-01T00:00:00+00:00",
            "platform": "sentinel-2a",
            "instruments": ["msi"],
            "gsd": 10,
            "license": "CC-BY-4.0",
            "providers": [{"name": "ESA", "roles": ["producer"], "url": "https://esa.int"}],
            "eo:cloud_cover": 12.5,
        },
        "links": [{"rel": "collection", "href": "./collection.json", "type": "application/json"}],
        "assets": {
            "B01": {
                "href": "B01.tif",
                "roles": ["data"],
                "bands": [{"name": "B01", "data_type": "uint16", "nodata": "nan", "statistics": {"count": 5, "minimum": 1}}],
            }
        },
    }
    return item | changes


def _with(path, value):
    """Return the item with *value* at *path*; ``...`` takes the member away."""
    item = _item()
    *parents, last = path
    holder = item
    for name in parents:
        holder = holder[name]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    return item


def _problems(document, **options):
    with pytest.raises(InvalidDocumentError) as caught:
        read_item(document, **options)
    return [str(problem) for problem in caught.value.problems]


def test_a_right_item_comes_back_as_it_is_and_shares_nothing():
    item = _item()

    read = read_item(item)
    read["assets"]["B01"]["href"] = "changed"

    assert item == _item()
    assert read_item(item) == item


def test_an_item_without_collection_or_links_gets_them():
    item = _item()
    del item["collection"], item["links"]

    read = read_item(item, collection="scenes")

    assert (read["collection"], read["links"]) == ("scenes", [])
    assert "links" not in item


def test_an_item_for_another_collection_is_refused():
    assert _problems(_item(), collection="other")[0].startswith("collection: is not 'other'")


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["id"], ..., "id: The item id 'None' is not a string"),
        (["id"], 5, "id: The item id '5' is not a string"),
        (["id"], "a/b", "id: The item id 'a/b' contains a slash"),
        (["id"], "", "is empty"),
        (["collection"], ..., "collection: The collection id 'None' is not a string"),
        (["type"], "Point", "type: is not 'Feature'"),
        (["stac_version"], ..., "stac_version: 'None' is not a STAC version"),
        (["stac_version"], "2.0.0", "stac_version: '2.0.0' is out of reach"),
        (["stac_version"], "0.7.0", "stac_version: '0.7.0' is out of reach"),
        (["stac_extensions"], "eo", "stac_extensions: is not a list of texts"),
        (["stac_extensions"], ["eo", "eo"], "stac_extensions: is not a list of texts, each once"),
        (["geometry"], ..., "geometry: is missing"),
        (["geometry"], None, "bbox: stands beside `geometry: null`"),
        (["geometry"], [], "geometry: is not a GeoJSON geometry"),
        (["geometry", "type"], "Circle", "geometry.type: 'Circle' is none of"),
        (["geometry", "coordinates"], [], "geometry.coordinates: is not a list of at least one"),
        (["geometry", "coordinates", 0, 2], [200, 50], "geometry.coordinates[0][2]: [200, 50] is outside of longitude"),
        (["geometry", "coordinates", 0, 2], [20, 91], "geometry.coordinates[0][2]: [20, 91] is outside of longitude"),
        (["geometry", "coordinates", 0, 2], ["20", 50], "geometry.coordinates[0][2]: ['20', 50] has a member that is not"),
        (["geometry", "coordinates", 0, 2], [True, 50], "geometry.coordinates[0][2]: [True, 50] has a member that is not"),
        (["geometry", "coordinates", 0, 2], 5, "geometry.coordinates[0][2]: 5 is not a position"),
        (["geometry", "coordinates", 0, 2], {"0": 1}, "is not a position"),
        (["geometry", "coordinates", 0, 2], [1, 2, 3, 4], "is not a position of 2 or 3"),
        (["geometry", "coordinates", 0, 2], [1, 2, 3], "has 3 numbers where the positions before have 2"),
        (["geometry", "coordinates", 0, 4], [10, 41], "is a ring whose last position is not its first"),
        (["geometry", "coordinates", 0], _RING[:1] * 3, "has 3 positions; a Polygon needs at least 4"),
        (["bbox"], ..., "bbox: is missing beside a geometry"),
        (["bbox"], [1, 2, 3], "bbox: is not a list of 4 or 6 numbers"),
        (["bbox"], [1, 2, "3", 4], "bbox: [1, 2, '3', 4] has a member that is not a number"),
        (["bbox"], [10, 50, 20, 40], "bbox: has its south, 50, above its north, 40"),
        (["bbox"], [10, 40, 190, 50], "bbox: [10, 40, 190, 50] is outside of longitude"),
        (["bbox"], [10, 40, 5, 20, 50, 4], "has heights out of order"),
        (["properties"], None, "properties: is not an object"),
        (["properties", "datetime"], ..., "properties.datetime: is missing"),
        (["properties", "datetime"], None, "properties.datetime: is null without an interval"),
        (["properties", "datetime"], "2021-04-16", "properties.datetime: '2021-04-16' is not a UTC date-time"),
        (["properties", "datetime"], "2021-04-16T10:13:19+02:00", "is not a UTC date-time"),
        (["properties", "datetime"], "2021-02-30T00:00:00Z", "is not an instant of the calendar"),
        (["properties", "start_datetime"], "2021-04-16T00:00:00Z", "properties: has one of start_datetime and end_datetime"),
        (["properties", "gsd"], 0, "properties.gsd: is not a number above 0"),
        (["properties", "gsd"], True, "properties.gsd: is not a number above 0"),
        (["properties", "license"], "CC BY", "properties.license: is not an SPDX identifier"),
        (["properties", "instruments"], "msi", "properties.instruments: is not a list of texts"),
        (["properties", "providers"], [{}], "properties.providers: has a provider without a name"),
        (["properties", "providers"], [{"name": "a", "roles": ["boss"]}], "with roles other than"),
        (["properties", "created"], 5, "properties.created: '5' is not a UTC"),
        (["properties", "description"], "", "properties.description: is not a text of at least one"),
        (["links"], {}, "links: is not a list"),
        (["links", 0], 5, "links[0]: is not an object"),
        (["links", 0, "href"], ..., "links[0].href: is missing"),
        (["links", 0, "rel"], "", "links[0].rel: is not a text of at least one"),
        (["links", 0, "href"], "a\nb", "links[0].href: has a control character"),
        (["links", 0, "href"], " JavaScript:alert(1)", "links[0].href: has a control character, or would run a script"),
        (["links", 0, "href"], "FILE:///etc/passwd", "or open a file of the reader's machine"),
        (["assets", "B01", "file:size"], "large", "assets.B01.file:size: is not a whole number of at least 0 (bytes)"),
        (["assets", "B01", "file:size"], -1, "assets.B01.file:size: is not a whole number"),
        (["assets", "B01", "file:checksum"], 5, "assets.B01.file:checksum: is not a text"),
        (["links", 0, "method"], "get", "links[0].method: is not an HTTP method"),
        (["assets"], ..., "assets: is not an object"),
        (["assets", "B01"], None, "assets.B01: is not an object"),
        (["assets", "a/b"], {"href": "x"}, "assets: The asset id 'a/b' contains a slash"),
        (["assets", ".."], {"href": "x"}, "assets: The asset id '..' begins with a dot"),
        (["assets", "B01", "href"], "", "assets.B01.href: is missing or not a text"),
        (["assets", "B01", "roles"], [1], "assets.B01.roles: is not a list of texts"),
        (["assets", "B01", "bands", 0, "data_type"], "int", "assets.B01.bands[0].data_type: is none of cfloat32"),
        (["assets", "B01", "bands", 0, "statistics"], {"count": 1.5}, "has a count that is not a whole number"),
        (["assets", "B01", "bands", 0, "nodata"], "none", "is neither a number nor 'nan'"),
        (["assets", "B01", "bands"], ..., None),
        (["properties", "eo:cloud_cover"], float("nan"), "properties.eo:cloud_cover: 'nan' is not a value of JSON"),
        (["properties", "eo:cloud_cover"], float("inf"), "properties.eo:cloud_cover: 'inf' is not a value of JSON"),
        (["properties", "eo:cloud_cover"], 10**30, "of at most 64 bits"),
        (["properties", "title"], "\ud800", "properties.title: '\\ud800' is not a value of JSON"),
    ],
)
def test_each_fault_is_named_with_its_path(path, value, problem):
    if problem is None:
        read_item(_with(path, value))
        return

    problems = _problems(_with(path, value))

    assert any(problem in found for found in problems), problems


def test_all_problems_are_told_at_once_with_what_to_do():
    item = _item(id="", bbox=None, assets=[])
    item["properties"]["datetime"] = "yesterday"

    with pytest.raises(InvalidDocumentError) as caught:
        read_item(item)

    assert [problem.path for problem in caught.value.problems] == ["id", "bbox", "assets", "properties.datetime"]
    assert caught.value.status == 400
    assert "Rename it" in caught.value.remedy


def test_what_is_no_object_too_deep_or_too_large_is_refused():
    deep = _item()
    deep["properties"]["x"] = json.loads("[" * 300 + "]" * 300)
    for document, problem in [
        ([], "it is not a JSON object"),
        (None, "it is not a JSON object"),
        (deep, "nested deeper than 254"),
    ]:
        assert problem in _problems(document)[0]
    deeper = []
    for _ in range(100_000):
        deeper = [deeper]
    assert "nested deeper" in _problems(_item(properties={"x": deeper}))[0]
    with pytest.raises(TooLargeError):
        read_item(_with(["properties", "x"], "x" * (4 << 20)))


def test_odd_but_right_items_are_read():
    for changes in (
        {"bbox": [170, -10, -170, 10]},
        {"bbox": [-180, -90, 180, 90]},
        {"bbox": [10, 40, -5, 20, 50, 5]},
        {"geometry": {"type": "Point", "coordinates": [180, 90, 8848.0]}, "bbox": [180, 90, 180, 90]},
        {"geometry": {"type": "GeometryCollection", "geometries": [{"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}]}},
        {"geometry": {"type": "Point", "coordinates": [180.00000000000006, -90.00000000000001]}},
        {"id": "😀 " + "x" * 200},
        {"stac_extensions": []},
        {"assets": {}},
    ):
        read_item(_item(**changes))
    nowhere = _item(geometry=None)
    del nowhere["bbox"]
    assert item_shape(read_item(nowhere)) is None


def test_the_interval_of_an_item_is_its_interval_or_its_instant():
    instant = read_item(_with(["properties", "datetime"], "1970-01-01T00:00:01.0000019Z"))
    span = _item()
    span["properties"] |= {"datetime": None, "start_datetime": "1970-01-01T00:00:00Z", "end_datetime": "1970-01-02T00:00:00Z"}

    assert item_interval(instant) == (1_000_001, 1_000_001)
    assert item_interval(read_item(span)) == (0, 86_400_000_000)


def test_an_inverted_interval_is_refused():
    span = _item()
    span["properties"] |= {"start_datetime": "2021-01-02T00:00:00Z", "end_datetime": "2021-01-01T00:00:00Z"}

    assert _problems(span) == ["properties.end_datetime: is before start_datetime"]


def test_a_geometry_over_the_antimeridian_is_cut_there():
    ring = [[170, -10], [-170, -10], [-170, 10], [170, 10], [170, -10]]
    item = _item(geometry={"type": "Polygon", "coordinates": [ring]}, bbox=[170, -10, -170, 10])

    shape = item_shape(read_item(item))

    assert shape.is_valid
    assert shape.area == 400
    assert shape_bbox(shape) == (170, -10, -170, 10)
    assert shapely.intersects_xy(shape, 175, 0)
    assert not shapely.intersects_xy(shape, 0, 0)


def test_real_items_are_read(shared):
    lines = (shared / "data/stac-items/items.ndjson").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line) for line in lines]
    for path in sorted((shared / "data").glob("**/*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and document.get("type") == "Feature" and "stac_version" in document:
            documents.append(document)

    assert len(documents) > 100
    for document in documents:
        item = read_item(document, collection=document.get("collection", "any"))
        assert item["stac_version"] == "1.1.0"
        assert item_interval(item)[0] <= item_interval(item)[1]
        assert item_shape(item).is_valid


_STRANGE = st.sampled_from([None, True, 0, -1, 2.5, "", "x", "2021-01-01T00:00:00Z", [], ["x"], [1], [[1, 2]], {}, {"x": 1}])


def _paths(value, path=()):
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from _paths(member, (*path, name))


_FULL = _item()
_FULL["properties"] |= {
    "start_datetime": "2021-04-16T00:00:00Z",
    "end_datetime": "2021-04-17T00:00:00Z",
    "title": "t",
    "description": "d",
    "keywords": ["k"],
    "constellation": "c",
    "mission": "m",
}
_FULL["links"].append({"rel": "x", "href": "y", "method": "POST", "headers": {"a": "b", "c": ["d"]}, "title": "t", "body": 1})
_ALL_PATHS = [path for path in _paths(_FULL) if path]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_ALL_PATHS), st.one_of(st.just(...), _STRANGE), st.sampled_from(_ALL_PATHS), _STRANGE)
def test_what_the_schema_refuses_is_refused(path, value, second_path, second):
    item = copy.deepcopy(_FULL)
    for where, what in ((path, value), (second_path, second)):
        holder = item
        try:
            for name in where[:-1]:
                holder = holder[name]
            if what is ...:
                del holder[where[-1]]
            else:
                holder[where[-1]] = what
        except (KeyError, IndexError, TypeError):
            return
    links = item.get("links")
    if not (isinstance(links, list) and any(isinstance(link, dict) and link.get("rel") == "collection" for link in links)):
        return  # the link to the collection is ours to make
    fault = find_schema_fault("item", item)

    try:
        read_item(item)
    except (InvalidDocumentError, TooLargeError):
        return
    assert fault is None


def test_the_unchanged_item_of_the_comparison_satisfies_the_schema():
    assert find_schema_fault("item", _FULL) is None
    assert read_item(_FULL) == _FULL
