"""What is wrong with a graph is told before it is computed, all at once and with its place."""

import ast
import json
import re

import pytest

from twinlake.processing.openeo.checking import find_faults
from twinlake.processing.openeo.definitions import read_definitions
from twinlake.processing.openeo.registry import list_processes
from twinlake.standards.openeo.graph import MAX_FAULTS, MAX_NODES, parse_draft

CALL = re.compile(r"`(\w+\([^`]+\))`")
PARAMETERS = [{"name": name, "description": name, "schema": {}} for name in "xy"]


def faults_of(document, *parameters):
    return [(fault.code, fault.node, fault.argument) for fault in find_faults(parse_draft(document), parameters)]


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
        (one("add", x={"from_parameter": "q"}, y=1), [("ProcessGraphInvalid", "n", "x")]),
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
        (one("add", x="2000", y=1), "'x' of 'add' must be a number or null, and is a text: write 2000, without quotes."),
        (one("mean", data=["a"]), None),
        (
            one("climatological_normal", data={"from_parameter": "p"}, period="month", climatology_period=[1981, "2010"]),
            "'climatology_period' of 'climatological_normal' at [1] must be a whole number, and is a text: write 2010, without quotes.",
        ),
        (one("add", x="many", y=1), "'x' of 'add' must be a number or null, and is a text."),
        (
            one("text_begins", data="2000", pattern=2000),
            "'pattern' of 'text_begins' must be a text, and is a number.",
        ),
    ],
)
def test_a_number_that_is_a_text_is_told_as_it_should_be_written(document, message):
    messages = [each.message for each in find_faults(parse_draft(document), ["p"])]

    assert messages == [message] if message else "quotes" not in str(messages)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temporal_extent": ["2020-01-01", "2020-01-01"]}, None),  # the dry run tells why
        ({"temporal_extent": "2020-01-01"}, "'temporal_extent' of 'load_collection' must be an array, and is a text."),
        ({"temporal_extent": ["2020-01-01"]}, "'temporal_extent' of 'load_collection' must contain at least 2 items."),
        ({"temporal_extent": [2020, 2021]}, "'temporal_extent' of 'load_collection' at [0] must be a text, and is a number."),
        ({"bands": "B02"}, "'bands' of 'load_collection' must be an array, and is a text."),
        ({"bands": ["B02", 3]}, "'bands' of 'load_collection' at [1] must be a text, and is a number."),
    ],
)
def test_where_there_is_a_choice_the_fault_is_that_of_what_was_meant(arguments, message):
    document = one("load_collection", id="scenes", **{"spatial_extent": None, "temporal_extent": None, **arguments})

    assert [each.message for each in find_faults(parse_draft(document))] == ([message] if message else [])


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("reduce_dimensions", "There is: reduce_dimension, reduce_spatial, "),
        ("agregate_spatial", "There is: aggregate_spatial,"),
        ("zzz", "GET /processes lists what there is."),
    ],
)
def test_of_a_process_that_is_not_there_near_ones_are_told(named, told):
    [fault] = find_faults(parse_draft(one(named)))

    assert fault.message.startswith(f"There is no process {named!r}. {told}")


def test_of_a_cube_where_a_number_is_wanted_it_is_told_what_works_on_cells():
    load = {"process_id": "load_collection", "arguments": {"id": "s", "spatial_extent": None, "temporal_extent": None}}
    draft = parse_draft({"load": load, **one("add", x={"from_node": "load"}, y=1)})

    assert [each.message for each in find_faults(draft)] == [
        "'x' of 'add' takes a number, and 'load_collection' makes a cube: use 'apply', which takes each of its cells."
    ]


def test_what_is_no_cube_is_told_to_be_none():
    [fault] = find_faults(parse_draft(one("ndvi", data="scenes")))

    assert fault.message == "'data' of 'ndvi' must be a cube, such as what a load makes, and is a text."


def test_another_namespace_has_other_processes():
    document = one("add", x=1, y=2)
    document["n"]["namespace"] = "somebody"

    assert faults_of(document) == [("ProcessUnsupported", "n", "")]


def test_no_more_than_a_hundred_are_told():
    nodes = {str(number): {"process_id": "nosuch"} for number in range(500)}
    nodes["0"]["result"] = True

    assert len(faults_of(nodes)) == 100


def call(process_id, **arguments):
    return {"process_id": process_id, "arguments": arguments}


