"""Blocks of cells: together they are all, each once, and what is computed does not depend on them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from twinlake.processing.openeo.kernels.arrays import reducing
from twinlake.processing.openeo.kernels.cells.blocks import IN_CACHE, blocks
from twinlake.processing.openeo.values import Values


@given(shape=st.lists(st.integers(0, 7), max_size=4).map(tuple), most=st.integers(1, 60))
def test_blocks_are_all_cells_once_and_no_more_than_asked_for(shape: tuple[int, ...], most: int) -> None:
    seen = np.zeros(shape, dtype=int)
    places = list(blocks(shape, most))
    assert places  # also where there is no cell
    for place in places:
        assert seen[place].size <= max(most, 1)
        seen[place] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("reduce", [reducing.average, reducing.total, reducing.variance, reducing.largest, reducing.median])
@pytest.mark.parametrize("keeps", [True, False])
def test_a_cell_is_the_same_whatever_cells_are_beside_it(reduce: reducing.Reduce, *, keeps: bool) -> None:
    random = np.random.default_rng(7)
    data = random.normal(280, 20, (9, 3, IN_CACHE // 40, 7)).astype(np.float32)
    data[random.random(data.shape) < 0.3] = math.nan
    data[:, 0, 0, 0] = math.nan
    kernel = reducing.reducer(reduce)
    whole = kernel(data=Values(data=data, is_array=True, nan_is_nodata=True), ignore_nodata=keeps)
    some = random.integers(0, data.shape[2], 20)
    apart = kernel(data=Values(data=data[:, :, some], is_array=True, nan_is_nodata=True), ignore_nodata=keeps)
    np.testing.assert_array_equal(whole.data[:, some], apart.data)
    assert np.isnan(whole.data[0, 0, 0])


@given(
    data=arrays.arrays(
        np.float32, (6, 5), elements=st.floats(allow_nan=True, allow_infinity=True, width=32), fill=st.just(np.float32("nan"))
    )
)
def test_the_mean_is_numpys_of_what_is_there(data: np.ndarray) -> None:
    made = reducing.reducer(reducing.average)(data=Values(data=data, is_array=True, nan_is_nodata=True))
    for cell, found in zip(data.T, made.data, strict=True):
        there = cell[~np.isnan(cell)].astype(np.float64)
        with np.errstate(all="ignore"):
            expected = np.float32(np.add.reduce(there) / len(there)) if len(there) else np.float32("nan")
        np.testing.assert_allclose(found, expected, rtol=1e-6)
