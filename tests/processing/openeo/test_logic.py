"""Logic of three values, in cells as in JSON."""

import numpy as np
import pytest

from processing.openeo.cubes import assert_same_in_each_cell, compute_cubes, make_cube
from processing.openeo.suite import compute
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


@pytest.mark.parametrize("process_id", ["and", "or", "xor"])
@pytest.mark.parametrize("other", ["cube", True, False, None])
def test_cells_are_joined_as_json_is(process_id, other):
    y = make_cube("bool", seed=2) if other == "cube" else other

    assert_same_in_each_cell(process_id, x=make_cube("bool"), y=y)
    assert_same_in_each_cell(process_id, x=y, y=make_cube("bool"))


@pytest.mark.parametrize("process_id", ["all", "any"])
@pytest.mark.parametrize("ignore_nodata", [True, False])
def test_arrays_in_cells_are_reduced_as_json_is(process_id, ignore_nodata):
    data = make_cube("bool", is_array=True)

    assert_same_in_each_cell(process_id, cells=(4, 5), data=data, ignore_nodata=ignore_nodata)


@pytest.mark.parametrize(
    ("data", "ignore_nodata", "expected"),
    [
        ([], False, True),
        ([None], True, True),
        ([None], False, None),
        ([None, False], False, False),
        ([None, True], False, None),
        ([True, True], False, True),
    ],
)
def test_all_is_true_until_one_is_not(data, ignore_nodata, expected):
    assert compute("all", {"data": data, "ignore_nodata": ignore_nodata}) is expected


def test_any_of_nothing_known_is_not_known():
    assert compute("any", {"data": [None], "ignore_nodata": False}) is None
    assert compute("any", {"data": [], "ignore_nodata": False}) is False


def test_the_contrary_of_cells_is_that_of_json():
    assert_same_in_each_cell("not", x=make_cube("bool"))


@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [("not", {"x": 1}), ("and", {"x": True, "y": "true"}), ("all", {"data": [1]}), ("if", {"value": 1, "accept": 2})],
)
def test_numbers_and_texts_are_no_truths(process_id, arguments):
    with pytest.raises(ProcessParameterInvalidError, match="other than true and false"):
        compute(process_id, arguments)


def test_a_value_is_no_array():
    with pytest.raises(ProcessParameterInvalidError, match="'data' is no array"):
        compute("any", {"data": True})


@pytest.mark.parametrize("kind", ["float32", "int16", "bool"])
@pytest.mark.parametrize("reject", ["cube", "constant", None])
def test_cells_are_chosen_as_json_is(kind, reject):
    accept = make_cube(kind, seed=2)
    other = {"cube": make_cube(kind, seed=3), "constant": False if kind == "bool" else 2, None: None}[reject]

    found = assert_same_in_each_cell("if", value=make_cube("bool"), accept=accept, reject=other)

    assert found.data.dtype == accept.data.dtype


def test_no_data_is_nan_where_a_choice_falls_on_a_float_cube():
    chosen = compute_cubes("if", value=make_cube("bool"), accept=make_cube("int16"), reject=make_cube("float32", seed=2))

    assert chosen.data.dtype == np.float32
    assert chosen.valid is None
    assert chosen.nan_is_nodata


@pytest.mark.parametrize(("constant", "kind"), [(7, "int16"), (70_000, "int64"), (0.5, "float32")])
def test_a_chosen_constant_is_kept_exactly(constant, kind):
    chosen = compute_cubes("if", value=make_cube("bool"), accept=constant, reject=make_cube("int16"))

    assert chosen.data.dtype == kind
    assert constant in chosen.data


def test_one_truth_chooses_among_whole_arrays():
    cube = make_cube("float32", is_array=True)

    assert compute_cubes("if", value=Values(data=np.array(True)), accept=cube, reject=[1]) is cube
    assert compute("if", {"value": None, "accept": 1, "reject": ["a", [2]]}) == ["a", [2]]


def test_arrays_are_chosen_in_each_cell():
    chosen = compute_cubes("if", value=Values(data=np.array([[True, False]])), accept=[1, 2, 3], reject=[4, 5, 6])

    assert chosen.is_array
    assert chosen.data.tolist() == [[[1, 4]], [[2, 5]], [[3, 6]]]
