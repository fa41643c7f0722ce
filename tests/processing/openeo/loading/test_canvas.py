"""Parts of cubes while they are put together."""

import numpy as np
import pytest

from twinlake.processing.openeo.loading.reading.canvas import Canvas

SHAPE = (3, 1, 4, 5)
WHOLE = (slice(0, 3), 0, ..., slice(0, 4), slice(0, 5))


def numbers(dtype="float32", *, gaps=True):
    values = np.arange(60, dtype=dtype).reshape(3, 4, 5)
    if gaps:
        values[1, 2] = np.nan
    return values


def test_what_is_for_all_of_it_becomes_its_own_and_is_what_would_have_been_copied():
    taken, copied, values = Canvas(SHAPE, "float32"), Canvas(SHAPE, "float32"), numbers()
    assert taken.can_take(WHOLE, values)
    taken.take(values)
    copied.fill(WHOLE, values, ~np.isnan(values))

    np.testing.assert_array_equal(taken.values().data, copied.values().data)
    assert np.shares_memory(taken.values().data, values)


def test_what_comes_later_fills_the_gaps_of_what_was_taken():
    canvas, later = Canvas(SHAPE, "float32"), np.full((3, 4, 5), 7, dtype="float32")
    canvas.take(numbers())
    assert not canvas.is_full(WHOLE)
    canvas.fill(WHOLE, later, np.ones(later.shape, dtype=bool))

    expected = numbers()
    expected[1, 2] = 7
    np.testing.assert_array_equal(canvas.values().data[:, 0], expected)
    assert canvas.is_full(WHOLE)


def test_what_was_taken_is_forgotten_outside_of_an_area():
    canvas, outside = Canvas(SHAPE, "float32"), np.zeros((4, 5), dtype=bool)
    outside[0] = True
    canvas.take(numbers(gaps=False))
    canvas.forget(outside)

    found = canvas.values().data[:, 0]
    assert np.isnan(found[:, 0]).all()
    np.testing.assert_array_equal(found[:, 1:], numbers(gaps=False)[:, 1:])


@pytest.mark.parametrize(
    ("place", "values"),
    [
        ((slice(0, 2), 0, ..., slice(0, 4), slice(0, 5)), numbers()[:2]),
        (WHOLE, numbers("float64")),
        (WHOLE, numbers()[:, ::-1]),
        (WHOLE, np.broadcast_to(np.float32(1), (3, 4, 5))),
    ],
)
def test_what_cannot_stand_for_all_of_it_is_copied(place, values):
    """A part, numbers of another type, and what lies otherwise in memory or is somebody else's."""
    assert not Canvas(SHAPE, "float32").can_take(place, values)


def test_a_mask_is_kept_where_no_number_says_that_there_is_no_data():
    canvas = Canvas(SHAPE, "int16")
    assert not canvas.can_take(WHOLE, numbers("int16", gaps=False))
    assert not canvas.values().where().any()
