"""Arithmetic: cubes as cells, types that are kept, integers that never wrap."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.openeo.cells import assert_same_by_cells, cubes, whole
from processing.openeo.suite import compute
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

LARGEST = 2**63 - 1
OF_TWO = {
    "add": "xy",
    "arctan2": "yx",
    "divide": "xy",
    "mod": "xy",
    "multiply": "xy",
    "normalized_difference": "xy",
    "subtract": "xy",
}
OF_ONE = ("absolute", "ceil", "cos", "exp", "floor", "int", "sgn", "sin", "sqrt", "tan")
OF_ONE += ("arccos", "arcosh", "arcsin", "arctan", "arsinh", "artanh", "cosh", "sinh", "tanh", "ln", "round")
quickly = settings(max_examples=5, deadline=None, database=None)


@pytest.mark.parametrize("process_id", OF_TWO)
@given(one=cubes(), other=cubes())
@quickly
def test_two_cubes_are_computed_cell_by_cell(process_id, one, other):
    arguments = dict(zip(OF_TWO[process_id], (one, other), strict=True))
    assert_same_by_cells(process_id, arguments, whole(process_id, arguments))


@pytest.mark.parametrize("process_id", OF_TWO)
@given(cube=cubes(), number=st.sampled_from([-3, 0, 0.5, 4]))
@quickly
def test_cubes_and_constants_are_computed_cell_by_cell(process_id, cube, number):
    first, second = OF_TWO[process_id]
    for arguments in ({first: cube, second: number}, {first: number, second: cube}):
        assert_same_by_cells(process_id, arguments, whole(process_id, arguments))


@pytest.mark.parametrize("process_id", OF_ONE)
@given(cube=cubes())
@quickly
def test_one_cube_is_computed_cell_by_cell(process_id, cube):
    arguments = {"p" if process_id == "exp" else "x": cube}
    found = whole(process_id, arguments)
    assert_same_by_cells(process_id, arguments, found)
    if cube.data.dtype == np.float32:
        assert found.data.dtype == np.float32


@pytest.mark.parametrize(
    ("process_id", "constants"),
    [
        ("clip", {"min": -2.5, "max": 3}),
        ("clip", {"min": -2, "max": 3}),
        ("linear_scale_range", {"inputMin": -10, "inputMax": 10, "outputMin": 0, "outputMax": 255}),
        ("linear_scale_range", {"inputMin": 0, "inputMax": 7}),
        ("linear_scale_range", {"inputMin": 10, "inputMax": -10}),
        ("linear_scale_range", {"inputMin": 3, "inputMax": 3}),
        ("log", {"base": 10}),
        ("log", {"base": 2}),
        ("log", {"base": 3}),
        ("round", {"p": 1}),
        ("round", {"p": -1}),
    ],
)
@given(cube=cubes())
@quickly
def test_cubes_are_computed_with_constants_cell_by_cell(process_id, constants, cube):
    found = whole(process_id, {"x": cube, **constants})
    assert_same_by_cells(process_id, {"x": cube, **constants}, found)
    assert found.data.dtype in (cube.data.dtype, np.float32, np.int64)


@pytest.mark.parametrize("exponent", [-1, 0, 0.5, 2, 3])
@given(cube=cubes())
@quickly
def test_powers_of_cubes_are_computed_cell_by_cell(exponent, cube):
    assert_same_by_cells("power", {"base": cube, "p": exponent}, whole("power", {"base": cube, "p": exponent}))


def test_no_data_stays_no_data_in_powers_that_do_not_depend_on_it():
    gap = Values(data=np.array([[math.nan, 2]], dtype=np.float32), nan_is_nodata=True)

    for arguments in ({"base": gap, "p": 0}, {"base": 1, "p": gap}):
        np.testing.assert_array_equal(whole("power", arguments).data, [[math.nan, 1]])


@pytest.mark.parametrize(
    ("process_id", "arguments", "expected"),
    [
        ("absolute", {"x": -(2**63)}, 2.0**63),
        ("add", {"x": LARGEST, "y": 1}, 2.0**63),
        ("add", {"x": LARGEST, "y": -1}, LARGEST - 1),
        ("subtract", {"x": -LARGEST, "y": 2}, -(2.0**63)),
        ("subtract", {"x": LARGEST, "y": 5}, LARGEST - 5),
        ("multiply", {"x": LARGEST, "y": 1}, LARGEST),
        ("multiply", {"x": -(2**63), "y": -1}, 2.0**63),
        ("multiply", {"x": 2**32, "y": 2**31}, 2.0**63),
        ("multiply", {"x": 3037000499, "y": 3037000499}, 3037000499**2),
        ("power", {"base": 2, "p": 62}, 2**62),
        ("power", {"base": 2, "p": 64}, 2.0**64),
        ("power", {"base": 3, "p": 39}, 3**39),
        ("power", {"base": 10, "p": 400}, math.inf),
        ("power", {"base": 0, "p": -1}, math.inf),
        ("mod", {"x": LARGEST, "y": 1000}, LARGEST % 1000),
        ("round", {"x": LARGEST, "p": -1}, 2.0**63),
        ("round", {"x": LARGEST, "p": 2}, LARGEST),
        ("round", {"x": 9 * 10**18, "p": -19}, 1e19),
        ("round", {"x": 4 * 10**18, "p": -400}, 0),
        ("round", {"x": 1234567890123456785, "p": -1}, 1234567890123456780),
        ("round", {"x": -25, "p": -1}, -20),
        ("round", {"x": -35, "p": -1}, -40),
        ("round", {"x": 1.5, "p": 400}, 1.5),
        ("round", {"x": 1.5, "p": -400}, 0),
        ("floor", {"x": LARGEST}, LARGEST),
        ("log", {"x": 10**15, "base": 10}, 15),
    ],
)
def test_integers_are_exact_or_become_floats(process_id, arguments, expected):
    found = compute(process_id, arguments)

    assert found == expected
    assert isinstance(found, int) or not isinstance(expected, int) or process_id in {"log", "round"}


def test_cubes_of_small_integers_neither_wrap_nor_grow_more_than_they_must():
    red = Values(data=np.array([[200, 255]], dtype=np.uint8))
    infrared = Values(data=np.array([[100, 255]], dtype=np.uint8))

    np.testing.assert_array_equal(whole("subtract", {"x": infrared, "y": red}).data, [[-100, 0]])
    np.testing.assert_array_equal(whole("add", {"x": infrared, "y": red}).data, [[300, 510]])
    np.testing.assert_array_equal(whole("multiply", {"x": infrared, "y": 1000}).data, [[100000, 255000]])
    index = whole("normalized_difference", {"x": infrared, "y": red}).data
    np.testing.assert_allclose(index, [[-1 / 3, 0]], rtol=1e-6)
    assert index.dtype == np.float32


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("uint8", "f4"), ("int16", "f4"), ("uint16", "f4"), ("int32", "f8"), ("uint64", "f8"), ("f4", "f4"), ("f8", "f8")],
)
def test_quotients_have_the_precision_that_their_numbers_need(kind, expected):
    cube = Values(data=np.array([[7, 2]], dtype=kind))

    for arguments in ({"x": cube, "y": 4}, {"x": 4, "y": cube}, {"x": cube, "y": cube}):
        assert whole("divide", arguments).data.dtype == expected


def test_integers_of_64_bits_without_a_sign_become_floats_where_they_do_not_fit():
    cube = Values(data=np.array([[2**64 - 1, 1]], dtype=np.uint64))

    np.testing.assert_array_equal(whole("add", {"x": cube, "y": 1}).data, [[2.0**64, 2]])


@pytest.mark.parametrize(
    ("process_id", "first", "second"), [("subtract", "x", "y"), ("multiply", "x", "y"), ("power", "base", "p")]
)
def test_what_stands_in_gaps_makes_no_floats_of_integers(process_id, first, second):
    """The largest of no pixels is the least of all integers."""
    one = Values(data=np.array([[2**53 + 1, LARGEST]]), valid=np.array([[True, False]]))
    other = Values(data=np.array([[1, -(2**63)]]))
    if process_id == "power":
        other = replace(other, data=np.array([[1, 9]]))
    found = whole(process_id, {first: one, second: other})

    assert found.data.dtype == np.int64
    assert found.where().tolist() == [[True, False]]
    assert found.data[0, 0] == 2**53 + (process_id != "subtract")
    every = whole(process_id, {first: replace(one, valid=None), second: other})
    assert every.data.dtype == np.float64


def test_what_is_masked_stays_masked_and_undefined_results_are_nan():
    cube = Values(data=np.array([[-4, 4, 9]], dtype=np.int16), valid=np.array([[True, True, False]]))

    root = whole("sqrt", {"x": cube})

    np.testing.assert_array_equal(root.where(), [[True, True, False]])
    np.testing.assert_array_equal(root.data[root.where()], [math.nan, 2])


def test_remainders_of_a_cube_by_zero_are_those_of_its_cells():
    cube = Values(data=np.array([[2, -2, 0]], dtype=np.int16))

    np.testing.assert_array_equal(whole("mod", {"x": cube, "y": 0}).data, [[math.inf, -math.inf, math.nan]])


def test_bounds_may_be_cubes_and_must_not_be_swapped_where_they_count():
    lower = Values(data=np.array([[0, 5]], dtype=np.int16), valid=np.array([[True, False]]))
    x = Values(data=np.array([[7, 7]], dtype=np.int16))

    clipped = whole("clip", {"x": x, "min": lower, "max": 3})
    np.testing.assert_array_equal(clipped.where(), [[True, False]])
    assert clipped.data[0, 0] == 3
    with pytest.raises(ProcessError) as failure:
        whole("clip", {"x": x, "min": replace(lower, valid=None), "max": 3})
    assert failure.value.reason == "MinMaxSwapped"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"x": -7, "inputMin": -1, "inputMax": 1}, 0),
        ({"x": math.inf, "inputMin": 0, "inputMax": 1, "outputMax": 10}, 10),
        ({"x": 1, "inputMin": 0, "inputMax": 4, "outputMin": 100, "outputMax": 0}, 75),
        ({"x": 1, "inputMin": 4, "inputMax": 0}, 0.75),
        ({"x": 1, "inputMin": 2, "inputMax": 1, "outputMin": 0.1, "outputMax": 0.7}, 0.7),
    ],
)
def test_ranges_are_scaled_to_their_very_ends(arguments, expected):
    assert compute("linear_scale_range", arguments) == expected


@pytest.mark.parametrize(("x", "expected"), [(2, 1), (-0.0, 0), (-math.inf, -1), (None, None)])
def test_signs(x, expected):
    assert compute("sgn", {"x": x}) == expected


@pytest.mark.parametrize(
    ("x", "expected"), [(-0.4, 0), (3.5, 3), (-3.5, -3), (1e300, 1e300), (-math.inf, -math.inf), (None, None)]
)
def test_integer_parts(x, expected):
    assert compute("int", {"x": x}) == expected


@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("add", {"x": "1", "y": 2}),
        ("multiply", {"x": True, "y": 2}),
        ("sin", {"x": "a"}),
        ("round", {"x": 1, "p": 0.5}),
        ("round", {"x": 1, "p": "2"}),
        ("sum", {"data": [1, "2"]}),
        ("sum", {"data": 3}),
        ("cumsum", {"data": 3}),
        ("max", {"data": [True, False]}),
    ],
)
def test_what_is_no_number_is_refused(process_id, arguments):
    with pytest.raises(ProcessParameterInvalidError):
        compute(process_id, arguments)


@pytest.mark.parametrize(
    ("process_id", "x", "expected"),
    [
        ("tan", 1, math.tan(1)),
        ("tan", -math.pi / 4, -1),
        ("tan", math.inf, math.nan),
        ("arccos", 0.5, math.pi / 3),
        ("arccos", -1, math.pi),
        ("arccos", 1.0001, math.nan),
        ("arcosh", 2, math.acosh(2)),
        ("arcosh", math.inf, math.inf),
        ("arcosh", 0.5, math.nan),
        ("arcosh", -2, math.nan),
    ],
)
def test_angles(process_id, x, expected):
    assert compute(process_id, {"x": x}) == pytest.approx(expected, nan_ok=True)
    assert compute(process_id, {"x": None}) is None


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [(0, 1, -1), (1, 0, 1), (0, 0, math.nan), (1, -1, math.inf), (-1, 1, -math.inf), (1, None, None), (math.nan, 1, math.nan)],
)
def test_normalized_differences(x, y, expected):
    assert compute("normalized_difference", {"x": x, "y": y}) == pytest.approx(expected, nan_ok=True)
