"""When two results are the same."""

import pytest

from processing.openeo.tiles.graphs import callback, node, of, reducer
from twinlake.processing.openeo.definitions import read_definitions
from twinlake.processing.openeo.identity import identify
from twinlake.processing.openeo.tiles.layout import TileSize
from twinlake.standards.openeo.graph import parse_graph

PINS = {"load": {"items": [["a", "sha256"]]}}
SCALE = callback("multiply", x={"from_parameter": "x"}, y=2)
GRAPH = {
    "load": node("add", x=1, y=2),
    "scale": node("apply", data=of("load"), process=SCALE),
    "mean": {**node("reduce_dimension", data=of("scale"), dimension="t", reducer=reducer("mean")), "result": True},
}


def _identify(nodes, pins=PINS, size=None, definitions=()):
    graph, faults = parse_graph(nodes)
    assert not faults
    read, _ = read_definitions(dict(definitions))
    return identify(graph, pins, size=size or TileSize(), definitions=read)


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
