"""Merging of ordered pages into one, and the position from which each source goes on.

Pure: no clock, no I/O. The key of a position is the same for all sources, but where several sites hold items of the same key
(id and collection are a part of it), and a page ends between them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from twinlake.core.errors import InvalidInputError
from twinlake.federation.search.errors import InvalidAnswerError
from twinlake.federation.search.interfaces import SourcePage
from twinlake.federation.search.keys import Key, KeyOrder, Place
from twinlake.holdings.catalogue.interfaces import ItemQuery

_Row = tuple[Place, int, int]
"""Place of an item, rank of its source, its number there."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins."""

    after: Key | None = None
    """Sources go on behind this key; None is the beginning."""
    apart: Mapping[str, Key | None] = field(default_factory=dict)
    """But these behind keys of their own."""

    def after_for(self, source: str) -> Key | None:
        """Return the key after which *source* goes on."""
        return self.apart.get(source, self.after)


@dataclass(frozen=True, slots=True)
class CheckedPage:
    """A page that keeps the order, with the keys that were computed from it."""

    keys: Sequence[Key]
    places: Sequence[Place]
    bodies: Sequence[bytes]
    more: bool
    matched: int | None
    closed: frozenset[str]


@dataclass(frozen=True, slots=True)
class MergedPage:
    """One page of several sources."""

    taken: Sequence[tuple[str, bytes]]
    """Source and body of each item."""
    next: Position | None
    """None on the last page."""


def check_page(page: SourcePage, query: ItemQuery, order: KeyOrder) -> CheckedPage:
    """Compute the keys of *page*, and hold it to what *query*, with its own `after`, asked of its source.

    Raises
    ------
    InvalidAnswerError
        It is out of order, has more than was asked for, or something that was not.
    """
    bodies = page.bodies
    if len(bodies) > query.limit:
        raise InvalidAnswerError("It sent more items than were asked for.")
    if page.more and not bodies:
        raise InvalidAnswerError("It promised more items and sent none.")
    try:
        keys = [order.read(body) for body in bodies]
    except InvalidInputError as error:
        raise InvalidAnswerError(error.message) from error
    places = [order.place(key) for key in keys]
    before = None if query.after is None else order.place(query.after)
    for place in places:
        if before is not None and not before < place:
            raise InvalidAnswerError("Its items are out of order, or were sent before.")
        before = place
    _check_names(keys, query, order)
    _check_count(page, query)
    return CheckedPage(keys, places, bodies, page.more, page.matched, page.closed)


def _check_names(keys: Sequence[Key], query: ItemQuery, order: KeyOrder) -> None:
    for name, wanted in (("id", query.ids), ("collection", query.collections)):
        if wanted is not None and not _all_in(keys, order.index(name), frozenset(wanted)):
            raise InvalidAnswerError(f"It sent an item of another {name} than was asked for.")


def _all_in(keys: Sequence[Key], index: int, wanted: Collection[str]) -> bool:
    return all(key[index] in wanted for key in keys)


def _check_count(page: SourcePage, query: ItemQuery) -> None:
    if query.after is not None or page.matched is None:
        return
    if page.matched < len(page.bodies) + page.more or (not page.more and page.matched != len(page.bodies)):
        raise InvalidAnswerError("The number of matches that it told is not true.")


def merge(pages: Mapping[str, CheckedPage], start: Position, order: KeyOrder, *, limit: int) -> MergedPage:
    """Merge pages that begin at *start*: at most *limit* items, and none beyond what is known of any source."""
    sources = sorted(pages)
    rows = sorted(
        [(place, rank, number) for rank, source in enumerate(sources) for number, place in enumerate(pages[source].places)]
    )
    end = 0
    for _, rank, number in rows[:limit]:
        end += 1
        page = pages[sources[rank]]
        if page.more and number == len(page.bodies) - 1:
            break  # what this source has next is not known, and may come before all that is left
    taken = [(sources[rank], pages[sources[rank]].bodies[number]) for _, rank, number in rows[:end]]
    if end == len(rows) and not any(page.more for page in pages.values()):
        return MergedPage(taken, None)
    return MergedPage(taken, _go_on(pages, rows, end, start=start, order=order))


def _go_on(pages: Mapping[str, CheckedPage], rows: Sequence[_Row], end: int, *, start: Position, order: KeyOrder) -> Position:
    """Return the position behind the first *end* of *rows*.

    A source goes on behind the last item taken, but where it holds one of the same key that was not, and where it was further
    already: such a tie was on the page before, and something has come in between since.
    """
    sources = sorted(pages)

    def key(row: _Row) -> Key:
        return pages[sources[row[1]]].keys[row[2]]

    def later(one: Key | None, other: Key | None) -> Key | None:
        if one is None or other is None:
            return one or other
        return one if order.place(one) > order.place(other) else other

    last = rows[end - 1]
    tied = {row[1] for row in takewhile(lambda row: row[0] == last[0], rows[end:])}
    before = next((key(row) for row in reversed(rows[:end]) if row[0] != last[0]), None)
    after = later(start.after, key(last))
    reached = {
        source: later(start.after_for(source), before if rank in tied else key(last)) for rank, source in enumerate(sources)
    }
    return Position(after, {source: own for source, own in reached.items() if own != after})
