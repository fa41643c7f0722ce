"""How numbers, times, places and documents read to people."""

import json

import pytest

from twinlake.console.addresses import Addresses
from twinlake.console.describe import (
    describe_asset,
    describe_item,
    describe_properties,
    draw_box,
    draw_footprint,
    find_thumbnail,
    name_colours,
    natural_key,
    sort_simultaneous,
    write_count,
    write_features,
    write_interval,
    write_size,
)
from twinlake.console.explore import write_example
from twinlake.console.holdings import draw_timeline, list_queryables
from twinlake.console.signing import own_path
from twinlake.standards.cql2 import parse_text

ADDRESSES = Addresses("central", "https://lake.example/deep")
DATA = "https://lake.example/deep/data/central/c/i"


def item(**properties):
    return {
        "id": "i", "collection": "c", "geometry": None, "assets": {},
        "properties": {"datetime": "2024-01-02T00:00:00Z"} | properties,
    }  # fmt: skip


@pytest.mark.parametrize(
    "texts",
    [["item-2", "item-10"], ["2", "10", "a"], ["a1b2", "A1b10", "a02"], ["x", "x0", "x1"], ["1" * 5000, "2" * 5000]],
)
def test_numbers_in_texts_sort_by_their_value(texts):
    mixed = [*texts[1:], texts[0]]

    assert sorted(mixed, key=natural_key) == texts


def test_items_of_one_time_are_in_natural_order_and_times_stay_as_they_are():
    late = [{**item(datetime="2024-02-01T00:00:00Z"), "id": f"late-{number}"} for number in (1, 10, 2)]
    early = [{**item(), "id": f"early-{number}"} for number in (11, 9)]

    assert [one["id"] for one in sort_simultaneous(late + early)] == ["late-1", "late-2", "late-10", "early-9", "early-11"]


@pytest.mark.parametrize(
    ("schemas", "example"),
    [
        ({"id": {"type": "string"}}, None),
        ({"gsd": {"minimum": 10, "maximum": 10}, "platform": {"enum": ["a", "it's"]}}, "platform = 'it''s'"),
        ({"Cloud Cover": {"minimum": 0, "maximum": 100}}, '"Cloud Cover" <= 50'),
        ({"view:a": {"minimum": -90.5, "maximum": -90.1}}, "view:a <= -90.3"),
        ({'"': {"minimum": 2_000_000.1, "maximum": 2_000_000.2}}, '"""" <= 2000000.1'),
    ],
)
def test_an_example_of_a_filter_is_one(schemas, example):
    written = write_example({"properties": schemas})

    assert written == example
    if written:
        assert parse_text(written)["op"] in {"<=", "="}


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "—"), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_900, "99.9 kB"), (123_456, "123 kB"), (10**20, "100000 PB")],
)
def test_sizes(size, text):
    assert write_size(size) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 items"), (1, "1 item"), (1_234_567, "1 234 567 items"), (None, "many items")])
def test_counts(count, text):
    assert write_count(count, "item").replace("\N{NARROW NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2024-01-01T00:00:00Z", "2024-02-01T12:30:00Z", "2024-01-01 – 2024-02-01 12:30 UTC"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-01-01"),
        (None, "2024-01-01T00:00:00Z", "open – 2024-01-01"),
    ],
)
def test_intervals(start, end, text):
    assert write_interval(start, end) == text


def test_an_item_of_an_interval_shows_both_ends():
    described = describe_item(
        item(datetime=None, start_datetime="2024-01-01T00:00:00Z", end_datetime="2024-02-01T00:00:00Z"), ADDRESSES
    )

    assert described["when"] == "2024-01-01 – 2024-02-01"


def test_a_summary_names_what_helps_to_choose_and_cuts_what_is_long():
    described = describe_item(
        item(**{"platform": "s2a", "constellation": "s2a", "instruments": ["m" * 500], "eo:cloud_cover": 9.6}), ADDRESSES
    )

    assert described["summary"] == "s2a · " + "m" * 120 + " … · 10 % cloud"


