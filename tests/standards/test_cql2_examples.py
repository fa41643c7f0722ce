"""Every example of the standard reads alike in both encodings, and as the `cql2` package reads it."""

import json

import cql2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql2_features import read_expected_counts
from twinlake.standards.cql2 import InvalidFilterError, check_json, parse_text
from twinlake.standards.cql2.text import read_text

_NOT_A_FILTER = {"clause6_01": "avg", "clause6_02b": "avg", "clause7_18": "Buffer", "example68": "Foo", "example69": "Bar"}
"""Examples that call a function which the standard does not define."""


def _examples(shared):
    for path in sorted((shared / "contracts/cql2/examples/text").glob("*.txt")):
        name = path.stem
        document = json.loads((path.parents[1] / "json" / f"{name.removesuffix('-alt01')}.json").read_text(encoding="utf-8"))
        yield name, path.read_text(encoding="utf-8"), document


def test_both_encodings_of_every_example_read_alike(shared):
    examples = [example for example in _examples(shared) if example[0] not in _NOT_A_FILTER]

    assert len(examples) == 120 - len(_NOT_A_FILTER)
    for name, text, document in examples:
        assert parse_text(text) == check_json(document), name


def test_examples_with_foreign_functions_follow_the_grammar_and_are_refused_by_name(shared):
    for name, text, document in _examples(shared):
        if name in _NOT_A_FILTER:
            assert read_text(text) == document
            for read in (lambda text=text: parse_text(text), lambda document=document: check_json(document)):
                with pytest.raises(InvalidFilterError, match=_NOT_A_FILTER[name]):
                    read()


def test_every_predicate_reads_as_the_reference_parser_reads_it(shared):
    for row in read_expected_counts(shared):
        assert parse_text(row.filter) == check_json(cql2.parse_text(row.filter).to_json()), row.filter


_NUMBERS = st.recursive(
    st.sampled_from(["a", "b:c", '"d e"', "1", "2.5", "3e2"]),
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from(["+", "-", "*", "/", "%", "div", "^"]), inner),
        st.builds("({})".format, inner),
        st.builds("- {}".format, inner),
    ),
    max_leaves=6,
)
_PREDICATES = st.one_of(
    st.builds("{} {} {}".format, _NUMBERS, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), _NUMBERS),
    st.builds("{} {}BETWEEN {} AND {}".format, _NUMBERS, st.sampled_from(["", "not "]), _NUMBERS, _NUMBERS),
    st.builds("{} {}in ({}, {})".format, _NUMBERS, st.sampled_from(["", "NOT "]), _NUMBERS, _NUMBERS),
    st.builds("{} is {}null".format, _NUMBERS, st.sampled_from(["", "not "])),
    st.builds("casei({}) {}like casei('it''s%')".format, st.sampled_from(["a", '"B"']), st.sampled_from(["", "not "])),
    st.builds("t_after({}, interval('..', '2021-04-16'))".format, st.sampled_from(["a", "date('2021-04-16')"])),
    st.builds("A_CONTAINS(a, ({}))".format, st.sampled_from(["'x'", "1, 2", "'x', true"])),
    st.sampled_from(["S_INTERSECTS(geom, POINT(1 -2))", "s_within(geom,BBOX(170,-1,-170,1))"]),
)
_TEXTS = st.recursive(
    _PREDICATES,
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from(["and", "OR", "And"]), inner),
        st.builds("({})".format, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=8,
)


@given(_TEXTS)
def test_any_text_reads_as_the_reference_parser_reads_it(text):
    assert parse_text(text) == check_json(cql2.parse_text(text).to_json())
