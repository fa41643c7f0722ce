"""The operators of CQL2 (OGC 21-065r2) as its JSON encoding names them."""

LOGICAL = frozenset({"and", "or"})
COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
ARITHMETIC = frozenset({"+", "-", "*", "/", "div", "%", "^"})
TEXT_FUNCTIONS = frozenset({"casei", "accenti"})
SPATIAL = frozenset({"s_intersects", "s_equals", "s_disjoint", "s_touches", "s_within", "s_overlaps", "s_crosses", "s_contains"})
TEMPORAL = frozenset(
    {
        "t_after", "t_before", "t_contains", "t_disjoint", "t_during", "t_equals", "t_finishedBy", "t_finishes",
        "t_intersects", "t_meets", "t_metBy", "t_overlappedBy", "t_overlaps", "t_startedBy", "t_starts",
    }
)  # fmt: skip
ARRAY = frozenset({"a_equals", "a_contains", "a_containedBy", "a_overlaps"})
PREDICATES = LOGICAL | COMPARISONS | SPATIAL | TEMPORAL | ARRAY | {"not", "like", "between", "in", "isNull"}

FLIPPED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""The comparison that says the same with its sides exchanged."""

CANONICAL = {name.lower(): name for name in PREDICATES | ARITHMETIC | TEXT_FUNCTIONS}
"""Spelling of an operator by its lower-case name: the text encoding ignores case."""
