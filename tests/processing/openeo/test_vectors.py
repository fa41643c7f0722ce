"""Geometries as labels of cubes: of GeoJSON and back, filtered, merged, and used as areas."""

import json
import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from processing.openeo.rasters import MEAN, SQUARE, T, X, Y, a_cube, callback, run
from twinlake.processing.openeo.cubes import Cube, read_cube, write_cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.geometries import read_geojson, read_shapes, to_dimension, write_features
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

FIRST = callback("first", data=[{"from_parameter": "x"}, {"from_parameter": "y"}])


def feature(geometry, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def point(x, y):
    return {"type": "Point", "coordinates": [x, y]}


def collection(*features, **more):
    return {"type": "FeatureCollection", "features": list(features), **more}


def vectors(*shapes, crs=32631, data=None, features=None):
    dimension = to_dimension([shapely.from_wkt(each) for each in shapes], crs, features=features)
    numbers = np.arange(float(len(shapes))) if data is None else np.array(data, dtype=float)
    return Cube(values=Values(data=numbers, nan_is_nodata=True), dimensions=(dimension,))


def labels(cube):
    return list(cube.dimensions[0].labels)


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=5))
def test_labels_give_the_same_numbers_when_they_are_read(places):
    shapes = shapely.points(places)

    np.testing.assert_allclose(
        shapely.get_coordinates(list(read_shapes(to_dimension(shapes, 4326)))), places, rtol=1e-15, atol=1e-20
    )


def test_features_are_labels_and_come_back_as_they_were():
    line = {"type": "LineString", "coordinates": [[0.5, 0.25], [3.0, 4.0]]}
    document = collection(feature(point(1.0, 2.5), name="ä", n=1), feature(None), feature(line) | {"id": "L"}, line)
    dimension = read_geojson(document)

    assert dimension.name == "geometries"
    assert dimension.crs == 4326
    assert dimension.labels[1] == "GEOMETRYCOLLECTION EMPTY"
    expected = [feature(point(1.0, 2.5), name="ä", n=1), feature(None), feature(line) | {"id": "L"}, feature(line)]
    assert list(write_features(dimension)) == expected
    assert dimension.take([2]).features == ('{"properties":{},"id":"L"}',)


@pytest.mark.parametrize("name", ["EPSG:32631", "urn:ogc:def:crs:EPSG::32631"])
def test_another_crs_is_kept_and_exported_in_degrees(name):
    dimension = read_geojson(point(500_000, 5_000_000) | {"crs": {"type": "name", "properties": {"name": name}}})

    assert dimension.crs == 32631
    (found,) = write_features(dimension)
    assert found["geometry"]["coordinates"][0] == pytest.approx(3)


def test_the_name_that_gdal_writes_is_longitude_and_latitude():
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}

    assert read_geojson(point(1, 2) | {"crs": crs}).crs == 4326


def test_without_properties_a_cube_has_no_data():
    found = run("load_geojson", data=collection(feature(point(0, 0), a=1), feature(point(1, 1))))

    assert [each.name for each in found.dimensions] == ["geometries"]
    assert not found.values.where().any()


@pytest.mark.parametrize(
    ("given", "asked", "expected", "names"),
    [
        ([{"a": 1}, {"a": 2}, {}], ["a"], [[1], [2], [None]], ["a"]),
        ([{"a": 1, "b": 0.5}, {"b": 2}], ["b", "a"], [[0.5, 1], [2, None]], ["b", "a"]),
        (
            [{"a": [1, 2, 3]}, {"a": [4]}, {"a": 5}, {}],
            ["a"],
            [[1, 2, 3], [4, None, None], [5, None, None], [None] * 3],
            [0, 1, 2],
        ),
        ([{"a": "x"}, {"a": 3}, {"a": None}], ["a"], [["x"], [3], [None]], ["a"]),
        ([{"a": True}, {"a": False}], ["a"], [[True], [False]], ["a"]),
        ([{"a": 2**63}, {"a": 1}], ["a"], [[2.0**63], [1.0]], ["a"]),
        ([{"a": []}, {}], ["a"], [[None], [None]], [0]),
    ],
)
def test_properties_become_values(given, asked, expected, names):
    found = run("load_geojson", data=collection(*[feature(point(0, 0), **each) for each in given]), properties=asked)

    assert found.dimensions[1].name == "properties"
    assert list(found.dimensions[1].labels) == names
    assert write_cube(found)["data"] == expected


