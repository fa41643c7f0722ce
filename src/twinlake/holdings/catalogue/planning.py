"""Which index a search goes through, decided by counts.

An order by time is *walked*, newest or oldest first, with every condition tested inside the covering index; or gathered
from the cells near the area. Any other order gathers and sorts, or walks the index of the property.
Costs are in rows of an index; the constants were measured (see ``benchmarks/search``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.estimates import Interval, all_items, cells_in, items_in_scope, share_in_area
from twinlake.holdings.catalogue.problem import Problem
from twinlake.holdings.catalogue.sql import Clause, one_of

_STATEMENT_COST = 40.0
_PLAIN_GATHER = 400.0
_INDEXED_PROPERTY = "eo:cloud_cover"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one index, bounded."""

    index: str
    bounds: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Parts whose rows together hold every answer, each once."""

    parts: tuple[Part, ...]
    follows_property: bool = False
    """Whether the one part is the index of the leading property, walked first over its values and then its nulls."""
    rows: float = 0.0
    """Estimate of all rows that match the bounds."""


def plan(tx: Connection, problem: Problem, want: int) -> Plan:
    """Choose a plan for the first *want* answers of *problem*."""
    if problem.ids is not None:
        among = one_of("i.id", problem.ids)
        return Plan((Part("item_name", (among, *_scope_filter(problem))),), rows=float(len(problem.ids)))
    interval = Interval.clipped(problem.first, problem.last)
    if problem.order.by_time is None:
        return _plan_sort(tx, problem, interval, want)
    return _plan_time(tx, problem, interval, want)


def plan_gather(tx: Connection, problem: Problem) -> Plan:
    """Choose the plan that reads the fewest rows when all answers are wanted in any order."""
    if problem.ids is not None:
        return plan(tx, problem, 1)
    return _gather(tx, problem, Interval.clipped(problem.first, problem.last))


def _plan_time(tx: Connection, problem: Problem, interval: Interval, want: int) -> Plan:
    area = problem.area
    if area is None:
        return _walk(tx, problem, want)
    cells = cells_in(tx, area, interval)
    if cells is None:
        return _walk(tx, problem, want)
    gathered = sum(n for _, n in cells)
    by_parts = len(cells) * (_STATEMENT_COST + want)
    if gathered > _PLAIN_GATHER:
        in_interval = items_in_scope(tx, problem.scope, interval)
        matching = _matching(tx, problem, in_interval, gathered)
        if min(in_interval, want * in_interval / max(matching, 1.0)) < min(gathered, by_parts):
            return _walk(tx, problem, want)
    if gathered <= by_parts:
        return _from_cells(problem, cells, gathered)
    parts = tuple(
        Part("item_cell", (Clause("i.cell = ?", (cell,)), *_at_bounds(problem), *_scope_filter(problem))) for cell, _ in cells
    )
    return Plan(parts, rows=gathered)


def _matching(tx: Connection, problem: Problem, in_interval: float, gathered: float) -> float:
    if len(problem.scope.collections) == 1 and problem.area is not None:
        [collection] = problem.scope.collections
        return in_interval * share_in_area(tx, collection, problem.area)
    return min(in_interval, gathered) / 2


def _plan_sort(tx: Connection, problem: Problem, interval: Interval, want: int) -> Plan:
    gather = _gather(tx, problem, interval)
    names = [column.name for column in problem.order.columns]
    if names != [_INDEXED_PROPERTY, "id", "collection"] or any(c.descending for c in problem.order.columns[1:]):
        return gather
    everything = all_items(tx)
    if want * everything / max(gather.rows, 1.0) >= gather.rows:
        return gather
    bounds = (*_at_bounds(problem), *_scope_filter(problem))
    return Plan((Part("item_cloud_cover", bounds),), follows_property=True, rows=gather.rows)


def _gather(tx: Connection, problem: Problem, interval: Interval) -> Plan:
    in_interval = items_in_scope(tx, problem.scope, interval)
    if problem.area is not None:
        cells = cells_in(tx, problem.area, interval)
        if cells is not None and (gathered := sum(n for _, n in cells)) < in_interval:
            return _from_cells(problem, cells, gathered)
    if problem.scope.is_everything:
        return Plan((Part("item_time", _at_bounds(problem)),), rows=in_interval)
    among = one_of("i.collection", sorted(problem.scope.collections))
    return Plan((Part("item_collection_time", (among, *_at_bounds(problem))),), rows=in_interval)


def _walk(tx: Connection, problem: Problem, want: int) -> Plan:
    scope = problem.scope
    rows = items_in_scope(tx, scope, Interval.clipped(problem.first, problem.last))
    if scope.is_everything:
        return Plan((Part("item_time", _at_bounds(problem)),), rows=rows)
    if len(scope.collections) > 1 and want * all_items(tx) / max(rows, 1.0) < len(scope.collections) * (_STATEMENT_COST + want):
        return Plan((Part("item_time", (*_at_bounds(problem), *_scope_filter(problem))),), rows=rows)
    parts = tuple(
        Part("item_collection_time", (Clause("i.collection = ?", (collection,)), *_at_bounds(problem)))
        for collection in sorted(scope.collections)
    )
    return Plan(parts, rows=rows)


def _from_cells(problem: Problem, cells: Sequence[tuple[int, float]], rows: float) -> Plan:
    among = one_of("i.cell", [cell for cell, _ in cells])
    return Plan((Part("item_cell", (among, *_at_bounds(problem), *_scope_filter(problem))),), rows=rows)


def _at_bounds(problem: Problem) -> tuple[Clause, ...]:
    return (Clause("i.at between ? and ?", (problem.first, problem.last)),)


def _scope_filter(problem: Problem) -> tuple[Clause, ...]:
    if problem.scope.is_everything:
        return ()
    return (one_of("i.collection", sorted(problem.scope.collections)),)
