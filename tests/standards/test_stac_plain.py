"""The quick reader of items and the one that knows every rule give the same answers."""

import copy

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinlake.core.errors import TwinlakeError
from twinlake.standards.stac import plain, read_item
from twinlake.standards.stac.plain import read_item_text
from twinlake.testing.generated_items import generated_item
from twinlake.testing.odd_items import odd_item

_RING = [[10, 40], [20.5, 40], [20, 50], [10, 40]]
_PLAIN = {
    "type": "Feature",
    "stac_version": "1.1.0",
    "stac_extensions": ["https://stac-extensions.github.io/eo/v1.1.0/schema.json"],
    "id": "a scene ü",
    "collection": "scenes",
    "geometry": {"type": "Polygon", "coordinates": [_RING, _RING]},
    "bbox": [10, 40, 20, 50],
    "properties": {
        "datetime": "2021-04-16T10:13:19.5Z",
        "start_datetime": "2021-04-16T00:00:00Z",
        "end_datetime": "2021-04-17T00:00:00Z",
        "created": "2021-05-01T00:00:00Z",
        "title": "Größe",
        "description": "d",
        "keywords": ["k"],
        "platform": "sentinel-2a",
        "instruments": ["msi"],
        "gsd": 10,
        "eo:cloud_cover": 12.5,
        "nested": {"x": [1, {"y": None}]},
    },
    "links": [{"rel": "license", "href": "./collection.json", "type": "text/html", "title": "t"}],
    "assets": {
        "B01": {
            "href": "B01.tif",
            "roles": ["data"],
            "bands": [{"name": "B01", "nodata": 0, "eo:x": 1}],
            "gsd": 60,
            "file:size": 5,
        }
    },
}
_STRANGE = st.sampled_from(
    [
        None, True, 0, -1, 2.5, 1e300, 2**63, 2**64, "", "x", ".x", "a/b", "a\nb", "a\x7f", "a\x85", "a\\b", "x" * 256,
        "javascript:alert(1)", " JavaScript:x", "file:x", "\u00a0vbscript:x", "2021-01-01T00:00:00Z", "2021-01-01t00:00:00z",
        "2021-02-30T00:00:00Z", "2016-12-31T23:59:60Z", "2020-W01-1T00:00:00Z", "2021-01-01T00:00:00.1234567Z",
        "2021-01-01T00:00:00+00:00", "2021-01-01T00:00:00,5Z", "1.0.0", "1.1.0", "nan", [], ["x"], ["x", "x"], [1], [[1, 2]],
        [190, 0], [1, 2, 3], {}, {"x": 1}, {"href": "x"}, {"a/b": {"href": "x"}}, {"": {"href": "x"}}, {"..": {"href": "x"}},
        {"type": "Point", "coordinates": [1, 2]}, {"type": "Point", "coordinates": [1, 91]},
        {"type": "MultiPolygon", "coordinates": [[_RING]]}, {"type": "LineString", "coordinates": [[1, 2], [3, 4]]},
    ]
)  # fmt: skip


def _paths(value, path=()):
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from _paths(member, (*path, name))


_ALL_PATHS = [path for path in _paths(_PLAIN) if path]
_NEW = [
    ("geometry", "bbox"),
    ("properties", "bands"),
    ("properties", "license"),
    ("properties", "datetime"),
    ("links", 0, "method"),
]
_ANY_PATH = st.sampled_from([*_ALL_PATHS, *_NEW, ("assets", "B01", "statistics"), ("assets", "x"), ("links", 0, "updated")])


def _changed(document, path, value):
    """Put *value* at *path*; ``...`` takes the member away. What has no such place stays as it is."""
    holder = document
    try:
        for name in path[:-1]:
            holder = holder[name]
        if value is ...:
            del holder[path[-1]]
        else:
            holder[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        pass


def _outcome(read, *given, collection):
    """Return what *read* returns, or which error it raises with which words."""
    try:
        return read(*given, collection=collection)
    except TwinlakeError as error:
        return type(error), error.message


def _assert_same(text, collection=None):
    document = orjson.loads(text)
    expected = _outcome(read_item, document, collection=collection)
    found = _outcome(read_item_text, text, collection=collection)
    if isinstance(expected, tuple):
        assert found == expected
    else:
        assert found == (expected, expected == document)


def test_the_usual_item_takes_the_quick_way():
    for item in (_PLAIN, generated_item(5)):
        assert plain._read_plain(orjson.dumps(item)) == item
        assert read_item(item) == item


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(_ANY_PATH, st.one_of(st.just(...), _STRANGE), _ANY_PATH, st.one_of(st.just(...), _STRANGE), st.booleans())
def test_both_readers_agree_on_everything_that_is_changed(path, value, second_path, second, one_alone):
    document = copy.deepcopy(_PLAIN)
    _changed(document, path, value)
    if not one_alone:
        _changed(document, second_path, second)
    try:
        text = orjson.dumps(document)
    except TypeError:
        return  # a name that is no text, or a number of more than 64 bits
    _assert_same(text)
    _assert_same(text, "scenes")


def test_both_readers_agree_on_odd_items_and_other_versions():
    for number in range(300):
        _assert_same(orjson.dumps(odd_item(number)))
    for version in ("1.0.0", "1.0.0-rc.1", "0.9.0"):
        _assert_same(orjson.dumps(generated_item(1) | {"stac_version": version}))
    for license_ in ("various", "proprietary", "CC-BY-4.0"):
        item = copy.deepcopy(_PLAIN) | {"stac_version": "1.0.0"}
        item["properties"]["license"] = license_
        _assert_same(orjson.dumps(item))


def test_both_readers_agree_on_texts_that_only_a_text_can_be():
    text = orjson.dumps(_PLAIN)
    for wrong, right in (
        (b'"id":"a scene', b'"id":"x/y","id":"a scene'),
        (b'"id":"a scene', b'"id":"\\u0061 scene'),
        (b'"href":"B01.tif"', b'"href":"\\u006aavascript:x"'),
        (b'"href":"B01.tif"', b'"href":"B01.tif","href":""'),
        (b'"gsd":10', b'"gsd":10.0'),
        (b'"gsd":10', b'"gsd":123456789012345678901234567890'),
        (b'"gsd":10', b'"gsd":1e400'),
        (b'"x":[1', b'"x":' + b"[" * 200 + b"1" + b"]" * 200 + b',"z":[1'),
        (b'"x":[1', b'"x":' + b"[" * 260 + b"1" + b"]" * 260 + b',"z":[1'),
        (b'"x":[1', b'"x":"' + b"y" * (5 << 20) + b'","z":[1'),
    ):
        changed = text.replace(wrong, right, 1)
        assert changed != text
        try:
            orjson.loads(changed)
        except orjson.JSONDecodeError:
            with pytest.raises(TwinlakeError, match="not valid JSON"):
                read_item_text(changed)
        else:
            _assert_same(changed)
    for broken in (b"", b"{", b"nonsense", b"\xff", b"[]", b"null", b"5", text[:-1], text + b"}"):
        with pytest.raises(TwinlakeError):
            read_item_text(broken)


def test_real_items_are_read_alike(shared):
    for line in (shared / "data/stac-items/items.ndjson").read_bytes().splitlines():
        _assert_same(line)
