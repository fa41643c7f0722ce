"""Exact statistics, kept in the transaction of the change: what a collection holds per month, and counts by place."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from twinlake.core.clock import from_microseconds
from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.footprints import Footprint
from twinlake.holdings.catalogue.preparing import Times


@dataclass(frozen=True, slots=True)
class Place:
    """What the statistics note of one item."""

    collection: str
    times: Times
    box: tuple[int, int, int, int] | None
    cell: int
    grid: int

    @classmethod
    def of(cls, collection: str, times: Times, footprint: Footprint) -> "Place":
        """Note where and when an item is."""
        return cls(collection, times, footprint.box, footprint.cell, footprint.grid)


def month_of(instant: int) -> int:
    """Return the month of an instant (microseconds since 1970 UTC), counted from the year 0."""
    moment = from_microseconds(instant)
    return moment.year * 12 + moment.month - 1


def year_of(instant: int) -> int:
    """Return the year of an instant (microseconds since 1970 UTC)."""
    return from_microseconds(instant).year


@dataclass(slots=True)
class _Month:
    n: int = 0
    box: tuple[int, int, int, int] | None = None
    first: int = 1 << 62
    last: int = -(1 << 62)

    def add(self, place: Place) -> None:
        self.n += 1
        self.first = min(self.first, place.times.starts)
        self.last = max(self.last, place.times.ends)
        if place.box is not None:
            self.box = place.box if self.box is None else _union(self.box, place.box)


def _union(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


_ADD_MONTH = """
insert into collection_month values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict do update set n = n + excluded.n,
  west = coalesce(min(west, excluded.west), west, excluded.west),
  south = coalesce(min(south, excluded.south), south, excluded.south),
  east = coalesce(max(east, excluded.east), east, excluded.east),
  north = coalesce(max(north, excluded.north), north, excluded.north),
  first_start = min(first_start, excluded.first_start), last_end = max(last_end, excluded.last_end)
"""
_REMEASURE_MONTH = """
update collection_month set (west, south, east, north, first_start, last_end) = (
  select min(west), min(south), max(east), max(north), min(starts), max(ends)
  from item indexed by item_collection_time
  where collection = :collection and at between :first - :after and :last + :before and starts between :first and :last
) where collection = :collection and month = :month
"""


def apply(tx: Connection, added: Sequence[Place], removed: Sequence[Place]) -> None:
    """Bring the statistics up to date after the rows of *added* came and those of *removed* went."""
    if not added and not removed:
        return
    _lengthen(tx, added)
    _remove_months(tx, removed)
    _add_months(tx, added)
    _remeasure(tx, removed)
    _count(tx, added, removed)


def count_removed(tx: Connection, removed: Sequence[Place]) -> None:
    """Take *removed* off the counts that choose a plan; what stands per month of their collection is given up."""
    _count(tx, [], removed)


def _count(tx: Connection, added: Iterable[Place], removed: Iterable[Place]) -> None:
    cells: Counter[tuple[int, int]] = Counter()
    grids: Counter[tuple[str, int]] = Counter()
    months: Counter[int] = Counter()
    for places, by in ((added, 1), (removed, -1)):
        for place in places:
            month = month_of(place.times.at)
            cells[place.cell, month // 12] += by
            months[month] += by
            if place.grid >= 0:
                grids[place.collection, place.grid] += by
    for sql, rows in (
        ("insert into cell_count values (?, ?, ?) on conflict do update set n = n + excluded.n", cells),
        ("insert into grid_count values (?, ?, ?) on conflict do update set n = n + excluded.n", grids),
        ("insert into month_count values (?, ?) on conflict do update set n = n + excluded.n", months),
    ):
        tx.executemany(sql, [(*(key if isinstance(key, tuple) else (key,)), n) for key, n in rows.items() if n])


def _lengthen(tx: Connection, added: Iterable[Place]) -> None:
    longest: dict[str, tuple[int, int]] = {}
    for place in added:
        at, starts, ends = place.times.at, place.times.starts, place.times.ends
        if at != starts or at != ends:
            before, after = longest.get(place.collection, (0, 0))
            longest[place.collection] = max(before, at - starts), max(after, ends - at)
    tx.executemany(
        "update collection set longest_before = max(longest_before, ?2), longest_after = max(longest_after, ?3) "
        "where id = ?1 and (longest_before < ?2 or longest_after < ?3)",
        [(collection, *spans) for collection, spans in longest.items()],
    )


def _add_months(tx: Connection, added: Iterable[Place]) -> None:
    months: defaultdict[tuple[str, int], _Month] = defaultdict(_Month)
    for place in added:
        months[place.collection, month_of(place.times.starts)].add(place)
    tx.executemany(
        _ADD_MONTH,
        [(*key, month.n, *(month.box or (None,) * 4), month.first, month.last) for key, month in months.items()],
    )


def _remove_months(tx: Connection, removed: Iterable[Place]) -> None:
    gone = Counter((place.collection, month_of(place.times.starts)) for place in removed)
    for (collection, month), n in gone.items():
        emptied = tx.execute("delete from collection_month where collection = ? and month = ? and n = ?", (collection, month, n))
        if emptied.rowcount == 0:
            tx.execute("update collection_month set n = n - ? where collection = ? and month = ?", (n, collection, month))


def _remeasure(tx: Connection, removed: Iterable[Place]) -> None:
    """Measure a month anew where an item went that marked one of its bounds."""
    touched = set()
    for place in removed:
        key = place.collection, month_of(place.times.starts)
        if key not in touched and _marks_bound(tx, place, key):
            touched.add(key)
    for collection, month in touched:
        before, after = tx.execute("select longest_before, longest_after from collection where id = ?", (collection,)).fetchone()
        first, last = month_bounds(month)
        tx.execute(
            _REMEASURE_MONTH,
            {"collection": collection, "month": month, "first": first, "last": last, "before": before, "after": after},
        )


def _marks_bound(tx: Connection, place: Place, key: tuple[str, int]) -> bool:
    row = tx.execute(
        "select west, south, east, north, first_start, last_end from collection_month where collection = ? and month = ?", key
    ).fetchone()
    if row is None:
        return False
    mine = (*(place.box or (None,) * 4), place.times.starts, place.times.ends)
    return any(bound is not None and bound == value for bound, value in zip(row, mine, strict=True))


def month_bounds(month: int) -> tuple[int, int]:
    """Return first and last microsecond of a month counted from the year 0."""
    return _month_start(month), _month_start(month + 1) - 1


@lru_cache(maxsize=2048)
def _month_start(month: int) -> int:
    year, index = divmod(month, 12)
    days = _days_before(year) + sum(_month_days(year, earlier) for earlier in range(index))
    return (days - _days_before(1970)) * 86_400_000_000


def _days_before(year: int) -> int:
    earlier = year - 1
    return earlier * 365 + earlier // 4 - earlier // 100 + earlier // 400


def _month_days(year: int, index: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if index == 1 and is_leap else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[index]