def test_texts_of_features_stand_in_the_json_of_a_cube():
    found = run("load_geojson", data=feature(point(0, 0), name="a"), properties=["name"])

    written = json.loads(json.dumps(write_cube(found)))
    assert written["dimensions"]["geometries"]["twinlake:features"] == [{"properties": {"name": "a"}}]
    again = read_cube(written)
    assert again.dimensions[0].labels == found.dimensions[0].labels
    assert again.dimensions[0].crs == 4326
    assert again.values.data.tolist() == [["a"]]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (collection(feature(point(0, 0), a={"b": 1}), feature(point(0, 0), a=2)), "an array or an object"),
        (collection(feature(point(0, 0), a=[[1]])), "an array or an object"),
        (collection(3), "is none"),
        (collection({"type": "Feature", "geometry": 3}), "no object"),
        (collection({"type": "Feature", "geometry": None, "properties": [1]}), "properties that are no object"),
        (collection(feature(point(0, 91))), "outside of longitude"),
        (point(1e999, 0) | {"crs": {"properties": {"name": "EPSG:32631"}}}, "not finite|is wrong"),
        ({"type": "GeometryCollection", "geometries": []}, "not taken"),
        (point(0, 0) | {"crs": {"properties": {"name": "EPSG:99"}}}, "not understood"),
    ],
)
def test_what_is_no_geojson_is_refused(document, told):
    with pytest.raises(ProcessParameterInvalidError, match=told):
        run("load_geojson", data=document, properties=["a"])


@pytest.mark.parametrize("label", ["nonsense", 3.0, "POINT (nan 1)", "POINT (inf 1)"])
def test_labels_that_are_no_geometries_are_refused(label):
    dimension = Dimension(name="geometries", kind="geometry", crs=32631, labels=(label,))
    zones = Cube(values=Values(data=np.zeros(1)), dimensions=(dimension,))

    with pytest.raises(ProcessParameterInvalidError):
        run("filter_spatial", a_cube(), zones=zones, geometries={"from_parameter": "zones"})


def test_vector_cubes_and_geojson_are_the_same_areas():
    zones = run("load_geojson", data=SQUARE)
    for process, name in (("filter_spatial", "geometries"), ("mask_polygon", "mask")):
        of_cube = run(process, a_cube(), zones=zones, **{name: {"from_parameter": "zones"}})
        of_geojson = run(process, a_cube(), **{name: SQUARE})

        assert of_cube.dimensions == of_geojson.dimensions
        np.testing.assert_array_equal(of_cube.values.data, of_geojson.values.data)


def test_a_box_keeps_the_geometries_that_lie_within():
    cube = vectors(
        "POINT (1 1)", "LINESTRING (0 0, 5 5)", "POLYGON ((0 0, 2 0, 2 2, 0 0))", "POINT EMPTY", "POINT (0 1)", "POINT (9 9)"
    )
    found = run("filter_bbox", cube, extent={"west": 0, "south": 0, "east": 4, "north": 4, "crs": 32631})

    assert found.values.data.tolist() == [0, 2]
    assert labels(found) == ["POINT (1 1)", "POLYGON ((0 0, 2 0, 2 2, 0 0))"]


@pytest.mark.parametrize("west", [-100, 260])
def test_a_box_of_degrees_finds_geometries_wherever_longitudes_begin(west):
    cube = vectors("POINT (-95 40)", "POINT (265 40)", "POINT (95 40)", crs=4326)
    found = run("filter_bbox", cube, extent={"west": west, "south": 30, "east": west + 10, "north": 50})

    assert found.values.data.tolist() == [0, 1]


def test_a_box_of_another_crs_is_taken_over():
    cube = vectors("POINT (500000 5000000)", "POINT (800000 5000000)")
    found = run("filter_bbox", cube, extent={"west": 2, "south": 44, "east": 4, "north": 46})

    assert found.values.data.tolist() == [0]
    assert (
        run("filter_bbox", vectors("POINT EMPTY"), extent={"west": 2, "south": 44, "east": 4, "north": 46}).values.data.size == 0
    )


def test_equal_geometries_are_merged_whatever_order_their_vertices_have():
    one = vectors("POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0))", "POLYGON ((5 5, 6 5, 6 6, 5 5))", data=[1, 2])
    other = vectors("MULTIPOLYGON (((2 2, 2 0, 1 0, 0 0, 0 2, 2 2)))", "POLYGON ((8 8, 9 8, 9 9, 8 8))", data=[10, 20])
    found = run("merge_cubes", one, other, overlap_resolver=callback("add", x={"from_parameter": "x"}, y={"from_parameter": "y"}))

    assert labels(found) == [*labels(one), labels(other)[1]]
    assert found.values.data.tolist() == [11, 2, 20]


def test_geometries_that_stand_twice_stay_two():
    one, other = vectors("POINT (1 1)", "POINT (1 1)", data=[1, 2]), vectors("POINT (1 1)", data=[10])
    found = run("merge_cubes", one, other, overlap_resolver=callback("add", x={"from_parameter": "x"}, y={"from_parameter": "y"}))

    assert found.values.data.tolist() == [11, 2]


