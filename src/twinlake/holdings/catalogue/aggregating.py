"""Counts of items by collection, month or property: from the statistics where they tell, else over all answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.collections import count_items
from twinlake.holdings.catalogue.interfaces import ItemQuery, Visibility
from twinlake.holdings.catalogue.ordering import property_value
from twinlake.holdings.catalogue.planning import Part, plan_gather
from twinlake.holdings.catalogue.problem import Problem, compile_problem
from twinlake.holdings.catalogue.scope import CollectionSet
from twinlake.holdings.catalogue.searching import intersecting, numbers
from twinlake.holdings.catalogue.sql import Clause, all_of

MOST_BUCKETS = 1000
_OUTLINES_AT_ONCE = 5000
_MONTH = Clause("strftime('%Y-%m-01T00:00:00Z', i.at / 1000000, 'unixepoch')")


def aggregate_counts(
    tx: Connection, query: ItemQuery, visibility: Visibility, collections: CollectionSet, by: Sequence[str]
) -> JsonObject:
    """Return for each name in *by* the total, or buckets of key and count: most items first, months in order."""
    problem = compile_problem(tx, query, collections.scope(tx, visibility, query.collections))
    if not problem.scope.collections:
        return {name: 0 if name == "total_count" else [] for name in by}
    if problem.is_by_collection and set(by) <= {"total_count", "collection"}:
        return _from_statistics(tx, problem, by)
    sources = [_Source(tx, problem, part) for part in plan_gather(tx, problem).parts]
    return {name: sum(source.total() for source in sources) if name == "total_count" else _group(sources, name) for name in by}


def _from_statistics(tx: Connection, problem: Problem, by: Sequence[str]) -> JsonObject:
    counts = count_items(tx, problem.scope)
    return {name: sum(counts.values()) if name == "total_count" else _buckets(counts) for name in by}


def _group(sources: Sequence["_Source"], name: str) -> list[JsonObject]:
    counts: Counter[Any] = Counter()
    for source in sources:
        counts.update(source.group(name))
    if name == "datetime_month":
        return [{"key": month, "count": n} for month, n in sorted(counts.items())][-MOST_BUCKETS:]
    return _buckets(counts)


class _Source:
    """Counts the answers of one part of a plan; rows whose outline has to be looked at are told apart first."""

    def __init__(self, tx: Connection, problem: Problem, part: Part) -> None:
        self._tx = tx
        self._index = part.index
        self._where = all_of([*part.bounds, *problem.conditions])
        if problem.outlines:
            refused = self._refused(problem)
            self._where = all_of([self._where, Clause("i.vid not in (select value from json_each(?))", (refused,))])

    def _refused(self, problem: Problem) -> str:
        [(text,)] = self._tx.execute(
            f"select json_group_array(i.vid) from item i indexed by {self._index} "
            f"where {self._where.sql} and not ({problem.certain.sql})",
            (*self._where.values, *problem.certain.values),
        ).fetchall()
        unsure = numbers(self._tx, text)
        refused: list[int] = []
        for start in range(0, len(unsure), _OUTLINES_AT_ONCE):
            some = unsure[start : start + _OUTLINES_AT_ONCE]
            refused.extend(set(some) - intersecting(self._tx, problem, some))
        return f"[{','.join(map(str, refused))}]"

    def total(self) -> int:
        """Return how many there are."""
        [(n,)] = self._tx.execute(
            f"select count(*) from item i indexed by {self._index} where {self._where.sql}", self._where.values
        ).fetchall()
        return int(n)

    def group(self, name: str) -> dict[Any, int]:
        """Return how many there are by what *name* stands for; without it they are not counted."""
        key = _key(name)
        rows = self._tx.execute(
            f"select {key.sql} as bucket, count(*) from item i indexed by {self._index} "
            f"where {self._where.sql} group by bucket having bucket is not null",
            (*key.values, *self._where.values),
        )
        return dict(rows.fetchall())


def _key(name: str) -> Clause:
    if name == "collection":
        return Clause("i.collection")
    if name == "datetime_month":
        return _MONTH
    return property_value(name.removeprefix("properties."))


def _buckets(counts: Mapping[Any, int]) -> list[JsonObject]:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return [{"key": key, "count": n} for key, n in ranked[:MOST_BUCKETS]]
