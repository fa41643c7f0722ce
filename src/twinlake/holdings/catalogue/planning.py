"""Which index a search goes through, decided by counts.

An order by time is *walked*, newest or oldest first, with every condition tested inside the covering index; or gathered
from the cells near the area. Any other order gathers and sorts, or walks the index of the property.
Costs are in rows of an index; the constants were measured (see ``benchmarks/search``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.estimates import all_items, cells_in, items_in_scope, share_in_area
from twinlake.holdings.catalogue.problem import Problem, Reach
from twinlake.holdings.catalogue.scope import Scope
from twinlake.holdings.catalogue.sql import Clause, one_of

_STATEMENT_COST = 40.0
_PLAIN_GATHER = 400.0
_INDEXED_PROPERTY = "eo:cloud_cover"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one index, bounded."""

    index: str
    bounds: tuple[Clause, ...]
    follows_property: bool = False
    """Whether it is the index of the leading property, walked first over its values and then over its nulls."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Parts whose rows together hold every answer, each once."""

    parts: tuple[Part, ...]
    rows: float
    """Estimate of all rows that match the bounds."""


def plan(tx: Connection, problem: Problem, want: int) -> Plan:
    """Choose a plan for the first *want* answers of *problem*."""
    if problem.ids is not None:
        return _plan_ids(problem, problem.ids)
    make = _plan_sort if problem.order.by_time is None else _plan_time
    return _together([make(tx, problem, reach, want) for reach in problem.reaches])


def plan_gather(tx: Connection, problem: Problem) -> Plan:
    """Choose the plan that reads the fewest rows when all answers are wanted in any order."""
    if problem.ids is not None:
        return _plan_ids(problem, problem.ids)
    return _together([_gather(tx, problem, reach) for reach in problem.reaches])


def _together(plans: Sequence[Plan]) -> Plan:
    return Plan(tuple(part for each in plans for part in each.parts), sum(each.rows for each in plans))


def _plan_ids(problem: Problem, ids: Sequence[str]) -> Plan:
    among = one_of("i.id", ids)
    return Plan((Part("item_name", (among, *_scope_filter(problem.scope))),), float(len(ids)))


def _plan_time(tx: Connection, problem: Problem, reach: Reach, want: int) -> Plan:
    cells = None if problem.area is None else cells_in(tx, problem.area, reach.interval)
    if cells is None:
        return _walk(tx, reach, want)
    gathered = sum(n for _, n in cells)
    by_parts = len(cells) * (_STATEMENT_COST + want)
    if gathered > _PLAIN_GATHER:
        in_interval = items_in_scope(tx, reach.scope, reach.interval)
        matching = _matching(tx, problem, reach, in_interval, gathered)
        if min(in_interval, want * in_interval / max(matching, 1.0)) < min(gathered, by_parts):
            return _walk(tx, reach, want)
    if gathered <= by_parts:
        return _from_cells(reach, cells, gathered)
    shared = (*_at_bounds(reach), *_scope_filter(reach.scope))
    return Plan(tuple(Part("item_cell", (Clause("i.cell = ?", (cell,)), *shared)) for cell, _ in cells), gathered)


def _matching(tx: Connection, problem: Problem, reach: Reach, in_interval: float, gathered: float) -> float:
    if len(reach.scope.collections) == 1 and problem.area is not None:
        [collection] = reach.scope.collections
        return in_interval * share_in_area(tx, collection, problem.area)
    return min(in_interval, gathered) / 2


def _plan_sort(tx: Connection, problem: Problem, reach: Reach, want: int) -> Plan:
    gather = _gather(tx, problem, reach)
    names = [column.name for column in problem.order.columns]
    if names != [_INDEXED_PROPERTY, "id", "collection"] or any(c.descending for c in problem.order.columns[1:]):
        return gather
    everything = all_items(tx)
    if want * everything / max(gather.rows, 1.0) >= gather.rows:
        return gather
    bounds = (*_at_bounds(reach), *_scope_filter(reach.scope))
    return Plan((Part("item_cloud_cover", bounds, follows_property=True),), gather.rows)


def _gather(tx: Connection, problem: Problem, reach: Reach) -> Plan:
    in_interval = items_in_scope(tx, reach.scope, reach.interval)
    if problem.area is not None:
        cells = cells_in(tx, problem.area, reach.interval)
        if cells is not None and (gathered := sum(n for _, n in cells)) < in_interval:
            return _from_cells(reach, cells, gathered)
    if reach.scope.is_everything:
        return Plan((Part("item_time", _at_bounds(reach)),), in_interval)
    among = one_of("i.collection", sorted(reach.scope.collections))
    return Plan((Part("item_collection_time", (among, *_at_bounds(reach))),), in_interval)


def _walk(tx: Connection, reach: Reach, want: int) -> Plan:
    scope = reach.scope
    rows = items_in_scope(tx, scope, reach.interval)
    if scope.is_everything:
        return Plan((Part("item_time", _at_bounds(reach)),), rows)
    if len(scope.collections) > 1 and want * all_items(tx) / max(rows, 1.0) < len(scope.collections) * (_STATEMENT_COST + want):
        return Plan((Part("item_time", (*_at_bounds(reach), *_scope_filter(scope))),), rows)
    parts = tuple(
        Part("item_collection_time", (Clause("i.collection = ?", (collection,)), *_at_bounds(reach)))
        for collection in sorted(scope.collections)
    )
    return Plan(parts, rows)


def _from_cells(reach: Reach, cells: Sequence[tuple[int, float]], rows: float) -> Plan:
    among = one_of("i.cell", [cell for cell, _ in cells])
    return Plan((Part("item_cell", (among, *_at_bounds(reach), *_scope_filter(reach.scope))),), rows)


def _at_bounds(reach: Reach) -> tuple[Clause, ...]:
    return (Clause("i.at between ? and ?", (reach.interval.first, reach.interval.last)),)


def _scope_filter(scope: Scope) -> tuple[Clause, ...]:
    if scope.is_everything:
        return ()
    return (one_of("i.collection", sorted(scope.collections)),)
