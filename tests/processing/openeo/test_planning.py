"""Graphs made ready for tiles."""

import math

import orjson
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from processing.openeo.tiles.graphs import LOADED, OTHER, callback, graphs, node, of, reducer
from processing.openeo.tiles.sources import assert_same, make_cube
from twinlake.processing.openeo.definitions import NO_DEFINITIONS, read_definitions
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.planning import plan
from twinlake.processing.openeo.rewrite.inlining import inline
from twinlake.processing.openeo.rewrite.sharing import share
from twinlake.standards.openeo.errors import OpenEoError
from twinlake.standards.openeo.graph import FromNode, parse_graph

LOAD = node("load_collection", id="c")
CUBES = {LOADED: make_cube(), OTHER: make_cube(seed=2)}


def _read(nodes):
    graph, faults = parse_graph(nodes)
    assert not faults, faults
    return graph


def _define(name, nodes, *parameters, **defaults):
    described = [{"name": each, "schema": {}, "description": ""} for each in parameters]
    described += [{"name": each, "schema": {}, "description": "", "default": value} for each, value in defaults.items()]
    return {name: orjson.dumps({"process_graph": nodes, "parameters": described}).decode()}


def _plan(nodes, definitions=NO_DEFINITIONS):
    return plan(_read(nodes), definitions, is_load=lambda node: node.process == "load_collection")


def test_calls_of_user_defined_processes_are_their_nodes():
    """Parameters stand for constants and for cubes, also within callbacks; defaults for what is not given."""
    scale = {
        "scaled": {
            **node(
                "apply",
                data={"from_parameter": "cube"},
                process=callback("multiply", x={"from_parameter": "x"}, y={"from_parameter": "factor"}),
            ),
            "result": True,
        }
    }
    definitions, faults = read_definitions(_define("scale", scale, "cube", factor=3))
    assert not faults
    nodes = {
        LOADED: LOAD,
        "twice": node("scale", cube=of(LOADED), factor=2),
        "more": {**node("scale", cube=of("twice")), "result": True},
    }
    flat = inline(_read(nodes), definitions)
    assert list(flat.nodes) == [LOADED, "twice/scaled", "more/scaled"]
    assert flat.result == "more/scaled"
    found = evaluate(flat, {}, known={LOADED: CUBES[LOADED]})
    assert_same(found, evaluate(_read(nodes), {}, definitions, known={LOADED: CUBES[LOADED]}))
    assert found.values.data[~(found.values.data != found.values.data)].max() <= 59 * 6


def test_a_parameter_of_a_callback_hides_that_of_the_process():
    """`x` within `apply` is the pixel, whatever the process calls `x`."""
    inner = {
        "a": {
            **node(
                "apply",
                data={"from_parameter": "cube"},
                process=callback("add", x={"from_parameter": "x"}, y={"from_parameter": "y"}),
            ),
            "result": True,
        }
    }
    definitions, _ = read_definitions(_define("mine", inner, "cube", "x", "y"))
    nodes = {LOADED: LOAD, "call": {**node("mine", cube=of(LOADED), x=100, y=1), "result": True}}
    found = evaluate(inline(_read(nodes), definitions), {}, known={LOADED: CUBES[LOADED]})
    assert_same(found, evaluate(_read(nodes), {}, definitions, known={LOADED: CUBES[LOADED]}))


def test_what_a_callback_needs_of_another_node_stays_a_call():
    """A callback knows no node around it."""
    inner = {
        "a": {
            **node(
                "apply",
                data={"from_parameter": "cube"},
                process=callback("add", x={"from_parameter": "x"}, y={"from_parameter": "y"}),
            ),
            "result": True,
        }
    }
    definitions, _ = read_definitions(_define("mine", inner, "cube", "y"))
    nodes = {LOADED: LOAD, "one": node("add", x=1, y=1), "call": {**node("mine", cube=of(LOADED), y=of("one")), "result": True}}
    assert list(inline(_read(nodes), definitions).nodes) == [LOADED, "one", "call"]


def test_processes_that_call_each_other_are_all_put_in():
    """A load within is found."""
    definitions, _ = read_definitions({
        **_define("outer", {"b": {**node("inner", id={"from_parameter": "id"}), "result": True}}, "id"),
        **_define("inner", {"load": {**node("load_collection", id={"from_parameter": "id"}), "result": True}}, "id"),
    })  # fmt: skip
    flat = inline(_read({"call": {**node("outer", id="sst"), "result": True}}), definitions)
    assert flat.nodes[flat.result].arguments == {"id": "sst"}
    assert flat.result == "call/b/load"


def test_arguments_of_loads_are_computed_beforehand():
    """A date that is reckoned is a date."""
    nodes = {
        "end": node("date_shift", date="2020-01-31", value=1, unit="month"),
        LOADED: node("load_collection", id="c", temporal_extent=["2020-01-01", of("end")], bands=["B04"]),
        "mean": {**node("reduce_dimension", data=of(LOADED), dimension="t", reducer=reducer("mean")), "result": True},
    }
    planned = _plan(nodes)
    assert planned.graph.nodes[LOADED].arguments["temporal_extent"] == ["2020-01-01", "2020-02-29"]
    assert "end" not in planned.graph.nodes


def test_what_is_computed_twice_is_computed_once():
    """Two loads of the same, and what follows."""
    nodes = {
        "one": LOAD,
        "other": LOAD,
        "first": node("reduce_dimension", data=of("one"), dimension="t", reducer=reducer("mean")),
        "second": node("reduce_dimension", data=of("other"), dimension="t", reducer=reducer("mean")),
        "both": {**node("merge_cubes", cube1=of("first"), cube2=of("second")), "result": True},
    }
    planned = _plan(nodes)
    assert list(planned.graph.nodes) == ["one", "first", "both"]
    assert planned.graph.nodes["both"].arguments["cube2"] == FromNode("first")


