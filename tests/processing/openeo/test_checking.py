"""What is wrong with a graph is told before it is computed, all at once and with its place."""

import pytest

from twinlake.processing.openeo.checking import find_faults
from twinlake.standards.openeo.graph import parse_graph


def faults_of(document, *parameters):
    graph, faults = parse_graph(document)
    assert not faults
    return [(fault.code, fault.node, fault.argument) for fault in find_faults(graph, parameters)]


def one(process_id, **arguments):
    return {"n": {"process_id": process_id, "arguments": arguments, "result": True}}


def save(named, **options):
    return one("save_result", data={"from_parameter": "p"}, format=named, options=options)


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        (one("add", x=1, y=None), []),
        (one("add", x={"from_parameter": "p"}, y=1), []),
        (one("nosuch"), [("ProcessUnsupported", "n", "")]),
        (one("add", x=1), [("ProcessParameterRequired", "n", "y")]),
        (one("add", x=1, y=2, z=3), [("ProcessParameterUnsupported", "n", "z")]),
        (one("add", x="1", y=True), [("ProcessParameterInvalid", "n", "x"), ("ProcessParameterInvalid", "n", "y")]),
        (one("add", x={"from_parameter": "q"}, y=1), [("ProcessGraphInvalid", "n", "")]),
        (one("arcsin", x=2), []),
        (one("count", data=[1], condition=True), []),
        (one("count", data=[1], condition=3), [("ProcessParameterInvalid", "n", "condition")]),
        (one("array_apply", data=[1], process=3), [("ProcessParameterInvalid", "n", "process")]),
        (one("mean", data=[1, "a"]), [("ProcessParameterInvalid", "n", "data")]),
        (one("mean", data=[1, {"from_parameter": "p"}]), []),
        (save("gtiff", compress="zstd"), []),
        (save("nosuch"), [("ProcessParameterInvalid", "n", "format")]),
        (save("GTiff", compress="JPEG"), [("ProcessParameterInvalid", "n", "options")]),
        (save({"from_parameter": "p"}, compress="JPEG"), []),
        (one("add", x={"process_graph": one("add", x=1, y=1)}, y=1), [("ProcessParameterInvalid", "n", "x")]),
    ],
)
def test_faults_are_told_with_node_and_argument(document, faults):
    assert faults_of(document, "p") == faults


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (one("add", x="2000", y=1), "'x' of 'add' must be number or null: write 2000, without quotes."),
        (one("mean", data=["a"]), None),
        (
            one("climatological_normal", data={"from_parameter": "p"}, period="month", climatology_period=[1981, "2010"]),
            "'climatology_period' of 'climatological_normal' at [1] must be integer: write 2010, without quotes.",
        ),
        (one("add", x="many", y=1), "'x' of 'add' must be number or null."),
        (
            one("text_begins", data="2000", pattern=2000),
            "'pattern' of 'text_begins' must be string.",
        ),
    ],
)
def test_a_number_that_is_a_text_is_told_as_it_should_be_written(document, message):
    graph, _ = parse_graph(document)
    messages = [each.message for each in find_faults(graph, ["p"])]

    assert messages == [message] if message else "quotes" not in str(messages)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temporal_extent": ["2020-01-01", "2020-01-01"]}, None),  # the dry run tells why
        ({"temporal_extent": "2020-01-01"}, "'temporal_extent' of 'load_collection' must be array."),
        ({"temporal_extent": ["2020-01-01"]}, "'temporal_extent' of 'load_collection' must contain at least 2 items."),
        ({"temporal_extent": [2020, 2021]}, "'temporal_extent' of 'load_collection' at [0] must be string."),
        ({"bands": "B02"}, "'bands' of 'load_collection' must be array."),
        ({"bands": ["B02", 3]}, "'bands' of 'load_collection' at [1] must be string."),
    ],
)
def test_where_there_is_a_choice_the_fault_is_that_of_what_was_meant(arguments, message):
    document = one("load_collection", id="scenes", **{"spatial_extent": None, "temporal_extent": None, **arguments})
    graph, _ = parse_graph(document)

    assert [each.message for each in find_faults(graph)] == ([message] if message else [])


def test_another_namespace_has_other_processes():
    document = one("add", x=1, y=2)
    document["n"]["namespace"] = "somebody"

    assert faults_of(document) == [("ProcessUnsupported", "n", "")]


def test_no_more_than_a_hundred_are_told():
    nodes = {str(number): {"process_id": "nosuch"} for number in range(500)}
    nodes["0"]["result"] = True

    assert len(faults_of(nodes)) == 100


def test_a_result_must_be_of_a_type_that_is_taken():
    document = {
        "sum": {"process_id": "add", "arguments": {"x": 1, "y": 2}},
        "mean": {"process_id": "mean", "arguments": {"data": {"from_node": "sum"}}},
        "size": {"process_id": "absolute", "arguments": {"x": {"from_node": "mean"}}, "result": True},
    }

    assert faults_of(document) == [("ProcessParameterInvalid", "mean", "data")]
