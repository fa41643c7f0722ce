"""Comparisons: of all kinds of values, in cells as in JSON."""

import numpy as np
import pytest

from processing.openeo.cubes import assert_same_in_each_cell, compute_cubes, make_cube
from processing.openeo.suite import compute
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

ORDERED = ("gt", "gte", "lt", "lte")
LARGEST = 2**63 - 1


@pytest.mark.parametrize("process_id", [*ORDERED, "eq", "neq"])
@pytest.mark.parametrize("kind", ["float32", "int16", "bool"])
@pytest.mark.parametrize("other", ["float32", "int16", "bool", 0, 0.25, True, "1", None])
def test_cells_are_compared_as_json_is(process_id, kind, other):
    y = make_cube(other, seed=2) if other in {"float32", "int16", "bool"} and isinstance(other, str) else other

    found = assert_same_in_each_cell(process_id, x=make_cube(kind), y=y)

    assert found.data.dtype == bool
    assert not found.nan_is_nodata


@pytest.mark.parametrize(
    ("process_id", "expected"), [("gt", False), ("gte", True), ("lt", False), ("lte", True), ("eq", True), ("neq", False)]
)
def test_large_integers_are_not_rounded(process_id, expected):
    assert compute(process_id, {"x": LARGEST, "y": LARGEST}) is expected
    assert compute(process_id, {"x": LARGEST, "y": LARGEST - 1}) is {"gt": True, "gte": True, "neq": True}.get(process_id, False)


@pytest.mark.parametrize(
    ("process_id", "x", "y", "expected"),
    [
        ("gte", "a", "a", True),
        ("gte", "b", "a", False),
        ("gte", True, True, True),
        ("gte", True, False, False),
        ("gte", True, 1, False),
        ("gte", "2018-01-01T00:00:00Z", "2018-01-01T00:00:00+00:00", False),
        ("gte", None, None, None),
        ("gte", float("nan"), float("nan"), False),
        ("gte", float("inf"), float("inf"), True),
        ("lt", float("-inf"), float("inf"), True),
        ("lt", "1", 2, False),
        ("lt", 5, float("nan"), False),
        ("lt", None, 1, None),
        ("lt", False, True, False),
        ("neq", 1, "1", True),
        ("neq", 0, False, True),
        ("neq", float("nan"), float("nan"), True),
        ("neq", None, 1, None),
        ("neq", float("inf"), float("inf"), False),
    ],
)
def test_edges_of_comparisons(process_id, x, y, expected):
    assert compute(process_id, {"x": x, "y": y}) is expected


def test_small_integers_are_compared_with_constants_that_they_cannot_hold():
    cube = Values(data=np.array([65535, 0], dtype=np.uint16))

    assert compute_cubes("lt", x=cube, y=70000).data.tolist() == [True, True]
    assert compute_cubes("gt", x=cube, y=-1).data.tolist() == [True, True]
    assert compute_cubes("eq", x=cube, y=65535.001).data.tolist() == [False, False]


def test_a_constant_is_compared_in_the_type_of_a_cube():
    cube = Values(data=np.array([0.1, 0.2], dtype=np.float32), nan_is_nodata=True)

    assert compute_cubes("eq", x=cube, y=0.1).data.tolist() == [True, False]


@pytest.mark.parametrize("process_id", ["eq", "neq"])
@pytest.mark.parametrize("kind", ["float32", "int16"])
def test_numbers_may_be_a_little_apart(process_id, kind):
    assert_same_in_each_cell(process_id, x=make_cube(kind), y=make_cube(kind, seed=2), delta=0.5)


def test_differences_of_integers_do_not_wrap():
    assert compute("eq", {"x": LARGEST, "y": -LARGEST - 1, "delta": 2}) is False
    assert compute("eq", {"x": float("inf"), "y": float("inf"), "delta": 2}) is True


@pytest.mark.parametrize("delta", [0, -1, "1", True])
def test_a_delta_is_above_zero(delta):
    with pytest.raises(ProcessParameterInvalidError, match="delta"):
        compute("eq", {"x": 1, "y": 1, "delta": delta})


