"""Searching items over HTTP: forms, paging, tokens, refusals."""

import json

import httpx2
import pytest

from stac_documents import a_collection, an_item
from twinlake.holdings.catalogue.interfaces import CollectionAccess
from twinlake.testing.stac_site import running_stac_site

AREA = {"type": "Polygon", "coordinates": [[[0, 0], [5, 0], [5, 5], [0, 5], [0, 0]]]}
BY_AREA = ["s05", "s04", "s03", "s02", "s01", "s00"]


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [feature["id"] for feature in answer.json()["features"]]


def next_of(answer):
    return next((link for link in answer.json()["links"] if link["rel"] == "next"), None)


def refused(answer, status=400):
    assert answer.status_code == status, answer.text
    error = answer.json()
    assert error.keys() >= {"code", "description", "ticket", "request_id"}
    assert answer.headers["content-type"] == "application/json"
    return error


@pytest.mark.parametrize(
    ("parameters", "members", "expected"),
    [
        ({}, {}, [f"s{day:02d}" for day in range(24, 14, -1)]),
        ({"collections": "other"}, {"collections": ["other"]}, ["s24", "s23", "s22", "s21", "s20"]),
        ({"ids": "s03,s21,none"}, {"ids": ["s03", "s21", "none"]}, ["s21", "s03"]),
        ({"bbox": "0,0,5,5"}, {"bbox": [0, 0, 5, 5]}, BY_AREA),
        ({"bbox": "0,0,-100,5,5,9000"}, {"bbox": [0, 0, -100, 5, 5, 9000]}, BY_AREA),
        ({"bbox": "170,-10,2.5,10"}, {"bbox": [170, -10, 2.5, 10]}, ["s02", "s01", "s00"]),
        ({"intersects": json.dumps(AREA)}, {"intersects": AREA}, BY_AREA),
        ({"datetime": "2020-03-02T10:00:00Z"}, {"datetime": "2020-03-02T10:00:00Z"}, ["s01"]),
        ({"datetime": "../2020-03-02T23:59:59.999Z"}, {"datetime": "/2020-03-02T23:59Z"}, ["s01", "s00"]),
        ({"datetime": "2020-03-24T00:00:00+02:00/.."}, {"datetime": "2020-03-23T22:00:00Z/"}, ["s24", "s23"]),
        ({"filter": "eo:cloud_cover < 3"}, {"filter": {"op": "<", "args": [{"property": "eo:cloud_cover"}, 3]}}, ["s12"]),
        ({"query": '{"eo:cloud_cover":{"gte":60}}'}, {"query": {"eo:cloud_cover": {"gte": 60}}}, ["s18", "s14", "s10"]),
        ({"sortby": "eo:cloud_cover,-id", "limit": "4"}, {
            "sortby": [{"field": "properties.eo:cloud_cover", "direction": "asc"}, {"field": "id", "direction": "desc"}],
            "limit": 4,
        }, ["s12", "s08", "s02", "s24"]),
        ({"limit": "2", "page": "1"}, {"limit": 2, "page": 1, "conf": {"nohydrate": True}, "token": None}, ["s24", "s23"]),
        ({"ids": "", "limit": "1"}, {"ids": [], "limit": 1}, ["s24"]),
    ],
)  # fmt: skip
def test_get_and_post_mean_the_same(api, parameters, members, expected):
    assert ids(api.get("/search", params=parameters)) == expected
    assert ids(api.post("/search", json=members)) == expected


def test_filter_and_query_are_joined_by_and(api):
    found = api.post(
        "/search", json={"query": {"platform": {"eq": "aqua"}}, "filter": "eo:cloud_cover > 50", "filter-lang": "cql2-text"}
    )

    assert ids(found) == ["s18"]


