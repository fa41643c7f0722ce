"""What is said of a filter before rows are read holds for every match."""

import pytest

from twinlake.standards.cql2 import Constraint, constraints_of, parse_text, properties_of, spatial_envelope

_DAY = 1_618_531_200_000_000
_LAST = _DAY + 86_400_000_000 - 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a = 1 and properties.b like 'x' or not c in (1, d)", "abcd"),
        ("t_during(INTERVAL(a, '..'), INTERVAL(b, c)) and s_within(geom, BBOX(0,0,1,1))", ["a", "b", "c", "geometry"]),
        ("a_contains(a, ('b')) and casei(b) = 'c' and c + d > 1", "abcd"),
        ("true", []),
    ],
)
def test_all_properties_are_named(text, names):
    assert properties_of(parse_text(text)) == set(names)


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("s_intersects(geom, BBOX(0,1,2,3))", (0, 1, 2, 3)),
        ("s_contains(BBOX(170,-1,-170,1), geometry)", (170, -1, -170, 1)),
        ("s_touches(geom, LINESTRING(0 0, 5 -5))", (0, -5, 5, 0)),
        ("a = 1 and s_within(geom, POINT(1 2))", (1, 2, 1, 2)),
        ("s_intersects(geom, BBOX(0,0,50,50)) and s_intersects(geom, BBOX(10,10,60,20))", (10, 10, 60, 20)),
        ("s_intersects(geom, POINT(0 0)) or s_intersects(geom, POINT(9 9))", (0, 0, 9, 9)),
        ("s_intersects(geom, BBOX(175,0,-175,1)) or s_intersects(geom, BBOX(160,0,165,2))", (160, 0, -175, 2)),
        ("s_intersects(geom, POINT(0 0)) or a = 1", None),
        ("not s_intersects(geom, POINT(0 0))", None),
        ("s_disjoint(geom, POINT(0 0))", None),
        ("s_intersects(footprint, POINT(0 0))", None),
        ("s_intersects(geom, footprint)", None),
        ("true or s_intersects(geom, POINT(0 0))", None),
        ("a = 1", None),
    ],
)
def test_the_envelope_is_a_box_that_every_match_meets(text, box):
    assert spatial_envelope(parse_text(text)) == box


@pytest.mark.parametrize(
    ("text", "constraints"),
    [
        ("a = 'x'", [Constraint("a", "text", values=("x",))]),
        ("5 = a and b = TRUE", [Constraint("a", "number", values=(5,)), Constraint("b", "boolean", values=(True,))]),
        ("a in (1, 2)", [Constraint("a", "number", values=(1, 2))]),
        ("a < 5 and a >= 1", [Constraint("a", "number", high=5), Constraint("a", "number", low=1)]),
        ("5 < a", [Constraint("a", "number", low=5)]),
        ("a between 1 and 2", [Constraint("a", "number", low=1, high=2)]),
        ("d > DATE('2021-04-16')", [Constraint("d", "timestamp", low=_DAY)]),
        ("d <= DATE('2021-04-16')", [Constraint("d", "timestamp", high=_LAST)]),
        ("d = DATE('2021-04-16')", [Constraint("d", "timestamp", low=_DAY, high=_LAST)]),
        ("d between DATE('2021-04-16') and DATE('2021-04-16')", [Constraint("d", "timestamp", low=_DAY, high=_LAST)]),
        ("a <> 1 and not a = 2 and (a = 3 or b = 4) and casei(a) = 'x' and a = b and a in (1, b) and true", []),
        ("a = 1 or a = 2", []),
        ("a = 1 and (b = 2 and c = 3)", [Constraint(name, "number", values=(n,)) for n, name in enumerate("abc", 1)]),
    ],
)
def test_conjuncts_constrain_properties(text, constraints):
    assert list(constraints_of(parse_text(text))) == constraints