@pytest.mark.parametrize(("title", "shown"), [("Rain", "Rain"), ("t" * 500, "t" * 200 + " …"), ("", "i"), (7, "i"), (None, "i")])
def test_an_item_is_called_by_its_title_else_by_its_id(title, shown):
    assert describe_item(item(title=title), ADDRESSES)["title"] == shown


def test_properties_are_text_in_the_order_of_their_names():
    shown = describe_properties({"datetime": "x", "b": [1, 2], "a": None, "d": "h" * 700, "c": {}, "e": []})

    assert [one["name"] for one in shown] == ["a", "b", "c", "e", "d"]
    assert [one["text"] for one in shown] == ["null", "1, 2", "{}", "", "h" * 600 + " …"]
    assert [one["is_long"] for one in shown] == [False, False, False, False, True]


def test_nested_properties_have_a_line_for_each_key():
    dimensions = {"x": {"type": "spatial", "extent": [-180, 180]}, "bands": [{"name": "B02"}, [1, [2]], 3]}
    [shown] = describe_properties({"cube:dimensions": dimensions})

    assert shown["is_long"]
    assert shown["text"].splitlines() == [
        "x:",
        "  type: spatial",
        "  extent: -180, 180",
        "bands:",
        "  -",
        "    name: B02",
        "  -",
        "    - 1",
        "    - 2",
        "  - 3",
    ]


def test_what_is_nested_very_deep_is_written_as_json():
    value = 1
    for _ in range(200):
        value = {"in": value}
    [shown] = describe_properties({"deep": value})

    assert len(shown["text"].splitlines()) == 7
    assert shown["text"].splitlines()[-1].startswith('            in: {"in":{"in":')


def test_pictures_come_from_this_site_alone():
    remote = {"thumbnail": {"href": "https://else.example/data/x.png", "roles": ["thumbnail"]}}
    own = {"thumbnail": {"href": f"{DATA}/thumbnail", "roles": ["thumbnail"]}}
    of_a_peer = {"thumbnail": {"href": DATA.replace("central", "climate"), "roles": ["thumbnail"]}}

    assert find_thumbnail(item() | {"assets": remote}, ADDRESSES) is None
    assert find_thumbnail(item() | {"assets": of_a_peer}, ADDRESSES) is None
    assert ADDRESSES.thumbnail("climate", "c", "i", "a/ä") == "/deep/thumbnail/climate/c/i/a%2F%C3%A4"
    assert find_thumbnail(item() | {"assets": own}, ADDRESSES) == "/deep/data/central/c/i/thumbnail"


@pytest.mark.parametrize(
    ("href", "address"),
    [
        (f"{DATA}/a", "/deep/data/central/c/i/a"),
        ("https://else.example/a", "https://else.example/a"),
        ("https://lake.example/deep/data/climate/c/i/a", "https://lake.example/deep/data/climate/c/i/a"),
        ("javascript:alert(1)", None),
        ("s3://bucket/key", None),
    ],
)
def test_an_asset_can_be_got_only_where_a_browser_can_go(href, address):
    assert describe_asset("a", {"href": href}, ADDRESSES)["href"] == address


@pytest.mark.parametrize(
    ("href", "holder"),
    [
        (f"{DATA}/a", None),
        ("https://lake.example/deep/data/climate/c/i/a", "climate"),
        ("https://climate.example/data/climate/c/i/a", "climate"),
        ("https://else.example/a", "else.example"),
        ("s3://bucket/key", "bucket"),
        ("./a.tif", "elsewhere"),
        ("https://[::/a", "elsewhere"),
    ],
)
def test_an_asset_names_who_has_it(href, holder):
    assert describe_asset("a", {"href": href}, ADDRESSES, ["climate"])["holder"] == holder


