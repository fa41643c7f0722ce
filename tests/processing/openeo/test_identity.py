"""When two results are the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.openeo.tiles.graphs import callback, node, of, reducer
from twinlake.processing.openeo.definitions import read_definitions
from twinlake.processing.openeo.identity import identify, runs_user_code
from twinlake.processing.openeo.planning import plan, write_plan
from twinlake.processing.openeo.tiles.layout import TileSize
from twinlake.standards.openeo.graph import parse_graph

PINS = {"load": {"items": [["a", "sha256"]]}}
SCALE = callback("multiply", x={"from_parameter": "x"}, y=2)
GRAPH = {
    "load": node("add", x=1, y=2),
    "scale": node("apply", data=of("load"), process=SCALE),
    "mean": {**node("reduce_dimension", data=of("scale"), dimension="t", reducer=reducer("mean")), "result": True},
}


def _plan(nodes, definitions=()):
    graph, faults = parse_graph(nodes)
    assert not faults
    read, _ = read_definitions(dict(definitions))
    return plan(graph, read, is_load=lambda node: node.id.startswith("load"))


def _identify(nodes, pins=PINS, size=None, definitions=()):
    return identify(_plan(nodes, definitions), pins, size=size or TileSize())


def _saved(format_name, **options):
    given = {"options": options} if options else {}
    nodes = {name: {key: value for key, value in each.items() if key != "result"} for name, each in GRAPH.items()}
    return {**nodes, "save": {**node("save_result", data=of("mean"), format=format_name, **given), "result": True}}


def test_names_order_and_defaults_do_not_count():
    """Whoever writes the same in other words gets the same."""
    other = {
        "m": {
            **node("reduce_dimension", context=None, dimension="t", data=of("s"), reducer=reducer("mean")),
            "result": True,
        },
        "unused": node("add", x=5, y=5),
        "s": node("apply", process=SCALE, data=of("load"), context=None),
        "load": node("add", y=2, x=1),
    }
    assert _identify(other) == _identify(GRAPH)


@pytest.mark.parametrize(
    "change",
    [
        {"scale": node("apply", data=of("load"), process=callback("multiply", x={"from_parameter": "x"}, y=3))},
        {"mean": {**node("reduce_dimension", data=of("scale"), dimension="t", reducer=reducer("median")), "result": True}},
        {"scale": node("apply", data=of("load"), process=SCALE, context=1)},
    ],
)
def test_what_is_computed_counts(change):
    """A constant, a reducer, an option."""
    assert _identify({**GRAPH, **change}) != _identify(GRAPH)


def test_what_is_loaded_and_the_layout_count():
    """The hash of an asset, or how the cube is cut."""
    assert _identify(GRAPH, {"load": {"items": [["a", "another"]]}}) != _identify(GRAPH)
    assert _identify(GRAPH, size=TileSize(edge=512)) != _identify(GRAPH)


def test_a_process_of_the_user_counts_as_it_is_now():
    """Another definition under the same name is another result."""
    nodes = {"call": {"process_id": "mine", "arguments": {"x": 1}, "result": True}}

    def define(y):
        graph = f'{{"a": {{"process_id": "add", "arguments": {{"x": {{"from_parameter": "x"}}, "y": {y}}}, "result": true}}}}'
        return {"mine": f'{{"process_graph": {graph}, "parameters": [{{"name": "x", "schema": {{}}, "description": ""}}]}}'}

    assert _identify(nodes, {}, definitions=define(1)) != _identify(nodes, {}, definitions=define(2))
    assert _identify(nodes, {}, definitions=define(1)) == _identify(nodes, {}, definitions=define(1))


def test_formats_and_their_options_count_and_defaults_do_not():
    """What files there are is part of a result."""
    assert _identify(_saved("GTiff")) == _identify(_saved("gtiff", COMPRESS="deflate", overviews=True))
    ways = [_saved("GTiff"), _saved("GTiff", compress="ZSTD"), _saved("netCDF"), GRAPH]
    assert len({_identify(each) for each in ways}) == len(ways)


def test_what_somebody_wrote_passes_for_no_reference():
    """An object that looks like what stands for the result of another node, whose key may be known."""
    plain = {"n": {**node("array_create", data=[{"result": "0" * 64}, {"object": {}}]), "result": True}}
    other = {"n": {**node("array_create", data=[{"object": {"result": "0" * 64}}, {}]), "result": True}}
    assert _identify(plain, {}) != _identify(other, {})


@pytest.mark.parametrize("where", ["node", "callback", "definition", "nowhere"])
def test_code_of_users_is_found_wherever_it_stands(where):
    """Also in a process of the user's that a callback calls."""
    user = {"process_id": "run_udf", "arguments": {"data": {"from_parameter": "x"}, "udf": "", "runtime": "Python"}}
    mine = json.dumps({"process_graph": {"u": {**user, "result": True}}, "parameters": [{"name": "x"}]})
    called = {
        "node": {"u": {**user, "arguments": {**user["arguments"], "data": of("load")}, "result": True}},
        "callback": {"a": {**node("apply", data=of("load"), process={"process_graph": {"u": {**user, "result": True}}}), "result": True}},
        "definition": {"a": {**node("apply", data=of("load"), process=callback("mine", x={"from_parameter": "x"})), "result": True}},
        "nowhere": {"a": {**node("apply", data=of("load"), process=SCALE), "result": True}},
    }  # fmt: skip
    planned = _plan({"load": GRAPH["load"], **called[where]}, {"mine": mine})
    assert runs_user_code(planned) is (where != "nowhere")


