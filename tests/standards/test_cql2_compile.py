"""Compiled filters mean what the standard says, for typed columns and for documents alike."""

import json

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pysqlite3 import dbapi2

from twinlake.standards.cql2 import (
    PREPARE,
    Column,
    InvalidFilterError,
    check_json,
    compile_filter,
    document_column,
    json_path,
    parse_text,
)
from twinlake.standards.cql2.compile import to_glob
from twinlake.standards.geojson import shape_bbox
from twinlake.standards.rfc3339 import parse_instant

_ROWS = [
    {"n": 1, "t": "Abc", "b": True, "i": "2021-04-16T10:00:00Z", "d": "2021-04-16", "a": ["x", "y", 1], "m": 5},
    {"n": 2.5, "t": "ábc", "b": False, "i": "2021-04-17T00:00:00.5Z", "d": "2021-04-17", "a": [], "m": "5"},
    {"n": -7, "t": "a%b_c\\d*e?[f]", "b": None, "i": "2021-04-16T23:59:59.999999Z", "d": None, "a": [True, {"k": 1}], "m": True},
    {"n": 0, "t": "", "a": ["2021-04-16T12:00:00+02:00", 1.0], "m": None},
    {"t": "STRASSE", "a": "x", "m": [5]},
    {},
]
_SHAPES = [
    "POLYGON((0 0,10 0,10 10,0 10,0 0))",
    "POINT(5 5)",
    "MULTIPOLYGON(((170 -5,180 -5,180 5,170 5,170 -5)),((-180 -5,-170 -5,-170 5,-180 5,-180 -5)))",
    "LINESTRING(-20 -20,20 20)",
    "POLYGON((0 0,10 10,10 0,0 10,0 0))",
    None,
]
_TYPES = {"n": "number", "t": "text", "b": "boolean", "i": "timestamp", "d": "any", "a": "array", "m": "any"}


class Documents:
    def column(self, name):
        return Column("geometry", "geometry") if name == "geometry" else document_column("properties", name)


class Typed:
    """Columns where the type allows; the documents for the rest."""

    def column(self, name):
        if name == "geometry":
            return Column("geometry", "geometry", bbox=("west", "south", "east", "north"))
        if name in {"n", "t", "b", "i"}:
            return Column(f'"{name}"', _TYPES[name])
        return Column("properties", _TYPES.get(name, "any"), path=json_path(name))


@pytest.fixture(scope="module")
def table():
    connection = dbapi2.connect(":memory:")
    for register in PREPARE:
        register(connection)
    connection.execute(
        "create table item(row integer primary key, properties text, geometry blob, west real, south real, east real, north real,"
        " n real, t text, b integer, i integer)"
    )
    for number, (row, wkt) in enumerate(zip(_ROWS, _SHAPES, strict=True)):
        shape = wkt and shapely.from_wkt(wkt)
        instant = row.get("i") and parse_instant(row["i"])
        connection.execute(
            "insert into item values (?,?,?,?,?,?,?,?,?,?,?)",
            (
                number,
                json.dumps(row),
                shape and shapely.to_wkb(shape),
                *(shape_bbox(shape) if shape else (None,) * 4),
                row.get("n"),
                row.get("t"),
                row.get("b"),
                instant,
            ),
        )
    yield connection
    connection.close()


def _truth(table, expression, columns):
    """Return 1, 0 or None for each row."""
    compiled = compile_filter(expression, columns)
    rows = table.execute(f"select {compiled.sql} from item order by row", compiled.parameters)
    return [row[0] for row in rows]


