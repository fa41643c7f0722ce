"""Numbers of things in words."""

import pytest

from twinlake.core.counting import count, count_of


def test_one_thing_has_no_s():
    assert [count(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


@pytest.mark.parametrize(
    ("done", "total", "written"),
    [(0, 1, "0 of 1 tile"), (1, 1, "1 of 1 tile"), (1, 8, "1 of 8 tiles"), (1, None, "1 tile"), (0, None, "0 tiles")],
)
def test_what_is_done_is_told_of_what_there_is(done, total, written):
    assert count_of(done, total, "tiles") == written
