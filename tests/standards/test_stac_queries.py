"""The parameters of a search, as clients really write them; boxes around geometries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinlake.core.clock import from_microseconds
from twinlake.core.errors import InvalidInputError
from twinlake.standards.geojson import enclosing_box
from twinlake.standards.rfc3339 import parse_instant, parse_moment
from twinlake.standards.stac import geometry_bbox, parse_bbox, parse_datetime_query

_2021 = 1_609_459_200_000_000
_DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-01-01T00:00:00Z", (_2021, _2021)),
        ("2021-01-01t00:00:00z", (_2021, _2021)),
        ("2021-01-01T00:00Z", (_2021, _2021)),
        ("2021-01-01T01:30:00+01:30", (_2021, _2021)),
        ("2021-01-01T01:30:00 01:30", (_2021, _2021)),
        ("2020-12-31T19:00:00-05:00", (_2021, _2021)),
        ("2021-01-01 00:00:00Z", (_2021, _2021)),
        ("2021-01-01T00:00:00.1Z", (_2021 + 100_000, _2021 + 100_000)),
        ("2021-01-01T00:00:00.123456789Z", (_2021 + 123_456, _2021 + 123_456)),
        ("2020-12-31T23:59:60Z", (_2021, _2021)),
        ("2021-01-01", (_2021, _2021 + _DAY - 1)),
        ("2021-01-01/2021-01-02", (_2021, _2021 + 2 * _DAY - 1)),
        ("2021-01-01T00:00:00Z/..", (_2021, None)),
        ("2021-01-01T00:00:00Z/", (_2021, None)),
        ("../2021-01-01T00:00:00Z", (None, _2021)),
        ("/2021-01-01T00:00:00Z", (None, _2021)),
        ("2021-01-01T00:00:00Z/2021-01-01T00:00:00Z", (_2021, _2021)),
    ],
)
def test_datetime_is_read(text, expected):
    assert parse_datetime_query(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "..", "/", "../..", "//", "a/b/c", "2021", "2021-13-01", "2021-02-30T00:00:00Z", "2021-01-01T00:00:00", "now",
        "2021-01-02T00:00:00Z/2021-01-01T00:00:00Z", "2021-01-01T24:00:00Z", "2021-01-01T00:00:00+25:00",
        "0000-01-01T00:00:00Z", "2021-01-01T00:00:00Z/2021-01-02T00:00:00Z/..", "٢021-01-01", "20210101T000000Z",
        "1985-04-12T23:20:50.Z", "1985-12-12T23:20:50+1:00", "2021-01-01T00:00:61Z",
    ],
)  # fmt: skip
def test_datetime_is_refused(text):
    with pytest.raises(InvalidInputError):
        parse_datetime_query(text)


@given(st.integers(0, 253_402_300_799_999_999))
def test_every_microsecond_is_read_as_it_is_written(instant):
    assert parse_instant(from_microseconds(instant).isoformat()) == instant
    assert parse_moment(from_microseconds(instant).isoformat().replace("+00:00", "Z")) == (instant, instant)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("1,2,3,4", (1, 2, 3, 4)),
        (" 1 , 2.5,3e0,4", (1, 2.5, 3, 4)),
        ("1,2,-5,3,4,10", (1, 2, 3, 4)),
        ([1, 2, 3, 4], (1, 2, 3, 4)),
        (["1", "2", "3", "4"], (1, 2, 3, 4)),
        ("170,-10,-170,10", (170, -10, -170, 10)),
        ("-180,-90,180,90", (-180, -90, 180, 90)),
        ("10,90,20,90", (10, 90, 20, 90)),
        ("5,5,5,5", (5, 5, 5, 5)),
    ],
)
def test_bbox_is_read(values, expected):
    assert parse_bbox(values) == expected


@pytest.mark.parametrize(
    "values",
    [
        "", "1,2,3", "1,2,3,4,5", "1,2,3,4,5,6,7", "a,b,c,d", "1,2,3,nan", "1,2,inf,4", "181,0,182,1", "0,-91,1,1",
        "0,10,1,5", "0,0,10,1,1,5", [True, 0, 1, 1], [None, 0, 1, 1], [[1], 0, 1, 1], [], "1;2;3;4", "1,2,3,4,",
    ],
)  # fmt: skip
def test_bbox_is_refused(values):
    with pytest.raises(InvalidInputError, match="bbox"):
        parse_bbox(values)


def _box(west, east):
    return [[[west, -1], [east, -1], [east, 1], [west, 1], [west, -1]]]


@pytest.mark.parametrize(
    ("geometry", "box"),
    [
        ({"type": "Point", "coordinates": [5, 6, 7]}, (5, 6, 5, 6)),
        ({"type": "Polygon", "coordinates": _box(-180, 180)}, (-180, -1, 180, 1)),
        ({"type": "MultiPolygon", "coordinates": [_box(10, 20), _box(-30, -20)]}, (-30, -1, 20, 1)),
        ({"type": "MultiPolygon", "coordinates": [_box(170, 180), _box(-180, -170)]}, (170, -1, -170, 1)),
        ({"type": "MultiPolygon", "coordinates": [_box(-180, -170), _box(30, 180), _box(20, 25)]}, (20, -1, -170, 1)),
        ({"type": "MultiPolygon", "coordinates": [_box(-180, 0), _box(0, 180)]}, (-180, -1, 180, 1)),
        ({"type": "MultiPolygon", "coordinates": [_box(170, 180.00000000000006), _box(-180, -170)]}, (170, -1, -170, 1)),
        ({"type": "MultiLineString", "coordinates": [[[179, 0], [180, 1]], [[-180, 1], [-179, 2]]]}, (179, 0, -179, 2)),
    ],
)
def test_the_box_of_a_geometry_is_the_narrower_where_it_is_cut_at_the_antimeridian(geometry, box):
    assert geometry_bbox(geometry) == box


def test_the_box_around_boxes_crosses_the_antimeridian_where_one_of_them_does():
    assert enclosing_box([(0, 0, 10, 10), (20, -5, 30, 5)]) == (0, -5, 30, 10)
    assert enclosing_box([(170, 0, -170, 10), (160, 0, 165, 5)]) == (160, 0, -170, 10)
    assert enclosing_box([(170, 0, -170, 10), (-175, 0, 175, 5)]) == (-180, 0, 180, 10)