@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        ({"eq": 45}, ["s06"]),
        ({"neq": 45, "gt": 12, "lt": 60}, ["s22", "s20"]),
        ({"lte": 3, "gte": 3}, ["s08", "s02"]),
        ({"in": [99, 7]}, ["s16", "s14"]),
        ({"gte": "80"}, ["s14", "s10"]),  # as pystac-client writes numbers
    ],
)
def test_query_extension(api, operators, expected):
    assert ids(api.post("/search", json={"query": {"eo:cloud_cover": operators}})) == expected


@pytest.mark.parametrize(
    ("operator", "text", "n"), [("startsWith", "te", 16), ("endsWith", "qua", 9), ("contains", "err", 16), ("contains", "_", 0)]
)
def test_query_extension_on_text(api, operator, text, n):
    found = api.post("/search", json={"query": {"platform": {operator: text}}, "limit": 100})

    assert len(ids(found)) == found.json()["numberMatched"] == n


def test_the_items_of_a_collection_are_not_those_of_others(api):
    assert len(ids(api.get("/collections/other/items", params={"collections": "other"}))) == 5
    refused(api.get("/collections/other/items", params={"collections": "scenes"}))


def test_items_of_a_collection_take_all_extensions(api):
    parameters = {
        "filter": "id > 's00' and id < 's19'",
        "query": '{"platform":{"eq":"aqua"}}',
        "sortby": "-eo:cloud_cover",
        "fields": "properties.platform",
        "limit": 3,
        "datetime": "2020-03-01T00:00:00Z/2020-03-25T00:00:00Z",
        "bbox": "0,0,30,30",
    }
    answer = api.get("/collections/scenes/items", params=parameters)

    assert ids(answer) == ["s18", "s06", "s12"]
    assert answer.json()["numberMatched"] == 6
    assert all(feature["properties"] == {"platform": "aqua"} for feature in answer.json()["features"])
    assert ids(api.get(next_of(answer)["href"])) == ["s03", "s09", "s15"]


def test_a_number_as_text_is_both_where_the_type_is_not_known(changing_site):
    changing_site.put([an_item(f"i{n}", "c", mixed=value) for n, value in enumerate([8, "8", 9, "x", None])])
    with httpx2.Client(base_url=changing_site.url) as api:
        for operators, expected in (({"eq": "8"}, ["i1", "i0"]), ({"neq": "8"}, [])):
            found = ids(
                api.post("/search", json={"query": {"mixed": operators}, "sortby": [{"field": "id", "direction": "desc"}]})
            )
            assert found == expected


def test_pages_by_get_and_post_are_the_same_and_complete(api):
    everything = ids(api.get("/search", params={"limit": 100}))
    answer = api.get("/search", params={"limit": 7, "filter": "id <> 'none'", "fields": "id"})
    by_get = ids(answer)
    while (link := next_of(answer)) is not None:
        answer = api.get(link["href"])
        by_get += ids(answer)
    answer = api.post("/search", json={"limit": 7})
    assert answer.json()["numberMatched"] == 25
    by_post = ids(answer)
    while (link := next_of(answer)) is not None:
        assert not link["merge"]
        answer = api.request(link["method"], link["href"], json=link["body"])
        assert "numberMatched" not in answer.json()
        by_post += ids(answer)

    assert by_get == by_post == everything
    assert len(everything) == 25


def test_the_last_page_has_no_next_link_even_when_it_is_full(api):
    assert next_of(api.get("/search", params={"limit": 25})) is None
    assert next_of(api.get("/collections/other/items", params={"limit": 5})) is None


def test_a_page_size_may_change_between_pages(api):
    token = next_of(api.post("/search", json={"limit": 2}))["body"]["token"]

    assert ids(api.post("/search", json={"limit": 3, "token": token})) == ["s22", "s21", "s20"]


