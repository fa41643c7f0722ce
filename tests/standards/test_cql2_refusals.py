"""What is no filter is refused with a reason, and nothing, however deep or long, ends the process."""

import subprocess
import sys

import pytest

from twinlake.standards.cql2 import InvalidFilterError, check_json, compile_filter, document_column, parse_text


class Documents:
    def column(self, name):
        return document_column("properties", name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "character 1, found the end"),
        ("a = 1 +", "expected a value, a property or a function at character 8, found the end"),
        ("a = 1 b", "expected an operator or the end at character 7, found 'b'"),
        ("a == 1", "character 4"),
        ("a = 'x", "a quote that is not closed at character 5"),
        ("a = 1; drop table item", "unexpected ';' at character 6"),
        ("(a = 1", r"expected '\)' at character 7"),
        ("a = 1)", r"found '\)'"),
        ("a = AND", "character 5, found 'AND'"),
        ("a not 1", "expected LIKE, BETWEEN or IN"),
        ("a between 1", "between takes 3 arguments, not 2"),
        ("a between 1 or 2", "between takes 3 arguments, not 2"),
        ("a in ()", "character 7"),
        ("a in (1", "character 8"),
        ("a is 1", "expected 'NULL'"),
        ("a", "the property 'a' where a predicate"),
        ("not a", "the property 'a' where a predicate"),
        ("a = 1 and b", "the property 'b' where a predicate"),
        ("1 + 1", r"'\+' gives no TRUE or FALSE"),
        ("casei(a)", "'casei' gives no TRUE or FALSE"),
        ("a = b = c", "where a value is needed|'=' cannot stand here"),
        ("a = null", "Nothing compares with NULL"),
        ("a = ('x', 'y')", "where a single value is needed"),
        ("a = POINT(1 2)", "where a single value is needed"),
        ("a = 1 or 'x' = 2", "different types: number and text"),
        ("a in (1, 'x')", "different types: number and text"),
        ("TRUE > 1", "different types"),
        ("a + 'x' = 1", r"\+ does not take"),
        ("casei(1) = 'x'", "casei does not take"),
        ("casei(a, b) = 'x'", "casei takes 1 argument, not 2"),
        ("a like 5", "like does not take"),
        ("a like b", "pattern of like is not a text"),
        (f"a like '{'x' * 1001}'", "up to 1000 characters"),
        ("a = 1e400", "not finite"),
        ("a = 1" + "0" * 400, "not finite"),
        ("a = 'x\0y'", "NUL"),
        ("foo(a) = 1", "'foo' is not known here"),
        ("foo(a)", "'foo' is not known here"),
        ("s_near(geometry, POINT(1 2))", "'s_near' is not known here"),
        ("s_intersects(geometry)", "s_intersects takes 2 arguments, not 1"),
        ("s_intersects(geometry, geometry, geometry)", "takes 2 arguments, not 3"),
        ("s_intersects(geometry, 'x')", "s_intersects does not take"),
        ("s_intersects(geometry, POINT(181 0))", "outside of longitude"),
        ("s_intersects(geometry, POINT(0 -90.5))", "outside of longitude"),
        ("s_intersects(geometry, POINT(0))", "expected a number"),
        ("s_intersects(geometry, POINT EMPTY)", r"character 30"),
        ("s_intersects(geometry, LINESTRING(0 0))", "has 1 positions"),
        ("s_intersects(geometry, POLYGON((0 0,1 1,1 0,0 1)))", "last position is not its first"),
        ("s_intersects(geometry, POLYGON((0 0,1 1,0 0)))", "has 3 positions"),
        ("s_intersects(geometry, LINESTRING(0 0, 1 1 1))", "3 numbers where the positions before have 2"),
        ("s_intersects(geometry, GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(0 0))))", "GeometryCollection within another"),
        ("s_intersects(geometry, BBOX(0,1,2))", "4 or 6 numbers"),
        ("s_intersects(geometry, BBOX(0,10,2,1))", "south"),
        ("s_intersects(geometry, BBOX(0,0,181,1))", "outside of longitude"),
        ("t_after(a)", "t_after takes 2 arguments"),
        ("t_after(a, 5)", "t_after does not take 5"),
        ("t_after(a, '2020-01-01')", "t_after does not take"),
        ("a > DATE('2020-02-30')", "not a day of the calendar"),
        ("a > DATE('2020-02-01T00:00:00Z')", "not a date"),
        ("a > TIMESTAMP('2020-02-01')", "not an RFC 3339 date-time"),
        ("a > TIMESTAMP('2020-02-01T25:00:00Z')", "not an instant of the calendar"),
        ("a > TIMESTAMP('2020-02-01T00:00:00')", "not an RFC 3339 date-time"),
        ("a > DATE(5)", "expected a date or timestamp"),
        ("t_during(a, INTERVAL('2021-01-01','2020-01-01'))", "ends before it starts"),
        ("t_during(a, INTERVAL('2021-01-01'))", "two sides"),
        ("t_during(a, INTERVAL('yesterday','..'))", "side of the interval"),
        ("a_contains(a, 'x')", None),
        ("a_contains(a, (b, 1))", "literal values only"),
        ("a_contains(a, b, c)", "takes 2 arguments, not 3"),
    ],
)
def test_text_is_refused_with_a_reason(text, reason):
    if reason is None:
        reason = "a_contains does not take"
    with pytest.raises(InvalidFilterError, match=reason):
        parse_text(text)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, "where a predicate"),
        ([], "where a predicate"),
        ("a = 1", "where a predicate"),
        ({}, "where a predicate"),
        ({"op": "=", "args": {"property": "a"}}, "where a predicate"),
        ({"op": "=", "args": [{"property": "a"}, 1], "extra": 1}, "members besides"),
        ({"op": "and", "args": [True]}, "at least 2"),
        ({"op": "in", "args": [{"property": "a"}, 1]}, "a list of at least one"),
        ({"op": "in", "args": [{"property": "a"}, []]}, "a list of at least one"),
        ({"op": "=", "args": [{"property": 5}, 1]}, "does not name a property"),
        ({"op": "=", "args": [{"property": "a", "x": 1}, 1]}, "does not name a property"),
        ({"op": "=", "args": [{"property": "a"}, float("nan")]}, "not finite"),
        ({"op": "=", "args": [{"property": "a"}, "\ud800"]}, "surrogate"),
        ({"op": "=", "args": [{"property": "a"}, {"date": "2020-01-01", "timestamp": "x"}]}, "neither a date nor"),
        ({"op": "=", "args": [{"property": "a"}, {"date": 5}]}, "neither a date nor"),
        ({"op": "t_after", "args": [{"property": "a"}, {"interval": [1, 2]}]}, "no side of an interval"),
        ({"op": "s_within", "args": [{"property": "a"}, {"type": "Circle"}]}, "s_within does not take"),
        ({"op": "s_within", "args": [{"property": "a"}, {"type": "Point", "coordinates": [1, "2"]}]}, "not a number"),
        ({"op": "s_within", "args": [{"property": "a"}, {"type": "Point", "coordinates": [True, False]}]}, "not a number"),
        ({"op": "s_within", "args": [{"property": "a"}, {"type": "Point", "coordinates": [float("nan"), 0]}]}, "finite"),
        ({"op": "s_within", "args": [{"property": "a"}, {"type": "Polygon", "coordinates": []}]}, "at least one member"),
        ({"op": "s_within", "args": [{"property": "a"}, {"bbox": [0, 0, float("inf"), 1]}]}, "outside of longitude"),
    ],
)
def test_json_is_refused_with_a_reason(document, reason):
    with pytest.raises(InvalidFilterError, match=reason):
        check_json(document)


