"""Grids, cells and pieces, without any file."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.openeo.loading.lake import request
from twinlake.processing.openeo.loading.planning.extents import find_bbox, find_times
from twinlake.processing.openeo.loading.planning.grids import Footing, choose_grid, read_declared
from twinlake.processing.openeo.loading.planning.items import Unloadable
from twinlake.processing.openeo.loading.reading.gathering import NOWHERE, find_cells, find_nearest, list_pieces, list_runs
from twinlake.standards.openeo.errors import OpenEoError, ProcessGraphComplexityError


def footing(left, top, *, pixel=10.0, crs=32631, shape=(100, 100)):
    return Footing(crs=crs, transform=(pixel, 0.0, left, 0.0, -pixel, top), shape=shape)


def test_the_finest_pixels_of_the_crs_that_covers_most_are_the_grid():
    coarse, fine = footing(500_000, 5_600_000, pixel=20.0), footing(500_005, 5_600_005, shape=(50, 50))
    grid = choose_grid([footing(300_000, 5_600_000, crs=32632), coarse, fine])

    assert (grid.crs, grid.width, grid.height) == (32631, 10.0, 10.0)
    assert (grid.x0, grid.y0) == (500_005, 5_600_005)
    assert grid.x()[0] <= 500_000 < grid.x()[1]
    assert grid.y()[0] > grid.y()[-1]


def test_a_declared_grid_begins_where_images_of_its_pixels_do():
    axis = {"type": "spatial", "reference_system": 32631, "step": 10}
    dimensions = {"x": {**axis, "axis": "x", "extent": [0, 100]}, "y": {**axis, "axis": "y", "extent": [0, 100]}}
    declared = read_declared({"cube:dimensions": dimensions})

    assert (declared.x0, declared.y0) == (-5, 105)
    assert choose_grid([footing(3, 7)], declared=declared).x0 == 3
    assert choose_grid([footing(3, 7, pixel=5.0)], declared=declared).x0 == -5
    assert read_declared({"cube:dimensions": {"x": axis, "y": axis}}) is None
    assert read_declared({}) is None


def test_images_that_lie_nowhere_or_too_far_apart_are_refused():
    turned = Footing(crs=32631, transform=(0.0, 10.0, 0.0, -10.0, 0.0, 0.0), shape=(5, 5))
    with pytest.raises(Unloadable, match="axes"):
        choose_grid([turned])
    with pytest.raises(ProcessGraphComplexityError):
        choose_grid([footing(0, 0), footing(1e9, 0)])


@settings(deadline=None)
@given(
    places=st.lists(st.integers(-1, 300), max_size=40).map(lambda given: np.array(given, dtype=np.int64)),
)
def test_runs_read_just_what_is_wanted(places):
    values, found = np.arange(400) * 7, np.full(len(places), NOWHERE)
    for run in list_runs(places):
        read = values[run.low : run.high]
        found[run.target] = read if run.chosen is None else read[run.chosen]

    assert np.array_equal(found, np.where(places == NOWHERE, NOWHERE, places * 7))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_pieces_read_just_what_is_wanted(seed):
    random = np.random.default_rng(seed)
    row, column = random.integers(0, 90, (2, 12, 9))
    inside = random.random((12, 9)) < 0.7
    found = np.full((12, 9), NOWHERE)
    for piece in list_pieces(row, column, inside, most=1000):
        assert piece.height * piece.width <= 1000
        block = (piece.top + np.arange(piece.height))[:, None] * 10_000 + piece.left + np.arange(piece.width)
        part = (piece.target_rows, piece.target_columns)
        found[part] = np.where(inside[part], piece.gather(block, outside=NOWHERE), NOWHERE)

    assert np.array_equal(found, np.where(inside, row * 10_000 + column, NOWHERE))


def test_a_place_on_a_border_belongs_to_the_next_cell_whatever_the_last_digit():
    borders = 0.1 * np.arange(1, 9)

    assert find_cells(borders, origin=0.0, step=0.1, count=20).tolist() == list(range(1, 9))
    assert find_cells(borders + 1e-12, origin=0.0, step=0.1, count=20).tolist() == list(range(1, 9))
    assert find_cells(np.array([-0.01, 2.0]), origin=0.0, step=0.1, count=20).tolist() == [NOWHERE, NOWHERE]
    assert find_cells(np.array([-175.0, 185.0, -180.0, 180.0]), origin=-180.0, step=10.0, count=36, turn=360.0).tolist() == [
        0,
        0,
        0,
        0,
    ]


def test_the_nearest_of_uneven_centres_is_found_and_none_far_beyond_them():
    centres = np.array([50.0, 20.0, 10.0])

    assert find_nearest(np.array([10.0, 14.9, 15.1, 60.0, 66.0, 4.0]), centres).tolist() == [2, 2, 1, 0, NOWHERE, NOWHERE]
    assert find_nearest(np.array([-10.0, 370.0]), np.arange(36) * 10.0, 360.0).tolist() == [35, 1]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ({"west": 10, "south": 0, "east": 20, "north": 5}, (10, 0, 20, 5)),
        ({"west": 170, "south": 0, "east": -170, "north": 5}, (170, 0, -170, 5)),
        ({"west": 225, "south": 0, "east": 315, "north": 5}, (-135, 0, -45, 5)),
        ({"west": 0, "south": -90, "east": 360, "north": 90}, (-180, -90, 180, 90)),
        ({"west": 500_000, "south": 5_590_000, "east": 510_000, "north": 5_600_000, "crs": 32631}, (3, 50.46, 3.14, 50.55)),
    ],
)
def test_boxes_are_searched_in_degrees(box, expected):
    assert find_bbox(request("c", spatial_extent=box)) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    "box", [{"west": 1}, {"west": "a", "south": 0, "east": 1, "north": 1}, {"west": 1e999, "south": 0, "east": 1, "north": 1}]
)
def test_boxes_that_are_none_are_refused(box):
    with pytest.raises(OpenEoError):
        find_bbox(request("c", spatial_extent=box))


def test_lengths_that_are_given_as_degrees_are_told_apart():
    box = {"west": 500_000, "south": 4_650_000, "east": 510_000, "north": 4_660_000}
    with pytest.raises(OpenEoError, match="a box without a 'crs' is one of degrees"):
        find_bbox(request("c", spatial_extent=box))


def test_times_of_other_calendars_are_searched_around():
    start, end = find_times(("1970-01-01", "1970-02-30"))

    assert start < 0
    assert end > 59 * 86_400_000_000
    assert find_times(None) == (None, None)
