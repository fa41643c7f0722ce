"""Processes that look at what lies around a pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.openeo.cutting import assert_tiles_are_the_whole, cuts
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values


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
@settings(deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), rows=st.integers(0, 3), columns=st.integers(0, 3), data=st.data())
def test_a_kernel_is_laid_on_tiles_as_on_the_whole(border, height, width, rows, columns, data):
    kernel = np.random.default_rng(2).random((2 * rows + 1, 2 * columns + 1)).tolist()

    def draw(length):
        return data.draw(cuts(length))

    assert_tiles_are_the_whole(
        "apply_kernel", a_scene(height, width), draw, draw, kernel=kernel, border=border, factor=0.3, replace_invalid=-1
    )
