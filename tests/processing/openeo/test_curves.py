"""Curves are fitted in all cells at once, and predicted."""

import math

import numpy as np
import pytest

from processing.openeo.cutting import hollowed
from processing.openeo.rasters import X, Y, callback
from processing.openeo.suite import compute
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError
from twinlake.standards.openeo.graph import parse_graph

DATA = {"from_parameter": "data"}
YEAR = 31_557_600.0
MONTHS = tuple(f"{year}-{month:02d}-15T00:00:00Z" for year in range(2015, 2020) for month in range(1, 13))
SECONDS = np.array([np.datetime64(each[:-1]) for each in MONTHS]).astype("datetime64[s]").astype(float)
X_HERE = {"from_parameter": "x"}


def parameter(number):
    return "array_element", {"data": {"from_parameter": "parameters"}, "index": number}


def graph(**nodes):
    last = list(nodes)[-1]
    return {
        "process_graph": {
            name: {"process_id": process_id, "arguments": arguments, "result": name == last}
            for name, (process_id, arguments) in nodes.items()
        }
    }


def node(name):
    return {"from_node": name}


def two(process_id, x, y):
    return process_id, {"x": x, "y": y}


LINE = graph(a=parameter(0), b=parameter(1), bx=two("multiply", node("b"), X_HERE), sum=two("add", node("a"), node("bx")))
EXPONENTIAL = graph(
    a=parameter(0),
    b=parameter(1),
    bx=two("multiply", node("b"), X_HERE),
    e=("exp", {"p": node("bx")}),
    product=two("multiply", node("a"), node("e")),
)
SEASON = graph(
    a=parameter(0),
    b=parameter(1),
    c=parameter(2),
    w=two("multiply", X_HERE, 2 * math.pi / YEAR),
    cos=("cos", {"x": node("w")}),
    sin=("sin", {"x": node("w")}),
    bc=two("multiply", node("b"), node("cos")),
    cs=two("multiply", node("c"), node("sin")),
    one=two("add", node("a"), node("bc")),
    sum=two("add", node("one"), node("cs")),
)


def a_series(*, dtype="float32", seed=1):
    """Return a cube of monthly values, with gaps, and the parameters that least squares find in each of its cells."""
    random = np.random.default_rng(seed)
    basis = np.stack([np.ones(60), np.cos(2 * np.pi * SECONDS / YEAR), np.sin(2 * np.pi * SECONDS / YEAR)], axis=1)
    true = random.random((3, 4, 2)) * 10
    data = (np.tensordot(basis, true, 1) + random.normal(size=(60, 4, 2))).astype(dtype)
    data[random.random(data.shape) < 0.2] = np.nan
    data[:, 1, 1] = np.nan
    data[2:, 2, 1] = np.nan
    expected = np.full((3, 4, 2), np.nan)
    for cell in np.ndindex(4, 2):
        there = np.isfinite(data[:, *cell])
        if there.sum() >= 3:
            expected[:, *cell] = np.linalg.lstsq(basis[there], data[:, *cell][there].astype(float))[0]
    t = Dimension(name="t", kind="temporal", labels=MONTHS)
    return Cube(values=Values(data=data, nan_is_nodata=True), dimensions=(t, Y, X)), expected


def run_graph(nodes, cube):
    parsed, faults = parse_graph(nodes["process_graph"])
    assert not faults
    return evaluate(parsed, {"data": cube})


def fitted(cube, function, first, **arguments):
    fit = callback("fit_curve", data=DATA, parameters=first, function=function, **arguments)
    return run_graph(graph(fit=("apply_dimension", {"data": DATA, "dimension": "t", "process": fit})), cube)


def test_a_season_is_found_in_each_cell():
    cube, expected = a_series()
    found = fitted(cube, SEASON, [1, 1, 1])

    assert found.dimensions[0].labels == (0, 1, 2)
    np.testing.assert_allclose(found.values.data, expected, rtol=1e-6)


def test_a_cell_has_the_same_bits_alone():
    cube, _ = a_series()
    whole = fitted(cube, SEASON, [1, 1, 1])
    for row, column in np.ndindex(4, 2):
        alone = fitted(cube.cut(1, slice(row, row + 1)).cut(2, slice(column, column + 1)), SEASON, [1, 1, 1])
        np.testing.assert_array_equal(alone.values.data[:, 0, 0], whole.values.data[:, row, column])


def test_gaps_may_matter():
    cube, expected = a_series()
    whole = Cube(values=Values(data=np.nan_to_num(cube.values.data, nan=1.0), nan_is_nodata=True), dimensions=cube.dimensions)

    assert np.isnan(fitted(cube, SEASON, [1, 1, 1], ignore_nodata=False).values.data).all()
    assert np.isfinite(fitted(whole, SEASON, [1, 1, 1], ignore_nodata=False).values.data).all()
    del expected


