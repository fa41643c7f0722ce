"""Cubes that tests compute with, and graphs of one node that compute with them."""

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.graph import parse_graph

T = Dimension(name="t", kind="temporal", labels=("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "2020-01-03T00:00:00Z"))
Y = Dimension(name="y", kind="spatial", axis="y", labels=(2.0, 1.0, 0.0, -1.0), crs=32631)
X = Dimension(name="x", kind="spatial", axis="x", labels=(0.0, 1.0), crs=32631)


def a_cube(*, hollow=False, dtype="float32", dimensions=(T, Y, X)):
    """Return a cube of numbers from 0; those of floats have gaps."""
    shape = [0 if hollow and each.kind == "spatial" else len(each.labels) for each in dimensions]
    data = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    if dtype == "float32" and data.shape == (3, 4, 2):
        data[0, 0, 0] = data[:, 1, 1] = np.nan
    return Cube(values=Values(data=data, nan_is_nodata=dtype == "float32"), dimensions=tuple(dimensions))


def run(process_id, *cubes, zones=None, **arguments):
    """Return what a process makes of cubes, which are its first parameters, as `named` says; the graph knows *zones*, too."""
    given = {f"cube{number}": cube for number, cube in enumerate(cubes)}
    names = {
        "merge_cubes": ("cube1", "cube2"),
        "vector_buffer": ("geometries",),
        "mask": ("data", "mask"),
        "anomaly": ("data", "normals"),
    }
    named = names.get(process_id, ("data", "target"))
    passed = {name: {"from_parameter": key} for name, key in zip(named, given, strict=False)}
    node = {"process_id": process_id, "arguments": {**passed, **arguments}, "result": True}
    graph, faults = parse_graph({"n": node})
    assert not faults
    return evaluate(graph, {**given, "zones": zones})


def callback(process_id, **arguments):
    """Return the process graph of one node."""
    return {"process_graph": {"n": {"process_id": process_id, "arguments": arguments, "result": True}}}


MEAN = callback("mean", data={"from_parameter": "data"})
ALL_LARGER = callback("add", x={"from_parameter": "data"}, y=1)
LARGER = callback("add", x={"from_parameter": "x"}, y=1)
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[-0.5, -0.5], [0.5, -0.5], [0.5, 1.5], [-0.5, 1.5], [-0.5, -0.5]]],
    "crs": {"type": "name", "properties": {"name": "EPSG:32631"}},
}
