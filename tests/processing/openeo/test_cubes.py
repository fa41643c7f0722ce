"""Cubes are computed whole, and hollow ones tell what the whole would be."""

import numpy as np
import pytest

from twinlake.processing.openeo.cubes import Cube, read_cube, write_cube
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError
from twinlake.standards.openeo.graph import parse_graph

T = Dimension(name="t", kind="temporal", labels=("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "2020-01-03T00:00:00Z"))
Y = Dimension(name="y", kind="spatial", axis="y", labels=(2.0, 1.0, 0.0, -1.0), crs=32631)
X = Dimension(name="x", kind="spatial", axis="x", labels=(0.0, 1.0), crs=32631)


def a_cube(*, hollow=False, dtype="float32"):
    shape = (3, 0, 0) if hollow else (3, 4, 2)
    data = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    if dtype == "float32" and not hollow:
        data[0, 0, 0] = data[:, 1, 1] = np.nan
    return Cube(values=Values(data=data, nan_is_nodata=dtype == "float32"), dimensions=(T, Y, X))


def run(process_id, cube, **arguments):
    node = {"process_id": process_id, "arguments": {"data": {"from_parameter": "cube"}, **arguments}, "result": True}
    graph, faults = parse_graph({"n": node})
    assert not faults
    return evaluate(graph, {"cube": cube})


def callback(process_id, **arguments):
    return {"process_graph": {"n": {"process_id": process_id, "arguments": arguments, "result": True}}}


MEAN = callback("mean", data={"from_parameter": "data"})


def test_a_dimension_is_reduced_in_each_cell():
    cube = a_cube()
    found = run("reduce_dimension", cube, reducer=MEAN, dimension="t")

    assert found.dimensions == (Y, X)
    assert found.values.data.dtype == np.float32
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found.values.data, [[12, 9], [10, np.nan], [12, 13], [14, 15]])


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [("reduce_dimension", {"reducer": MEAN, "dimension": "t"})],
)
def test_a_hollow_cube_tells_what_the_whole_would_be(process_id, arguments, dtype):
    hollow = run(process_id, a_cube(hollow=True, dtype=dtype), **arguments)
    whole = run(process_id, a_cube(dtype=dtype), **arguments)

    assert hollow.dimensions == whole.dimensions
    assert hollow.values.data.dtype == whole.values.data.dtype
    assert hollow.values.data.size == 0


def test_what_is_not_there_is_told():
    with pytest.raises(ProcessError, match="there is: t, y, x") as refused:
        run("reduce_dimension", a_cube(), reducer=MEAN, dimension="bands")

    assert refused.value.reason == "DimensionNotAvailable"


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_a_cube_in_json_is_the_same_again(dtype):
    cube = a_cube(dtype=dtype)
    again = read_cube(write_cube(cube))

    assert again.dimensions == cube.dimensions
    np.testing.assert_array_equal(again.values.data, cube.values.data)
