"""A query made ready for the tables: conditions that any plan tests, and what a plan may use."""

from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.cells import Rectangle
from twinlake.holdings.catalogue.columns import ItemColumns
from twinlake.holdings.catalogue.conjuncts import Narrowing, narrow
from twinlake.holdings.catalogue.estimates import Interval
from twinlake.holdings.catalogue.footprints import inward, outward, split_box
from twinlake.holdings.catalogue.interfaces import BBox, ItemQuery
from twinlake.holdings.catalogue.ordering import Order, order_of
from twinlake.holdings.catalogue.scope import Scope
from twinlake.holdings.catalogue.sql import Clause, any_of, one_of
from twinlake.standards.cql2 import compile_filter

_EARLIEST, _LATEST = -(1 << 62), 1 << 62
_SHORT = 31 * 86_400_000_000
_WORLD: Rectangle = (-180.0, -90.0, 180.0, 90.0)


@dataclass(frozen=True, slots=True)
class Reach:
    """Collections whose items last about as long, and where in time their answers are."""

    scope: Scope
    interval: Interval
    """Bounds of `at` that every answer keeps."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A query over a scope, compiled."""

    scope: Scope
    order: Order
    conditions: tuple[Clause, ...]
    """Tested on every row, whatever the plan; the collections are not among them."""
    certain: Clause
    """Tells of a row that passes the conditions whether its outline passes too, without a look at it."""
    outlines: tuple[BaseGeometry | BBox, ...]
    """The outline must intersect each of these, where that is not certain; boxes become shapes only then."""
    area: tuple[Rectangle, ...] | None
    """The smallest known set of rectangles of which every answer touches one; None is anywhere."""
    reaches: tuple[Reach, ...]
    """Parts of the scope, each with its own bounds: one for items that last long would do for all, and cost much."""
    ids: tuple[str, ...] | None
    is_by_collection: bool
    """Whether nothing but collections and visibility is asked, so that the statistics tell the count."""


def compile_problem(tx: Connection, query: ItemQuery, scope: Scope) -> Problem:
    """Compile *query* over *scope*; the scope of the answer may be smaller.

    Raises
    ------
    InvalidInputError
        A property cannot be sorted or compared so.
    """
    narrowing = narrow(query.filter)
    scope = narrowing.scope(tx, scope)
    conditions: list[Clause] = []
    certain: list[Clause] = []
    outlines: list[BaseGeometry | BBox] = []
    areas: list[tuple[Rectangle, ...]] = []
    if query.bbox is not None:
        rectangles = split_box(query.bbox)
        conditions.append(_touching(rectangles))
        if rectangles != (_WORLD,):
            certain.append(_certainly_touching(rectangles))
            outlines.append(query.bbox)
            areas.append(rectangles)
    if query.intersects is not None:
        area = (query.intersects.bounds,) if not query.intersects.is_empty else ()
        conditions.append(_touching(area))
        certain.append(Clause("0"))
        outlines.append(query.intersects)
        areas.append(area)
    if narrowing.area is not None:
        conditions.append(_touching(narrowing.area))
        areas.append(narrowing.area)
    conditions.extend(_interval(query))
    if query.filter is not None:
        compiled = compile_filter(query.filter, ItemColumns())
        conditions.append(Clause(compiled.sql, compiled.parameters))
    is_by_collection = not conditions and query.ids is None
    if (embargo := scope.embargo()) is not None:
        conditions.append(embargo)
    return Problem(
        scope=scope,
        order=order_of(query.sortby),
        conditions=tuple(conditions),
        certain=_all_certain(certain),
        outlines=tuple(outlines),
        area=min(areas, key=_extent) if areas else None,
        reaches=_reaches(tx, query, narrowing, scope),
        ids=query.ids,
        is_by_collection=is_by_collection,
    )


def _all_certain(clauses: list[Clause]) -> Clause:
    if not clauses:
        return Clause("1")
    return Clause(" and ".join(f"({clause.sql})" for clause in clauses), tuple(v for clause in clauses for v in clause.values))


def _extent(rectangles: tuple[Rectangle, ...]) -> float:
    return sum((east - west) * (north - south) for west, south, east, north in rectangles)


def _reaches(tx: Connection, query: ItemQuery, narrowing: Narrowing, scope: Scope) -> tuple[Reach, ...]:
    """Return the scope in one or two parts, with bounds of `at` widened by how far their items reach before and after it."""
    first, last = narrowing.bounds()
    first, last = _EARLIEST if first is None else first, _LATEST if last is None else last
    if query.start is None and query.end is None:
        return (Reach(scope, Interval.clipped(first, last)),)
    among = one_of("id", sorted(scope.collections))
    spans = tx.execute(f"select id, longest_before, longest_after from collection where {among.sql}", among.values).fetchall()
    reaches = []
    for group in (
        [span for span in spans if span[1] + span[2] <= _SHORT],
        [span for span in spans if span[1] + span[2] > _SHORT],
    ):
        if group:
            low = first if query.start is None else max(first, query.start - max(after for _, _, after in group))
            high = last if query.end is None else min(last, query.end + max(before for _, before, _ in group))
            reaches.append(Reach(scope.narrowed(name for name, _, _ in group), Interval.clipped(low, high)))
    return tuple(reaches)


def _interval(query: ItemQuery) -> list[Clause]:
    clauses = []
    if query.start is not None:
        clauses.append(Clause("i.ends >= ?", (query.start,)))
    if query.end is not None:
        clauses.append(Clause("i.starts <= ?", (query.end,)))
    return clauses


def _touching(rectangles: tuple[Rectangle, ...]) -> Clause:
    """Return that the box of a row touches one of *rectangles*; rounding lets too much through, never too little."""
    if not rectangles:
        return Clause("0")
    if rectangles == (_WORLD,):
        return Clause("i.west is not null")
    ways = []
    for rectangle in rectangles:
        west, south, east, north = outward(rectangle)
        ways.append(Clause("(i.west <= ? and i.east >= ? and i.south <= ? and i.north >= ?)", (east, west, north, south)))
    return any_of(ways)


def _certainly_touching(rectangles: tuple[Rectangle, ...]) -> Clause:
    """Return that the box of a row proves that its outline touches one of *rectangles*.

    It does where the box lies inside; where the box lies between two opposite sides and overlaps, if the outline is one
    piece (it reaches from one side of its box to the other); and where it overlaps, if the outline is the box.
    """
    return any_of([_certain_of_one(rectangle) for rectangle in rectangles])


def _certain_of_one(rectangle: Rectangle) -> Clause:
    west, south, east, north = inward(rectangle)
    return Clause(
        # Inside counts 2, overlapping 1, and the shape says how much it takes: 2, 3 or 4 of both sides together.
        "case when i.west >= ? and i.east <= ? then 2 when i.west < ? and i.east > ? then 1 else -2 end"
        " + case when i.south >= ? and i.north <= ? then 2 when i.south < ? and i.north > ? then 1 else -2 end >= 2 + i.shape",
        (west, east, east, west, south, north, north, south),
    )