def test_features_keep_what_they_say_when_they_are_merged():
    one = vectors("POINT (1 1)", features=['{"properties":{"a":1}}'])
    found = run("merge_cubes", one, vectors("POINT (2 2)"))

    assert found.dimensions[0].features == ('{"properties":{"a":1}}', None)


def test_points_and_polygons_do_not_go_together():
    with pytest.raises(ProcessError) as raised:
        run("merge_cubes", vectors("POINT (1 1)"), vectors("POLYGON ((0 0, 1 0, 1 1, 0 0))"))
    assert raised.value.reason == "IncompatibleGeometryTypes"


def test_rasters_and_vectors_do_not_go_together():
    timed = Cube(values=Values(data=np.zeros((3, 1))), dimensions=(T, vectors("POINT (1 1)").dimensions[0]))
    for pair in ((a_cube(), timed), (timed, a_cube())):
        with pytest.raises(ProcessParameterInvalidError, match="aggregate_spatial before"):
            run("merge_cubes", *pair, overlap_resolver=FIRST)


def test_a_series_of_regions_is_worked_on_like_any_cube():
    zones = vectors("POLYGON ((-0.5 -0.5, 1.5 -0.5, 1.5 2.5, -0.5 2.5, -0.5 -0.5))", "POINT (0 0)")
    series = run("aggregate_spatial", a_cube(), zones=zones, geometries={"from_parameter": "zones"}, reducer=MEAN)
    warmer = run("apply", series, process=callback("add", x={"from_parameter": "x"}, y=1))
    mean = run("reduce_dimension", warmer, reducer=MEAN, dimension="t")
    over_regions = run("reduce_dimension", series, reducer=MEAN, dimension="geometries")

    assert mean.dimensions == zones.dimensions
    np.testing.assert_allclose(mean.values.data, np.nanmean(series.values.data, axis=0) + 1, rtol=1e-6)
    np.testing.assert_allclose(over_regions.values.data, np.nanmean(series.values.data, axis=1), rtol=1e-6)
    assert math.isclose(series.values.data[0, 1], a_cube().values.data[0, 2, 0])
    assert [X.name, Y.name] == ["x", "y"]


SQUARES = ("POLYGON ((0 0, 10 0, 10 10, 0 10, 0 0))", "POLYGON ((20 0, 30 0, 30 10, 20 10, 20 0))", "POLYGON EMPTY")


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        ("intersects", [0, 1, 2, 4]),
        ("disjoint", [3]),
        ("within", [0]),
        ("contains", [4]),
        ("touches", [2]),
        ("overlaps", [1]),
        ("equals", []),
        ("crosses", []),
    ],
)
def test_geometries_are_kept_by_how_they_lie_to_others(relation, expected):
    cube = vectors(
        "POLYGON ((1 1, 2 1, 2 2, 1 1))",
        "POLYGON ((5 5, 15 5, 15 8, 5 5))",
        "POLYGON ((10 0, 12 0, 12 3, 10 0))",
        "POLYGON ((50 50, 51 50, 51 51, 50 50))",
        "POLYGON ((-5 -5, 40 -5, 40 40, -5 40, -5 -5))",
        "POLYGON EMPTY",
    )
    base = vectors(*SQUARES)

    found = run("filter_vector", cube, zones=base, geometries={"from_parameter": "zones"}, relation=relation)
    assert found.values.data.tolist() == expected


def test_geometries_of_another_crs_are_compared_in_that_of_the_cube():
    base = run("vector_reproject", vectors(*SQUARES), projection=4326)

    found = run("filter_vector", vectors("POINT (5 5)", "POINT (15 5)"), zones=base, geometries={"from_parameter": "zones"})
    assert found.values.data.tolist() == [0]


def test_a_buffer_is_in_metres():
    features = ['{"properties":{"a":1}}', None, None]
    found = run("vector_buffer", vectors("POINT (0 0)", "LINESTRING (0 0, 10 0)", "POINT EMPTY", features=features), distance=2)

    shapes = read_shapes(found.dimensions[0])
    assert shapes[0].area == pytest.approx(math.pi * 4, rel=1e-2)
    assert shapes[1].area == pytest.approx(math.pi * 4 + 40, rel=1e-2)
    assert shapes[2].is_empty
    assert found.dimensions[0].features[0] == features[0]
    smaller = run("vector_buffer", vectors(SQUARES[0], "POINT (0 0)"), distance=-4)
    assert [each.area for each in read_shapes(smaller.dimensions[0])] == [4, 0]


