"""What processes tell while they compute, and where it comes from."""

import orjson
import pytest

from processing.openeo.rasters import MEAN, a_cube
from processing.openeo.test_neighborhoods import a_scene
from processing.openeo.test_polygons import polygons
from twinlake.processing.openeo.cubes import read_cube
from twinlake.processing.openeo.definitions import read_definitions
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.reporting import Report
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.tools import Tools
from twinlake.standards.openeo.errors import OpenEoError
from twinlake.standards.openeo.graph import parse_graph

CUBE = {"order": ["bands"], "dimensions": {"bands": {"type": "bands", "values": ["B1", "B2"]}}, "data": [1, None]}


class Listening:
    def __init__(self):
        self.told = []
        self.done = None

    def note(self, told):
        self.told.append(told)

    def note_progress(self, done, total, unit):
        self.done = (done, total, unit)


def told_by(graph, scope=None, definitions=None):
    listening = Listening()
    read, faults = parse_graph(graph)
    assert not faults
    defined, faults = read_definitions({name: orjson.dumps(each) for name, each in (definitions or {}).items()})
    assert not faults
    evaluate(read, scope or {}, defined, tools=Tools(report=Report(listening)))
    return listening.told


def node(process_id, **arguments):
    return {"process_id": process_id, "arguments": arguments, "result": True}


def test_inspecting_tells_what_there_is_and_at_which_node():
    [told] = told_by({"look": node("inspect", data=[1, None, 2.5], message="so far", code="Mine", level="warning")})

    assert (told.level, told.message, told.code, told.data) == ("warning", "so far", "Mine", [1, None, 2.5])
    assert told.path == ({"node_id": "look", "process_id": "inspect"},)


def test_of_much_there_is_a_summary():
    [of_array] = told_by({"look": node("inspect", data=[*range(500), None])})
    [of_cube] = told_by({"look": node("inspect", data={"from_parameter": "cube"})}, {"cube": read_cube(CUBE)})

    assert of_array.data == {"data_type": "int64", "count": 501, "nodata": 1, "minimum": 0, "maximum": 499}
    assert of_cube.data["type"] == "datacube"
    assert of_cube.data["data_type"] == "int64"
    assert of_cube.data["cube:dimensions"]["bands"]["values"] == ["B1", "B2"]


@pytest.mark.parametrize("more", [{}, {"reducer": MEAN}], ids=["weighted", "whole pixels"])
def test_of_geometries_outside_of_the_data_the_user_is_warned(more):
    process = "aggregate_spatial" if more else "aggregate_spatial_weighted"
    near, far = "POLYGON ((0 0, 25 0, 25 25, 0 0))", "POLYGON ((900 0, 925 0, 925 25, 900 0))"

    def warned(*shapes):
        regions = node(process, data={"from_parameter": "cube"}, geometries=polygons(*shapes), **more)
        return told_by({"regions": regions}, {"cube": a_scene(9, 9)})

    assert warned(near) == []
    [told] = warned(near, far, "POLYGON EMPTY")
    assert (told.level, told.path[0]["node_id"]) == ("warning", "regions")
    assert told.message.startswith("2 of 3 geometries lie outside of the data, or are empty, and will have no value: ")


def test_of_what_lies_mostly_beyond_the_edges_of_an_interval_the_user_is_warned():
    spans = tuple((f"{year - 1}-12-01", f"{year}-12-01") for year in range(2000, 2011))
    labels = tuple(f"{year}-06-01" for year in range(2000, 2011))
    years = a_cube(dimensions=(Dimension(name="t", kind="temporal", labels=labels, intervals=spans),))

    def warned(*extent):
        return told_by({"some": node("filter_temporal", data={"from_parameter": "cube"}, extent=extent)}, {"cube": years})

    assert warned("1999-12-01", "2005-12-01") == []
    [told] = warned("2000-01-01", "2010-01-01")
    assert (told.level, told.path[0]["node_id"]) == ("warning", "some")
    assert told.message.startswith(
        "Data count by when they begin: 2000-06-01 (from 1999-12-01 to 2000-12-01) is left out, and 2010-06-01 (from 2009-12-01 to"
        " 2010-12-01) is kept, though most of that time lies on the other side of an edge of the extent."
    )


@pytest.mark.parametrize("period", ["month", "year"])
def test_of_labels_that_are_longer_than_a_period_the_user_is_warned(period):
    spans = tuple((f"{year - 1}-12-01", f"{year}-12-01") for year in range(2000, 2003))
    years = a_cube(dimensions=(Dimension(name="t", kind="temporal", labels=("2000-06", "2001-06", "2002-06"), intervals=spans),))
    scope = {"data": {"from_parameter": "cube"}}
    told = told_by({"each": node("aggregate_temporal_period", **scope, period=period, reducer=MEAN)}, {"cube": years})

    warning = (
        "3 of 3 labels stand for more time than a month has, as 2000-06 (from 1999-12-01 to 2000-12-01): each counts for the month"
        " that holds its middle alone."
    )
    assert [each.message for each in told] == ([warning] if period == "month" else [])


def test_of_a_resolver_that_nothing_needs_the_user_is_warned():
    first, second = (Dimension(name="t", kind="temporal", labels=labels) for labels in (("2000", "2001"), ("2098", "2099")))
    cubes = {"one": a_cube(dimensions=(first,)), "other": a_cube(dimensions=(second,))}
    subtract = {"process_graph": {"n": node("subtract", x={"from_parameter": "x"}, y={"from_parameter": "y"})}}

    def warned(other):
        merged = node("merge_cubes", cube1={"from_parameter": "one"}, cube2={"from_parameter": other}, overlap_resolver=subtract)
        return told_by({"change": merged}, cubes)

    assert warned("one") == []
    [told] = warned("other")
    assert (told.level, told.path[0]["node_id"]) == ("warning", "change")
    assert told.message.startswith("The cubes have no label of 't' in common (from 2000 to 2001 and from 2098 to 2099): ")


def test_the_path_leads_out_of_callbacks_and_definitions():
    look = {"look": node("inspect", data={"from_parameter": "x"})}
    calls = {"each": node("array_apply", data=[1, 2], process={"process_graph": look})}
    [told] = told_by({"mine": node("looking")}, definitions={"looking": {"process_graph": calls}})

    assert [each["node_id"] for each in told.path] == ["look", "each", "mine"]
    assert [each["process_id"] for each in told.path] == ["inspect", "array_apply", "looking"]


def test_a_failure_says_at_which_node_it_is():
    fails = {"fails": node("array_element", data=[1], index=7)}
    graph = {"each": node("array_apply", data=[1], process={"process_graph": fails})}

    with pytest.raises(OpenEoError) as failed:
        told_by(graph)

    assert [each["node_id"] for each in failed.value.path] == ["fails", "each"]
