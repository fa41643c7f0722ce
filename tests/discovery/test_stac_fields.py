"""The fields extension."""

import orjson
import pytest

from twinlake.core.errors import InvalidInputError
from twinlake.standards.stac.selecting import ITEM_DEFAULTS, parse_fields, read_fields, select_fields

ITEM = {
    "type": "Feature",
    "stac_version": "1.1.0",
    "id": "i",
    "collection": "c",
    "geometry": {"type": "Point", "coordinates": [0, 0]},
    "bbox": [0, 0, 0, 0],
    "properties": {"datetime": "2020-01-01T00:00:00Z", "eo:cloud_cover": 3, "proj:centroid": {"lat": 1, "lon": 2}},
    "assets": {"a.tif": {"href": "https://example.com/a.tif", "type": "image/tiff"}},
    "links": [],
    "extra": 1,
}
IDENTITY = {name: ITEM[name] for name in ("type", "stac_version", "id", "collection")}
BASELINE = {name: ITEM[name] for name in ("geometry", "bbox", "assets", "links")} | IDENTITY


def select(fields):
    [body] = select_fields([orjson.dumps(ITEM)], fields, ITEM_DEFAULTS)
    return orjson.loads(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", BASELINE | {"properties": {"datetime": "2020-01-01T00:00:00Z"}}),
        ("id", IDENTITY),
        ("+extra,-type", {name: value for name, value in IDENTITY.items() if name != "type"} | {"extra": 1}),
        ("properties.eo:cloud_cover", IDENTITY | {"properties": {"eo:cloud_cover": 3}}),
        ("eo:cloud_cover", IDENTITY | {"properties": {"eo:cloud_cover": 3}}),
        ("properties.proj:centroid.lat", IDENTITY | {"properties": {"proj:centroid": {"lat": 1}}}),
        ("assets.a.tif.href", IDENTITY | {"assets": {"a.tif": {"href": "https://example.com/a.tif"}}}),
        ("-properties,+properties.datetime", IDENTITY | {"properties": {"datetime": "2020-01-01T00:00:00Z"}}),
        ("geometry,-geometry", IDENTITY | {"geometry": ITEM["geometry"]}),
        ("nothing.of.this", IDENTITY),
        ("properties,-properties.proj:centroid.lon", IDENTITY | {
            "properties": ITEM["properties"] | {"proj:centroid": {"lat": 1}}
        }),
    ],
)  # fmt: skip
def test_get_form(text, expected):
    assert select(parse_fields(text)) == expected


def test_excluded_alone_is_taken_from_the_whole_document():
    found = select(parse_fields("-geometry,-properties.datetime"))

    assert found.keys() == ITEM.keys() - {"geometry"}
    assert found["properties"].keys() == {"eo:cloud_cover", "proj:centroid"}


@pytest.mark.parametrize("empty", [{}, {"include": None, "exclude": None}, {"include": [], "exclude": []}])
def test_empty_is_the_default_set(empty):
    assert select(read_fields(empty)) == BASELINE | {"properties": {"datetime": "2020-01-01T00:00:00Z"}}


def test_empty_include_with_exclude_is_taken_from_the_default_set():
    found = select(read_fields({"include": [], "exclude": ["geometry"]}))

    assert found == {name: value for name, value in BASELINE.items() if name != "geometry"} | {
        "properties": {"datetime": "2020-01-01T00:00:00Z"}
    }


def test_post_form_without_include_is_the_whole_document():
    assert select(read_fields({"exclude": ["extra"]})).keys() == ITEM.keys() - {"extra"}


@pytest.mark.parametrize(
    "wrong", [None, [], "id", {"includes": ["id"]}, {"include": "id"}, {"include": [1]}, {"include": ["a"] * 201}]
)
def test_other_forms_are_refused(wrong):
    with pytest.raises(InvalidInputError):
        read_fields(wrong)
