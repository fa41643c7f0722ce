"""Scalars in SQL: numbers, texts, booleans and moments, compared type by type.

Values of different types do not compare: the result is unknown (NULL), and so is its negation. A moment is a pair of
first and last microsecond: an instant twice, or the day of a date, so that ``datetime <= DATE('2021-04-16')`` takes the
day in and exactly one of ``<``, ``=``, ``>`` holds between an instant and a date.
"""

from dataclasses import dataclass
from typing import Any, Literal

from twinlake.standards.cql2.columns import Column, ColumnMap
from twinlake.standards.cql2.errors import InvalidFilterError
from twinlake.standards.cql2.fragments import Sql, bind, extract, extract_typed, join, json_kind, write
from twinlake.standards.cql2.functions import fold_accents, fold_case
from twinlake.standards.cql2.values import scalar_type
from twinlake.standards.rfc3339 import parse_moment

PlainType = Literal["number", "text", "boolean"]


@dataclass(frozen=True, slots=True)
class Plain:
    """A value of one known type."""

    type: PlainType
    sql: Sql
    constant: str | None = None
    """The text itself where it is a literal."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or an instant: its first and its last microsecond since 1970 UTC."""

    first: Sql
    last: Sql
    type: Literal["timestamp"] = "timestamp"


@dataclass(frozen=True, slots=True)
class Untyped:
    """A property whose type is known per row."""

    column: Column
    type: Literal["any"] = "any"


Operand = Plain | Moment | Untyped
_FOLDS = {"casei": fold_case, "accenti": fold_accents}
_ARITHMETIC = {
    "+": "({} + {})",
    "-": "({} - {})",
    "*": "({} * {})",
    "/": "(cast({} as real) / {})",
    "div": "trunc(cast({} as real) / {})",
    "%": "mod({}, {})",
    "^": "power({}, {})",
}


def read_operand(node: Any, columns: ColumnMap) -> Operand:
    """Compile a checked scalar."""
    kind = scalar_type(node)
    if kind == "any":
        return read_property(columns.column(node["property"]), node["property"])
    if kind == "instant":
        [text] = node.values()
        return moment(text)
    if isinstance(node, dict):
        return _function(node["op"], [read_operand(argument, columns) for argument in node["args"]])
    return Plain(kind, bind(int(node) if kind == "boolean" else node), node if kind == "text" else None)


def read_property(column: Column, name: str) -> Operand:
    """Compile a property that is to be a scalar."""
    match column.type:
        case "any":
            return Untyped(column)
        case "timestamp" if column.path is None:
            return Moment(Sql(column.sql), Sql(column.sql))
        case "timestamp":
            return _spelled(extract(column))
        case "number" | "text" | "boolean":
            return Plain(column.type, Sql(column.sql) if column.path is None else extract_typed(column, column.type))
    raise InvalidFilterError(f"The property {name[:60]!r} is a {column.type}, not a single value.")


def moment(text: str) -> Moment:
    """Compile a literal date or timestamp.

    Raises
    ------
    ValueError
        It is neither.
    """
    first, last = parse_moment(text)
    return Moment(bind(first), bind(last))


def as_text(operand: Operand, operator: str) -> Plain:
    """Take an operand as text."""
    return _as(operand, "text", operator)


def as_moment(operand: Operand, operator: str) -> Moment:
    """Take an operand as a moment; a literal text may spell one."""
    match operand:
        case Moment():
            return operand
        case Untyped(column):
            return _spelled(extract(column))
        case Plain("text", _, str(constant)):
            try:
                return moment(constant)
            except ValueError as error:
                raise InvalidFilterError(f"{operator} needs a date or timestamp: {error}.") from None
    raise _mismatch(operator, operand.type, "timestamp")


def compare(operator: str, left: Operand, right: Operand) -> Sql:
    """Compile a comparison (``=``, ``<>``, ``<``, ``<=``, ``>``, ``>=``)."""
    if isinstance(left, Moment) or isinstance(right, Moment):
        return compare_moments(operator, as_moment(left, operator), as_moment(right, operator))
    if isinstance(left, Plain):
        return write(f"({{}} {operator} {{}})", left.sql, _as(right, left.type, operator).sql)
    if isinstance(right, Plain):
        return write(f"({{}} {operator} {{}})", _as(left, right.type, operator).sql, right.sql)
    return write(
        f"case when {{}} = {{}} then {{}} {operator} {{}} end",
        json_kind(left.column), json_kind(right.column), extract(left.column), extract(right.column),
    )  # fmt: skip


def compare_moments(operator: str, left: Moment, right: Moment) -> Sql:
    """Compile a comparison of moments."""
    match operator:
        case "<" | ">=":
            return write(f"({{}} {operator} {{}})", left.last, right.first)
        case ">" | "<=":
            return write(f"({{}} {operator} {{}})", left.first, right.last)
        case "=":
            return write("({} <= {} and {} >= {})", left.first, right.last, left.last, right.first)
        case _:
            return write("({} > {} or {} < {})", left.first, right.last, left.last, right.first)


def is_one_of(value: Operand, members: list[Operand]) -> Sql:
    """Compile IN: literals of one plain type as one list, everything else as comparisons."""
    literals: dict[PlainType, list[Sql]] = {}
    tests = []
    for member in members:
        if isinstance(member, Plain) and member.sql.text == "?" and not isinstance(value, Moment):
            literals.setdefault(member.type, []).append(member.sql)
        else:
            tests.append(compare("=", value, member))
    for kind, values in literals.items():
        marks = Sql(", ".join("?" * len(values)), tuple(sql.parameters[0] for sql in values))
        tests.append(write("({} in ({}))", _as(value, kind, "in").sql, marks))
    return join("or", tests)


def _as(operand: Operand, kind: PlainType, operator: str) -> Plain:
    if isinstance(operand, Untyped):
        return Plain(kind, extract_typed(operand.column, kind))
    if isinstance(operand, Moment) or operand.type != kind:
        raise _mismatch(operator, operand.type, kind)
    return operand


def _mismatch(operator: str, found: str, wanted: str) -> InvalidFilterError:
    return InvalidFilterError(
        f"{operator} meets a {found} where it needs a {wanted}.", remedy="See /queryables for the types of the properties."
    )


def _spelled(text: Sql) -> Moment:
    return Moment(write("cql2_first({})", text), write("cql2_last({})", text))


def _function(operator: str, arguments: list[Operand]) -> Plain:
    if operator in _FOLDS:
        text = as_text(arguments[0], operator)
        if text.constant is not None:
            folded = _FOLDS[operator](text.constant)
            return Plain("text", bind(folded), folded)
        return Plain("text", write(f"cql2_{operator}({{}})", text.sql))
    numbers = [_as(argument, "number", operator).sql for argument in arguments]
    return Plain("number", write(_ARITHMETIC[operator], *numbers))
