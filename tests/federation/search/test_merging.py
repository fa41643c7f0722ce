"""The merger, and what it takes from a source: pages that keep the order, and nothing else."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinlake.federation.search.errors import InvalidAnswerError
from twinlake.federation.search.interfaces import SourcePage
from twinlake.federation.search.keys import key_order
from twinlake.federation.search.merging import Position, check_page, merge
from twinlake.holdings.catalogue.interfaces import ItemQuery, SortKey

_BY_NUMBER = (SortKey("n"),)
_ORDER = key_order(_BY_NUMBER)


def _item(number, name="a", collection="c"):
    return orjson.dumps(
        {"type": "Feature", "id": name, "collection": collection, "properties": {"n": number, "datetime": "2020-01-01T00:00:00Z"}}
    )


def _page(*bodies, more=False, matched=None):
    return SourcePage(bodies=bodies, more=more, matched=matched)


def _query(**members):
    return ItemQuery(sortby=_BY_NUMBER, **{"limit": 3, **members})


@pytest.mark.parametrize(
    ("page", "query"),
    [
        (_page(_item(2), _item(1)), _query()),
        (_page(_item(1), _item(1)), _query()),
        (_page(_item(None), _item(1)), _query()),
        (_page(_item("x"), _item(1)), _query()),
        (_page(_item(1)), _query(after=(1, "a", "c"))),
        (_page(_item(1)), _query(after=(5, "a", "c"))),
        (_page(*map(_item, range(4))), _query()),
        (_page(more=True), _query()),
        (_page(_item(1)), _query(collections=("d",))),
        (_page(_item(1)), _query(ids=("b",))),
        (_page(_item(1), matched=2), _query()),
        (_page(_item(1), matched=0), _query()),
        (_page(_item(1), more=True, matched=1), _query()),
        (_page(b"{}"), _query()),
        (_page(b'{"type":"Feature","id":1,"collection":"c","properties":{}}'), _query()),
    ],
)
def test_a_page_that_breaks_the_rules_is_refused(page, query):
    with pytest.raises(InvalidAnswerError):
        check_page(page, query, _ORDER)


def _split(held, limit, start):
    """Let sources that hold *held* answer as true ones do."""
    pages = {}
    for site, numbers in held.items():
        query = _query(limit=limit, after=start.after_for(site))
        bodies = [_item(number) for number in numbers]
        keys = [_ORDER.read(body) for body in bodies]
        left = [body for body, key in zip(bodies, keys, strict=True) if _comes_after(key, query.after)]
        # A site may send less than was asked for, when items are large.
        sent = max(1, limit - len(site) % 2)
        pages[site] = check_page(_page(*left[:sent], more=len(left) > sent), query, _ORDER)
    return pages


def _comes_after(key, after):
    return after is None or _ORDER.place(key) > _ORDER.place(after)


_numbers = st.none() | st.integers(0, 8) | st.sampled_from(("x", "y"))
_held = st.sets(_numbers, max_size=8).map(lambda numbers: sorted(numbers, key=lambda n: _ORDER.place((n, "a", "c"))))


@given(st.dictionaries(st.sampled_from(("s", "ss", "sss", "t")), _held, min_size=1), st.integers(1, 5))
def test_pages_of_any_sources_make_the_whole(held, limit):
    found, start = [], Position()
    while start is not None:
        merged = merge(_split(held, limit, start), start, _ORDER, limit=limit)
        assert len(merged.taken) <= limit
        assert merged.taken or merged.next is None
        found += [(site, orjson.loads(body)["properties"]["n"]) for site, body in merged.taken]
        start = merged.next

    everything = [(site, number) for site, numbers in held.items() for number in numbers]
    assert sorted(found, key=repr) == sorted(everything, key=repr)
    places = [_ORDER.place((number, "a", "c")) for _, number in found]
    assert places == sorted(places)


def test_what_comes_in_between_two_of_one_key_brings_back_neither():
    held = {"s": [4], "t": [4]}
    first = merge(_split(held, 1, Position()), Position(), _ORDER, limit=1)
    held["t"] = [2, 4]
    second = merge(_split(held, 1, first.next), first.next, _ORDER, limit=1)
    third = merge(_split(held, 1, second.next), second.next, _ORDER, limit=1)

    assert [page.taken[0][0] for page in (first, second, third)] == ["s", "t", "t"]
    assert third.next is None