@pytest.mark.parametrize("columns", [Documents(), Typed()], ids=["documents", "typed"])
@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("n > 0", [1, 1, 0, 0, None, None]),
        ("not n > 0", [0, 0, 1, 1, None, None]),
        ("n <> 0", [1, 1, 1, 0, None, None]),
        ("n > 0 or t = ''", [1, 1, 0, 1, None, None]),
        ("n > 0 and t = 'nothing'", [0, 0, 0, 0, 0, None]),
        ("n is null", [0, 0, 0, 0, 1, 1]),
        ("b is null", [0, 0, 1, 1, 1, 1]),
        ("b = true", [1, 0, None, None, None, None]),
        ("b <> TRUE", [0, 1, None, None, None, None]),
        ("properties.n = 1", [1, 0, 0, 0, None, None]),
        ("n in (1, 0, -7.0)", [1, 0, 1, 1, None, None]),
        ("n not in (1)", [0, 1, 1, 1, None, None]),
        ("n between -1 and 2.5", [1, 1, 0, 1, None, None]),
        ("n + 1 = 2 * 1", [1, 0, 0, 0, None, None]),
        ("n / 2 = 0.5", [1, 0, 0, 0, None, None]),
        ("n div 2 = -3", [0, 0, 1, 0, None, None]),
        ("n % 2 = -1", [0, 0, 1, 0, None, None]),
        ("1 / n > 0", [1, 1, 0, None, None, None]),
        ("n ^ 2 = 6.25", [0, 1, 0, 0, None, None]),
        ("t like 'a%'", [0, 0, 1, 0, 0, None]),
        ("casei(t) like casei('A%')", [1, 0, 1, 0, 0, None]),
        ("accenti(t) like 'abc'", [0, 1, 0, 0, 0, None]),
        ("casei(t) = casei('straße')", [0, 0, 0, 0, 1, None]),
        (r"t like 'a\%b\_c\\d*e?[f]'", [0, 0, 1, 0, 0, None]),
        (r"t like 'a\%b_c%[f]'", [0, 0, 1, 0, 0, None]),
        ("t like 'A__'", [1, 0, 0, 0, 0, None]),
        ("t like ''", [0, 0, 0, 1, 0, None]),
        ("t < 'b'", [1, 0, 1, 1, 1, None]),
        ("i = DATE('2021-04-16')", [1, 0, 1, None, None, None]),
        ("i <= DATE('2021-04-16')", [1, 0, 1, None, None, None]),
        ("i < DATE('2021-04-16')", [0, 0, 0, None, None, None]),
        ("i > DATE('2021-04-16')", [0, 1, 0, None, None, None]),
        ("i >= DATE('2021-04-17')", [0, 1, 0, None, None, None]),
        ("i <> DATE('2021-04-16')", [0, 1, 0, None, None, None]),
        ("i = TIMESTAMP('2021-04-16T12:00:00+02:00')", [1, 0, 0, None, None, None]),
        ("i in (DATE('2021-04-17'), TIMESTAMP('2021-04-16T10:00:00Z'))", [1, 1, 0, None, None, None]),
        ("d = DATE('2021-04-16')", [1, 0, None, None, None, None]),
        ("d < TIMESTAMP('2021-04-17T00:00:00Z')", [1, 0, None, None, None, None]),
        ("d between DATE('2021-04-17') and DATE('2021-05-01')", [0, 1, None, None, None, None]),
        ("t_during(i, INTERVAL('2021-04-16T09:00:00Z', '2021-04-16T11:00:00Z'))", [1, 0, 0, None, None, None]),
        ("t_intersects(i, INTERVAL('..', '2021-04-16'))", [1, 0, 1, None, None, None]),
        ("t_after(i, INTERVAL('..', '2021-04-16'))", [0, 1, 0, None, None, None]),
        ("t_before(INTERVAL('..', '2021-04-16'), d)", [0, 1, None, None, None, None]),
        ("t_equals(d, INTERVAL('2021-04-16', '2021-04-16'))", [1, 0, None, None, None, None]),
        ("t_disjoint(i, DATE('2021-04-16'))", [0, 1, 0, None, None, None]),
        ("t_meets(INTERVAL('..', i), INTERVAL('2021-04-16T10:00:00Z', '..'))", [1, 0, 0, None, None, None]),
        ("t_overlaps(INTERVAL('2021-04-01', i), INTERVAL('2021-04-10', '..'))", [1, 1, 1, None, None, None]),
        ("m = 5", [1, None, None, None, None, None]),
        ("m = '5'", [None, 1, None, None, None, None]),
        ("m = TRUE", [None, None, 1, None, None, None]),
        ("m is null", [0, 0, 0, 1, 0, 1]),
        ("m = m", [1, 1, 1, None, None, None]),
        ("m < n", [0, None, None, None, None, None]),
        ("a_contains(a, ('x'))", [1, 0, 0, 0, None, None]),
        ("a_contains(a, ())", [1, 1, 1, 1, None, None]),
        ("a_containedBy(a, ('x', 'y', 1, 'z'))", [1, 1, 0, 0, None, None]),
        ("a_equals(a, (1.0, 'y', 'x', 'x'))", [1, 0, 0, 0, None, None]),
        ("a_equals(a, ())", [0, 1, 0, 0, None, None]),
        ("a_overlaps(a, (TRUE))", [0, 0, 1, 0, None, None]),
        ("a_overlaps(a, (1))", [1, 0, 0, 1, None, None]),
        ("a_overlaps(a, (TIMESTAMP('2021-04-16T10:00:00Z')))", [0, 0, 0, 1, None, None]),
        ("geom is null", [0, 0, 0, 0, 0, 1]),
        ("s_intersects(geom, POINT(5 5))", [1, 1, 0, 1, 1, None]),
        ("not s_intersects(geom, POINT(5 5))", [0, 0, 1, 0, 0, None]),
        ("s_disjoint(geom, BBOX(160,-90,-160,90))", [1, 1, 0, 1, 1, None]),
        ("s_within(geom, BBOX(160,-90,-160,90))", [0, 0, 1, 0, 0, None]),
        ("s_contains(BBOX(160,-90,-160,90), geom)", [0, 0, 1, 0, 0, None]),
        ("s_within(geom, BBOX(-1,-1,11,11))", [1, 1, 0, 0, 1, None]),
        ("s_equals(geom, POLYGON((0 10,0 0,10 0,10 10,0 10)))", [1, 0, 0, 0, 0, None]),
        ("s_contains(geom, POINT(5 4))", [1, 0, 0, 0, 0, None]),
        ("s_touches(geom, POINT(10 5))", [1, 0, 0, 0, 1, None]),
        ("s_crosses(geom, BBOX(-90,-90,0,0))", [0, 0, 0, 1, 0, None]),
        ("s_overlaps(geom, BBOX(5,5,15,15))", [1, 0, 0, 0, 1, None]),
        ("s_intersects(geom, POLYGON((4 4,6 6,6 4,4 6,4 4)))", [1, 1, 0, 1, 1, None]),
        ("s_equals(geom, geometry)", [1, 1, 1, 1, 1, None]),
        ("s_intersects(POINT(1 1), BBOX(0,0,2,2))", [1] * 6),
        ("true", [1] * 6),
        ("false or n = 1", [1, 0, 0, 0, None, None]),
        ("not n = 1 and not false", [0, 1, 1, 1, None, None]),
        ("unheard_of = 1", [None] * 6),
        ("unheard_of is null", [1] * 6),
        ('"quoted ""name""" is null', [1] * 6),
        ("n = 99999999999999999999", [0, 0, 0, 0, None, None]),
    ],
)
def test_truth_is_three_valued(table, text, truth, columns):
    assert _truth(table, parse_text(text), columns) == truth


