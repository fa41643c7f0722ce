"""Cubes with gaps, computed as wholes and cell by cell as JSON: both must come to the same."""

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from processing.openeo.suite import compute
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.values import Values

SHAPE = (3, 4, 5)


@st.composite
def float_cubes(draw, low=-20, high=20, shape=SHAPE):
    """Draw cubes of float32 in which NaN is no data."""
    hundredths = st.integers(100 * low, 100 * high).map(lambda number: float(np.float32(number / 100)))
    numbers = hundredths | st.integers(low, high) | st.just(math.nan)
    return Values(data=draw(arrays.arrays(np.float32, shape, elements=numbers, fill=st.nothing())), nan_is_nodata=True)


@st.composite
def integer_cubes(draw, low=-20, high=20, shape=SHAPE):
    """Draw cubes of int16 with a mask."""
    data = draw(arrays.arrays(np.int16, shape, elements=st.integers(low, high), fill=st.nothing()))
    return Values(data=data, valid=draw(arrays.arrays(bool, shape, fill=st.nothing())))


def cubes(low=-20, high=20):
    return float_cubes(low, high) | integer_cubes(low, high)


def whole(process_id, arguments):
    """Return what a process makes of cubes, all cells at once."""
    process = find_process(process_id)
    return process.kernel(**{each.name: as_values(each, arguments.get(each.name, each.default)) for each in process.parameters})


def assert_same_by_cells(process_id, arguments, found, *, elements_are_first=False):
    """Compare *found* with what the process makes of each cell alone."""
    assert found.nan_is_nodata == (any_by_nan(arguments) and found.data.dtype.kind == "f")
    cells = SHAPE[1:] if elements_are_first else SHAPE
    for cell in np.ndindex(*cells):
        at = (slice(None), *cell) if elements_are_first else cell
        expected = compute(process_id, {name: to_cell(each, at) for name, each in arguments.items()})
        of_cell = to_cell(found, (slice(None), *cell) if found.is_array else cell)
        assert is_close(of_cell, expected, found), (process_id, cell, of_cell, expected)


def to_cell(values, at):
    """Return one cell as JSON has it."""
    if not isinstance(values, Values):
        return values
    data, there = values.data[at], values.where()[at]
    if data.ndim == 0:
        return data.item() if there else None
    return [each.item() if is_there else None for each, is_there in zip(data, there, strict=True)]


def is_close(found, expected, values):
    if isinstance(expected, list):
        return len(found) == len(expected) and all(is_close(*each, values) for each in zip(found, expected, strict=True))
    if values.nan_is_nodata and isinstance(expected, float) and math.isnan(expected):
        return found is None
    if found is None or expected is None:
        return found is expected
    if math.isnan(expected):
        return math.isnan(found)
    tolerance = 1e-5 if values.data.dtype == np.float32 else 1e-10
    return math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)


def as_values(parameter, value):
    return value if parameter.is_plain or isinstance(value, Values) else Values(data=np.array(value))


def any_by_nan(arguments):
    return any(each.nan_is_nodata for each in arguments.values() if isinstance(each, Values))
