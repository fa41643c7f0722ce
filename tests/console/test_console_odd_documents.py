"""Whatever JSON another site sends as an item, a collection or what can be asked for: a page shows it."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from twinlake.console.addresses import Addresses
from twinlake.console.describe import describe_item, draw_footprint, sort_simultaneous, write_features
from twinlake.console.explore import Answer, Asked, write_example
from twinlake.console.holdings import draw_timeline, lay_out_collection, lay_out_item, list_queryables
from twinlake.console.pages import Pages, SiteFacts
from twinlake.console.reading import read_collection, read_item
from twinlake.console.routes import _main_asset
from twinlake.console.snippets import Snippets
from twinlake.identity.principals import ANONYMOUS

URL = "https://lake.example/deep"
ADDRESSES = Addresses("central", URL)
PAGES = Pages(SiteFacts(id="central", role="central", title="Lake", url=URL), find_home=lambda _: None)
SNIPPETS = Snippets(URL, with_token=False)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | NUMBERS | st.text(max_size=20) | st.just("x" * 5000) | st.just("<script>")
ODD = st.recursive(
    PLAIN, lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=8), part, max_size=4), max_leaves=8
)
INSTANT = st.sampled_from(["2024-01-02T03:04:05Z", "2024-01-02T00:00:00Z", "2024-13-99", "yesterday", ""])
BOX = st.sampled_from(
    [[1, 2, 3, 4], [170, -5, -170, 5], [1, 2, 0, 3, 4, 9], ["1", "2", "3", "4"], [1, 2, 3], [1e300, 0, 1, 1], [None] * 4]
)
GEOMETRY = st.sampled_from(
    [
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Point", "coordinates": ["1", "2"]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[0, 0]] * 9000]},
        {"type": "GeometryCollection", "geometries": [{}]},
        {"type": ["Point"]},
    ]
)


def of(**known):
    """Return a strategy of objects whose members are as they should be, odd, or missing."""
    return st.fixed_dictionaries({}, optional={name.replace("__", ":"): good | ODD for name, good in known.items()})


TEXT = st.text(max_size=20)
ASSET = of(
    href=st.sampled_from([f"{URL}/data/central/c/i/data", "https://elsewhere.example/x", "javascript:alert(1)", "s3://b/k"]),
    title=TEXT, type=st.sampled_from(["image/tiff", "text/plain"]), roles=st.just(["thumbnail"]),
    file__size=st.integers(0, 2**40), file__checksum=st.just("1220" + "ab" * 32), proj__code=TEXT, proj__transform=st.just([1.0]),
)  # fmt: skip
PROPERTIES = of(
    datetime=INSTANT, start_datetime=INSTANT, end_datetime=INSTANT, title=TEXT, platform=TEXT, eo__cloud_cover=NUMBERS,
    instruments=st.lists(TEXT, max_size=2), gsd=NUMBERS,
)  # fmt: skip
ITEMS = of(
    id=TEXT, collection=TEXT, geometry=GEOMETRY, bbox=BOX, properties=PROPERTIES,
    assets=st.dictionaries(TEXT, ASSET | ODD, max_size=3), federation__backends=st.just(["climate"]),
) | ODD  # fmt: skip
COLLECTIONS = of(
    id=TEXT, title=TEXT, description=TEXT, license=TEXT, keywords=st.lists(TEXT, max_size=2), federation__backends=st.just(["c"]),
    providers=st.lists(of(name=TEXT), max_size=2),
    extent=of(spatial=of(bbox=st.lists(BOX | ODD, max_size=2)), temporal=of(interval=st.lists(st.tuples(INSTANT, INSTANT) | ODD))),
) | ODD  # fmt: skip
SCHEMA = of(type=st.sampled_from(["string", "number"]), enum=st.lists(TEXT, max_size=3), minimum=NUMBERS, maximum=NUMBERS)
QUERYABLES = of(properties=st.dictionaries(TEXT, SCHEMA | ODD, max_size=4)) | st.dictionaries(TEXT, ODD, max_size=3)


def render(template, **values):
    scope = {
        "type": "http", "method": "GET", "path": "/explore", "query_string": b"", "headers": [],
        "state": {"caller": ANONYMOUS, "form_token": ""},
    }  # fmt: skip
    page = PAGES.render(Request(scope), template, **values).body.decode()
    assert "<script>" not in page
    assert "javascript:" not in page.partition("<main")[2].replace("javascript:alert(1)</", "")
    return page


@settings(deadline=None, max_examples=60)
@given(ITEMS)
def test_any_item_has_a_page(item):
    shown = lay_out_item(orjson.dumps(item), ADDRESSES)
    document = shown.pop("document")
    codes = SNIPPETS.show_item(document["collection"], document["id"], _main_asset(document["assets"]))

    page = render("item.html", codes=codes, **shown)

    assert len(page) < 200_000


@settings(deadline=None, max_examples=60)
@given(st.lists(ITEMS, max_size=4), st.lists(COLLECTIONS, max_size=3), QUERYABLES)
def test_any_items_and_collections_are_listed(items, collections, queryables):
    documents = sort_simultaneous([read_item(orjson.dumps(item)) for item in items])
    choices = [lay_out_collection(orjson.dumps(one), ADDRESSES, count=1, access="")["one"] for one in collections]
    answer = Answer(
        headline="Found",
        items=[describe_item(document, ADDRESSES) for document in documents],
        footprints=write_features(map(draw_footprint, documents)),
        more=None,
        body=None,
    )
    asked = Asked(q="", collections=(), start="", end="", bbox="", filter="", page="")
    codes = SNIPPETS.list_collections()
    cards = [one | {"thumbnail": None, "access": "open"} for one in choices]

    render("explore.html", asked=asked, choices=choices, answer=answer, example=write_example(queryables), codes=codes)
    shelf = {"cards": cards, "collections": 1, "items": 1, "found": 1, "missing": {"climate": "timeout"}}
    render("collections.html", shelf=shelf, q="", skip=0, page_size=24, codes=codes)


@settings(deadline=None, max_examples=60)
@given(COLLECTIONS, QUERYABLES, st.lists(st.tuples(INSTANT | TEXT | NUMBERS, st.integers(1, 2**53)), max_size=5))
def test_any_collection_has_a_page(collection, queryables, buckets):
    shown = lay_out_collection(orjson.dumps(collection), ADDRESSES, count=2**53, access="")
    timeline = draw_timeline([{"key": key, "count": count} for key, count in buckets])

    render(
        "collection.html",
        newest=[],
        timeline=timeline,
        queryables=list_queryables(queryables),
        codes=SNIPPETS.list_collections(),
        missing={"climate": "timeout"},
        namesakes=[{"sites": ["climate"], "href": "/collections/c?site=climate"}],
        backends=["central"],
        **shown,
    )


def test_what_is_right_is_kept_as_it_is():
    item = {
        "id": "i", "collection": "c", "geometry": {"type": "Point", "coordinates": [1, 2]}, "bbox": [1, 2, 1, 2],
        "properties": {"datetime": "2024-01-02T03:04:05.123456789+00:00", "x": {"y": [1]}},
        "assets": {"data": {"href": "x", "title": "t", "type": "a/b", "roles": ["data"], "file:checksum": "1220", "file:size": 0}},
        "federation:backends": ["central"],
    }  # fmt: skip
    assert read_item(orjson.dumps(item | {"links": []})) == item
    collection = read_collection(
        orjson.dumps(
            {
                "id": "c",
                "extent": {
                    "spatial": {"bbox": [[1, 2, 3, 4], [5, 6, 7, 8]]},
                    "temporal": {"interval": [["2024-01-01T00:00:00Z", None]]},
                },
            }
        )
    )
    assert (collection["bbox"], collection["interval"]) == ([1, 2, 3, 4], ("2024-01-01T00:00:00Z", None))


@pytest.mark.parametrize("depth", [5, 300, 900])
def test_what_is_nested_deep_is_shown_as_far_as_pages_go(depth):
    nest = b'{"properties": {"deep": ' + b'{"a": ' * depth + b"1" + b"}" * depth + b"}}"
    document = lay_out_item(nest, ADDRESSES)

    [shown] = document["properties"]

    assert shown["text"].startswith("a:")