@pytest.mark.parametrize("last", ["mean", "saved"])
def test_everything_that_is_saved_is_an_output(last):
    """Several `save_result` are several outputs; a result that nobody saves is one as well."""
    nodes = {
        LOADED: LOAD,
        "png": node("save_result", data=of(LOADED), format="PNG", options={"a": 1}),
        "mean": node("reduce_dimension", data=of(LOADED), dimension="t", reducer=reducer("mean")),
        "unused": node("reduce_dimension", data=of(LOADED), dimension="t", reducer=reducer("max")),
    }
    if last == "saved":
        nodes["saved"] = node("save_result", data=of("mean"), format="GTiff")
    planned = _plan({**nodes, last: {**nodes[last], "result": True}})
    told = [(each.node, each.format, each.options) for each in planned.outputs]
    assert told == [(LOADED, "PNG", {"a": 1}), ("mean", "GTiff" if last == "saved" else None, {})]
    assert list(planned.graph.nodes) == [LOADED, "mean"]


@given(nodes=graphs())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sharing_changes_no_result(nodes):
    """Each chain twice, merged with itself."""
    copies = {f"{name}'": {**each, "arguments": _primed(each["arguments"])} for name, each in nodes.items()}
    last = list(nodes)[-1]
    every = {LOADED: LOAD, OTHER: node("load_collection", id="d"), **nodes, **copies}
    every["both"] = {
        **node(
            "merge_cubes",
            cube1=of(last),
            cube2=of(f"{last}'"),
            overlap_resolver=callback("add", x={"from_parameter": "x"}, y={"from_parameter": "y"}),
        ),
        "result": True,
    }
    graph = _read(every)
    try:
        expected = evaluate(graph, {}, known=CUBES)
    except OpenEoError:
        return
    shared = share(graph)
    assert not any(name.endswith("'") for name in shared.nodes)
    assert_same(evaluate(shared, {}, known=CUBES), expected)


@given(nodes=graphs(), defined=st.integers(0, 8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_inlining_changes_no_result(nodes, defined):
    """However many of the first steps stand in a process of the user's, which is called with cubes."""
    inside = dict(list(nodes.items())[: max(defined, 1)])
    behind = dict(list(nodes.items())[len(inside) :])
    last = list(inside)[-1]
    if any(_uses(each, name) for each in behind.values() for name in inside if name != last):
        reject()
    loads = {LOADED: LOAD, OTHER: node("load_collection", id="d")}
    definition = {name: {**each, "arguments": _replaced(each["arguments"], _AS_PARAMETER)} for name, each in inside.items()}
    definition[last] |= {"result": True}
    definitions, faults = read_definitions(_define("mine", definition, LOADED, OTHER))
    assert not faults
    called = {"call": node("mine", **{LOADED: of(LOADED), OTHER: of(OTHER)})}
    called |= {name: {**each, "arguments": _replaced(each["arguments"], {last: of("call")})} for name, each in behind.items()}
    called[list(called)[-1]] |= {"result": True}
    plain = {**loads, **nodes}
    try:
        expected = evaluate(_read({**plain, list(plain)[-1]: {**plain[list(plain)[-1]], "result": True}}), {}, known=CUBES)
    except OpenEoError:
        reject()
    flat = inline(_read({**loads, **called}), definitions)

    assert "mine" not in {each.process for each in flat.nodes.values()}
    assert_same(evaluate(flat, {}, known=CUBES), expected)


_SUMS = st.recursive(
    st.integers(-50, 50),
    lambda inner: st.tuples(st.sampled_from(["add", "subtract", "multiply", "max"]), inner, inner),
    max_leaves=12,
)


@given(west=_SUMS, east=_SUMS)
@settings(max_examples=50, deadline=None)
def test_folding_computes_what_python_does(west, east):
    nodes = {}
    extent = {"west": _lay(west, nodes), "south": 0, "east": _lay(east, nodes), "north": 1}
    load = node("load_collection", id="c", spatial_extent=extent, temporal_extent=None)
    folded = _plan({**nodes, LOADED: {**load, "result": True}}).graph

    assert list(folded.nodes) == [LOADED]
    found = folded.nodes[LOADED].arguments["spatial_extent"]
    assert (found["west"], found["east"]) == (_count(west), _count(east))


def _lay(tree, nodes):
    """Add the nodes that compute a tree; return what stands for its value in arguments."""
    if isinstance(tree, int):
        return tree
    process, *inner = tree
    one, other = (_lay(each, nodes) for each in inner)
    name = f"n{len(nodes)}"
    nodes[name] = node("max", data=[one, other]) if process == "max" else node(process, x=one, y=other)
    return of(name)


def _count(tree):
    if isinstance(tree, int):
        return tree
    process, *inner = tree
    return {"add": sum, "subtract": lambda both: both[0] - both[1], "multiply": math.prod, "max": max}[process](
        [_count(each) for each in inner]
    )


_AS_PARAMETER = {name: {"from_parameter": name} for name in (LOADED, OTHER)}


def _uses(each, name):
    return any(value == of(name) for value in each["arguments"].values())


def _replaced(arguments, others):
    """Return arguments with something else in the place of nodes, by their names."""
    return {
        name: others.get(value["from_node"], value) if isinstance(value, dict) and "from_node" in value else value
        for name, value in arguments.items()
    }


def _primed(arguments):
    return {
        name: of(f"{value['from_node']}'")
        if isinstance(value, dict) and value.get("from_node") not in {None, LOADED, OTHER}
        else value
        for name, value in arguments.items()
    }