def test_texts_in_cells_are_compared_one_by_one():
    labels = Values(data=np.array([["B04"], ["b08"], [4]], dtype=object))

    assert compute_cubes("eq", x=labels, y="B08").data.tolist() == [[False], [False], [False]]
    assert compute_cubes("eq", x=labels, y="B08", case_sensitive=False).data.tolist() == [[False], [True], [False]]
    assert compute_cubes("gt", x=labels, y=3).data.tolist() == [[False], [False], [True]]


@pytest.mark.parametrize("kind", ["float32", "int16", "bool"])
@pytest.mark.parametrize("exclude_max", [False, True])
def test_cells_lie_between_as_json_does(kind, exclude_max):
    assert_same_in_each_cell("between", x=make_cube(kind), min=-1, max=0.5, exclude_max=exclude_max)


def test_bounds_are_numbers():
    with pytest.raises(ProcessParameterInvalidError, match="min"):
        compute("between", {"x": 1, "min": "0", "max": 2})


@pytest.mark.parametrize("process_id", ["is_nodata", "is_valid", "is_infinite"])
@pytest.mark.parametrize("kind", ["float32", "int16", "bool"])
def test_the_state_of_cells_is_that_of_json(process_id, kind):
    found = assert_same_in_each_cell(process_id, x=make_cube(kind))

    assert found.mask() is None


@pytest.mark.parametrize(
    ("value", "states"),
    [
        (float("nan"), {"is_nan"}),
        (float("inf"), {"is_infinite"}),
        (float("-inf"), {"is_infinite"}),
        (1, {"is_valid"}),
        ("Infinity", {"is_valid"}),
        ({"a": None}, {"is_valid"}),
        ([float("inf"), None], {"is_valid"}),
        ([], {"is_valid"}),
        (None, {"is_nodata"}),
    ],
)
def test_each_value_has_its_states(value, states):
    found = {each for each in ("is_nan", "is_infinite", "is_nodata", "is_valid") if compute(each, {"x": value})}

    assert found == states


def test_the_no_data_of_float_cubes_is_nan_too():
    cube = Values(data=np.array([1, np.nan, np.inf], dtype=np.float32), nan_is_nodata=True)

    assert compute_cubes("is_nan", x=cube).data.tolist() == [False, True, False]
    assert compute_cubes("is_nodata", x=cube).data.tolist() == [False, True, False]
    assert compute_cubes("is_infinite", x=cube).data.tolist() == [False, False, True]
    assert compute_cubes("is_valid", x=cube).data.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("x", "least", "most", "expected"),
    [
        ("2020-01-01T01:00:00+01:00", "2020-01-01", "2020-01-01", True),
        ("2020-01-01T00:00:00.001Z", "2020-01-01", "2020-01-01", False),
        ("2020-06-01", "2021-01-01", "2020-01-01", False),
        ("12:00:00", "12:00:00", "13:00:00", True),
        (None, "2020-01-01", "2021-01-01", None),
    ],
)
def test_dates_lie_between_others(x, least, most, expected):
    assert compute("date_between", {"x": x, "min": least, "max": most}) is expected


@pytest.mark.parametrize("x", ["yesterday", "2020-02-30", "12:00", 5, "24:00:00"])
def test_what_is_no_date_is_refused(x):
    with pytest.raises(ProcessParameterInvalidError):
        compute("date_between", {"x": x, "min": "2020-01-01", "max": "2021-01-01"})


def test_times_of_a_day_are_not_compared_with_dates():
    with pytest.raises(ProcessParameterInvalidError, match="Times of a day"):
        compute("date_between", {"x": "12:00:00", "min": "2020-01-01", "max": "2021-01-01"})


def test_units_of_differences_are_known():
    with pytest.raises(ProcessParameterInvalidError, match="'unit' is none of millisecond"):
        compute("date_difference", {"date1": "2020-01-01", "date2": "2020-01-02", "unit": "days"})