@pytest.mark.parametrize(
    "changed",
    [
        {"collections": ["other"]},
        {"bbox": [0, 0, 50, 50]},
        {"sortby": [{"field": "id"}]},
        {"query": {"platform": {"eq": "aqua"}}},
    ],
)
def test_a_token_of_another_query_is_refused(api, changed):
    token = next_of(api.post("/search", json={"limit": 2}))["body"]["token"]

    refused(api.post("/search", json={"limit": 2, "token": token, **changed}))


def test_a_token_of_another_caller_is_refused(site, api):
    token = next_of(api.get("/search", params={"limit": 2}))["href"]
    headers = {"Authorization": f"Bearer {site.token('bob')}"}

    refused(api.get(token, headers=headers))


@pytest.mark.parametrize("forged", ["x", "", "AAAA" * 10, "é", "A" * 20_000])
def test_a_forged_token_is_refused(api, forged):
    refused(api.post("/search", json={"token": forged}))


def test_a_token_with_one_changed_letter_is_refused(api):
    token = next_of(api.post("/search", json={"limit": 2}))["body"]["token"]
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        answer = api.post("/search", json={"limit": 2, "token": token[:place] + other + token[place + 1 :]})
        assert answer.status_code == 400


def test_a_token_of_the_collections_listing_does_not_open_items(site, api):
    href = next_of(api.get("/collections", params={"limit": 1}))["href"]

    refused(api.get("/search", params={"token": href.rpartition("token=")[2]}))


def test_a_limit_that_is_no_number_is_told_what_to_write(api):
    for answer in (
        api.get("/search", params={"limit": "abc"}),
        api.get("/collections", params={"limit": "abc"}),
        api.post("/search", json={"limit": "abc"}),
        api.post("/search", json={"limit": 0}),
    ):
        assert answer.status_code == 400
        assert answer.json()["remedy"]
    assert "limit=10" in api.get("/search", params={"limit": "abc"}).json()["remedy"]


def test_a_limit_beyond_the_maximum_is_taken_for_it(api):
    assert len(ids(api.get("/search", params={"limit": 10**9}))) == 25


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0}, {"limit": -1}, {"limit": "10"}, {"limit": 1.5}, {"limit": True}, {"limit": [1]},
        {"bbox": "0,0,1,1"}, {"bbox": [0, 0, 1]}, {"bbox": [0, 1, 1, 0]}, {"bbox": [0, 0, 361, 1]}, {"bbox": [0, 0, "1", 1]},
        {"bbox": [0, 0, 1, 1], "intersects": AREA},
        {"intersects": {"type": "Point", "coordinates": [200, 0]}}, {"intersects": {"type": "Circle"}}, {"intersects": "POINT(0 0)"},
        {"intersects": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]}},
        {"datetime": "2020-01-02T00:00:00Z/2020-01-01T00:00:00Z"}, {"datetime": "2020-01-01"}, {"datetime": "../.."}, {"datetime": 3},
        {"datetime": ["2020-01-01T00:00:00Z"]},
        {"collections": [1]}, {"ids": {}}, {"ids": ["x"] * 10_001},
        {"sortby": "id"}, {"sortby": [{"field": "id", "direction": "up"}]}, {"sortby": [{"direction": "asc"}]},
        {"sortby": [{"field": "id", "direction": []}]}, {"sortby": [{"field": "id"}, {"field": "id"}]},
        {"fields": None}, {"fields": ["id"]},
        {"query": []}, {"query": {"a": 1}}, {"query": {"a": {"like": "x"}}}, {"query": {"a": {"in": 3}}}, {"query": {"a": {"contains": 1}}},
        {"filter": "a = 1"}, {"filter": {"op": "nope", "args": []}}, {"filter": [], "filter-lang": "sql"}, {"filter": True, "filter-lang": 1},
        {"filter": "a = 1", "filter-lang": "cql2-text", "filter-crs": "EPSG:3857"}, {"filter": {"op": "=", "args": [{"property": "a"}]}},
        {"filter-crs": [], "filter": True},
        {"page": 2}, {"page": []}, {"token": 7}, {"colections": ["scenes"]}, {"next": "x"},
    ],
)  # fmt: skip
def test_refused_by_post(api, body):
    refused(api.post("/search", json=body))


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=ten", "limit=1&limit=2", "limit=9999999999999999999", "bbox=0,0,1", "bbox=[0,0,1,1]", "bbox=nan,0,1,1", "bbox=0,0,inf,1",
        "datetime=2020-13-01T00:00:00Z", "datetime=/", "datetime=2020-01-01T00:00:00", "intersects={", "query=[", "filter=a%20=", "filter-lang=cql2-json&filter=a=1",
        "colections=x", "cloudcover=3", "page=2", "token=x", "sortby=id,id", "&".join(f"ids=a{n}" for n in range(101)),
    ],
)  # fmt: skip
def test_refused_by_get(api, query):
    refused(api.get(f"/search?{query}"))


