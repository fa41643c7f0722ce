"""Processes run on the pixels of polygons."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.openeo.cutting import as_callback, assert_tiles_are_the_whole, cuts, hollowed
from processing.openeo.rasters import callback, run
from processing.openeo.test_neighborhoods import BLUR, DATA, a_scene, graph
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError
from twinlake.standards.openeo.graph import parse_graph

LARGER = graph(a=("apply", {"data": DATA, "process": callback("add", x={"from_parameter": "x"}, y=1)}))
MOST = graph(
    m=("reduce_spatial", {"data": DATA, "reducer": callback("max", data=DATA)}),
    z=("apply", {"data": DATA, "process": callback("multiply", x={"from_parameter": "x"}, y=0)}),
    s=(
        "merge_cubes",
        {
            "cube1": {"from_node": "z"},
            "cube2": {"from_node": "m"},
            "overlap_resolver": callback("add", x={"from_parameter": "x"}, y={"from_parameter": "y"}),
        },
    ),
)


def polygons(*wkt):
    """Return GeoJSON of polygons in the CRS of the scene."""
    features = [
        {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shapely.from_wkt(each))} for each in wkt
    ]
    return {
        "type": "FeatureCollection",
        "features": features,
        "crs": {"type": "name", "properties": {"name": "EPSG:32631"}},
    }


# Pixels lie at 50, 40, ... along y and 0, 10, ... along x.
BOX = "POLYGON ((-5 25, 25 25, 25 55, -5 55, -5 25))"
TRIANGLE = "POLYGON ((28 -100, 90 -100, 90 61, 28 -100))"
PIECES = "MULTIPOLYGON (((-5 -25, 5 -25, 5 -5, -5 -5, -5 -25)), ((25 5, 35 5, 35 15, 25 15, 25 5)))"


def test_values_are_those_of_each_polygon():
    cube = a_scene(9, 9)
    found = run("apply_polygon", cube, geometries=polygons(BOX, PIECES), process=MOST)

    assert found.dimensions == cube.dimensions
    expected = np.full((2, 9, 9), np.nan)
    for pixels in ([(row, column) for row in range(3) for column in range(3)], [(6, 0), (7, 0), (4, 3)]):
        rows, columns = np.transpose(pixels)
        values = cube.values.data[:, rows, columns]
        expected[:, rows, columns] = np.where(np.isnan(values), np.nan, np.nanmax(values, axis=1)[:, None])
    np.testing.assert_array_equal(found.values.data, expected)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize("process", [LARGER, MOST, BLUR])
@pytest.mark.parametrize("mask_value", [None, 3])
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_tiles_are_the_whole(dtype, process, mask_value, data):
    def draw(length):
        return data.draw(cuts(length))

    assert_tiles_are_the_whole(
        "apply_polygon",
        a_scene(9, 9, dtype=dtype),
        draw,
        draw,
        geometries=polygons(BOX, TRIANGLE, PIECES),
        process=as_callback(process),
        mask_value=mask_value,
    )


def test_pixels_outside_are_masked_for_the_process():
    cube = a_scene(9, 9, dtype="int16")
    found = run("apply_polygon", cube, geometries=polygons(TRIANGLE), process=MOST, mask_value=1000)

    assert found.values.data[found.values.where()].tolist() == [1000] * int(found.values.where().sum())
    assert 0 < found.values.where().sum() < found.values.data.size / 2


def test_vector_cubes_are_taken():
    cube = a_scene(9, 9)
    geometries = Dimension(name="geometries", kind="geometry", labels=(BOX, "POLYGON EMPTY", PIECES), crs=32631)
    vectors = Cube(values=Values(data=np.zeros(3)), dimensions=(geometries,))
    found = run("apply_polygon", cube, geometries=polygons(BOX, PIECES), process=LARGER)
    node = {"data": {"from_parameter": "data"}, "geometries": {"from_parameter": "vectors"}, "process": LARGER}

    parsed, faults = parse_graph({"n": {"process_id": "apply_polygon", "arguments": node, "result": True}})
    assert not faults
    other = evaluate(parsed, {"data": cube, "vectors": vectors})
    np.testing.assert_array_equal(other.values.data, found.values.data)


@pytest.mark.parametrize("hollow", [False, True])
def test_polygons_must_not_overlap(hollow):
    cube = a_scene(9, 9)
    with pytest.raises(ProcessError) as refused:
        run(
            "apply_polygon",
            hollowed(cube) if hollow else cube,
            geometries=polygons(BOX, "POLYGON ((15 25, 45 25, 45 55, 15 55, 15 25))"),
            process=LARGER,
        )
    assert refused.value.reason == "GeometriesOverlap"
    # These overlap in no pixel.
    run("apply_polygon", cube, geometries=polygons(BOX, "POLYGON ((22 25, 45 25, 45 55, 22 55, 22 25))"), process=LARGER)


def test_polygons_elsewhere_leave_nothing():
    cube = a_scene(4, 4)
    found = run("apply_polygon", cube, geometries=polygons("POLYGON ((900 900, 910 900, 910 910, 900 900))"), process=LARGER)

    assert np.isnan(found.values.data).all()
    assert found.values.data.dtype == np.float32


def test_labels_may_change_for_the_process_alone():
    renamed = callback("rename_labels", data=DATA, dimension="bands", source=["B0"], target=["other"])
    found = run("apply_polygon", a_scene(9, 9), geometries=polygons(BOX), process=renamed)

    assert found.dimensions == a_scene(9, 9).dimensions


@pytest.mark.parametrize(
    "process",
    [
        callback("reduce_spatial", data=DATA, reducer=callback("max", data=DATA)),
        callback("filter_bands", data=DATA, bands=["B0"]),
        callback("dimension_labels", data=DATA, dimension="x"),
    ],
)
def test_a_process_must_leave_dimensions_as_they_are(process):
    with pytest.raises(ProcessParameterInvalidError, match="makes no cube"):
        run("apply_polygon", a_scene(9, 9), geometries=polygons(BOX), process=process)


@pytest.mark.parametrize(
    "geometries", [{"type": "Point", "coordinates": [0, 0]}, {"type": "FeatureCollection", "features": []}, {}]
)
def test_what_is_no_polygon_is_refused(geometries):
    with pytest.raises(ProcessParameterInvalidError):
        run("apply_polygon", a_scene(9, 9), geometries=geometries, process=LARGER)
