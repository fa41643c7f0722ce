"""How many rows a plan would read, from the counts in the snapshot. They choose a plan and never an answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.cells import GRID_COLUMNS, WORLD, Rectangle, grid_window, windows
from twinlake.holdings.catalogue.scope import Scope
from twinlake.holdings.catalogue.sql import one_of
from twinlake.holdings.catalogue.statistics import month_bounds, month_of, year_of

_FIRST_INSTANT = -62_135_596_800_000_000  # 0001-01-01
_LAST_INSTANT = 253_402_300_799_999_999  # 9999-12-31
_MOST_CELLS = 700


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of `at`, closed, clipped to the years 1 to 9999."""

    first: int
    last: int

    @classmethod
    def clipped(cls, first: int, last: int) -> "Interval":
        """Return the part of an interval that items can be in."""
        return cls(max(first, _FIRST_INSTANT), min(max(last, _FIRST_INSTANT), _LAST_INSTANT))

    @property
    def months(self) -> tuple[int, int]:
        """First and last month."""
        return month_of(min(self.first, _LAST_INSTANT)), month_of(self.last)

    @property
    def years(self) -> tuple[int, int]:
        """First and last year."""
        return year_of(min(self.first, _LAST_INSTANT)), year_of(self.last)

    @property
    def share_of_months(self) -> float:
        """Which part of its months the interval covers."""
        first, last = self.months
        start, end = month_bounds(first)[0], month_bounds(last)[1]
        return max(0.0, min(1.0, (self.last - self.first + 1) / (end - start + 1)))

    @property
    def share_of_years(self) -> float:
        """Which part of its years the interval covers."""
        first, last = self.years
        start, end = month_bounds(first * 12)[0], month_bounds(last * 12 + 11)[1]
        return max(0.0, min(1.0, (self.last - self.first + 1) / (end - start + 1)))


def items_in_scope(tx: Connection, scope: Scope, interval: Interval) -> float:
    """Estimate the items of *scope* in *interval*."""
    months = interval.months
    if scope.is_everything:
        row = tx.execute("select sum(n) from month_count where month between ? and ?", months).fetchone()
    elif len(scope.collections) == 1:
        row = tx.execute(
            "select sum(n) from collection_month where collection = ? and month between ? and ?", (*scope.collections, *months)
        ).fetchone()
    else:
        among = one_of("collection", sorted(scope.collections))
        row = tx.execute(
            f"select sum(n) from collection_month where {among.sql} and month between ? and ?", (*among.values, *months)
        ).fetchone()
    return float(row[0] or 0) * interval.share_of_months


def all_items(tx: Connection) -> int:
    """Return how many items there are."""
    [(n,)] = tx.execute("select sum(n) from month_count").fetchall()
    return n or 0


def cells_in(tx: Connection, area: Sequence[Rectangle], interval: Interval) -> list[tuple[int, float]] | None:
    """Return every cell that may hold an item of *area* and *interval*, with an estimate of its items.

    The cells are exact for the snapshot: no item outside them can touch *area*. None where there would be too many.
    """
    cells = [WORLD]
    for rectangle in area:
        for window in windows(rectangle):
            left, right = window.columns
            if len(cells) + (right - left) * (window.rows[1] - window.rows[0]) > _MOST_CELLS:
                return None
            for row in range(*window.rows):
                start = window.size_class.first + row * window.size_class.columns
                cells.extend(range(start + left, start + right))
    among = one_of("cell", cells)
    rows = tx.execute(
        f"select cell, sum(n) from cell_count where {among.sql} and year between ? and ? and n > 0 group by cell",
        (*among.values, *interval.years),
    ).fetchall()
    share = interval.share_of_years
    return [(cell, n * share) for cell, n in rows]


def share_in_area(tx: Connection, collection: str, area: Sequence[Rectangle]) -> float:
    """Estimate which part of a collection's items touch *area*."""
    inside = 0
    for rectangle in area:
        rows, columns = grid_window(rectangle)
        for row in range(rows.start, rows.stop):
            start = row * GRID_COLUMNS
            [(n,)] = tx.execute(
                "select sum(n) from grid_count where collection = ? and grid between ? and ?",
                (collection, start + columns.start, start + columns.stop - 1),
            ).fetchall()
            inside += n or 0
    [(total,)] = tx.execute("select sum(n) from grid_count where collection = ?", (collection,)).fetchall()
    return min(1.0, inside / total) if total else 0.0
