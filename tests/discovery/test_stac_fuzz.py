"""Whatever is asked, the API answers: never an error of its own, and refusals say why."""

import json
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stac_documents import a_collection, an_item
from twinlake.testing.stac_site import running_stac_site

odd_text = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "..", "/", "%00", "\0", "é" * 300, "' or 1=1 --", "a,b", "null", "NaN", "-0", "1e400", "💥", "<script>", "\\", "_%"]
    ),
)
numbers = st.one_of(
    st.integers(-400, 400),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-180, 180, 90, -90, 1e308, 5e-324, 2**63, 2**64]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, odd_text)
anything = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(odd_text, inner, max_size=4)), max_leaves=12
)
boxes = st.one_of(
    st.lists(numbers, max_size=7),
    st.tuples(st.floats(-180, 180), st.floats(-90, 0), st.floats(-180, 180), st.floats(0, 90)).map(list),
    anything,
)

pytestmark = pytest.mark.slow
instants = st.one_of(
    st.sampled_from(
        [
            "2020-03-05T10:00:00Z",
            "2020-03-05T10:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:60Z",
            "2020-03-05T10:00:00.123456789+14:00",
            "..",
            "",
        ]
    ),
    odd_text,
)
datetimes = st.one_of(instants, st.tuples(instants, instants).map("/".join), anything)
positions = st.lists(numbers, min_size=1, max_size=3)
rings = st.lists(positions, max_size=5).map(lambda ring: [*ring, ring[0]] if ring else ring)
geometries = st.one_of(
    st.builds(lambda place: {"type": "Point", "coordinates": place}, positions),
    st.builds(lambda line: {"type": "LineString", "coordinates": line}, st.lists(positions, max_size=5)),
    st.builds(lambda outline: {"type": "Polygon", "coordinates": outline}, st.lists(rings, max_size=3)),
    st.builds(lambda many: {"type": "MultiPolygon", "coordinates": many}, st.lists(st.lists(rings, max_size=2), max_size=2)),
    anything,
)
properties = st.one_of(
    st.sampled_from(["id", "collection", "datetime", "geometry", "platform", "eo:cloud_cover", "properties.n", "x", "bbox"]),
    odd_text,
)
operands = st.one_of(
    properties.map(lambda name: {"property": name}),
    scalars,
    st.builds(lambda text: {"timestamp": text}, instants),
    st.builds(lambda text: {"date": text}, instants),
    st.builds(lambda sides: {"interval": sides}, st.lists(instants, max_size=3)),
    geometries,
    st.lists(scalars, max_size=3),
)
operators = st.sampled_from(
    [
        "=",
        "<>",
        "<",
        "<=",
        ">",
        ">=",
        "like",
        "between",
        "in",
        "isNull",
        "casei",
        "accenti",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "div",
        "s_intersects",
        "s_within",
        "s_equals",
        "s_touches",
        "t_intersects",
        "t_before",
        "t_during",
        "a_contains",
        "a_equals",
        "nope",
    ]
)
filters = st.one_of(
    st.recursive(
        st.builds(lambda op, args: {"op": op, "args": args}, operators, st.lists(operands, max_size=4)),
        lambda inner: st.builds(
            lambda op, args: {"op": op, "args": args},
            st.sampled_from(["and", "or", "not", *["="] * 2]),
            st.lists(inner, max_size=3),
        ),
        max_leaves=5,
    ),
    anything,
)
cql2_texts = st.lists(
    st.sampled_from(
        [
            "id",
            "=",
            "'s01'",
            "and",
            "or",
            "not",
            "(",
            ")",
            "eo:cloud_cover",
            "<",
            "10",
            "like",
            "'s%'",
            "between",
            "in",
            "is",
            "null",
            "casei(",
            "'é'",
            "S_INTERSECTS(geometry,",
            "POINT(1 1)",
            "BBOX(0,0,1,1)",
            "TIMESTAMP('2020-03-01T00:00:00Z')",
            "INTERVAL('..','2020-03-01')",
            "+",
            "/",
            "0",
            '"x y"',
            ",",
        ]
    ),
    max_size=12,
).map(" ".join)
sortings = st.one_of(
    st.lists(
        st.fixed_dictionaries({"field": properties}, optional={"direction": st.sampled_from(["asc", "desc", "up"])}), max_size=3
    ),
    anything,
)
fields = st.one_of(
    st.fixed_dictionaries(
        {}, optional={"include": st.lists(properties, max_size=3), "exclude": st.lists(properties, max_size=3)}
    ),
    anything,
)
queries = st.one_of(
    st.dictionaries(
        properties,
        st.dictionaries(
            st.sampled_from(["eq", "neq", "lt", "gte", "in", "startsWith", "contains", "x"]),
            st.one_of(scalars, st.lists(scalars, max_size=3)),
            max_size=2,
        ),
        max_size=2,
    ),
    anything,
)
names = st.one_of(st.lists(st.one_of(st.sampled_from(["c", "i01"]), odd_text), max_size=3), anything)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "collections": names,
        "ids": names,
        "bbox": boxes,
        "intersects": geometries,
        "datetime": datetimes,
        "query": queries,
        "filter": st.one_of(filters, cql2_texts),
        "filter-lang": st.sampled_from(["cql2-json", "cql2-text", "x", 1, []]),
        "filter-crs": st.one_of(st.just("http://www.opengis.net/def/crs/OGC/1.3/CRS84"), anything),
        "limit": st.one_of(st.integers(1, 20), anything),
        "sortby": sortings,
        "fields": fields,
        "token": odd_text,
        "page": anything,
        "conf": anything,
        "other": anything,
    },
)
parameters = st.dictionaries(
    st.sampled_from(
        [
            "collections",
            "ids",
            "bbox",
            "intersects",
            "datetime",
            "query",
            "filter",
            "filter-lang",
            "limit",
            "sortby",
            "fields",
            "token",
            "q",
            "x",
        ]
    ),
    st.one_of(
        odd_text,
        cql2_texts,
        instants,
        numbers.map(str),
        st.lists(numbers, max_size=6).map(lambda many: ",".join(map(str, many))),
        anything.map(json.dumps),
    ),
    max_size=4,
)
items = st.fixed_dictionaries(
    {
        "type": st.just("Feature"),
        "stac_version": st.sampled_from(["1.1.0", "1.0.0", "0.9.0"]),
        "id": odd_text,
        "links": st.one_of(st.just([]), anything),
        "assets": st.one_of(st.just({}), anything),
        "geometry": st.one_of(st.none(), geometries),
        "properties": st.one_of(
            st.fixed_dictionaries({"datetime": datetimes}, optional={"x": anything, "created": datetimes}), anything
        ),
    },
    optional={"bbox": boxes, "stac_extensions": anything, "extra": anything},
)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with running_stac_site(tmp_path_factory.mktemp("site")) as running:
        items = [an_item(f"i{n:02d}", "c", at=(n, n), n=n, platform="x", **{"eo:cloud_cover": n}) for n in range(12)]
        running.put([a_collection("c"), a_collection("d"), *items])
        headers = {"Authorization": f"Bearer {running.token('ada', roles=['data-steward'])}"}
        with httpx2.Client(base_url=running.url, headers=headers) as client:
            yield client


