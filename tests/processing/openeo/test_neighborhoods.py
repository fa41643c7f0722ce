"""Processes that look at what lies around a pixel."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.openeo.cutting import as_callback, assert_tiles_are_the_whole, cuts
from processing.openeo.rasters import MEAN, callback, run
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.durations import read_duration
from twinlake.processing.openeo.shapes.times import parse_time, write_time
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError


def a_scene(height, width, *, dtype="float32", layers=2, seed=1):
    """Return a cube of random numbers in degrees, with gaps where they are floats."""
    random = np.random.default_rng(seed)
    data = (random.random((layers, height, width)) * 100).astype(dtype)
    if dtype == "float32":
        data[random.random(data.shape) < 0.1] = np.nan
    dimensions = (
        Dimension(name="bands", kind="bands", labels=tuple(f"B{number}" for number in range(layers))),
        Dimension(name="y", kind="spatial", axis="y", crs=32631, labels=tuple(50.0 - 10 * row for row in range(height))),
        Dimension(name="x", kind="spatial", axis="x", crs=32631, labels=tuple(10.0 * column for column in range(width))),
    )
    return Cube(values=Values(data=data, nan_is_nodata=dtype == "float32"), dimensions=dimensions)


@pytest.mark.parametrize("border", ["replicate", "reflect", "reflect_pixel", "wrap", 7])
@settings(max_examples=12, deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), rows=st.integers(0, 3), columns=st.integers(0, 3), data=st.data())
def test_a_kernel_is_laid_on_tiles_as_on_the_whole(border, height, width, rows, columns, data):
    kernel = np.random.default_rng(2).random((2 * rows + 1, 2 * columns + 1)).tolist()

    def draw(length):
        return data.draw(cuts(length))

    assert_tiles_are_the_whole(
        "apply_kernel", a_scene(height, width), draw, draw, kernel=kernel, border=border, factor=0.3, replace_invalid=-1
    )


def px(**sizes):
    return [{"dimension": name, "value": value, "unit": "px"} for name, value in sizes.items()]


def graph(**nodes):
    """Return a graph of nodes, each a process with arguments; the last one is the result."""
    last = list(nodes)[-1]
    return {
        "process_graph": {
            name: {"process_id": process_id, "arguments": arguments, "result": name == last}
            for name, (process_id, arguments) in nodes.items()
        }
    }


DATA = {"from_parameter": "data"}
SAME = graph(a=("apply", {"data": DATA, "process": callback("add", x={"from_parameter": "x"}, y=0)}))
BLUR = graph(a=("apply_kernel", {"data": DATA, "kernel": [[1, 1, 1]] * 3, "factor": 1 / 9}))
SUMS = graph(a=("apply_dimension", {"data": DATA, "dimension": "x", "process": callback("cumsum", data=DATA)}))


@pytest.mark.parametrize("boundary", ["pad", "trim"])
@pytest.mark.parametrize("align", ["upper-left", "upper-right", "lower-left", "lower-right"])
@pytest.mark.parametrize("reducer", ["max", "mean", "count", "first"])
@settings(max_examples=5, deadline=None)
@given(height=st.integers(4, 9), width=st.integers(4, 9), size=st.tuples(st.integers(1, 4), st.integers(1, 4)), data=st.data())
def test_windows_are_reduced(boundary, align, reducer, height, width, size, data):
    def draw(length):
        return data.draw(cuts(length))

    cube = a_scene(height, width, dtype="int16")
    reduce = callback(reducer, data=DATA)
    found = run("aggregate_spatial_window", cube, reducer=reduce, size=list(size), boundary=boundary, align=align)

    pixels = cube.values.data.astype(float)
    pads = [
        (-length % step) if boundary == "pad" else -(length % step)
        for length, step in zip((height, width), size[::-1], strict=True)
    ]
    first = [pad if side else 0 for pad, side in zip(pads, (align.startswith("lower"), align.endswith("right")), strict=True)]
    counts = [(length + pad) // step for length, pad, step in zip((height, width), pads, size[::-1], strict=True)]
    assert found.values.data.shape == (2, *counts)
    functions = {"max": np.max, "mean": np.mean, "count": np.size, "first": lambda one: one[0]}
    for layer, row, column in np.ndindex(found.values.data.shape):
        top, left = row * size[1] - first[0], column * size[0] - first[1]
        there = pixels[layer, max(top, 0) : top + size[1], max(left, 0) : left + size[0]]
        if reducer == "first" and (top < 0 or left < 0):
            continue
        assert found.values.data[layer, row, column] == pytest.approx(functions[reducer](there.ravel()), rel=1e-6)
        assert found.dimensions[1].labels[row] == pytest.approx(50 - 10 * (top + (size[1] - 1) / 2))
        assert found.dimensions[2].labels[column] == pytest.approx(10 * (left + (size[0] - 1) / 2))
    assert_tiles_are_the_whole(
        "aggregate_spatial_window", cube, draw, draw, reducer=as_callback(reduce), size=list(size), boundary=boundary, align=align
    )


def test_windows_of_a_cube_that_rises_begin_at_its_last_row():
    cube = a_scene(5, 4)
    y, x = cube.dimensions[1:]
    turned = Cube(
        values=Values(data=cube.values.data[:, ::-1], nan_is_nodata=True),
        dimensions=(cube.dimensions[0], y.take(range(4, -1, -1)), x),
    )
    one, other = (run("aggregate_spatial_window", each, reducer=MEAN, size=[2, 3]) for each in (cube, turned))

    np.testing.assert_array_equal(one.values.data, other.values.data[:, ::-1])
    assert one.dimensions[1].labels == other.dimensions[1].labels[::-1]


def test_a_window_without_place_is_refused():
    with pytest.raises(ProcessParameterInvalidError, match="has no place"):
        run("aggregate_spatial_window", a_scene(3, 3), reducer=MEAN, size=[4, 1], boundary="trim")


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize("process", [SAME, BLUR, SUMS])
@settings(max_examples=8, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 9), st.integers(2, 9)),
    size=st.tuples(st.integers(2, 5), st.integers(1, 5)),
    overlap=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    data=st.data(),
)
def test_tiles_of_neighborhoods_are_the_whole(dtype, process, shape, size, overlap, data):
    def draw(length):
        return data.draw(cuts(length))

    assert_tiles_are_the_whole(
        "apply_neighborhood",
        a_scene(*shape, dtype=dtype),
        draw,
        draw,
        process=as_callback(process),
        size=px(x=size[0], y=size[1]),
        overlap=px(x=overlap[0], y=overlap[1]),
    )


def test_enough_overlap_hides_the_borders_of_parts():
    cube = a_scene(11, 13)
    whole = run("apply_kernel", cube, kernel=[[1, 1, 1]] * 3, factor=1 / 9)
    found = run("apply_neighborhood", cube, process=BLUR, size=px(x=4, y=5), overlap=px(x=1, y=1))

    assert found.dimensions == cube.dimensions
    np.testing.assert_array_equal(found.values.data, whole.values.data)


def test_parts_are_of_one_size_and_have_labels_beyond_the_border():
    cube = a_scene(5, 4, layers=1)
    wide = graph(
        x=("dimension_labels", {"data": DATA, "dimension": "x"}),
        n=("count", {"data": {"from_node": "x"}, "condition": True}),
        a=(
            "apply",
            {
                "data": DATA,
                "process": {
                    "process_graph": {
                        "x": {"process_id": "constant", "arguments": {"x": {"from_parameter": "context"}}, "result": True}
                    }
                },
                "context": {"from_node": "n"},
            },
        ),
    )
    found = run("apply_neighborhood", cube, process=wide, size=px(x=3, y=2), overlap=px(x=2))
    assert (found.values.data == 7).all()
    first = graph(
        x=("dimension_labels", {"data": DATA, "dimension": "x"}),
        f=("first", {"data": {"from_node": "x"}}),
        a=wide["process_graph"] and ("apply", {**wide["process_graph"]["a"]["arguments"], "context": {"from_node": "f"}}),
    )
    found = run("apply_neighborhood", cube, process=first, size=px(x=3, y=2), overlap=px(x=2))
    assert found.values.data[0, 0].tolist() == [-20, -20, -20, 10]


def test_parts_of_one_pixel_are_arrays_that_are_computed_at_once():
    cube = a_scene(6, 7, layers=4)
    found = run("apply_neighborhood", cube, process=callback("cumsum", data=DATA), size=px(x=1, y=1))

    gaps = np.isnan(cube.values.data)
    np.testing.assert_allclose(found.values.data, np.where(gaps, np.nan, np.nancumsum(cube.values.data, axis=0)), rtol=1e-6)
    assert_tiles_are_the_whole(
        "apply_neighborhood",
        cube,
        lambda _: [0, 2, 6],
        lambda _: [0, 3, 7],
        process=as_callback(callback("cumsum", data=DATA)),
        size=px(x=1, y=1),
    )


def test_arrays_along_an_axis_have_no_data_beyond_the_border():
    cube = a_scene(3, 5, dtype="int16")
    counts = callback("array_apply", data=DATA, process=callback("add", x={"from_parameter": "x"}, y=1))
    tiles = {"process": as_callback(counts), "size": px(x=2, y=1, bands=1), "overlap": px(x=1)}
    found = run("apply_neighborhood", cube, **{**tiles, "process": counts})

    np.testing.assert_array_equal(found.values.data, cube.values.data + 1)
    assert_tiles_are_the_whole("apply_neighborhood", cube, lambda _: [0, 2, 3], lambda _: [0, 1, 4, 5], **tiles)


def series(*days):
    t = Dimension(name="t", kind="temporal", labels=tuple(f"2020-{day}T00:00:00Z" for day in days))
    y, x = a_scene(2, 3).dimensions[1:]
    data = np.arange(len(days) * 6, dtype="float32").reshape(len(days), 2, 3)
    return Cube(values=Values(data=data, nan_is_nodata=True), dimensions=(t, y, x))


@pytest.mark.parametrize(
    ("size", "overlap", "groups"),
    [
        ("P5D", None, [[0, 1], [0, 1], [2, 3], [2, 3], [4]]),
        ("P4D", "P5D", [[0, 1], [0, 1], [1, 2, 3], [1, 2, 3], [4]]),
        ("P1M", None, [[0, 1, 2, 3]] * 4 + [[4]]),
        ("P5D", 1, [[0, 1, 2], [0, 1, 2], [1, 2, 3, 4], [1, 2, 3, 4], [3, 4]]),
        (2, None, [[0, 1], [0, 1], [2, 3], [2, 3], [4]]),
        (2, "P7D", [[0, 1, 2], [0, 1, 2], [1, 2, 3], [1, 2, 3], [4]]),
        (None, None, [[0, 1, 2, 3, 4]] * 5),
    ],
)
def test_parts_of_time_are_periods_from_the_first_one(size, overlap, groups):
    # Days: 0, 3, 10, 11, 60.
    cube = series("01-01", "01-04", "01-11", "01-12", "03-01")
    mean = callback("reduce_dimension", data=DATA, dimension="t", reducer=MEAN)["process_graph"]["n"]
    spread = graph(
        mean=("reduce_dimension", mean["arguments"]),
        zero=("apply", {"data": DATA, "process": callback("multiply", x={"from_parameter": "x"}, y=0)}),
        sum=(
            "merge_cubes",
            {
                "cube1": {"from_node": "zero"},
                "cube2": {"from_node": "mean"},
                "overlap_resolver": callback("add", x={"from_parameter": "x"}, y={"from_parameter": "y"}),
            },
        ),
    )
    found = run(
        "apply_neighborhood",
        cube,
        process=spread,
        size=[*px(x=2, y=1), {"dimension": "t", "value": size}],
        overlap=None if overlap is None else [{"dimension": "t", "value": overlap}],
    )

    expected = np.stack([cube.values.data[group].mean(axis=0) for group in groups])
    np.testing.assert_allclose(found.values.data, expected, rtol=1e-6)


def test_months_are_those_of_the_calendar():
    duration = read_duration("P1M")
    start = parse_time("2000-01-31", "360_day")
    assert write_time(duration.later(parse_time("2001-01-31"), 1, "standard")) == "2001-02-28T00:00:00Z"
    assert write_time(duration.later(start, 1, "360_day"), "360_day") == "2000-03-01T00:00:00Z"
    assert duration.count(parse_time("2001-01-31"), parse_time("2001-12-31"), "standard") == 11
    assert read_duration("P1Y2M3DT4H5M6.5S").months == 14
    for wrong in ("P", "5D", "-P1D", "P0D", "PT", "P1H"):
        with pytest.raises(ProcessParameterInvalidError, match="is no duration"):
            read_duration(wrong)


def test_sizes_are_told_in_metres_and_in_the_unit_of_the_grid():
    cube = a_scene(6, 8)
    wanted = run("apply_neighborhood", cube, process=BLUR, size=px(x=4, y=2))
    for sizes in (
        [{"dimension": "x", "value": 40, "unit": "m"}, {"dimension": "y", "value": 20, "unit": "m"}],
        [{"dimension": "x", "value": 40}, {"dimension": "y", "value": 20, "unit": None}],
    ):
        np.testing.assert_array_equal(run("apply_neighborhood", cube, process=BLUR, size=sizes).values.data, wanted.values.data)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ([{"dimension": "x", "value": 45, "unit": "m"}], "whole number"),
        ([{"dimension": "x", "value": 0, "unit": "px"}], "1 or more"),
        ([{"dimension": "x", "value": "P1D"}], "not temporal"),
        ([{"dimension": "bands", "value": 5, "unit": "m"}], "not told in metres"),
        (px(x=2) + px(x=3), "two sizes"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(size, message):
    with pytest.raises(ProcessParameterInvalidError, match=message):
        run("apply_neighborhood", a_scene(4, 4), process=SAME, size=size)


def test_metres_are_no_degrees():
    cube = a_scene(4, 4)
    degrees = Cube(
        values=cube.values,
        dimensions=tuple(msgspec.structs.replace(each, crs=4326 if each.axis else None) for each in cube.dimensions),
    )
    with pytest.raises(ProcessParameterInvalidError, match="no lengths"):
        run("apply_neighborhood", degrees, process=SAME, size=[{"dimension": "x", "value": 20, "unit": "m"}])


@pytest.mark.parametrize(
    "process",
    [
        callback("drop_dimension", data=DATA, name="x"),
        callback("rename_labels", data=DATA, dimension="bands", source=["B0"], target=["a"]),
        callback("dimension_labels", data=DATA, dimension="x"),
    ],
)
def test_a_process_must_leave_dimensions_as_they_are(process):
    with pytest.raises(ProcessError) as refused:
        run(
            "apply_neighborhood",
            a_scene(4, 4),
            process=process,
            size=px(x=2 if process["process_graph"]["n"]["process_id"] != "drop_dimension" else 1, y=2),
        )
    assert refused.value.reason == "DataCubePropertiesImmutable"


def test_a_dimension_that_is_not_there_is_refused():
    with pytest.raises(ProcessError) as refused:
        run("apply_neighborhood", a_scene(4, 4), process=SAME, size=px(z=2))
    assert refused.value.reason == "DimensionNotAvailable"


def test_a_cube_is_no_number():
    with pytest.raises(ProcessParameterInvalidError, match="cannot be a cube"):
        run("apply_neighborhood", a_scene(4, 4), process=callback("absolute", x=DATA), size=px(x=2, y=2))
