"""Changing items and collections over HTTP."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from stac_documents import a_collection, an_item
from twinlake.holdings.catalogue.interfaces import CollectionAccess

PATH = "/collections/c/items/i"


def code(answer, status):
    assert answer.status_code == status, answer.text
    return answer.json()["code"]


@pytest.fixture
def put(curator):
    """The item ``i``, put through the API."""
    answer = curator.post("/collections/c/items", json=an_item("i", "c", platform="terra"))
    assert answer.status_code == 201
    return answer


def test_an_item_is_added_and_found(curator, put):
    assert put.headers["location"].endswith("/stac/v2/collections/c/items/i")
    assert put.headers["content-type"] == "application/geo+json"
    found = curator.get(put.headers["location"])
    assert found.json() == put.json()
    assert found.headers["etag"] == put.headers["etag"]
    assert curator.get("/search").json()["numberMatched"] == 1


def test_an_item_without_its_collection_takes_the_urls(curator):
    item = an_item("i", "c")
    del item["collection"]

    assert curator.post("/collections/c/items", json=item).json()["collection"] == "c"


def test_adding_twice_is_a_conflict(curator, put):
    assert code(curator.post("/collections/c/items", json=an_item("i", "c", platform="aqua")), 409) == "item-exists"
    assert curator.get(PATH).json()["properties"]["platform"] == "terra"


def test_a_feature_collection_is_added_whole_or_not_at_all(curator, put):
    features = [an_item(f"i{n}", "c") for n in range(30)]
    bad = {"type": "FeatureCollection", "features": [*features, an_item("i", "c")]}
    good = {"type": "FeatureCollection", "features": features}

    assert code(curator.post("/collections/c/items", json=bad), 409) == "item-exists"
    assert curator.get("/search").json()["numberMatched"] == 1
    answer = curator.post("/collections/c/items", json=good)
    assert (answer.status_code, answer.json()) == (201, {"created": [item["id"] for item in features]})
    assert "location" not in answer.headers
    assert curator.get("/search").json()["numberMatched"] == 31


def test_a_feature_collection_has_limits(curator):
    empty = {"type": "FeatureCollection", "features": []}
    many = {"type": "FeatureCollection", "features": [{}] * 1001}

    assert code(curator.post("/collections/c/items", json=empty), 400) == "invalid-input"
    assert code(curator.post("/collections/c/items", json=many), 413) == "too-many-items"


def test_an_item_is_replaced(curator, put):
    answer = curator.put(PATH, json=an_item("i", "c", platform="aqua"))

    assert answer.status_code == 200
    assert answer.json()["properties"]["platform"] == "aqua"
    assert answer.headers["etag"] != put.headers["etag"]
    assert curator.get(PATH).json() == answer.json()


def test_what_was_read_can_be_put_back_and_changes_nothing(curator, put):
    answer = curator.put(PATH, json=put.json())

    assert answer.headers["etag"] == put.headers["etag"]
    collection = curator.get("/collections/c")
    assert curator.put("/collections/c", json=collection.json()).json() == collection.json()


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_computed_extent_stays_computed_when_a_collection_is_changed(curator, put, method):
    read = curator.get("/collections/c")
    assert read.json()["extent"] != a_collection("c")["extent"]
    change = {"title": "Other", "keywords": ["k"]}
    body = {**read.json(), **change} if method == "PUT" else change

    answer = curator.request(method, "/collections/c", json=body, headers={"If-Match": read.headers["etag"]})
    assert answer.json() == {**read.json(), **change}
    curator.delete(PATH)

    assert curator.get("/collections/c").json()["extent"] == a_collection("c")["extent"]


def test_an_item_is_patched(curator, put):
    patch = {"properties": {"platform": None, "constellation": "eos"}, "assets": {"data": {"title": "Data"}}}
    answer = curator.patch(PATH, json=patch, headers={"Content-Type": "application/merge-patch+json"})

    assert answer.status_code == 200
    assert answer.json()["properties"] == {
        "datetime": "2020-01-01T00:00:00Z", "constellation": "eos", "storage:tier": "online", "order:status": "succeeded",
        "federation:backends": ["test"],
    }  # fmt: skip
    assert answer.json()["assets"]["data"]["title"] == "Data"
    assert answer.json()["assets"]["data"]["href"] == "https://example.com/c/data.tif"


def test_an_item_is_removed(curator, put):
    assert curator.delete(PATH).status_code == 204
    assert code(curator.get(PATH), 404) == "item-not-found"
    assert code(curator.delete(PATH), 404) == "item-not-found"
    assert curator.get("/search").json()["numberMatched"] == 0


def test_an_earlier_version_can_still_be_read(changing_site, curator, put):
    everything = changing_site.run(_everything(changing_site))
    curator.put(PATH, json=an_item("i", "c", platform="aqua"))

    assert curator.get(PATH, params={"version": everything}).json()["properties"]["platform"] == "terra"
    assert code(curator.get(PATH, params={"version": "0" * 64}), 404) == "item-not-found"
    assert code(curator.get(PATH, params={"versions": "x"}), 400) == "invalid-input"


async def _everything(site):
    from twinlake.holdings.catalogue.interfaces import Visibility

    return (await site.catalogue.get_item("c", "i", Visibility(everything=True))).version


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_of_what_has_changed_fails(curator, put, method):
    curator.patch(PATH, json={"properties": {"platform": "aqua"}})
    body = {} if method == "DELETE" else {"json": an_item("i", "c") if method == "PUT" else {"properties": {"platform": "x"}}}

    assert code(curator.request(method, PATH, headers={"If-Match": put.headers["etag"]}, **body), 412) == "etag-mismatch"
    assert curator.get(PATH).json()["properties"]["platform"] == "aqua"
    fresh = curator.get(PATH).headers["etag"]
    assert curator.request(method, PATH, headers={"If-Match": f'"other", {fresh}'}, **body).status_code in {200, 204}


def test_if_match_any_and_if_none_match(curator, put):
    item = an_item("i", "c", platform="aqua")

    assert code(curator.put(PATH, json=item, headers={"If-None-Match": "*"}), 412) == "etag-mismatch"
    assert curator.put(PATH, json=item, headers={"If-Match": "*"}).status_code == 200


def test_not_modified(curator, put):
    for condition in (put.headers["etag"], f'"x", W/{put.headers["etag"]}', "*"):
        answer = curator.get(PATH, headers={"If-None-Match": condition})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == put.headers["etag"]
    assert curator.get(PATH, headers={"If-None-Match": '"other"'}).status_code == 200


def test_patches_of_many_at_once_are_all_kept(curator, put):
    start = threading.Barrier(4)

    def patch(n):
        start.wait()
        return [curator.patch(PATH, json={"properties": {f"p{n}-{k}": k}}).status_code for k in range(5)]

    with ThreadPoolExecutor(4) as pool:
        statuses = [status for some in pool.map(patch, range(4)) for status in some]

    kept = [name for name in curator.get(PATH).json()["properties"] if name.startswith("p") and "-" in name]
    assert len(kept) == statuses.count(200)
    assert set(statuses) <= {200, 412}
    assert len(kept) >= 15


def test_of_many_who_replace_the_same_state_one_wins(curator, put):
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(
            lambda n: curator.put(PATH, json=an_item("i", "c", platform=f"p{n}"), headers={"If-Match": put.headers["etag"]}),
            range(8),
        )
        statuses = sorted(answer.status_code for answer in answers)

    assert statuses == [200] + [412] * 7


def without(name):
    item = an_item("x", "c")
    del item[name]
    return item


MALFORMED = [
    *(without(name) for name in ("type", "id", "geometry", "properties", "assets", "bbox")),
    an_item("x", "other"),
    an_item("a/b", "c"),
    an_item("..", "c"),
    an_item("", "c"),
    an_item("x" * 256, "c"),
    an_item("x", "c", datetime=None),
    an_item("x", "c", datetime="2020-02-30T00:00:00Z"),
    an_item("x", "c", datetime="yesterday"),
    an_item("x", "c", datetime=None, start_datetime="2021-01-01T00:00:00Z", end_datetime="2020-01-01T00:00:00Z"),
    an_item("x", "c", at=(200, 0)),
    an_item("x", "c") | {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]}},
    an_item("x", "c") | {"geometry": {"type": "Point", "coordinates": ["0", 0]}},
    an_item("x", "c") | {"bbox": [0, 0, 1]},
    an_item("x", "c") | {"assets": {"a": {}}},
    an_item("x", "c") | {"links": {}},
    an_item("x", "c") | {"stac_version": "9.0.0"},
    {"type": "FeatureCollection", "features": "x"},
    {"type": "FeatureCollection", "features": [1]},
    {},
]


@pytest.mark.parametrize("item", MALFORMED)
def test_malformed_items_are_refused_and_change_nothing(curator, item):
    assert code(curator.post("/collections/c/items", json=item), 400)
    assert curator.get("/search").json()["numberMatched"] == 0


@pytest.mark.parametrize(
    "patch", [{"id": "j"}, {"collection": "d"}, {"type": None}, {"geometry": {"coordinates": [[]]}}, {"properties": None}]
)
def test_malformed_patches_are_refused_and_change_nothing(curator, put, patch):
    assert code(curator.patch(PATH, json=patch), 400)
    assert curator.get(PATH).headers["etag"] == put.headers["etag"]


def test_ids_of_body_and_url_must_agree(curator, put):
    assert code(curator.put(PATH, json=an_item("j", "c")), 400)
    assert code(curator.put(PATH, json=an_item("i", "d")), 400)
    assert code(curator.put("/collections/c", json=a_collection("d")), 400)


def test_replacing_what_is_not_there_is_not_found(curator):
    assert code(curator.put(PATH, json=an_item("i", "c")), 404) == "item-not-found"
    assert code(curator.patch(PATH, json={}), 404) == "item-not-found"
    assert code(curator.post("/collections/none/items", json=an_item("i", "none")), 404) == "collection-not-found"
    assert code(curator.put("/collections/none", json=a_collection("none")), 404) == "collection-not-found"


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/json-patch+json", "multipart/form-data"]
)
def test_other_media_types_are_refused(curator, put, media_type):
    answer = curator.patch(PATH, content=b"{}", headers={"Content-Type": media_type})

    assert code(answer, 415) == "unsupported-media-type"


def test_documents_of_old_versions_are_migrated(curator):
    old = an_item("old", "c") | {"stac_version": "1.0.0"}

    assert curator.post("/collections/c/items", json=old).json()["stac_version"] == "1.1.0"


def test_collections_come_change_and_go(curator):
    added = curator.post("/collections", json=a_collection("new"))
    assert (added.status_code, added.headers["location"]) == (201, str(curator.base_url).rstrip("/") + "/collections/new")
    assert code(curator.post("/collections", json=a_collection("new")), 409) == "collection-exists"

    replaced = curator.put(
        "/collections/new", json=a_collection("new", title="Other"), headers={"If-Match": added.headers["etag"]}
    )
    assert replaced.json()["title"] == "Other"
    stale = {"If-Match": added.headers["etag"]}
    assert code(curator.put("/collections/new", json=a_collection("new"), headers=stale), 412) == "etag-mismatch"
    assert code(curator.patch("/collections/new", json={}, headers=stale), 412) == "etag-mismatch"
    assert code(curator.delete("/collections/new", headers=stale), 412) == "etag-mismatch"

    assert curator.patch("/collections/new", json={"keywords": ["k"]}).json()["keywords"] == ["k"]
    assert curator.post("/collections/new/items", json=an_item("i", "new")).status_code == 201
    assert curator.delete("/collections/new").status_code == 204
    assert curator.get("/collections/new").status_code == curator.get("/collections/new/items/i").status_code == 404


@pytest.mark.parametrize(
    "wrong", [{}, {"type": "Feature"}, a_collection("a/b"), a_collection("x", extent={}), a_collection("x", license=3)]
)
def test_malformed_collections_are_refused(curator, wrong):
    assert code(curator.post("/collections", json=wrong), 400)
    assert [each["id"] for each in curator.get("/collections").json()["collections"]] == ["c"]


CHANGES = [
    ("POST", "/collections", a_collection("d")),
    ("PUT", "/collections/c", a_collection("c")),
    ("PATCH", "/collections/c", {}),
    ("DELETE", "/collections/c", None),
    ("POST", "/collections/c/items", an_item("j", "c")),
    ("PUT", PATH, an_item("i", "c")),
    ("PATCH", PATH, {}),
    ("DELETE", PATH, None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_nobody_and_strangers_change_nothing(changing_site, curator, put, method, path, body):
    stranger = {"Authorization": f"Bearer {changing_site.token('eve')}"}
    reader = {"Authorization": f"Bearer {changing_site.token('ada', roles=['data-steward'], scopes=['search', 'read'])}"}

    with httpx2.Client(base_url=changing_site.url) as api:
        for headers, status in ((None, 401), (stranger, 403), (reader, 403)):
            answer = api.request(method, path, headers=headers, json=body)
            assert code(answer, status)
            assert answer.json()["rule"]
    assert curator.get(PATH).headers["etag"] == put.headers["etag"]
    assert len(curator.get("/collections").json()["collections"]) == 1


def test_who_creates_a_collection_owns_it(changing_site):
    token = changing_site.token("dora", roles=["operator"])
    with httpx2.Client(base_url=changing_site.url, headers={"Authorization": f"Bearer {token}"}) as operator:
        assert operator.post("/collections", json=a_collection("hers")).status_code == 201
    access = changing_site.run(changing_site.catalogue.list_access())["hers"]

    assert access == CollectionAccess(access="open", owner="urn:twinlake:site:test|dora")


def test_lying_hrefs_are_refused(changing_site, curator):
    liar = an_item("liar", "c")
    liar["assets"]["data"]["href"] = f"{changing_site.public_url}/data/test/c/liar/data"

    assert code(curator.post("/collections/c/items", json=liar), 400) == "asset-not-held"