def test_a_wrong_name_is_answered_with_the_nearest_right_one(api):
    assert "'collections'" in refused(api.get("/search", params={"colection": "x"}))["remedy"]
    assert "'datetime'" in refused(api.post("/search", json={"dateTime": "x"}))["remedy"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b'{"limit": NaN}',
        b"\xff\xfe",
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b"[" * 5000,
        b'{"limit":1e999}',
    ],
)
def test_what_is_no_json_object_is_refused(api, raw):
    refused(api.post("/search", content=raw, headers={"Content-Type": "application/json"}))


def test_a_body_that_is_too_large_is_refused(api):
    body = b'{"ids":["' + b"x" * (5 << 20) + b'"]}'

    assert refused(api.post("/search", content=body), 413)["code"] == "too-large"


@pytest.mark.parametrize("text", ["a = '" + "x" * 70_000 + "'", "(" * 5000 + "a=1" + ")" * 5000, "not " * 5000 + "a=1"])
def test_a_filter_that_is_too_large_is_refused(api, text):
    refused(api.post("/search", json={"filter": text, "filter-lang": "cql2-text"}))


def test_odd_but_right_items_are_found(changing_site):
    odd = an_item("à b?#%ø&=", "c ü", datetime="2021-01-01T00:00Z", at=(179.5, 10))
    odd["geometry"] = {
        "type": "MultiPolygon",
        "coordinates": [
            [[[179.5, 10], [180, 10], [180, 11], [179.5, 11], [179.5, 10]]],
            [[[-180, 10], [-179.5, 10], [-179.5, 11], [-180, 11], [-180, 10]]],
        ],
    }
    odd["bbox"] = [179.5, 10, -179.5, 11]
    nowhere = an_item("nowhere", "c ü", datetime="2021-01-02T00:00:00.5Z") | {"geometry": None}
    del nowhere["bbox"]
    pole = an_item("pole", "c ü", at=(-180, 89)) | {"bbox": [-180, 89, 180, 90]}
    pole["geometry"]["coordinates"] = [[[-180, 89], [180, 89], [180, 90], [-180, 90], [-180, 89]]]
    changing_site.put([a_collection("c ü"), odd, nowhere, pole])

    with httpx2.Client(base_url=changing_site.url) as api:
        assert ids(api.get("/search", params={"bbox": "179.9,0,-179.9,20"})) == ["à b?#%ø&="]
        assert ids(api.get("/search", params={"bbox": "-180,0,-179.9,20"})) == ["à b?#%ø&="]
        assert ids(api.get("/search", params={"bbox": "0,0,10,20"})) == []
        assert ids(api.get("/search", params={"bbox": "30,80,40,90"})) == ["pole"]
        assert ids(api.get("/search")) == ["nowhere", "à b?#%ø&=", "pole"]
        assert ids(api.get("/search", params={"ids": "à b?#%ø&="})) == ["à b?#%ø&="]
        [item] = api.get("/search", params={"ids": "à b?#%ø&="}).json()["features"]
        own = next(link["href"] for link in item["links"] if link["rel"] == "self")
        assert api.get(own).json()["id"] == "à b?#%ø&="


