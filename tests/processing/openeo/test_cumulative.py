"""Cumulative functions: cubes as cells, gaps, integers that never wrap."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.openeo.cells import assert_same_by_cells, cubes, whole
from processing.openeo.suite import compute
from twinlake.processing.openeo.values import Values

LARGEST = 2**63 - 1
CUMULATIVE = ("cummax", "cummin", "cumproduct", "cumsum")


@pytest.mark.parametrize("process_id", CUMULATIVE)
@given(cube=cubes(), ignore_nodata=st.booleans())
@settings(max_examples=10, deadline=None, database=None)
def test_cubes_are_accumulated_cell_by_cell(process_id, cube, ignore_nodata):
    arguments = {"data": replace(cube, is_array=True), "ignore_nodata": ignore_nodata}

    found = whole(process_id, arguments)

    assert_same_by_cells(process_id, arguments, found, elements_are_first=True)
    assert found.data.shape == cube.data.shape
    if cube.data.dtype == np.float32:
        assert found.data.dtype == np.float32


@pytest.mark.parametrize(
    ("data", "ignore_nodata", "expected"),
    [
        ([1, 3, 5, 3, 1], True, [1, 3, 5, 5, 5]),
        ([None, 3, None, 5, 1], True, [None, 3, None, 5, 5]),
        ([1, 3, None, 5, 1], False, [1, 3, None, None, None]),
        ([-math.inf, -5, math.inf, 0], True, [-math.inf, -5, math.inf, math.inf]),
        ([-LARGEST - 1, LARGEST], True, [-LARGEST - 1, LARGEST]),
        ([None, None], True, [None, None]),
        ([], True, []),
    ],
)
def test_greatest_so_far(data, ignore_nodata, expected):
    assert compute("cummax", {"data": data, "ignore_nodata": ignore_nodata}) == expected


@pytest.mark.parametrize("process_id", CUMULATIVE)
def test_nan_is_a_number_in_json_and_stays(process_id):
    first, *rest = compute(process_id, {"data": [1, math.nan, 3]})

    assert first == 1
    assert all(math.isnan(each) for each in rest)


@pytest.mark.parametrize(
    ("process_id", "data", "expected"),
    [
        ("cumsum", [LARGEST, 1], [2.0**63, 2.0**63]),
        ("cumsum", [LARGEST, -1], [LARGEST, LARGEST - 1]),
        ("cumproduct", [2**40, 2**22], [2**40, 2**62]),
        ("cumproduct", [2**40, 2**23], [2.0**40, 2.0**63]),
    ],
)
def test_integers_are_exact_or_become_floats(process_id, data, expected):
    assert compute(process_id, {"data": data}) == expected


def test_labels_are_kept():
    data = Values(data=np.array([1, 2]), is_array=True, labels=("a", "b"))

    assert whole("cumsum", {"data": data}).labels == ("a", "b")
