"""Results computed tile by tile, each from no more of the cube than its process asks for."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import arguments_of
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.shapes.dimensions import find_horizontal
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.graph import parse_graph


def hollowed(cube):
    """Return the cube with its labels and without its pixels."""
    places = tuple(slice(0) if each.kind == "spatial" else slice(None) for each in cube.dimensions)
    valid = None if cube.values.valid is None else cube.values.valid[places]
    values = Values(data=cube.values.data[places], valid=valid, nan_is_nodata=cube.values.nan_is_nodata)
    return Cube(values=values, dimensions=cube.dimensions)


def as_callback(described):
    """Return a graph as kernels are given it."""
    calling = {"process_id": "array_apply", "arguments": {"data": [], "process": described}, "result": True}
    graph, faults = parse_graph({"calling": calling})
    assert not faults
    return arguments_of(graph.nodes["calling"], {})["process"]


@st.composite
def cuts(draw, length):
    """Return borders between which tiles lie along an axis."""
    inner = draw(st.sets(st.integers(0, length), max_size=3))
    return sorted({0, length, *inner})


def assert_tiles_are_the_whole(process_id, cube, row_cuts, column_cuts, **arguments):
    """Compute tiles and compare the bits of each with those of the whole; *row_cuts* and *column_cuts* take a length."""
    process = find_process(process_id)
    whole = process.kernel(data=cube, **arguments)
    hollow = process.kernel(data=hollowed(cube), **arguments)
    y, x = find_horizontal(whole.dimensions)
    own = find_horizontal(cube.dimensions)
    assert hollow.dimensions == whole.dimensions
    assert hollow.values.data.dtype == whole.values.data.dtype
    for top, bottom in pairwise(row_cuts(len(whole.dimensions[y].labels))):
        for left, right in pairwise(column_cuts(len(whole.dimensions[x].labels))):
            rows, columns = slice(top, bottom), slice(left, right)
            reach = process.reach(rows=rows, columns=columns, data=hollowed(cube), **arguments)
            tile = reach.compute(cube.cut(own[0], reach.rows).cut(own[1], reach.columns))
            assert_same(tile, whole.cut(y, rows).cut(x, columns))


def assert_same(found, expected):
    """Compare labels, types, no-data and bits."""
    assert found.dimensions == expected.dimensions
    assert found.values.data.dtype == expected.values.data.dtype
    np.testing.assert_array_equal(found.values.where(), expected.values.where())
    there = expected.values.where()
    np.testing.assert_array_equal(found.values.data[there], expected.values.data[there])
