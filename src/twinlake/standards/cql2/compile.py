"""Compiles a checked filter to an SQL expression for SQLite (3.53).

The expression is 1, 0 or NULL (unknown) as CQL2's three-valued logic has it. All values are bound. A test of a geometry is
preceded by a test of its box in SQL, where the column map has one.
"""

import json
from dataclasses import dataclass
from typing import Any

import shapely

from twinlake.core.documents import JsonObject
from twinlake.standards.cql2.columns import Column, ColumnMap
from twinlake.standards.cql2.errors import InvalidFilterError
from twinlake.standards.cql2.fragments import Sql, bind, extract, extract_json, join, write
from twinlake.standards.cql2.operators import ARRAY, LOGICAL, SPATIAL, TEMPORAL
from twinlake.standards.cql2.scalars import (
    Moment,
    Plain,
    as_moment,
    as_text,
    compare,
    compare_moments,
    is_one_of,
    moment,
    read_operand,
    read_property,
)
from twinlake.standards.geojson import BBox, box_shape, horizontal, shape_bbox, to_shape

_FIRST, _LAST = -(2**63), 2**63 - 1
"""The open sides of time."""
_INVERSE = {"s_within": "s_contains", "s_contains": "s_within"}
"""The spatial relation that says the same with its sides exchanged; the others are symmetric."""
_ALLEN: dict[str, tuple[tuple[str, str, str], ...]] = {
    "t_after": (("first", ">", "last"),),
    "t_before": (("last", "<", "first"),),
    "t_contains": (("first", "<", "first"), ("last", ">", "last")),
    "t_during": (("first", ">", "first"), ("last", "<", "last")),
    "t_equals": (("first", "=", "first"), ("last", "=", "last")),
    "t_finishedBy": (("first", "<", "first"), ("last", "=", "last")),
    "t_finishes": (("first", ">", "first"), ("last", "=", "last")),
    "t_intersects": (("first", "<=", "last"), ("last", ">=", "first")),
    "t_meets": (("last", "=", "first"),),
    "t_metBy": (("first", "=", "last"),),
    "t_overlappedBy": (("first", ">", "first"), ("first", "<", "last"), ("last", ">", "last")),
    "t_overlaps": (("first", "<", "first"), ("last", ">", "first"), ("last", "<", "last")),
    "t_startedBy": (("first", "=", "first"), ("last", ">", "last")),
    "t_starts": (("first", "=", "first"), ("last", "<", "last")),
}
"""Which moments of both sides compare how (OGC 21-065r2, table 8; J. F. Allen 1983, doi:10.1145/182.358434)."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A filter as SQL."""

    sql: str
    """A parenthesised expression that is 1, 0 or NULL."""
    parameters: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A geometry: WKB in SQL, with the box of a literal or of a column."""

    wkb: Sql
    literal: BBox | None = None
    box: tuple[str, str, str, str] | None = None


def compile_filter(expression: JsonObject, columns: ColumnMap) -> Compiled:
    """Compile what `check_json` or `parse_text` returned, for a statement over the table of *columns*.

    The connection needs the functions of `PREPARE`.

    Raises
    ------
    InvalidFilterError
        A property has not the type that the filter takes it for.
    """
    sql = _predicate(expression, columns)
    return Compiled(f"({sql.text})", sql.parameters)


def _predicate(node: Any, columns: ColumnMap) -> Sql:
    if isinstance(node, bool):
        return Sql(str(int(node)))
    operator, arguments = node["op"], node["args"]
    if operator in LOGICAL:
        return join(operator, [_predicate(argument, columns) for argument in arguments])
    if operator == "not":
        return write("(not {})", _predicate(arguments[0], columns))
    if operator in SPATIAL:
        return _spatial(operator, *(_shape(argument, columns) for argument in arguments))
    if operator in TEMPORAL:
        return _temporal(operator, *(_interval(argument, columns, operator) for argument in arguments))
    if operator in ARRAY:
        return _array(operator, *(_array_json(argument, columns) for argument in arguments))
    if operator == "isNull":
        return _is_null(arguments[0], columns)
    return _test_of_scalars(operator, arguments, columns)


def _test_of_scalars(operator: str, arguments: list[Any], columns: ColumnMap) -> Sql:
    value = read_operand(arguments[0], columns)
    match operator:
        case "in":
            return is_one_of(value, [read_operand(member, columns) for member in arguments[1]])
        case "between":
            low, high = (read_operand(bound, columns) for bound in arguments[1:])
            return write("({} and {})", compare(">=", value, low), compare("<=", value, high))
        case "like":
            pattern = as_text(read_operand(arguments[1], columns), operator).constant or ""
            return write("({} glob {})", as_text(value, operator).sql, bind(to_glob(pattern)))
    return compare(operator, value, read_operand(arguments[1], columns))


def to_glob(pattern: str) -> str:
    r"""Turn a pattern of LIKE (``%``, ``_``, escaped by ``\``) into one of SQLite's GLOB, which heeds case."""
    written = []
    characters = iter(pattern)
    for character in characters:
        if character == "%":
            written.append("*")
        elif character == "_":
            written.append("?")
        else:
            plain = next(characters, "\\") if character == "\\" else character
            written.append(f"[{plain}]" if plain in "*?[" else plain)
    return "".join(written)


