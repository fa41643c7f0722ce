"""What is found at few places is what is found at each: coordinates to the bit, functions within the error that is told."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.openeo.cutting import cuts
from twinlake.holdings.readers.crs import WGS84, read_crs, way_between
from twinlake.processing.openeo.loading.reading.gathering import take_over
from twinlake.processing.openeo.shapes.lattices import interpolate, transform

STEADY = (4326, 32631, 32633, 3035, 3857, 6933, 2154, "ESRI:54009", "+proj=igh", "+proj=geos +h=35785831 +lon_0=0")
"""Zones, areas that are equal, and the whole Earth, cut and round."""
OTHERS = (3413, 3031, 2056, 27700, 31287, "+proj=ob_tran +o_proj=longlat +o_lat_p=39.25 +lon_0=18", "+proj=stere +lat_0=50")
"""For which PROJ iterates until it is near enough, or between whose datums the way is another one from place to place."""


EVERYWHERE = st.tuples(
    st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 180.0])),
    st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0])),
)
"""Longitude and latitude."""
EUROPE = st.tuples(st.floats(-5, 25), st.floats(35, 65))


@st.composite
def grids(draw, systems=STEADY + OTHERS, places=EVERYWHERE):
    """Return a way from a CRS to another, rows and columns in the first, and the size of a pixel in the second."""
    source, target = draw(st.lists(st.sampled_from(systems), min_size=2, max_size=2, unique=True))
    start, end = read_crs(source), read_crs(target)
    longitude, latitude = draw(places)
    x, y = way_between(WGS84, start).transform(longitude, latitude)
    x, y = (each if math.isfinite(each) else 0.0 for each in (x, y))
    metres = 10 ** draw(st.floats(-1, 5))
    pixel, there = (metres / (1e5 if crs.is_geographic else 1) for crs in (start, end))
    rows, columns = draw(st.integers(1, 200)), draw(st.integers(1, 200))
    down = -pixel if draw(st.booleans()) else pixel
    ways = way_between(start, end).transform
    return ways, y + down * (np.arange(rows) - rows // 2), x + pixel * (np.arange(columns) - columns // 2), (there, there * 1.3)


def everything(y, x):
    """Return the window of all rows and columns."""
    return slice(0, len(y)), slice(0, len(x))


def rounded(coordinates, pixel):
    """Return coordinates in steps of a power of two, less than a millionth of a pixel."""
    step = 2.0 ** math.floor(math.log2(pixel) - 20)
    assert step < pixel / 1e6
    return np.rint(np.asarray(coordinates) / step) * step


@settings(max_examples=100, deadline=None)
@given(grid=grids(STEADY, EUROPE))
def test_coordinates_have_the_bits_of_each_taken_over_by_itself(grid):
    way, y, x, pixel = grid
    found, exact = transform(way, y, x, *everything(y, x), pixel=pixel), way(*np.meshgrid(x, y))

    for made, each, size in zip(found, exact, pixel, strict=True):
        np.testing.assert_array_equal(made, rounded(each, size))


@settings(max_examples=40, deadline=None)
@given(grid=grids())
def test_where_a_projection_iterates_coordinates_may_be_others_by_little(grid):
    way, y, x, pixel = grid
    found, exact = transform(way, y, x, *everything(y, x), pixel=pixel), way(*np.meshgrid(x, y))

    for made, each, size in zip(found, exact, pixel, strict=True):
        with np.errstate(invalid="ignore"):
            is_near = np.abs(made - each) < np.maximum(1e-3 * size, 1e-12 * np.abs(each))
            assert (is_near | ~np.isfinite(each)).all()


@settings(max_examples=40, deadline=None)
@given(grid=grids(), data=st.data())
def test_a_tile_has_the_coordinates_of_the_whole(grid, data):
    way, y, x, pixel = grid
    whole = transform(way, y, x, *everything(y, x), pixel=pixel)
    tiles = [[slice(*each) for each in pairwise(data.draw(cuts(len(axis))))] for axis in (y, x)]
    for rows in tiles[0]:
        for columns in tiles[1]:
            part = transform(way, y, x, rows, columns, pixel=pixel)
            np.testing.assert_array_equal(part, [each[rows, columns] for each in whole])


def test_few_places_are_asked_for():
    asked = []

    def way(x, y):
        asked.append(x.size)
        return way_between(read_crs(32632), read_crs(32631)).transform(x, y)

    y, x = 5e6 - 10 * np.arange(1000), 3e4 + 10 * np.arange(1000)
    transform(way, y, x, *everything(y, x), pixel=(10.0, 10.0))
    assert sum(asked) < 40_000


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steep=st.floats(0.1, 100), jump=st.booleans(), hole=st.booleans())
def test_a_function_is_within_the_error_that_is_told(seed, steep, jump, hole):
    random = np.random.default_rng(seed)
    y, x = (np.sort(random.uniform(-1, 1, random.integers(1, 200))) for _ in range(2))

    def function(x, y):
        found = np.sin(steep * x) * np.exp(y) + (2.0 * (x > 0.1) if jump else 0)
        return found, np.where(x + 2 * y > 0.3, np.nan, found) if hole else found

    exact = function(*np.meshgrid(x, y))
    for strip in interpolate(function, y, x, *everything(y, x)):
        for values, errors, each in zip(strip.values, strip.errors, exact, strict=True):
            known = np.broadcast_to(np.isfinite(errors), values.shape)
            assert (np.abs(values - each[strip.rows]) <= errors)[known].all()


def test_in_one_crs_nothing_is_rounded():
    x, y = np.array([0.1, 0.2]), np.array([0.3])
    columns, rows = take_over(x, y, source=32631, target=32631, pixel=(10.0, 10.0))

    assert columns.tolist() == [[0.1, 0.2]]
    assert rows.tolist() == [[0.3, 0.3]]


@pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 300])
def test_blocks_need_not_be_full(count):
    places = np.arange(count) * 0.1
    strips = list(interpolate(lambda x, y: (x * y, x - y), places, places[:3], *everything(places, places[:3])))
    made = [np.concatenate([each.values[number] for each in strips]) for number in (0, 1)]

    np.testing.assert_allclose(made[0], places[:, None] * places[:3], atol=1e-12)
    np.testing.assert_allclose(made[1], places[:3] - places[:, None], atol=1e-12)
