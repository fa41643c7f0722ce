"""The canonical document stays the same where only the way it came differs."""

import json

from hypothesis import given
from hypothesis import strategies as st

from twinlake.standards.stac import canonical, canonical_sha256

_ITEM = {
    "id": "a",
    "links": [{"rel": "self", "href": "x"}, {"rel": "license", "href": "y"}],
    "assets": {"b": {"href": "http://here/b.tif", "type": "image/tiff"}, "a": {"href": "http://there/a.tif"}},
    "properties": {"z": 1.0, "a": [0.1, 1e300, 5, -0.0, {"ü": 2.0}]},
}


def test_it_is_sorted_compact_utf_8_without_navigation():
    assert canonical(_ITEM, own_assets=("b",)).decode() == (
        '{"assets":{"a":{"href":"http://there/a.tif"},"b":{"type":"image/tiff"}},"id":"a",'
        '"links":[{"rel":"license","href":"y"}],"properties":{"a":[0.1,1e+300,5,0,{"ü":2}],"z":1}}'
    ).replace('"rel":"license","href":"y"', '"href":"y","rel":"license"')


def test_what_a_site_adds_changes_nothing():
    served = json.loads(json.dumps(_ITEM))
    served["links"].append({"rel": "collection", "href": "http://here"})
    served["assets"]["b"]["href"] = "http://elsewhere/data/b.tif"
    served["properties"]["z"] = 1

    assert canonical_sha256(served, own_assets={"b"}) == canonical_sha256(_ITEM, own_assets={"b"})
    assert canonical_sha256(served) != canonical_sha256(_ITEM)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), _JSON, max_size=4))
def test_order_of_names_and_a_way_through_json_change_nothing(properties):
    shuffled = dict(reversed(properties.items()))
    original = canonical({"id": "a", "properties": properties})

    assert canonical({"properties": shuffled, "id": "a", "links": []}) == original
    assert canonical(json.loads(original)) == original


@given(st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_and_names_are_written_as_the_standard_library_writes_them(properties):
    whole = {name: int(value) if value.is_integer() and abs(value) < 2**53 else value for name, value in properties.items()}
    expected = json.dumps({"links": [], "properties": whole}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert canonical({"properties": properties}).decode() == expected
