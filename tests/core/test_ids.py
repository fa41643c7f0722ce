"""What may name a collection or an item."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id, new_id


@pytest.mark.parametrize("good", ["a", "with space", "Ünïcode-日本", "a.b", "x" * 255, "%2e%2e", "a:b"])
def test_ordinary_names_pass(good):
    assert check_id(good, "item") == good


@pytest.mark.parametrize("bad", ["", ".hidden", "..", "a/b", "a\\b", "a\nb", "\x00", "\x85", "x" * 256, "\ud800", 7, None])
def test_names_that_could_do_harm_are_refused(bad):
    with pytest.raises(InvalidInputError, match="item"):
        check_id(bad, "item")


@given(st.text())
def test_what_passes_is_one_path_segment(text):
    try:
        check_id(text, "item")
    except InvalidInputError:
        return
    assert "/" not in text
    assert "\\" not in text
    assert not text.startswith(".")
    assert 0 < len(text) < 256


def test_new_ids_sort_by_time():
    class Ticking:
        def __init__(self):
            from datetime import UTC, datetime, timedelta

            self.at, self.step = datetime(2026, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)

        def now(self):
            self.at += self.step
            return self.at

    clock = Ticking()
    ids = [new_id(clock, lambda n: bytes(255 for _ in range(n))) for _ in range(5)]

    assert ids == sorted(set(ids))
