"""Texts: found in others, and made of other values."""

import numpy as np
import pytest

from processing.openeo.cubes import compute_cubes
from processing.openeo.suite import compute
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


@pytest.mark.parametrize(
    ("process_id", "data", "pattern", "is_found"),
    [
        ("text_contains", "Lorem ipsum", "m i", True),
        ("text_contains", "Lorem ipsum", "M I", False),
        ("text_contains", "Lorem ipsum", "", True),
        ("text_contains", "Lorem ipsum", ".*", False),
        ("text_contains", None, "null", None),
        ("text_begins", "Lorem", "", True),
        ("text_ends", "Lorem", "em", True),
    ],
)
def test_patterns_are_plain_texts(process_id, data, pattern, is_found):
    assert compute(process_id, {"data": data, "pattern": pattern}) is is_found


@pytest.mark.parametrize("process_id", ["text_begins", "text_contains", "text_ends"])
def test_case_is_folded_in_all_scripts(process_id):
    assert compute(process_id, {"data": "STRASSE", "pattern": "straße", "case_sensitive": False}) is True
    assert compute(process_id, {"data": "ΣΊΣΥΦΟΣ", "pattern": "σίσυφος", "case_sensitive": False}) is True


@pytest.mark.parametrize(
    ("data", "pattern", "place"), [("ßßx", "X", 2), ("İİx", "X", 2), ("aß", "SS", 1), ("x", "", 0), ("", "x", None)]
)
def test_places_are_those_of_characters_as_they_were(data, pattern, place):
    assert compute("text_find", {"data": data, "pattern": pattern, "case_sensitive": False}) == place


@pytest.mark.parametrize("process_id", ["text_begins", "text_contains", "text_ends", "text_find"])
@pytest.mark.parametrize(
    "arguments",
    [{"data": 5, "pattern": "5"}, {"data": "5", "pattern": 5}, {"data": "a", "pattern": None}, {"data": None, "pattern": None}],
)
def test_what_is_no_text_is_refused(process_id, arguments):
    with pytest.raises(ProcessParameterInvalidError, match="is no text"):
        compute(process_id, arguments)


def test_texts_in_cells_are_searched_one_by_one():
    texts = Values(data=np.array([["B04", "B8A"], ["b04", ""]], dtype=object), valid=np.array([[True, True], [True, False]]))

    found = compute_cubes("text_begins", data=texts, pattern="B")

    assert found.data.tolist() == [[True, True], [False, False]]
    assert found.valid.tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize(
    ("data", "separator", "text"),
    [
        ([], ", ", ""),
        ([None, True, False, 1, -1.5, "ß"], "\n", "null\ntrue\nfalse\n1\n-1.5\nß"),
        ([2, 0], 1, "210"),
        (["a", "b"], None, "anullb"),
        (["a", "b"], False, "afalseb"),
        ([1.0, 2.5], "", "12.5"),
        ([float("nan"), float("-inf")], " ", "nan -inf"),
        ([2**60, None], " ", f"{2**60} null"),
        ([1e300], "", "1e+300"),
        ([None], "", "null"),
    ],
)
def test_values_are_written_as_in_json(data, separator, text):
    assert compute("text_concat", {"data": data, "separator": separator}) == text


def test_arrays_have_no_text():
    with pytest.raises(ProcessParameterInvalidError, match="cannot be made a text"):
        compute("text_concat", {"data": ["a", [1]]})


def test_a_text_is_made_for_each_element():
    name = {"name": {"process_id": "text_concat", "arguments": {"data": ["B", {"from_parameter": "x"}]}, "result": True}}

    assert compute("array_apply", {"data": [1, 2.5, None], "process": {"process_graph": name}}) == ["B1", "B2.5", "Bnull"]
    assert compute("array_apply", {"data": ["a", 1, True], "process": {"process_graph": name}}) == ["Ba", "B1", "Btrue"]
