"""Counts of items."""

import pytest


def counted(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == "AggregationCollection"
    return {
        each["name"]: each["value"] if "value" in each else {bucket["key"]: bucket["frequency"] for bucket in each["buckets"]}
        for each in answer.json()["aggregations"]
    }


NAMES = ["total_count", "collection_frequency", "datetime_frequency", "platform_frequency"]
EVERYTHING = {
    "total_count": 25,
    "collection_frequency": {"scenes": 20, "other": 5},
    "datetime_frequency": {"2020-03-01T00:00:00Z": 25},
    "platform_frequency": {"terra": 16, "aqua": 9},
}


def test_get_and_post_mean_the_same(api):
    assert counted(api.get("/aggregate", params={"aggregations": ",".join(NAMES)})) == EVERYTHING
    assert counted(api.post("/aggregate", json={"aggregations": NAMES})) == EVERYTHING


def test_the_total_is_what_is_counted_unless_named(api):
    assert counted(api.get("/aggregate")) == {"total_count": 25}


@pytest.mark.parametrize(
    ("body", "total"),
    [
        ({"collections": ["other"]}, 5),
        ({"bbox": [0, 0, 2.5, 2.5]}, 3),
        ({"datetime": "2020-03-24T00:00:00Z/.."}, 2),
        ({"ids": ["s01", "none"]}, 1),
        ({"query": {"platform": {"eq": "aqua"}}}, 9),
        ({"filter": {"op": ">", "args": [{"property": "eo:cloud_cover"}, 50]}, "limit": 1}, 3),
    ],
)
def test_what_is_counted_is_what_is_found(api, body, total):
    assert counted(api.post("/aggregate", json={**body, "aggregations": ["total_count"]})) == {"total_count": total}
    assert api.post("/search", json=body).json()["numberMatched"] == total


def test_counts_of_one_collection(api):
    answer = api.get(
        "/collections/other/aggregate", params={"aggregations": "total_count,platform_frequency", "filter": "id > 's22'"}
    )

    assert counted(answer) == {"total_count": 2, "platform_frequency": {"aqua": 1, "terra": 1}}


def test_what_can_be_counted_is_told(api):
    for path in ("", "/collections/scenes"):
        available = [each["name"] for each in api.get(f"{path}/aggregations").json()["aggregations"]]
        assert available == NAMES
        assert set(counted(api.get(f"{path}/aggregate", params={"aggregations": ",".join(available)}))) == set(NAMES)


@pytest.mark.parametrize(
    "query",
    [
        "aggregations=nonsense",
        "aggregations=_frequency",
        "bbox=1",
        "what=1",
        "filter=(",
        f"aggregations={','.join(['total_count'] * 21)}",
    ],
)
def test_refused(api, query):
    answer = api.get(f"/aggregate?{query}")

    assert answer.status_code == 400
    assert answer.json()["code"]


def test_unknown_collections_are_not_found(api):
    assert api.get("/collections/none/aggregate").status_code == 404
    assert api.get("/collections/none/aggregations").status_code == 404
