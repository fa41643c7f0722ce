"""Process graphs are read within limits, in an order in which they can be computed, and with all their faults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinlake.standards.openeo.graph import (
    MAX_CALLBACKS,
    MAX_NODES,
    FromNode,
    FromParameter,
    Graph,
    is_constant,
    list_references,
    map_parts,
    parse_graph,
    read_draft,
)


def node(process="p", **arguments):
    return {"process_id": process, "arguments": arguments}


def last(process="p", **arguments):
    return {**node(process, **arguments), "result": True}


def uses(name):
    return {"from_node": name}


def faults_of(document):
    graph, faults = parse_graph(document)
    assert graph is None
    return [(fault.code, fault.node) for fault in faults]


def test_nodes_stand_behind_those_whose_results_they_use():
    document = {"c": last(x=[1, {"deep": uses("b")}]), "b": node(x=uses("a")), "a": node(x={"from_parameter": "p"})}

    graph, faults = parse_graph(document)

    assert not faults
    assert list(graph.nodes) == ["a", "b", "c"]
    assert graph.result == "c"
    assert graph.nodes["c"].arguments == {"x": [1, {"deep": FromNode("b")}]}
    assert graph.nodes["a"].arguments == {"x": FromParameter("p")}


def test_a_callback_is_a_graph_of_its_own():
    inner = {"i": last(x={"from_parameter": "x"}, y={"from_parameter": "outer"})}
    graph, _ = parse_graph({"a": last(callback={"process_graph": inner})})

    callback = graph.nodes["a"].arguments["callback"]
    assert isinstance(callback, Graph)
    assert callback.free == graph.free == {"x", "outer"}


@given(st.permutations(range(30)), st.data())
def test_any_order_of_nodes_will_do(names, data):
    document = {str(name): node(x=[uses(str(data.draw(st.integers(0, name - 1)))) for _ in range(2) if name]) for name in names}
    document["29"]["result"] = True

    graph, faults = parse_graph(document)

    assert not faults
    seen = set()
    for name, each in graph.nodes.items():
        assert {reference.node for reference in each.references()} <= seen
        seen.add(name)


def test_a_chain_of_all_nodes_that_may_be_is_no_trouble():
    document = {str(number): node(x=uses(str(number - 1))) if number else node() for number in range(MAX_NODES)}
    document[str(MAX_NODES - 1)]["result"] = True

    graph, faults = parse_graph(document)

    assert not faults
    assert len(graph.nodes) == MAX_NODES
    assert faults_of({**document, "more": node()}) == [("ProcessGraphInvalid", "")]


def nested(depth):
    graph = {"n": last()}
    for _ in range(depth):
        graph = {"n": last(callback={"process_graph": graph})}
    return graph


def test_callbacks_are_nested_so_deep_and_no_deeper():
    assert parse_graph(nested(MAX_CALLBACKS))[0] is not None
    [(code, path)] = faults_of(nested(MAX_CALLBACKS + 1))
    assert code == "ProcessGraphInvalid"
    assert path.count("/") == MAX_CALLBACKS


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        ({}, [("ProcessGraphMissing", "")]),
        ([], [("ProcessGraphMissing", "")]),
        ({"a": node()}, [("ProcessGraphInvalid", "")]),
        ({"a": last(), "b": last()}, [("ProcessGraphInvalid", "")]),
        ({"a": last(x=uses("a"))}, [("ProcessGraphInvalid", "")]),
        ({"a": last(x=uses("b")), "b": node(x=uses("a"))}, [("ProcessGraphInvalid", "")]),
        ({"a": last(x=uses("nobody"))}, [("ProcessGraphInvalid", "a")]),
        ({"a": {"process_id": 1, "result": True}, "b": 5}, [("ProcessGraphInvalid", "a"), ("ProcessGraphInvalid", "b")]),
        ({"a": last(x={"from_node": 1}, y={"from_parameter": None})}, [("ProcessGraphInvalid", "a")] * 2),
        ({"a": last(callback={"process_graph": []})}, [("ProcessGraphMissing", "a")]),
        (
            {"a": last(callback={"process_graph": {"b": node(x=uses("c"))}})},
            [("ProcessGraphInvalid", "a"), ("ProcessGraphInvalid", "a/b")],
        ),
        ({"a": {**last(), "arguments": []}}, [("ProcessGraphInvalid", "a")]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(document, faults):
    assert faults_of(document) == faults


def test_every_reference_to_nobody_is_told_once_with_its_argument():
    document = {
        "b": last(x=uses("a"), y=[uses("nobody"), {"deep": [uses("nobody"), uses("none")]}], z=uses("nobody")),
        "a": node(x=uses("nobody"), callback={"process_graph": {"b": node(x=uses("a"))}}),
    }
    graph, faults = parse_graph(document)

    assert graph is None
    assert [(fault.node, fault.argument, fault.message.split("'")[1]) for fault in faults] == [
        ("b", "y", "nobody"), ("b", "y", "none"), ("b", "z", "nobody"), ("a", "x", "nobody"),
        ("a", "callback", "result"), ("a/b", "x", "a"),
    ]  # fmt: skip


def test_faults_are_told_in_the_order_of_the_nodes():
    wrong = {"process_graph": {"d": 5, "c": last(x=uses("a")), "b": {**last(), "arguments": []}}}
    document = {"c": last(x=uses("b"), callback=wrong), "b": 5, "a": node(x=wrong, y=uses("d"))}

    assert [path for _, path in faults_of(document)] == ["c", "c/d", "c/c", "c/b", "b", "a", "a", "a/d", "a/c", "a/b"]


def test_many_faults_are_told_up_to_a_hundred():
    assert len(faults_of({str(number): 5 for number in range(1000)})) == 100


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b" " * (5 << 20), b'{"a": NaN}'])
def test_what_is_no_json_is_refused(text):
    [fault] = read_draft(text).faults

    assert fault.code == "ProcessGraphInvalid"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["from_node", "process_graph"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "type"]), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_what_refers_to_nothing_is_what_it_was(value):
    graph, faults = parse_graph({"a": {"process_id": "p", "arguments": {"x": value}, "result": True}})

    assert not faults
    argument = graph.nodes["a"].arguments["x"]
    assert argument == value
    assert is_constant(argument)
    assert map_parts(argument, lambda part: part) == value


@given(JSON, JSON)
def test_references_are_found_and_changed_beside_anything(one, other):
    document = {
        "a": {"process_id": "p", "arguments": {}},
        "b": {"process_id": "p", "arguments": {"x": [one, {"n": [{"from_node": "a"}, other]}]}, "result": True},
    }
    graph, faults = parse_graph(document)

    assert not faults
    argument = graph.nodes["b"].arguments["x"]
    assert list(list_references(argument)) == [FromNode("a")]
    assert map_parts(argument, lambda part: "found" if part == FromNode("a") else part) == [one, {"n": ["found", other]}]