def test_an_empty_site_answers(changing_site):
    with httpx2.Client(base_url=changing_site.url) as api:
        found = api.get("/search").json()

    assert (found["features"], found["numberMatched"], found["numberReturned"]) == ([], 0, 0)


def test_private_collections_are_seen_by_their_owner_alone(changing_site):
    secret = CollectionAccess(access="private", owner="urn:twinlake:site:test|ada")
    changing_site.put([a_collection("secret"), an_item("x", "secret", platform="hidden")], access=secret)
    ada = {"Authorization": f"Bearer {changing_site.token('ada')}"}

    with httpx2.Client(base_url=changing_site.url) as api:
        for headers, seen in ((None, []), (ada, ["x"])):
            assert ids(api.get("/search", headers=headers)) == seen
            assert ids(api.get("/search", params={"collections": "secret"}, headers=headers)) == seen
            status = 200 if seen else 404
            for path in ("", "/items", "/items/x", "/queryables", "/aggregate", "/aggregations"):
                assert api.get(f"/collections/secret{path}", headers=headers).status_code == status, path
            assert ("platform" in api.get("/queryables", headers=headers).json()["properties"]) is bool(seen)
            counted = api.get("/aggregate", params={"aggregations": "total_count,platform_frequency"}, headers=headers)
            assert ("hidden" in counted.text) is bool(seen)
            assert ("secret" in api.get("/collections", headers=headers).text) is bool(seen)
            assert ("secret" in api.get("", headers=headers).text) is bool(seen)


def test_embargoed_items_are_seen_by_the_owner_alone(changing_site):
    access = CollectionAccess(owner="urn:twinlake:site:test|ada", embargo_days=30)
    future = an_item("future", "young", datetime="2999-01-01T00:00:00Z", platform="hidden")
    changing_site.put([a_collection("young"), an_item("old", "young"), future], access=access)
    ada = {"Authorization": f"Bearer {changing_site.token('ada')}"}

    with httpx2.Client(base_url=changing_site.url) as api:
        for headers, seen in ((None, ["old"]), (ada, ["future", "old"])):
            answer = api.get("/search", headers=headers)
            assert ids(answer) == seen
            assert answer.json()["numberMatched"] == len(seen)
            counted = api.get("/collections/young/aggregate", headers=headers).json()["aggregations"][0]["value"]
            assert counted == len(seen)
            assert ("2999" in api.get("/collections/young", headers=headers).text) is (headers is ada)
            assert ("hidden" in api.get("/queryables", headers=headers).text) is (headers is ada)
            status = 200 if headers is ada else 404
            assert api.get("/collections/young/items/future", headers=headers).status_code == status


def test_a_bad_token_is_not_treated_as_nobody(api):
    answer = api.get("/search", headers={"Authorization": "Bearer tl_wrong.secret"})

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token")


def test_unknown_paths_and_methods_are_told_in_the_form_of_the_api(api):
    refused(api.get("/nothing"), 404)
    refused(api.delete("/search"), 405)


def test_a_query_that_takes_too_long_is_answered_with_advice(tmp_path):
    with running_stac_site(tmp_path, settings={"catalogue": {"deadline_seconds": 1e-9}}) as slow:
        slow.put([a_collection("c"), *(an_item(f"i{n}", "c", name=f"n{n}") for n in range(2000))])
        expensive = " or ".join(f"accenti(casei(name)) like accenti(casei('%{n}x%'))" for n in range(40))
        with httpx2.Client(base_url=slow.url) as api:
            answer = api.get("/search", params={"filter": expensive})

    error = refused(answer, 503)
    assert error["code"] == "deadline-exceeded"
    assert error["remedy"]
    assert int(answer.headers["Retry-After"]) > 0