def test_what_cannot_be_read_hides_nothing_else():
    document = {
        "mean": {**call("mean", data={"from_node": "sum"}), "result": True},
        "lost": call("add", x={"from_node": "nobody"}, y={"from_node": "none"}),
        "none": 5,
        "each": call(
            "array_apply",
            data=[1, {"from_node": "nobody"}],
            process={
                "process_graph": {"i": call("nosuch", x={"from_parameter": "q"}), "j": {**call("add", x=True), "result": True}}
            },
        ),
        "odd": call("nosuch", x={"from_parameter": "q"}, process={"process_graph": one("add", x={"from_parameter": "v"})}),
        "sum": call("add", x={"from_node": "nobody"}, y="1"),
    }

    assert faults_of(document) == [
        ("ProcessParameterInvalid", "mean", "data"),
        ("ProcessGraphInvalid", "lost", "x"),
        ("ProcessGraphInvalid", "none", ""),
        ("ProcessGraphInvalid", "each", "data"),
        ("ProcessUnsupported", "each/i", ""),
        ("ProcessGraphInvalid", "each/i", "x"),
        ("ProcessParameterInvalid", "each/j", "x"),
        ("ProcessParameterRequired", "each/j", "y"),
        ("ProcessUnsupported", "odd", ""),
        ("ProcessGraphInvalid", "odd", "x"),
        ("ProcessParameterRequired", "odd/n", "y"),
        ("ProcessGraphInvalid", "sum", "x"),
        ("ProcessParameterInvalid", "sum", "y"),
    ]


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        (one("mean", data={"from_node": "n2"}), [("ProcessGraphInvalid", "n", "data")]),
        (one("mean", data={"from_node": 5}), [("ProcessGraphInvalid", "n", "data")]),
        (one("array_apply", data=[1], process={"process_graph": {}}), [("ProcessGraphMissing", "n", "process")]),
        (save({"from_node": "n2"}, compress="JPEG"), [("ProcessGraphInvalid", "n", "format")]),
        (
            one("array_apply", data=[1], proces={"process_graph": one("absolute", x={"from_parameter": "x"})}),
            [("ProcessParameterUnsupported", "n", "proces"), ("ProcessParameterRequired", "n", "process")],
        ),
        (
            one("absolute", x={"process_graph": one("absolute", x={"from_parameter": "x"})}),
            [("ProcessParameterInvalid", "n", "x")],
        ),
        (
            {"m": call("mean", data={"from_node": "n"}), "n": {"arguments": {}, "result": True}},
            [("ProcessGraphInvalid", "n", "")],
        ),
        (
            {"m": call("mean", data={"from_node": "n"}), **one("nosuch")},
            [("ProcessUnsupported", "n", "")],
        ),
        (
            {"m": call("absolute", x={"from_node": "n"}), "n": {**call("absolute", x={"from_node": "m"}), "result": True}},
            [("ProcessGraphInvalid", "", "")],
        ),
    ],
)
def test_what_a_fault_leads_to_is_no_other_fault(document, faults):
    assert faults_of(document, "p") == faults


def test_a_parameter_that_only_a_callback_is_given_is_told_where_it_is_not():
    x = {"from_parameter": "x"}

    assert faults_of(one("array_apply", data=x, process={"process_graph": one("absolute", x=x)}, context=[x, x])) == [
        ("ProcessGraphInvalid", "n", "data"),
        ("ProcessGraphInvalid", "n", "context"),
    ]


def test_the_first_hundred_faults_are_those_of_the_first_nodes():
    nodes = {}
    for number in range(1000):
        nodes[f"unknown{number}"] = call("nosuch")
        nodes[f"lost{number}"] = call("absolute", x={"from_node": "nobody"})
    nodes["lost0"]["result"] = True

    assert [node for _, node, _ in faults_of(nodes)] == list(nodes)[:MAX_FAULTS]


def test_both_ends_of_a_long_chain_are_looked_at():
    nodes = {str(number): call("absolute", x={"from_node": str(number - 1)}) for number in range(MAX_NODES)}
    nodes[str(MAX_NODES - 1)] = {**call("nosuch", x={"from_node": str(MAX_NODES - 2)}), "result": True}

    assert faults_of(nodes) == [("ProcessGraphInvalid", "0", "x"), ("ProcessUnsupported", str(MAX_NODES - 1), "")]


def test_a_process_of_ones_own_makes_what_it_makes():
    document = {
        "sum": {**call("add", x=1, y=2), "namespace": "user"},
        "mean": {**call("mean", data={"from_node": "sum"}), "result": True},
    }
    definitions, _ = read_definitions({"add": json.dumps({"parameters": PARAMETERS, "process_graph": one("array_create")})})

    assert not find_faults(parse_draft(document), (), definitions)


def test_a_result_must_be_of_a_type_that_is_taken():
    document = {
        "sum": {"process_id": "add", "arguments": {"x": 1, "y": 2}},
        "mean": {"process_id": "mean", "arguments": {"data": {"from_node": "sum"}}},
        "size": {"process_id": "absolute", "arguments": {"x": {"from_node": "mean"}}, "result": True},
    }

    assert faults_of(document) == [("ProcessParameterInvalid", "mean", "data")]


def test_calls_in_descriptions_can_be_made():
    """With the processes, the parameters and the values that there are; data are left open."""
    calls = [ast.parse(code, mode="eval").body for each in list_processes() for code in CALL.findall(each.description)]
    documents = []
    for each in calls:
        constants = [ast.literal_eval(argument) for argument in each.args]
        name = constants[0] if each.func.id == "process" else each.func.id
        given = {part.arg: {"from_parameter": "p"} if isinstance(part.value, ast.Name) else ast.literal_eval(part.value)
                 for part in each.keywords}  # fmt: skip
        documents.append((name, one(name, **given)))

    assert {name for name, _ in documents} >= {"anomaly", "climatological_normal", "aggregate_spatial_weighted"}
    assert [faults for _, document in documents if (faults := faults_of(document, "p"))] == []