def is_answered(answer):
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.json().keys() >= {"code", "description", "ticket"}
    return answer


short = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
long = settings(short, max_examples=20_000)


def search_by_post(api, body):
    answer = is_answered(api.post("/search", json=body))
    if answer.status_code == 200:
        page = answer.json()
        assert page["numberReturned"] == len(page["features"])
        following = [link for link in page["links"] if link["rel"] == "next"]
        if following:
            assert page["features"]
            assert is_answered(api.post("/search", json=following[0]["body"])).status_code == 200
    is_answered(api.post("/aggregate", json={name: value for name, value in body.items() if name != "conf"}))


def search_by_get(api, query):
    for path in ("/search", "/collections/c/items", "/collections", "/aggregate"):
        answer = is_answered(api.get(path, params=query))
        if answer.status_code == 200 and path != "/aggregate":
            following = [link for link in answer.json()["links"] if link["rel"] == "next"]
            assert not following or is_answered(api.get(following[0]["href"])).status_code == 200


def put_and_remove(api, item):
    answer = is_answered(api.post("/collections/d/items", json=item))
    if answer.status_code == 201:
        own = answer.headers["location"]
        assert api.get(own).json()["id"] == answer.json()["id"]
        assert is_answered(api.put(own, json=answer.json())).headers["etag"] == answer.headers["etag"]
        is_answered(api.get("/search", params={"ids": answer.json()["id"], "bbox": "-180,-90,180,90"}))
        assert api.delete(own).status_code == 204


@short
@given(body=bodies)
def test_any_search_by_post_is_answered(api, body):
    search_by_post(api, body)


@short
@given(query=parameters)
def test_any_search_by_get_is_answered(api, query):
    search_by_get(api, query)


@short
@given(expression=filters)
def test_any_filter_is_answered(api, expression):
    search_by_post(api, {"filter": expression, "limit": 3})


@short
@given(text=cql2_texts)
def test_any_filter_as_text_is_answered(api, text):
    search_by_get(api, {"filter": text})


@short
@given(area=geometries)
def test_any_area_is_answered(api, area):
    search_by_post(api, {"intersects": area, "limit": 3})


@short
@given(item=items)
def test_any_item_is_put_or_refused(api, item):
    put_and_remove(api, item)


@short
@given(
    patch=st.one_of(anything, st.fixed_dictionaries({}, optional={"properties": anything, "geometry": geometries, "bbox": boxes}))
)
def test_any_patch_is_applied_or_refused(api, patch):
    api.post("/collections/d/items", json=an_item("patched", "d"))
    is_answered(api.patch("/collections/d/items/patched", json=patch))
    assert is_answered(api.get("/collections/d/items/patched")).status_code == 200


@short
@given(
    segments=st.lists(
        st.one_of(st.sampled_from(["collections", "items", "c", "queryables", "..", "%2e%2e", "search"]), odd_text), max_size=5
    )
)
def test_any_path_is_answered(api, segments):
    answer = api.get(str(api.base_url).rstrip("/") + "/" + "/".join(quote(segment, safe="%") for segment in segments))
    assert answer.status_code < 500, answer.text


@pytest.mark.soak
@pytest.mark.timeout(3600)
@long
@given(body=bodies, query=parameters, item=items)
def test_anything_is_answered_for_long(api, body, query, item):
    search_by_post(api, body)
    search_by_get(api, query)
    put_and_remove(api, item)