def _is_null(node: Any, columns: ColumnMap) -> Sql:
    if isinstance(node, dict) and "property" in node:
        return write("({} is null)", extract(columns.column(node["property"])))
    operand = read_operand(node, columns)
    match operand:
        case Plain():
            return write("({} is null)", operand.sql)
        case _:
            return Sql("0")  # a literal instant


# -- time


def _interval(node: JsonObject, columns: ColumnMap, operator: str) -> tuple[Moment, Moment]:
    if "interval" not in node:
        instant = as_moment(read_operand(node, columns), operator)
        return instant, instant
    first, last = node["interval"]
    return _side(first, _FIRST, columns, operator), _side(last, _LAST, columns, operator)


def _side(node: Any, open_side: int, columns: ColumnMap, operator: str) -> Moment:
    if node == "..":
        return Moment(bind(open_side), bind(open_side))
    if isinstance(node, str):
        return moment(node)
    return as_moment(read_property(columns.column(node["property"]), node["property"]), operator)


def _temporal(operator: str, left: tuple[Moment, Moment], right: tuple[Moment, Moment]) -> Sql:
    if operator == "t_disjoint":
        return write("(not {})", _temporal("t_intersects", left, right))
    sides = {"first": 0, "last": 1}
    return join("and", [compare_moments(sign, left[sides[a]], right[sides[b]]) for a, sign, b in _ALLEN[operator]])


# -- space


def _shape(node: JsonObject, columns: ColumnMap) -> _Shape:
    if "property" in node:
        column = columns.column(node["property"])
        if column.type == "geometry":
            return _Shape(Sql(column.sql), box=column.bbox)
        if column.type in {"any", "array"}:
            return _Shape(write("cql2_geometry({})", extract_json(column)))
        raise InvalidFilterError(f"The property {node['property'][:60]!r} is a {column.type}, not a geometry.")
    shape = box_shape(horizontal(node["bbox"])) if "bbox" in node else to_shape(node)
    if not shape.is_valid:
        shape = shapely.make_valid(shape)
    return _Shape(bind(shapely.to_wkb(shape)), literal=shape_bbox(shape))


def _spatial(operator: str, left: _Shape, right: _Shape) -> Sql:
    if left.literal is None and right.literal is not None:
        operator, left, right = _INVERSE.get(operator, operator), right, left
    test = write(f"cql2_{operator}({{}}, {{}})", left.wkb, right.wkb)
    if left.literal is None or right.box is None:
        return test
    near = _meets_box(right.box, left.literal)
    return write("((not {}) or {})" if operator == "s_disjoint" else "({} and {})", near, test)


def _meets_box(column: tuple[str, str, str, str], box: BBox) -> Sql:
    """Test the box of a row against *box*; either may cross the antimeridian."""
    west, south, east, north = (Sql(text) for text in column)
    spans = [(box[0], box[2])] if box[0] <= box[2] else [(box[0], 180.0), (-180.0, box[2])]
    tests = []
    for low, high in ((bind(low), bind(high)) for low, high in spans):
        plain = write("({} <= {} and {} >= {})", west, high, east, low)
        crossing = write("({} > {} and ({} <= {} or {} >= {}))", west, east, west, high, east, low)
        tests.append(write("({} or {})", plain, crossing))
    return write("({} <= {} and {} >= {} and {})", south, bind(box[3]), north, bind(box[1]), join("or", tests))


# -- arrays


def _array_json(node: Any, columns: ColumnMap) -> Sql:
    if isinstance(node, list):
        return bind(json.dumps(node, ensure_ascii=False))
    column: Column = columns.column(node["property"])
    if column.type not in {"any", "array"}:
        raise InvalidFilterError(f"The property {node['property'][:60]!r} is a {column.type}, not an array.")
    return extract_json(column)


def _array(operator: str, left: Sql, right: Sql) -> Sql:
    if operator == "a_containedBy":
        operator, left, right = "a_contains", right, left
    return write(f"cql2_{operator}({{}}, {{}})", left, right)
