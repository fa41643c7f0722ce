"""Places of cells in metadata: few numbers that tell the coordinates of a file to the last bit."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinlake.holdings.readers.labels import describe_axis, read_axis


def kept(values):
    described = json.loads(json.dumps(describe_axis(values)))
    return described, read_axis(described)


@given(
    first=st.floats(-360, 360),
    step=st.sampled_from([1e-4, 0.0009, 0.01, 0.1, 0.25, 5 / 6, 1.875, -0.05]),
    count=st.integers(1, 900),
    noise=st.sampled_from([0.0, 1e-5]),
)
def test_coordinates_in_single_precision_are_told_exactly(first, step, count, noise):
    places = first + step * np.arange(count) + noise * np.sin(np.arange(count))
    values = places.astype(np.float32).astype(np.float64)

    assert np.array_equal(kept(values)[1], values)


@pytest.mark.parametrize(("first", "step", "count"), [(0.0, 0.1, 3600), (89.95, -0.1, 1800), (350.0, 0.0009, 900)])
def test_even_ones_that_were_rounded_take_few_numbers(first, step, count):
    values = (first + step * np.arange(count)).astype(np.float32).astype(np.float64)
    described, found = kept(values)

    assert described.keys() <= {"first", "last", "count", "single"}
    assert np.array_equal(found, values)


def test_even_ones_in_double_precision_are_even():
    described, found = kept(np.arange(100) * 0.1)

    assert described == {"first": 0.0, "last": 9.9, "count": 100}
    np.testing.assert_allclose(found, np.arange(100) * 0.1, atol=1e-12)
