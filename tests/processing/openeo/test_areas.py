"""Pixels are told by their centres, whatever CRS a box or geometry is in."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.openeo.cutting import assert_tiles_are_the_whole, cuts
from processing.openeo.rasters import SQUARE, a_cube, callback, run
from twinlake.holdings.readers.crs import read_crs, way_between
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.areas import Pixels, cover, find_pixels
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

FIRST, SECOND = {"from_parameter": "x"}, {"from_parameter": "y"}
UTM = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}


def grid(xs, ys, crs):
    y = Dimension(name="y", kind="spatial", axis="y", labels=tuple(map(float, ys)), crs=crs)
    x = Dimension(name="x", kind="spatial", axis="x", labels=tuple(map(float, xs)), crs=crs)
    return a_cube(dimensions=(y, x), dtype="int16")


def labels(cube):
    return [list(each.labels) for each in cube.dimensions]


def box(west, south, east, north, **more):
    return {"west": west, "south": south, "east": east, "north": north, **more}


def geojson(wkt, **more):
    return {**shapely.geometry.mapping(shapely.from_wkt(wkt)), **more}


def kept(cube):
    """Return x and y of the pixels that have data."""
    y, x = labels(cube)
    return {(x[column], y[row]) for row, column in np.argwhere(cube.values.where())}


UTM_GRID = grid(range(5), range(4, -1, -1), 32631)


def test_edges_belong_to_a_box():
    assert labels(run("filter_bbox", UTM_GRID, extent=box(1, 1, 3, 2.5, crs=32631))) == [[2, 1], [1, 2, 3]]


@pytest.mark.parametrize("longitudes", [range(-180, 180, 10), range(0, 360, 10)])
@pytest.mark.parametrize(("west", "east"), [(-100, -80), (170, -170), (-10, 10), (350, 370)])
def test_longitudes_are_counted_from_anywhere(longitudes, west, east):
    found = run("filter_bbox", grid(longitudes, [0], 4326), extent=box(west, -5, east, 5))

    width = (east - west) % 360
    assert [label % 360 for label in labels(found)[1]] == [(west + step) % 360 for step in range(0, width + 1, 10)]
    assert np.diff(labels(found)[1]).tolist() == [10.0] * (width // 10), "longitudes run on where a grid begins again"


@pytest.mark.parametrize("longitudes", [range(-180, 180, 10), range(0, 360, 10)])
@pytest.mark.parametrize(("west", "east"), [(170, -170), (-10, 10)])
def test_a_part_over_the_seam_lies_on_the_grid_that_it_is_of(longitudes, west, east):
    whole = grid(longitudes, [10, 0], 4326)
    part = run("filter_bbox", whole, extent=box(west, -5, east, 15))
    subtracted = run("merge_cubes", whole, part, overlap_resolver=callback("subtract", x=FIRST, y=SECOND))
    back = run("resample_cube_spatial", part, whole, method="near")

    assert labels(subtracted) == labels(whole)
    meant = {(west + step) % 360 for step in (0, 10, 20)}
    inside = [label % 360 in meant for label in labels(whole)[1]]
    assert np.array_equal(subtracted.values.data, np.where(inside, 0, whole.values.data))
    assert np.array_equal(back.values.where(), [inside] * 2)


def test_the_edges_of_a_box_are_bent_in_another_crs():
    way = way_between(read_crs(4326), read_crs(3035))
    west, south, east, north = 0, 45, 20, 50
    ring = [
        way.transform(x, y)
        for x, y in zip(*shapely.segmentize(shapely.box(west, south, east, north), 0.01).exterior.xy, strict=True)
    ]
    xs, ys = np.arange(3.4e6, 5.2e6, 2e4), np.arange(3.2e6, 2.2e6, -2e4)
    found = run("filter_bbox", grid(xs, ys, 3035), extent=box(west, south, east, north))

    low, high = np.min(ring, axis=0), np.max(ring, axis=0)
    assert labels(found) == [[y for y in ys if low[1] <= y <= high[1]], [x for x in xs if low[0] <= x <= high[0]]]
    corners = np.array([way.transform(x, y) for x in (west, east) for y in (south, north)])
    assert labels(found)[0][0] > corners[:, 1].max() or labels(found)[0][-1] < corners[:, 1].min(), "the corners alone hold less"


def test_the_whole_earth_is_in_a_zone_of_utm():
    cube = grid(range(400_000, 600_000, 10_000), range(5_000_000, 5_100_000, 10_000), 32631)

    assert labels(run("filter_bbox", cube, extent=box(-180, -90, 180, 90))) == labels(cube)


def test_a_cube_at_the_antimeridian_meets_boxes_from_both_sides():
    cube = grid(range(500_000, 900_000, 20_000), range(5_100_000, 5_000_000, -10_000), 32660)
    way = way_between(read_crs(32660), read_crs(4326))
    beyond = [x for x in cube.dimensions[1].labels if way.transform(x, cube.dimensions[0].labels[0])[0] < 0]
    found = [labels(run("filter_bbox", cube, extent=box(west, 40, west + 5, 50)))[1] for west in (-180, 180)]

    assert beyond
    assert found[0] == found[1]
    assert set(beyond) <= set(found[0])


def test_a_box_around_the_pole_holds_it():
    cube = grid(range(-100_000, 100_001, 50_000), range(100_000, -100_001, -50_000), 3413)

    assert labels(run("filter_bbox", cube, extent=box(-180, 80, 180, 90))) == labels(cube)


def test_levels_lie_between_base_and_height():
    z = Dimension(name="z", kind="spatial", axis="z", labels=(0.0, 10.0, 20.0))
    cube = a_cube(dimensions=(z, *UTM_GRID.dimensions))

    assert labels(run("filter_bbox", cube, extent=box(0, 0, 9, 9, crs=32631, base=10, height=None)))[0] == [10, 20]


@pytest.mark.parametrize("extent", [box(3, 0, 1, 1, crs=32631), box(0, 2, 1, 1), box(0, 0, 1, 1, crs="no crs")])
def test_boxes_that_are_none_are_refused(extent):
    with pytest.raises(ProcessParameterInvalidError):
        run("filter_bbox", UTM_GRID, extent=extent)


def test_a_cube_without_pixels_is_refused():
    with pytest.raises(ProcessParameterInvalidError, match="no spatial dimensions along x and y"):
        run("filter_bbox", a_cube(dimensions=a_cube().dimensions[:2]), extent=box(0, 0, 1, 1))


@pytest.mark.parametrize(
    ("wkt", "expected"),
    [
        ("POLYGON ((1 1, 3 1, 1 3, 1 1))", {(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (1, 3)}),
        ("POINT (1.4 2.6)", {(1, 3)}),
        ("POINT (1.5 2.5)", {(1, 3)}),
        ("POINT (1.5 9)", set()),
        ("MULTIPOINT ((0 0), (4 4))", {(0, 0), (4, 4)}),
        ("LINESTRING (0.2 0.1, 2.4 0.1, 2.4 2)", {(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)}),
        ("MULTIPOLYGON (((0 0, 1 0, 0 1, 0 0)), ((4 4, 4 3, 3 4, 4 4)))", {(0, 0), (1, 0), (0, 1), (4, 4), (4, 3), (3, 4)}),
        (
            "POLYGON ((0 0, 4 4, 4 0, 0 4, 0 0))",
            {
                (0, 0),
                (0, 1),
                (0, 2),
                (0, 3),
                (0, 4),
                (1, 1),
                (1, 2),
                (1, 3),
                (2, 2),
                (3, 1),
                (3, 2),
                (3, 3),
                (4, 0),
                (4, 1),
                (4, 2),
                (4, 3),
                (4, 4),
            },
        ),
    ],
)
def test_pixels_of_geometries(wkt, expected):
    found = run("filter_spatial", UTM_GRID, geometries=geojson(wkt, crs=UTM))

    assert kept(found) == expected
    if expected:
        xs, ys = zip(*expected, strict=True)
        assert labels(found) == [list(range(max(ys), min(ys) - 1, -1)), list(range(min(xs), max(xs) + 1))]
        assert {found.values.data.dtype} == {np.dtype("int16")}


def test_a_polygon_in_the_west_meets_a_grid_from_225_to_315():
    cube = grid(range(225, 316, 5), [40, 35, 30], 4326)
    found = run("filter_spatial", cube, geometries=geojson("POLYGON ((-101 29, -94 29, -94 36, -101 36, -101 29))"))

    assert labels(found) == [[35, 30], [260, 265]]


def test_features_are_masked_and_no_data_stays():
    cube = a_cube()
    feature = {"type": "Feature", "geometry": SQUARE, "properties": {}}
    collection = {"type": "FeatureCollection", "features": [feature, {"type": "Feature", "geometry": None}], "crs": UTM}
    outside = run("mask_polygon", cube, mask=collection, replacement=-1)
    inside = run("mask_polygon", cube, mask=collection, replacement=-1, inside=True)

    is_in = np.array([[False, False], [True, False], [True, False], [False, False]])
    there = cube.values.where()
    np.testing.assert_array_equal(outside.values.data, np.where(there & ~is_in, -1, cube.values.data))
    np.testing.assert_array_equal(inside.values.data, np.where(there & is_in, -1, cube.values.data))
    assert outside.values.data.dtype == np.float32


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (geojson("POINT (1 1)"), "type Point is not taken"),
        ({"type": "FeatureCollection", "features": []}, "no polygon"),
        (geojson("POLYGON EMPTY"), "no polygon|is wrong"),
        ({"type": "GeometryCollection", "geometries": []}, "GeometryCollection is not taken"),
        (geojson("POLYGON ((200 0, 201 0, 201 1, 200 0))"), "outside of longitude"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]], "crs": UTM}, "is wrong"),
        ({"type": "Polygon", "coordinates": "x", "crs": UTM}, "is wrong"),
        ({"type": "FeatureCollection", "features": 3}, "no list"),
        (geojson("POLYGON ((0 0, 1 0, 1 1, 0 0))", crs={"properties": 3}), "has no name"),
        ({}, "None is not taken"),
    ],
)
def test_masks_that_are_none_are_refused(mask, told):
    with pytest.raises(ProcessParameterInvalidError, match=told):
        run("mask_polygon", a_cube(), mask=mask)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), snapped=st.booleans(), rows=st.integers(1, 90), columns=st.integers(40, 90))
def test_blocks_find_the_pixels_that_each_centre_finds(seed, snapped, rows, columns):
    random = np.random.default_rng(seed)
    places = random.uniform(-10, 100, (5, 2))
    ring = shapely.linestrings(np.round(places) if snapped else places)
    shape = shapely.difference(shapely.buffer(ring, 20, cap_style="flat"), shapely.box(20, 20, 50, 41))
    parts = [each for each in shapely.get_parts(shape) if not each.is_empty]
    pixels = Pixels(y=np.arange(rows, 0, -1.0), x=np.arange(1.0, columns + 1), crs=32631)

    expected = shapely.intersects_xy(shapely.union_all(parts), pixels.x[None, :], pixels.y[:, None])
    np.testing.assert_array_equal(cover(pixels, parts), expected)
    np.testing.assert_array_equal(find_pixels(pixels, parts), np.flatnonzero(expected))


BENT = {
    "type": "MultiPolygon",
    "coordinates": [
        [[[2.9, 45.1], [3.1, 45.32], [2.95, 44.9], [2.9, 45.1]]],
        [[[3.12, 45.0], [3.2, 45.05], [3.16, 44.95], [3.12, 45.0]]],
    ],
}
"""In degrees, with long edges: straight there, bent on a grid of UTM."""
PLACES = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "properties": {}, "geometry": each}
        for each in (
            {"type": "Point", "coordinates": [3.0003, 45.1]},
            {"type": "LineString", "coordinates": [[2.96, 45.0], [3.1, 45.2]]},
            BENT,
        )
    ],
}


@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("mask_polygon", {"mask": BENT, "inside": False, "replacement": None}),
        ("mask_polygon", {"mask": BENT, "inside": True, "replacement": 7}),
        ("filter_spatial", {"geometries": PLACES}),
    ],
)
@pytest.mark.parametrize("crs", [32631, 4326])
@given(data=st.data())
@settings(max_examples=15, deadline=None, database=None)
def test_areas_are_those_of_the_whole_in_every_tile(process_id, arguments, crs, data):
    size, west, north = (900, 4.9e5, 5.02e6) if crs == 32631 else (0.01, 2.85, 45.35)
    y = Dimension(name="y", kind="spatial", axis="y", crs=crs, labels=tuple((north - size * np.arange(50)).tolist()))
    x = Dimension(name="x", kind="spatial", axis="x", crs=crs, labels=tuple((west + size * np.arange(40)).tolist()))
    values = np.random.default_rng(1).random((2, 50, 40), dtype=np.float32)
    cube = Cube(
        values=Values(data=values, nan_is_nodata=True),
        dimensions=(Dimension(name="bands", kind="bands", labels=("a", "b")), y, x),
    )

    assert_tiles_are_the_whole(
        process_id, cube, lambda length: data.draw(cuts(length)), lambda length: data.draw(cuts(length)), **arguments
    )
