"""Statistics of arrays: cubes as cells, exact order statistics, sums without drift."""

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.openeo.cells import assert_same_by_cells, cubes, whole
from processing.openeo.suite import compute
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

LARGEST = 2**63 - 1
REDUCERS = ("max", "mean", "median", "min", "product", "sd", "sum", "variance")
TO_ARRAYS = (("extrema", {}), ("quantiles", {"probabilities": [0, 0.1, 0.5, 1]}), ("quantiles", {"q": 3}))
quickly = settings(max_examples=10, deadline=None, database=None)


@pytest.mark.parametrize(("process_id", "options"), [*[(each, {}) for each in REDUCERS], *TO_ARRAYS])
@given(cube=cubes(), ignore_nodata=st.booleans())
@quickly
def test_cubes_are_reduced_cell_by_cell(process_id, options, cube, ignore_nodata):
    arguments = {"data": replace(cube, is_array=True), "ignore_nodata": ignore_nodata, **options}

    found = whole(process_id, arguments)

    assert_same_by_cells(process_id, arguments, found, elements_are_first=True)
    assert found.is_array == bool(process_id in {"extrema", "quantiles"})
    if cube.data.dtype == np.float32:
        assert found.data.dtype == np.float32


@pytest.mark.parametrize(("process_id", "exactly", "most"), [("sum", sum, LARGEST), ("product", math.prod, 10_000)])
@given(data=st.data())
@settings(deadline=None, database=None)
def test_integers_are_reduced_exactly_where_64_bits_hold_the_result(process_id, exactly, most, data):
    numbers = data.draw(st.lists(st.integers(-most, most), min_size=1, max_size=20))
    expected = exactly(numbers)

    found = compute(process_id, {"data": numbers})

    assert found == (expected if abs(expected) <= LARGEST else pytest.approx(expected, rel=1e-12))


def test_sums_that_pass_64_bits_on_their_way_are_exact():
    assert compute("sum", {"data": [LARGEST, LARGEST, -LARGEST, -LARGEST + 7]}) == 7
    assert compute("product", {"data": [2**40, 2**40, 0]}) == 0


def test_means_and_deviations_of_many_float32_do_not_drift():
    field = np.full((1_000_000, 1), 273.15, dtype=np.float32)
    field[::2] += np.float32(0.5)
    data = Values(data=field, is_array=True, nan_is_nodata=True)
    exact = field.astype(np.float64)

    assert whole("mean", {"data": data}).data == np.float32(exact.mean())
    assert whole("sd", {"data": data}).data == np.float32(exact.std(ddof=1))
    assert whole("sum", {"data": data}).data == np.float32(exact.sum())


def test_variance_keeps_its_digits_beside_a_large_mean():
    assert compute("variance", {"data": [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]}) == 30


@pytest.mark.parametrize("process_id", ["sd", "variance"])
def test_one_element_has_no_spread(process_id):
    assert math.isnan(compute(process_id, {"data": [5, None]}))
    assert compute(process_id, {"data": [None]}) is None


@given(numbers=st.lists(st.floats(-1e9, 1e9), min_size=2), q=st.integers(2, 12))
@settings(deadline=None, database=None)
def test_quantiles_are_those_of_the_standard_library(numbers, q):
    expected = statistics.quantiles(numbers, n=q, method="inclusive")

    assert compute("quantiles", {"data": numbers, "probabilities": q}) == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert compute("median", {"data": numbers}) == pytest.approx(statistics.median(numbers), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "QuantilesParameterMissing"),
        ({"probabilities": [0.5], "q": 2}, "QuantilesParameterConflict"),
        ({"probabilities": [0.5, 0.1]}, "AscendingProbabilitiesRequired"),
    ],
)
def test_quantiles_say_what_they_need(arguments, reason):
    with pytest.raises(ProcessError) as failure:
        compute("quantiles", {"data": [1, 2], **arguments})
    assert failure.value.reason == reason


@pytest.mark.parametrize("probabilities", [1, 10**9, True, "4", [0.5, 2], [None], [[0.5]], [math.nan]])
def test_quantiles_that_there_are_not_are_refused(probabilities):
    with pytest.raises(ProcessParameterInvalidError):
        compute("quantiles", {"data": [1, 2], "probabilities": probabilities})


@pytest.mark.parametrize(
    ("process_id", "data", "expected"),
    [
        ("min", [math.nan, 1], math.nan),
        ("min", [1, -math.inf, None], -math.inf),
        ("min", [LARGEST, None], LARGEST),
        ("min", [None], None),
        ("sum", [], None),
        ("sum", [math.inf, 1], math.inf),
        ("sum", [math.inf, -math.inf], math.nan),
        ("sum", [1, math.nan], math.nan),
        ("sum", [0.1] * 10, pytest.approx(1)),
    ],
)
def test_edges(process_id, data, expected):
    found = compute(process_id, {"data": data})

    assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_reduced_integers_keep_their_mask_and_small_ones_stay_small():
    data = np.array([[3, 9], [-7, 8]], dtype=np.int16)
    cube = Values(data=data, valid=np.array([[True, False], [True, False]]), is_array=True)

    lowest = whole("min", {"data": cube})

    np.testing.assert_array_equal(lowest.where(), [True, False])
    assert (lowest.data[0], lowest.data.dtype) == (-7, np.int16)


@pytest.mark.parametrize("process_id", REDUCERS)
def test_cubes_without_any_element_have_no_data_in_their_own_type(process_id):
    data = Values(data=np.zeros((0, 2, 2), dtype=np.float32), is_array=True, nan_is_nodata=True)

    found = whole(process_id, {"data": data})

    assert found.data.dtype == np.float32
    assert not found.where().any()
    assert found.data.shape == (2, 2)


@pytest.mark.parametrize("process_id", ["mean", "product", "sd", "sum", "variance"])
@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("ignore_nodata", [True, False])
def test_a_cell_has_the_same_bits_whatever_is_beside_it(process_id, first, ignore_nodata):
    """Wherever the elements lie in memory: numpy adds those of a single cell in another order than those of many."""
    random = np.random.default_rng(3)
    cube = np.moveaxis(random.normal(1, 0.3, (300, 4, 5)), 0, first)
    kernel = find_process(process_id).kernel

    def compute(part):
        elements_first = np.moveaxis(np.ascontiguousarray(part), first, 0)
        values = Values(data=elements_first, is_array=True, nan_is_nodata=True)
        return kernel(data=values, ignore_nodata=ignore_nodata).data

    made = compute(cube)
    for height, width in ((1, 1), (1, 5), (4, 1), (2, 3)):
        part = np.moveaxis(cube, first, 0)[:, :height, :width]
        assert compute(np.moveaxis(part, 0, first)).tobytes() == np.ascontiguousarray(made[:height, :width]).tobytes()