def test_vertices_are_taken_over_there_and_back():
    cube = vectors(SQUARES[0], "POINT (500000 5000000)", "POINT EMPTY")
    there = run("vector_reproject", cube, projection=4326)
    back = run("vector_reproject", there, projection=32631, dimension="geometries")

    assert there.dimensions[0].crs == 4326
    assert there.dimensions[0].labels[2] == "POINT EMPTY"
    assert shapely.get_x(read_shapes(there.dimensions[0])[1]) == pytest.approx(3)
    for one, other in zip(read_shapes(back.dimensions[0]), read_shapes(cube.dimensions[0]), strict=True):
        assert shapely.equals_exact(one, other, tolerance=1e-6)


@pytest.mark.parametrize("counts", [{}, {"geometry_count": 20}, {"total_count": 41}, {"geometry_count": 5, "total_count": 1000}])
@pytest.mark.parametrize("group", [True, False])
def test_random_points_lie_on_their_geometries(counts, group):
    shapes = (SQUARES[0], "LINESTRING (0 50, 7 50)", "MULTIPOINT ((1 90), (2 90), (3 90))", "POLYGON EMPTY")
    features = ['{"properties":{"a":1},"id":"x"}', None, None, None]
    cube = vectors(*shapes, features=features)
    found = run("vector_to_random_points", cube, **counts, group=group, seed=-3)
    again = run("vector_to_random_points", cube, **counts, group=group, seed=-3)
    other = run("vector_to_random_points", cube, **counts, group=group)

    wanted = {"": [1, 1, 1, 0], "geometry_count": [20, 20, 3, 0], "total_count": [11, 10, 3, 0]}.get(
        "+".join(counts), [5, 5, 3, 0]
    )
    assert found.dimensions == again.dimensions
    assert found.dimensions != other.dimensions
    points = read_shapes(found.dimensions[0])
    if group:
        assert [len(each.geoms) for each in points] == wanted
        assert found.dimensions[0].features[0] == features[0]
        assert found.values.data.tolist() == [0, 1, 2, 3]
    else:
        assert found.values.data.tolist() == np.repeat([0, 1, 2, 3], [*wanted[:3], 1]).tolist()
        assert found.dimensions[0].features[0] == '{"properties":{"a":1}}'
    sources = read_shapes(cube.dimensions[0])
    for point, source in zip(points, found.values.data, strict=True):
        assert point.is_empty or shapely.distance(point, sources[int(source)]) < 1e-9


def test_random_points_are_as_likely_everywhere():
    found = run("vector_to_random_points", vectors("POLYGON ((0 0, 10 0, 10 1, 1 1, 1 10, 0 10, 0 0))"), geometry_count=20_000)
    (points,) = read_shapes(found.dimensions[0])

    x, y = shapely.get_coordinates(points).T
    assert np.mean(x > 1) == pytest.approx(9 / 19, abs=0.015)
    assert np.mean(y > 5) == pytest.approx(5 / 19, abs=0.015)


def test_too_few_points_for_all_geometries_are_refused():
    with pytest.raises(ProcessError) as raised:
        run("vector_to_random_points", vectors(*SQUARES), total_count=2)
    assert raised.value.reason == "CountMismatch"


def test_regular_points_begin_at_the_upper_left():
    shapes = (
        "POLYGON ((0 0, 4 0, 4 3, 0 3, 0 0))",
        "LINESTRING (0 0, 5 0)",
        "POINT (7 7)",
        "POLYGON ((9 9, 9.5 9, 9.5 9.5, 9 9))",
        "POINT EMPTY",
    )
    found = run("vector_to_regular_points", vectors(*shapes), distance=2)

    points = [shapely.get_coordinates(each).tolist() for each in read_shapes(found.dimensions[0])]
    assert points == [[[1, 2], [3, 2]], [[0, 0], [2, 0], [4, 0]], [[7, 7]], [[9, 9]], []]
    alone = run("vector_to_regular_points", vectors(*shapes), distance=2, group=False)
    assert labels(alone)[0] == "POINT (1 2)"
    assert alone.values.data.tolist() == [0, 0, 1, 1, 1, 2, 3, 4]


@pytest.mark.parametrize(("process", "name"), [("vector_buffer", "geometries"), ("vector_to_regular_points", "data")])
def test_degrees_are_no_metres(process, name):
    with pytest.raises(ProcessError) as raised:
        run(process, zones=vectors("POINT (0 0)", crs=4326), **{name: {"from_parameter": "zones"}, "distance": 5})
    assert raised.value.reason == "UnitMismatch"


def test_points_without_end_are_refused():
    with pytest.raises(ProcessParameterInvalidError, match="are the most"):
        run("vector_to_regular_points", vectors(SQUARES[0], "LINESTRING (0 0, 10 0)"), distance=1e-9)
    with pytest.raises(ProcessParameterInvalidError, match="are the most"):
        run("vector_to_random_points", vectors(SQUARES[0]), geometry_count=10**9)
    with pytest.raises(ProcessParameterInvalidError, match="are the most"):
        run("vector_to_random_points", vectors(SQUARES[0]), geometry_count=10**6, group=False)
