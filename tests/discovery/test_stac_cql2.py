"""The predicates of the CQL2 standard's abstract test suite, over HTTP, in both encodings."""

import httpx2
import pytest

from cql2_features import LAYERS, read_cql2_items, read_expected_counts
from stac_documents import a_collection, an_item
from twinlake.standards.cql2 import parse_text
from twinlake.testing.stac_site import running_stac_site


@pytest.fixture(scope="module")
def features(shared, tmp_path_factory):
    with running_stac_site(tmp_path_factory.mktemp("site")) as running:
        running.put([*(a_collection(layer) for layer in LAYERS), *read_cql2_items(shared)])
        with httpx2.Client(base_url=running.url) as api:
            yield api


def _matched(answer) -> int:
    assert answer.status_code == 200, answer.text
    return answer.json()["numberMatched"]


def _differences(shared, count):
    expected = read_expected_counts(shared)
    assert len(expected) == 206
    found = [(row.filter, row.count, count(row)) for row in expected]
    return [row for row in found if row[1] != row[2]]


def test_every_predicate_counts_right_as_text(shared, features):
    def count(row):
        return _matched(features.get("/search", params={"collections": row.collection, "filter": row.filter, "limit": 1}))

    assert _differences(shared, count) == []


def test_every_predicate_counts_right_as_json(shared, features):
    def count(row):
        body = {"collections": [row.collection], "filter": parse_text(row.filter), "limit": 1}
        return _matched(features.post("/search", json=body))

    assert _differences(shared, count) == []


def test_every_predicate_selects_as_many_items_as_it_counts(shared, features):
    def count(row):
        parameters = {"filter": row.filter, "limit": 1000, "fields": "id"}
        return features.get(f"/collections/{row.collection}/items", params=parameters).json()["numberReturned"]

    assert _differences(shared, count) == []


@pytest.mark.parametrize(
    ("expression", "matched"),
    [
        ("a_contains(tags, ('a','b'))", ["both", "more"]),
        ("a_containedBy(tags, ('a','b'))", ["both"]),
        ("a_equals(tags, ('a','b'))", ["both"]),
        ("a_overlaps(tags, ('b','z'))", ["both", "more", "z"]),
    ],
)
def test_array_functions(changing_site, expression, matched):
    tags = {"both": ["a", "b"], "more": ["a", "b", "c"], "z": ["z"], "none": ["q"]}
    changing_site.put([an_item(name, "c", tags=values) for name, values in tags.items()])
    with httpx2.Client(base_url=changing_site.url) as api:
        answer = api.get("/search", params={"filter": expression, "sortby": "id"})

    assert [item["id"] for item in answer.json()["features"]] == matched
