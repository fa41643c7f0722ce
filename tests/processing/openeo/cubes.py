"""Cubes for kernels, and the same computed in each cell apart from JSON."""

import numpy as np

from processing.openeo.suite import compute, is_same
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.graph import parse_graph

SHAPE = (3, 4, 5)
KINDS = ("float32", "int16", "bool")


def make_cube(kind, *, seed=1, shape=SHAPE, is_array=False, labels=None):
    """Return a cube with gaps: of numbers that float32 holds exactly, few enough for many to be equal."""
    random = np.random.default_rng(seed)
    gaps = random.random(shape) < 0.3
    data = random.integers(-6, 7, shape)
    if kind == "float32":
        data = np.where(gaps, np.nan, data / 4).astype(np.float32)
        return Values(data=data, nan_is_nodata=True, is_array=is_array, labels=labels)
    data = data > 0 if kind == "bool" else data.astype(kind)
    return Values(data=data, valid=~gaps, is_array=is_array, labels=labels)


def compute_cubes(process_id, **arguments):
    """Return what a process makes of `Values` and JSON."""
    cubes = {name: value for name, value in arguments.items() if isinstance(value, Values)}
    given = {name: {"from_parameter": name} if name in cubes else value for name, value in arguments.items()}
    graph, faults = parse_graph({"one": {"process_id": process_id, "arguments": given, "result": True}})
    assert not faults, faults
    return evaluate(graph, cubes)


def assert_same_in_each_cell(process_id, *, cells=SHAPE, within=None, **arguments):
    """Compare the result over cubes with that of each cell, and return the former."""
    found = compute_cubes(process_id, **arguments)
    for cell in np.ndindex(cells):
        alone = {name: at(value, cell) if isinstance(value, Values) else value for name, value in arguments.items()}
        expected = compute(process_id, alone)
        assert is_same(at(found, cell), expected, within), (cell, alone, at(found, cell), expected)
    return found


def at(values, cell):
    """Return the value, or the array, in one cell as JSON; no-data is None."""
    if not values.is_array:
        if values.data.ndim == 0:
            return values.data.item() if values.where() else None
        return values.data[cell].item() if values.where()[cell] else None
    columns = values.data[:, *cell] if values.data.ndim > 1 else values.data
    there = values.where()[:, *cell] if values.data.ndim > 1 else values.where()
    return [each.item() if is_there else None for each, is_there in zip(columns, there, strict=True)]