def test_only_a_placed_geotiff_of_this_site_has_a_preview():
    placed = {"href": f"{DATA}/a b", "type": "image/tiff; application=geotiff", "proj:code": "EPSG:4326", "proj:transform": [1]}

    def preview(asset, **properties):
        return ADDRESSES.find_drawn(item(**properties) | {"assets": {"a b": asset}})

    assert preview(placed) == "a b"
    assert preview({"href": placed["href"], "type": "image/tiff"}) is None
    assert preview({"href": placed["href"], "type": "image/tiff"}, **{"proj:code": "EPSG:4326", "proj:transform": [1]})
    assert preview(placed | {"href": "https://else.example/a"}) is None
    assert preview(placed | {"type": "application/x-netcdf"}) is None
    assert ADDRESSES.preview("c", "i", "a b") == "/deep/preview/c/i/a%20b/{z}/{x}/{y}.png"
    assert ADDRESSES.preview("c", "i", "a b", (2, 1, 0)) == "/deep/preview/c/i/a%20b/{z}/{x}/{y}.png?bands=2,1,0"


@pytest.mark.parametrize(
    ("places", "names", "told"),
    [
        ((2, 1, 0), ["B02", "B03", "B04", "B08"], "red B04, green B03, blue B02"),
        ((0, 1, 2), ["", "", ""], "red band 1, green band 2, blue band 3"),
        ((0,), ["B02"], ""),
        ((), [], ""),
    ],
)
def test_the_bands_that_give_a_map_its_colours_are_named(places, names, told):
    assert name_colours(places, names) == told


@pytest.mark.parametrize(
    ("box", "wide"), [([170, -1, -170, 1], False), ([-180, -90, 180, 90], True), ([100, 0, 1, -70, 1, 2], True)]
)
def test_a_box_goes_on_over_the_antimeridian(box, wide):
    drawn = draw_box(box, "key")
    west, _, east, _ = drawn["bbox"]

    assert west < east
    assert drawn["properties"]["wide"] is wide


def test_a_long_outline_is_drawn_as_its_box():
    ring = [[step / 1000, 0.0] for step in range(3000)]
    document = item() | {"geometry": {"type": "LineString", "coordinates": ring}, "bbox": [0, 0, 3, 1]}

    assert draw_footprint(document)["geometry"]["type"] == "Polygon"
    assert draw_footprint(item()) is None


def test_features_cannot_end_their_element():
    text = write_features([draw_box([0, 0, 1, 1], "</script><script>"), None])

    assert "<" not in text
    assert json.loads(text)["features"][0]["properties"]["key"] == "</script><script>"


def test_a_timeline_spans_its_months_and_one_month_is_none():
    drawn = draw_timeline([{"key": "2023-12-01T00:00:00Z", "count": 2}, {"key": "2024-02-01T00:00:00Z", "count": 4}])

    assert [(bar["x"], bar["height"], bar["title"]) for bar in drawn["bars"]] == [(0, 50, "2023-12: 2"), (2, 100, "2024-02: 4")]
    assert drawn["width"] == 3
    assert draw_timeline([{"key": "2023-12-01T00:00:00Z", "count": 2}]) is None
    assert draw_timeline([]) is None


def test_queryables_say_what_values_there_are():
    schema = {
        "properties": {
            "a": {"type": "string", "enum": ["x", "y"]}, "b": {"type": "number", "minimum": 0, "maximum": 9.5},
            "c": {"$ref": "geometry"}, "d": {"type": ["string", "number"]}, "e": {"type": "array", "items": {"enum": ["z"]}},
        }
    }  # fmt: skip

    assert [(row["type"], row["range"]) for row in list_queryables(schema)] == [
        ("string", "x, y"), ("number", "0 – 9.5"), ("geometry", ""), ("string or number", ""), ("array", "z"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (None, "/"), ("", "/"), ("/jobs", "/jobs"), ("/explore?q=a&bbox=1,2", "/explore?q=a&bbox=1,2"),
        ("https://evil.example/", "/"), ("//evil.example/", "/"), ("/\\evil.example", "/"), ("javascript:alert(1)", "/"),
        ("jobs", "/"), ("https://[", "/"), ("/a\r\nSet-Cookie: b", "/aSet-Cookie%3A%20b"),
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_signing_in(wanted, path):
    assert own_path(wanted) == path