DEFAULTS = {"round": {"p": 0}, "sum": {"ignore_nodata": True}, "load_collection": {"bands": None, "properties": {}}}


@st.composite
def two_wordings(draw):
    """Return a graph with its pins, and both as somebody else writes them: other names and order, and defaults or not."""
    size = draw(st.integers(2, 6))
    nodes = {"n0": node("load_collection", id="c", spatial_extent=None, temporal_extent=None)}
    for number in range(1, size):
        sources = st.integers(0, number - 1).map(lambda source: {"from_node": f"n{source}"})
        value = st.one_of(sources, st.integers(0, 2), st.just([1, {"a": None}]))
        data = [draw(sources), draw(value)]
        arguments = draw(st.sampled_from([("round", {"x": data[0]}), ("sum", {"data": data}), ("array_create", {"data": data})]))
        nodes[f"n{number}"] = node(arguments[0], **arguments[1])
    nodes[f"n{size - 1}"]["result"] = True
    names = dict(zip(nodes, draw(st.permutations(["a", "b", "c", "d", "n0", "n1"])), strict=False))

    def rename(value):
        match value:
            case {"from_node": name}:
                return {"from_node": names[name]}
            case list():
                return [rename(each) for each in value]
            case dict():
                return {name: rename(each) for name, each in draw(st.permutations(list(value.items())))}
            case _:
                return value

    other = {}
    for name in draw(st.permutations(list(nodes))):
        spelt_out = DEFAULTS.get(nodes[name]["process_id"], {}) if draw(st.booleans()) else {}
        other[names[name]] = {**nodes[name], "arguments": {**spelt_out, **rename(nodes[name]["arguments"])}}
    return (nodes, {"n0": ITEM}), (other, {names["n0"]: ITEM})


ITEM = {"reads": "rasters", "images": [{"file": {"collection": "c", "item": "i", "asset": "a", "sha256": "1" * 64}}]}


def _loads(nodes, pins):
    graph, faults = parse_graph(nodes)
    assert not faults
    return plan(graph, {}, is_load=lambda each: each.process == "load_collection"), pins


@given(two_wordings())
def test_one_graph_in_two_wordings_has_one_identity(wordings):
    """Whatever the graph; and another version of an item is another result, if the graph loads it."""
    one, other = (_loads(*each) for each in wordings)
    assert identify(*one, size=TileSize()) == identify(*other, size=TileSize())
    newer = {node: {**each, "images": []} for node, each in one[1].items()}
    is_loaded = "n0" in one[0].graph.nodes
    assert (identify(one[0], newer, size=TileSize()) != identify(*one, size=TileSize())) is is_loaded


@given(two_wordings())
def test_a_plan_is_written_as_a_graph_of_the_same_identity(wordings):
    """What files say of where they come from can be computed again."""
    planned, pins = _loads(*wordings[0])
    written = write_plan(planned)
    loads = {name: ITEM for name, each in written.items() if each["process_id"] == "load_collection"}
    assert identify(*_loads(written, loads), size=TileSize()) == identify(planned, pins, size=TileSize())
    assert not written.keys() & planned.graph.nodes.keys()


def test_a_plan_is_written_with_what_it_saves():
    """And callbacks, and processes of the user's under names of nobody."""
    mine = json.dumps({"process_graph": SCALE["process_graph"], "parameters": [{"name": "x"}]})
    nodes = {**_saved("GTiff"), "scale": node("apply", data=of("load"), process=callback("mine", x={"from_parameter": "x"}))}
    written = write_plan(_plan(nodes, {"mine": mine}))

    assert [(name, each["process_id"]) for name, each in written.items()] == [
        ("add1", "add"), ("apply2", "apply"), ("reduce_dimension3", "reduce_dimension"), ("save_result4", "save_result"),
    ]  # fmt: skip
    assert [name for name, each in written.items() if each.get("result")] == ["save_result4"]
    assert written["save_result4"]["arguments"] == {"data": of("reduce_dimension3"), "format": "GTiff", "options": {}}
    [called] = written["apply2"]["arguments"]["process"]["process_graph"].values()
    assert called == {"process_id": "process1", "arguments": {"x": {"from_parameter": "x"}}, "result": True}