def test_a_curve_that_is_no_sum_is_found():
    x = np.arange(20) / 4
    data = [{"key": float(place), "value": float(3 * np.exp(-0.7 * place))} for place in x]
    found = compute(
        "fit_curve", {"data": {"type": "labeled-array", "data": data}, "parameters": [1, -0.1], "function": EXPONENTIAL}
    )

    assert found == pytest.approx([3, -0.7], rel=1e-9)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([1, 3, 5, 7], [1, 2]),
        ([1, None, 5, 7], [1, 2]),
        ([0, 0, 0], [0, 0]),
        ([4, 4, 4, 4], [4, 0]),
        ([1, None, None], [None, None]),
        ([], [None, None]),
    ],
)
def test_arrays_of_json_are_fitted(data, expected):
    found = compute("fit_curve", {"data": data, "parameters": [1, 1], "function": LINE})

    assert [each if each is None else pytest.approx(each, abs=1e-7) for each in expected] == found


def test_what_has_no_parameters_of_its_own_ends():
    # Both do the same.
    double = graph(a=parameter(0), b=parameter(1), sum=two("add", node("a"), node("b")))
    found = compute("fit_curve", {"data": [3, 5], "parameters": [1, 1], "function": double})

    assert sum(found) == pytest.approx(4)


def test_what_is_undefined_has_no_parameters():
    log = graph(a=parameter(0), x=two("subtract", node("a"), 100), ln=("ln", {"x": node("x")}))

    assert compute("fit_curve", {"data": [1, 2, 3], "parameters": [1], "function": log}) == [None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": [1, 2], "parameters": []}, "no first guess"),
        ({"data": [1, 2], "parameters": ["a"]}, "other than numbers"),
        ({"data": 3, "parameters": [1]}, "no array"),
        ({"data": {"type": "labeled-array", "data": [{"key": "red", "value": 1}]}, "parameters": [1, 1]}, "numbers or dates"),
        ({"data": [1], "parameters": [1], "function": graph(t=("text_concat", {"data": ["a"]}))}, "other than numbers"),
        ({"data": [1], "parameters": [1], "function": callback("array_create", data=[1, 2])}, "one number is wanted"),
    ],
)
def test_what_cannot_be_fitted_is_refused(arguments, message):
    with pytest.raises(ProcessParameterInvalidError, match=message):
        compute("fit_curve", {"function": LINE, **arguments})


@pytest.mark.parametrize("target", ["t", "parameters"])
def test_a_curve_is_predicted_where_it_was_fitted(target):
    cube, expected = a_series()
    fit = callback("fit_curve", data=DATA, parameters=[1, 1, 1], function=SEASON)
    along = {"data": DATA, "dimension": "t", "process": fit} | ({} if target == "t" else {"target_dimension": target})
    predict = {"parameters": node("fit"), "function": SEASON, "dimension": "t", "labels": list(MONTHS[:12])}
    nodes = graph(fit=("apply_dimension", along), predict=("predict_curve", predict))
    found, hollow = run_graph(nodes, cube), run_graph(nodes, hollowed(cube))

    assert found.dimensions == hollow.dimensions
    assert found.values.data.dtype == hollow.values.data.dtype
    assert found.dimensions[0] == Dimension(name="t", kind="temporal", labels=MONTHS[:12])
    w = 2 * np.pi * SECONDS[:12, None, None] / YEAR
    np.testing.assert_allclose(found.values.data, expected[0] + expected[1] * np.cos(w) + expected[2] * np.sin(w), rtol=1e-6)


def test_numbers_are_labels_of_a_dimension_of_no_kind():
    cube = Cube(
        values=Values(data=np.array([[1, 2], [10, 20]])),
        dimensions=(Dimension(name="b", kind="bands", labels=("p", "q")), Dimension(name="p", labels=(0, 1))),
    )
    found = run_graph(
        graph(p=("predict_curve", {"parameters": DATA, "function": LINE, "dimension": "z", "labels": [0, 0.5, 2]})), cube
    )

    assert found.values.data.tolist() == [[1, 2, 5], [10, 20, 50]]
    assert found.dimensions[1] == Dimension(name="z", labels=(0, 0.5, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Give 'labels'"),
        ({"labels": [1, "2020-01-01"]}, "numbers or dates"),
        ({"labels": [1, 1]}, "each another one"),
        ({"labels": ["red"]}, "numbers or dates"),
        ({"labels": [1], "dimension": "nowhere"}, "no dimension 'nowhere'"),
    ],
)
def test_what_cannot_be_predicted_is_refused(arguments, message):
    cube, _ = a_series()
    with pytest.raises(ProcessParameterInvalidError, match=message):
        run_graph(graph(p=("predict_curve", {"parameters": DATA, "function": LINE, "dimension": "t", **arguments})), cube)
