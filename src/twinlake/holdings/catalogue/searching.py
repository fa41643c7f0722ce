"""Search: rows in order by the chosen plan, outlines tested exactly, bodies fetched last."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import shapely

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.collections import count_items
from twinlake.holdings.catalogue.interfaces import ItemPage, ItemQuery, Visibility
from twinlake.holdings.catalogue.ordering import Row
from twinlake.holdings.catalogue.planning import Part, Plan, plan, plan_gather
from twinlake.holdings.catalogue.problem import Problem, compile_problem
from twinlake.holdings.catalogue.scope import CollectionSet
from twinlake.holdings.catalogue.sql import LIMIT, Clause, all_of, one_of
from twinlake.standards.geojson import box_shape

COUNTED_CANDIDATES = 10_000
"""`matched` is counted up to this many candidates (DATA-MODEL: exact or absent)."""
_LARGEST_CHUNK = 4000
_BODIES_AT_ONCE = 200

_KEY = 2
"""A row is the number of a version, whether its outline is certain, then its key."""


def search(
    tx: Connection, query: ItemQuery, visibility: Visibility, collections: CollectionSet, publish: Callable[[bytes], bytes]
) -> ItemPage:
    """Answer *query* for a caller who may discover *visibility*."""
    scope = collections.scope(tx, visibility, query.collections)
    problem = compile_problem(tx, query, scope)
    if not problem.scope.collections:
        return ItemPage(bodies=[], after=None, matched=0)
    want = query.limit + 1
    rows = _find(tx, problem, query.after, want)
    has_more = len(rows) == want
    del rows[query.limit :]
    matched = None
    if query.count:
        matched = len(rows) if query.after is None and not has_more else count_matches(tx, problem)
    after = tuple(rows[-1][_KEY:]) if has_more else None
    return ItemPage(bodies=[publish(body) for body in read_bodies(tx, [row[0] for row in rows])], after=after, matched=matched)


def _find(tx: Connection, problem: Problem, after: Sequence[Any] | None, want: int) -> list[Row]:
    chosen = plan(tx, problem, want)
    chunk = want if not problem.outlines else want + want // 2 + 10
    found: list[Row] = []
    while True:
        rows = _next_rows(tx, problem, chosen, after, chunk)
        found.extend(_exact(tx, problem, rows))
        if len(rows) < chunk or len(found) >= want:
            return found[:want]
        after = rows[-1][_KEY:]
        chunk = min(chunk * 2, _LARGEST_CHUNK)


def _next_rows(tx: Connection, problem: Problem, chosen: Plan, after: Sequence[Any] | None, limit: int) -> list[Row]:
    lists = [(_along_property if part.follows_property else _rows)(tx, problem, part, after, limit) for part in chosen.parts]
    if len(lists) == 1:
        return lists[0]
    return problem.order.merge((row for rows in lists for row in rows), skip=_KEY)[:limit]


def _along_property(tx: Connection, problem: Problem, part: Part, after: Sequence[Any] | None, limit: int) -> list[Row]:
    """Walk the index of the leading property: first its values, then, in order of id, the items without one."""
    leading = problem.order.leading
    sql = leading.expression.sql
    rows: list[Row] = []
    if after is None or after[0] is not None:
        bounds = [Clause(f"{sql} is not null")]
        if after is not None:
            bounds.append(Clause(f"{sql} {'<=' if leading.descending else '>='} ?", (after[0],)))
        terms = Clause(f"{sql} {'desc' if leading.descending else 'asc'}, i.id, i.collection")
        rows = _rows(tx, problem, Part(part.index, (*part.bounds, *bounds)), after, limit, terms=terms)
        after = None
    if len(rows) < limit:
        without = Part(part.index, (*part.bounds, Clause(f"{sql} is null")))
        rows += _rows(tx, problem, without, after, limit - len(rows), terms=Clause("i.id, i.collection"))
    return rows


def _rows(
    tx: Connection, problem: Problem, part: Part, after: Sequence[Any] | None, limit: int, *, terms: Clause | None = None
) -> list[Row]:
    conditions = [*part.bounds, *problem.conditions]
    terms = terms or problem.order.terms
    if after is not None:
        conditions.append(problem.order.beyond(after))
        if problem.order.by_time is not None:
            conditions.append(Clause(f"i.at {'<=' if problem.order.by_time else '>='} ?", (after[0],)))
    where, keys = all_of(conditions), problem.order.keys
    return tx.execute(
        f"select i.vid, {problem.certain.sql}, {keys.sql} from item i indexed by {part.index} "
        f"where {where.sql} order by {terms.sql} {LIMIT}",
        (*problem.certain.values, *keys.values, *where.values, *terms.values, limit),
    ).fetchall()


def _exact(tx: Connection, problem: Problem, rows: list[Row]) -> list[Row]:
    """Return the rows whose outline intersects what was asked for, tested together."""
    unsure = [row[0] for row in rows if not row[1]]
    if not unsure:
        return rows
    refused = set(unsure) - intersecting(tx, problem, unsure)
    return [row for row in rows if row[0] not in refused]


def intersecting(tx: Connection, problem: Problem, vids: Sequence[int]) -> set[int]:
    """Return those versions whose outline intersects what *problem* asks for."""
    among = one_of("vid", vids)
    rows = tx.execute(f"select vid, geometry from item where {among.sql}", among.values).fetchall()
    outlines = shapely.from_wkb([geometry for _, geometry in rows])
    passes = np.ones(len(rows), dtype=bool)
    for asked in problem.outlines:
        outline = box_shape(asked) if isinstance(asked, tuple) else asked
        shapely.prepare(outline)
        passes &= shapely.intersects(outline, outlines)
    return {vid for (vid, _), is_inside in zip(rows, passes.tolist(), strict=True) if is_inside}


def read_bodies(tx: Connection, vids: Sequence[int]) -> Iterator[bytes]:
    """Yield the packed bodies of versions, in order."""
    for start in range(0, len(vids), _BODIES_AT_ONCE):
        some = vids[start : start + _BODIES_AT_ONCE]
        places = ",".join("?" * len(some))
        bodies = dict(tx.execute(f"select vid, body from item_version where vid in ({places})", some).fetchall())
        yield from (bodies[vid] for vid in some)


def count_matches(tx: Connection, problem: Problem) -> int | None:
    """Count the answers: from the statistics where they tell, else by counting; None where there are too many."""
    if problem.is_by_collection:
        return sum(count_items(tx, problem.scope).values())
    chosen = plan_gather(tx, problem)
    if chosen.rows > 2 * COUNTED_CANDIDATES:
        return None
    counted = 0
    for part in chosen.parts:
        matching = _count_part(tx, problem, part)
        if matching is None:
            return None
        counted += matching
    return counted


def _count_part(tx: Connection, problem: Problem, part: Part) -> int | None:
    where = all_of([*part.bounds, *problem.conditions])
    n, certain, unsure = tx.execute(
        "select count(*), total(certain), json_group_array(vid) filter (where not certain) from ("
        f"select i.vid, {problem.certain.sql} as certain from item i indexed by {part.index} where {where.sql} {LIMIT})",
        (*problem.certain.values, *where.values, COUNTED_CANDIDATES + 1),
    ).fetchone()
    if n > COUNTED_CANDIDATES:
        return None
    if n == certain:
        return int(n)
    return int(certain) + len(intersecting(tx, problem, numbers(tx, unsure)))


def numbers(tx: Connection, array: str) -> list[int]:
    """Return the numbers of a JSON array that a statement made."""
    return [number for (number,) in tx.execute("select value from json_each(?)", (array,))]