def test_a_hundred_levels_are_read_and_one_more_is_refused():
    for levels, build in [
        (100, lambda n: "(" * n + "a = 1" + ")" * n),
        (100, lambda n: "not " * n + "a = 1"),
        (99, lambda n: "casei(" * n + "a" + ")" * n + " = 'x'"),
        (100, lambda n: "a = " + "+".join(["b"] * (n + 1))),
    ]:
        compile_filter(parse_text(build(levels)), Documents())
        with pytest.raises(InvalidFilterError, match="nested deeper than 100 levels"):
            parse_text(build(levels + 2))


def test_size_is_bounded_in_both_encodings():
    text = " or ".join(["a = 1"] * 7280)
    document = {"op": "in", "args": [{"property": "a"}, list(range(10_000))]}

    assert len(text) < 65536
    assert compile_filter(parse_text(text), Documents()).sql.count("case") == 7280
    assert check_json(document) == document
    with pytest.raises(InvalidFilterError, match="larger than 64 kB"):
        parse_text(text + " or b = '123456789123456789'")
    with pytest.raises(InvalidFilterError, match="larger than 64 kB"):
        check_json({"op": "in", "args": [{"property": "a"}, list(range(20_000))]})


_HOSTILE = """
import json
from pysqlite3 import dbapi2
from twinlake.standards.cql2 import *

class Documents:
    def column(self, name):
        return Column("geometry", "geometry", bbox=("0","0","0","0")) if name == "geometry" else document_column("'{}'", name)

connection = dbapi2.connect(":memory:")
for register in PREPARE:
    register(connection)

def run(read, source):
    try:
        compiled = compile_filter(read(source), Documents())
    except InvalidFilterError:
        return "refused"
    connection.execute(f"select {compiled.sql} from (select null as geometry)", compiled.parameters).fetchall()
    return "answered"

def nested(levels, leaf, wrap):
    for _ in range(levels):
        leaf = wrap(leaf)
    return leaf

texts = {
    "parentheses": "(" * 30000 + "a=1" + ")" * 30000, "open": "(" * 60000, "nots": "not " * 16000 + "a=1",
    "minus": "a=" + "-" * 60000 + "1", "plus": "a=" + "+".join(["b"] * 30000), "power": "a=" + "^".join(["1"] * 30000),
    "casei": "casei(" * 9000 + "a" + ")" * 9000 + "=1", "equals": "=".join(["a"] * 30000), "and": " and ".join(["a=1"] * 7000),
    "or": "or".join([" (a=1) "] * 6000), "in": "a in (" + ",".join(["1"] * 32000) + ")", "quotes": "a=" + "'" * 60000,
    "double": '"' * 60000, "arrays": "a_equals(a," * 5000, "array": "a_equals(a," + "(" * 60000, "interval": "t_after(" + "interval(" * 7000,
    "collection": "s_equals(geometry," + "GEOMETRYCOLLECTION(" * 3000, "between": "a " + "between 1 and " * 4000 + "2",
    "mixed": "a=1 and (" * 100 + "b=2" + ")" * 100, "deep": "(true or true and a = 1+1*1^(" * 98 + "1" + "))" * 98,
    "backslashes": "a='" + chr(92) * 60000, "escapes": "a='" + (chr(92) + "'") * 30000, "spaces": " " * 60000, "commas": "a in (" + "," * 50000,
    "like": "a like '" + "%a" * 499 + "'", "polygon": "s_within(geometry,POLYGON((" + ",".join(["0 0"] * 15000) + ")))",
    "grid": "s_within(geometry,MULTIPOINT(" + ",".join(f"{i % 180} {i % 90}" for i in range(9000)) + "))",
    "levels": "(" * 99 + "not " * 90 + "a=1" + ")" * 99, "dots": "a." * 30000 + "=1", "digits": "a=" + "1" * 60000,
}
for name, text in texts.items():
    print(name, run(parse_text, text))
leaf = {"op": "=", "args": [{"property": "a"}, 1]}
documents = {
    "nots": nested(50000, leaf, lambda inner: {"op": "not", "args": [inner]}),
    "lists": nested(50000, 1, lambda inner: [inner]),
    "array": {"op": "a_equals", "args": [{"property": "a"}, nested(50000, 1, lambda inner: [inner])]},
    "plus": {"op": "=", "args": [1, nested(50000, 1, lambda inner: {"op": "+", "args": [inner, 1]})]},
    "coordinates": {"op": "s_equals", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": nested(50000, 1, lambda i: [i])}]},
    "ands": nested(99, leaf, lambda inner: {"op": "or", "args": [{"op": "and", "args": [inner, True]}, False]}),
    "fifty": nested(50, leaf, lambda inner: {"op": "or", "args": [{"op": "and", "args": [inner, True]}, False]}),
}
for name, document in documents.items():
    print(name, run(check_json, document))
"""


@pytest.mark.slow
def test_nothing_hostile_ends_the_process():
    done = subprocess.run([sys.executable, "-c", _HOSTILE], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    outcomes = dict(line.split() for line in done.stdout.splitlines()[:-7])
    assert {name for name, outcome in outcomes.items() if outcome == "answered"} >= {"and", "or", "in", "mixed", "like", "grid"}
    assert {name for name, outcome in outcomes.items() if outcome == "refused"} >= {"parentheses", "nots", "plus", "casei"}
    assert dict(line.split() for line in done.stdout.splitlines()[-7:]) == {
        "nots": "refused",
        "lists": "refused",
        "array": "refused",
        "plus": "refused",
        "coordinates": "refused",
        "ands": "refused",
        "fifty": "answered",
    }


def test_every_refusal_is_a_client_error_without_the_whole_text():
    with pytest.raises(InvalidFilterError) as caught:
        parse_text("a = 1 " + "x" * 5000)

    assert caught.value.status == 400
    assert len(caught.value.message) < 300
