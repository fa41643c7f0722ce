"""When two results are the same."""

import json

import pytest

from processing.openeo.tiles.graphs import callback, node, of, reducer
from twinlake.processing.openeo.definitions import read_definitions
from twinlake.processing.openeo.identity import identify, runs_user_code
from twinlake.processing.openeo.planning import plan
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
