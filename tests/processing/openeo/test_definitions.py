"""User-defined processes: called with parameters and defaults, knowing nothing of what stands around the call."""

import json

import pytest

from twinlake.processing.openeo.checking import find_faults
from twinlake.processing.openeo.definitions import read_definitions
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.values import to_json
from twinlake.standards.openeo.errors import OpenEoError
from twinlake.standards.openeo.graph import parse_draft, parse_graph


def parameter(name, **default):
    return {"name": name, "description": name, "schema": {}, **default}


def one(process_id, **arguments):
    return {"n": {"process_id": process_id, "arguments": arguments, "result": True}}


def given(name):
    return {"from_parameter": name}


SCALED = {
    "parameters": [parameter("x"), parameter("by", default=10)],
    "process_graph": one("multiply", x=given("x"), y=given("by")),
}
EACH = {
    "parameters": [parameter("data"), parameter("by")],
    "process_graph": one(
        "array_apply", data=given("data"), process={"process_graph": one("scaled", x=given("x"), by=given("by"))}
    ),
}
TWICE = {"parameters": [parameter("how")], "process_graph": one("array_apply", data=[1, 2], process=given("how"))}


def definitions(**documents):
    found, faults = read_definitions({name: json.dumps(document) for name, document in documents.items()})
    assert not faults
    return found


def compute(document, **documents):
    known = definitions(**documents)
    graph, faults = parse_graph(document)
    assert not faults
    assert not find_faults(parse_draft(document), (), known)
    return to_json(evaluate(graph, {}, known))


def test_it_is_called_with_parameters_and_defaults():
    assert compute(one("scaled", x=4), scaled=SCALED) == 40
    assert compute(one("scaled", x=4, by=2), scaled=SCALED) == 8


def test_one_calls_another_in_a_callback_with_what_it_was_given():
    assert compute(one("each", data=[1, 2, None], by=3), each=EACH, scaled=SCALED) == [3, 6, None]


def test_a_callback_may_be_what_is_given():
    add = {"process_graph": one("add", x=given("x"), y=1)}

    assert compute(one("twice", how=add), twice=TWICE) == [2, 3]


def test_what_stands_around_the_call_is_not_known_in_it():
    curious = {"parameters": [], "process_graph": one("add", x=given("x"), y=1)}
    callback = {"process_graph": one("curious")}
    graph, _ = parse_graph(one("array_apply", data=[1], process=callback))

    with pytest.raises(OpenEoError, match="no parameter 'x'"):
        evaluate(graph, {}, definitions(curious=curious))


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        (one("scaled"), [("ProcessParameterRequired", "x")]),
        (one("scaled", x=1, z=2), [("ProcessParameterUnsupported", "z")]),
        (one("scaled", x=given("p")), [("ProcessGraphInvalid", "x")]),
        (one("unknown", x=1), [("ProcessUnsupported", "")]),
    ],
)
def test_a_wrong_call_is_told(document, faults):
    found = find_faults(parse_draft(document), (), definitions(scaled=SCALED))

    assert [(each.code, each.argument) for each in found] == faults


@pytest.mark.parametrize(
    "documents",
    [
        {"a": {"process_graph": one("a")}},
        {"a": {"process_graph": one("b")}, "b": {"process_graph": one("c")}, "c": {"process_graph": one("a")}},
        {"a": {"process_graph": one("array_apply", data=[1], process={"process_graph": one("a")})}},
    ],
)
def test_none_calls_itself(documents):
    _, [fault] = read_definitions({name: json.dumps(document) for name, document in documents.items()})

    assert fault.code == "ProcessGraphInvalid"
    assert "'a' calls itself" in fault.message