def test_values_are_bound_never_written(table):
    hostile = "x' or 1=1 --"
    for columns in (Documents(), Typed()):
        compiled = compile_filter({"op": "=", "args": [{"property": "t"}, hostile]}, columns)
        assert hostile not in compiled.sql
        assert hostile in compiled.parameters
        compiled = compile_filter({"op": "=", "args": [{"property": hostile + '"'}, 1]}, columns)
        assert hostile not in compiled.sql
        table.execute(f"select {compiled.sql} from item", compiled.parameters).fetchall()


def test_a_literal_text_that_spells_an_instant_is_one_where_a_timestamp_is_compared(table):
    assert _truth(table, parse_text("i > '2021-04-16'"), Typed())[:3] == [0, 1, 0]
    with pytest.raises(InvalidFilterError, match="needs a date or timestamp"):
        compile_filter(parse_text("i > 'yesterday'"), Typed())


@pytest.mark.parametrize(
    "text", ["n = 'x'", "t > 5", "b = 1", "t + 1 = 2", "casei(n) = 'x'", "n like 'x'", "i = 5", "n = t", "t_after(n, i)",
             "geometry = 'x'", "a = 1", "s_intersects(n, POINT(1 1))", "a_contains(n, (1))", "n in (DATE('2021-04-16'))"],
)  # fmt: skip
def test_a_comparison_with_another_type_than_the_columns_is_refused(text):
    with pytest.raises(InvalidFilterError):
        compile_filter(parse_text(text), Typed())


def test_between_is_read_in_the_form_of_the_drafts_too():
    arguments = [{"property": "n"}, [1, 2]]

    assert check_json({"op": "between", "args": arguments}) == parse_text("n between 1 and 2")


def test_whole_numbers_stay_whole():
    assert parse_text("n = 1234567890123456789")["args"][1] == 1234567890123456789


def test_patterns_become_globs():
    assert to_glob("a%b_c") == "a*b?c"
    assert to_glob(r"\%\_\\%") == "%_\\*"
    assert to_glob("*?[]") == "[*][?][[]]"
    assert to_glob("end\\") == "end\\"


_LEAVES = st.sampled_from(
    ["n > 0", "n = 1", "n < m", "b = TRUE", "t like 'a%'", "i > DATE('2021-04-16')", "m = 5", "d is null", "m in (5, 7)",
     "s_intersects(geom, BBOX(0,0,6,6))", "s_disjoint(geom, BBOX(160,-9,-160,9))", "a_contains(a, (1))", "true", "false"]
)  # fmt: skip
_EXPRESSIONS = st.recursive(
    _LEAVES.map(parse_text),
    lambda inner: st.one_of(
        st.builds(lambda a, b, op: check_json({"op": op, "args": [a, b]}), inner, inner, st.sampled_from(["and", "or"])),
        st.builds(lambda a: check_json({"op": "not", "args": [a]}), inner),
    ),
    max_leaves=8,
)
_COLUMNS = st.sampled_from([Documents(), Typed()])


def _not(expression):
    return {"op": "not", "args": [expression]}


@settings(deadline=None)
@given(_EXPRESSIONS, _EXPRESSIONS, _COLUMNS)
def test_the_laws_of_logic_hold(table, left, right, columns):
    def truth(expression):
        return _truth(table, check_json(expression), columns)

    assert truth(_not(_not(left))) == truth(left)
    for operator, dual in (("and", "or"), ("or", "and")):
        both = truth({"op": operator, "args": [left, right]})
        assert both == truth({"op": operator, "args": [right, left]})
        assert both == truth(_not({"op": dual, "args": [_not(left), _not(right)]}))


@settings(deadline=None)
@given(_EXPRESSIONS)
def test_columns_and_documents_say_the_same(table, expression):
    assert _truth(table, expression, Typed()) == _truth(table, expression, Documents())
