"""What a graph asks to load, narrowed by the filters behind, and its conditions in the words of the catalogue."""

import pytest

from processing.openeo.loading.lake import graph, request
from twinlake.processing.openeo.checking import find_faults
from twinlake.processing.openeo.loading.properties import write_values
from twinlake.processing.openeo.loading.requests import find_loads
from twinlake.standards.openeo.errors import OpenEoError, ProcessParameterInvalidError, ProcessParameterRequiredError
from twinlake.standards.openeo.graph import parse_draft

BOX = {"west": 1, "south": 2, "east": 3, "north": 4}
VALUE = {"from_parameter": "value"}


def condition(process_id, **arguments):
    return {"process_graph": {"c": {"process_id": process_id, "arguments": arguments, "result": True}}}


def chain(*steps, load=None):
    """Return a graph of a load and processes that follow one another."""
    arguments = {"id": "c", "spatial_extent": None, "temporal_extent": None, **(load or {})}
    nodes, before = {"load": {"process_id": "load_collection", "arguments": arguments}}, "load"
    for number, (process_id, given) in enumerate(steps):
        nodes[f"n{number}"] = {"process_id": process_id, "arguments": {"data": {"from_node": before}, **given}}
        before = f"n{number}"
    nodes[before]["result"] = True
    return nodes


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (condition("eq", x=VALUE, y="a"), {"op": "=", "args": [{"property": "p"}, "a"]}),
        (condition("lte", x=VALUE, y=20), {"op": "<=", "args": [{"property": "p"}, 20]}),
        (condition("gt", x=5, y=VALUE), {"op": ">", "args": [5, {"property": "p"}]}),
        (condition("between", x=VALUE, min=1, max=2), {"op": "between", "args": [{"property": "p"}, 1, 2]}),
        (condition("eq", x=VALUE, y=3, delta=0.5), {"op": "between", "args": [{"property": "p"}, 2.5, 3.5]}),
        (condition("array_contains", data=["a", "b"], value=VALUE), {"op": "in", "args": [{"property": "p"}, ["a", "b"]]}),
        (condition("array_contains", data=VALUE, value="a"), {"op": "a_contains", "args": [{"property": "p"}, ["a"]]}),
        (condition("text_begins", data=VALUE, pattern="5%_\\"), {"op": "like", "args": [{"property": "p"}, "5\\%\\_\\\\%"]}),
        (condition("neq", x=VALUE, y="a"), {"op": "not", "args": [{"op": "=", "args": [{"property": "p"}, "a"]}]}),
        (condition("is_valid", x=VALUE), {"op": "not", "args": [{"op": "isNull", "args": [{"property": "p"}]}]}),
    ],
)
def test_conditions_are_searches(test, expected):
    assert request("c", properties={"p": test}).filter == expected


def test_conditions_may_be_joined_and_ignore_case():
    nodes = {
        "one": {"process_id": "eq", "arguments": {"x": VALUE, "y": "A", "case_sensitive": False}},
        "two": {"process_id": "is_nodata", "arguments": {"x": VALUE}},
        "any": {"process_id": "or", "arguments": {"x": {"from_node": "one"}, "y": {"from_node": "two"}}, "result": True},
    }
    found = request("c", properties={"p": {"process_graph": nodes}, "q": condition("lt", x=VALUE, y=1)}).filter

    assert found["op"] == "and"
    assert [each["op"] for each in found["args"]] == ["or", "<"]
    assert found["args"][0]["args"][0]["args"][0] == {"op": "casei", "args": [{"property": "p"}]}


@pytest.mark.parametrize(
    "test",
    [
        condition("add", x=VALUE, y=1),
        condition("eq", x=VALUE, y=None),
        condition("eq", x=VALUE, y={"from_parameter": "other"}),
        condition("eq", x=VALUE, y=[1]),
        condition("lt", x=VALUE),
        condition("and", x=VALUE, y=True),
        condition("eq", x="a", y=1),
        condition("eq", x="a", y="b", delta=1),
        condition("text_begins", data=VALUE, pattern=VALUE),
        condition("eq", x={"a": 1}, y=VALUE),
        "cloudy",
    ],
)
def test_what_cannot_be_searched_by_is_told_with_the_property(test):
    with pytest.raises(ProcessParameterInvalidError, match="'cloudiness'"):
        request("c", properties={"cloudiness": test})


def test_a_condition_is_no_fault_of_a_graph_and_a_wrong_one_is():
    good = parse_draft(chain(load={"properties": {"p": condition("lte", x=VALUE, y=20)}}))
    bad = parse_draft(chain(load={"properties": {"p": condition("lte", x={"from_parameter": "valeu"}, z=20)}}))

    assert find_faults(good) == []
    assert {each.code for each in find_faults(bad)} == {
        "ProcessGraphInvalid", "ProcessParameterRequired", "ProcessParameterUnsupported",
    }  # fmt: skip


def test_filters_that_follow_narrow_a_load():
    (found,) = find_loads(
        graph(
            chain(
                ("filter_bbox", {"extent": {**BOX, "crs": 32631, "base": 3}}),
                ("filter_temporal", {"extent": ["2020-01-01", None]}),
                ("filter_temporal", {"extent": ["2019-01-01", "2021-01-01"], "dimension": "t"}),
                ("filter_bands", {"bands": ["red"]}),
                ("ndvi", {}),
                ("filter_bbox", {"extent": {**BOX, "west": 2}}),
            )
        )
    )

    assert found.spatial_extent == {**BOX, "crs": 32631}
    assert found.temporal_extent == ("2020-01-01", "2021-01-01")
    assert (found.bands, found.kept_bands) == (None, ("red",))


def test_an_index_reads_its_bands_alone():
    (usual,) = find_loads(graph(chain(("ndvi", {}), ("filter_temporal", {"extent": ["2020-01-01", None]}))))
    (named,) = find_loads(graph(chain(("ndvi", {"nir": "B8A", "red": "B04"}))))

    assert (usual.kept_bands, usual.temporal_extent) == (("nir", "red"), ("2020-01-01", None))
    assert named.kept_bands == ("B8A", "B04")


@pytest.mark.parametrize(
    "nodes",
    [
        chain(("filter_bbox", {"extent": {"from_node": "load"}})),
        chain(("filter_temporal", {"extent": ["2020-01-01", None], "dimension": "time"})),
        chain(("filter_temporal", {"extent": [None, None]})),
        chain(("filter_bands", {"wavelengths": [[0.4, 0.5]]})),
        chain(("ndvi", {"target_band": "index"}), ("filter_bbox", {"extent": BOX})),
        {
            **chain(("filter_bbox", {"extent": BOX})),
            "other": {"process_id": "add", "arguments": {"x": {"from_node": "load"}, "y": 1}},
        },
    ],
)
def test_a_load_that_others_use_or_that_is_filtered_otherwise_stays_whole(nodes):
    (found,) = find_loads(graph(nodes))

    assert (found.spatial_extent, found.temporal_extent, found.bands, found.kept_bands) == (None, None, None, None)


def test_own_extents_stay_and_times_meet():
    load = {"spatial_extent": BOX, "temporal_extent": ["2020-01-01", "2022-01-01"]}
    steps = [("filter_bbox", {"extent": {**BOX, "west": 2}}), ("filter_temporal", {"extent": ["2021-01-01", "2030-01-01"]})]
    (found,) = find_loads(graph(chain(*steps, load=load)))
    (apart,) = find_loads(graph(chain(("filter_temporal", {"extent": ["2025-01-01", None]}), load=load)))

    assert found.spatial_extent == BOX
    assert found.temporal_extent == ("2021-01-01", "2022-01-01")
    assert apart.temporal_extent == ("2020-01-01", "2022-01-01")


@pytest.mark.parametrize(
    "arguments",
    [
        {"id": {"from_parameter": "x"}},
        {"spatial_extent": {"from_node": "other"}},
        {"spatial_extent": {**BOX, "west": {"from_parameter": "x"}}},
        {"spatial_extent": [1, 2, 3, 4]},
        {"temporal_extent": [None, None]},
        {"temporal_extent": ["2020-01-01"]},
        {"temporal_extent": [2020, 2021]},
        {"bands": []},
        {"bands": [{"from_parameter": "x"}]},
        {"properties": ["p"]},
    ],
)
def test_arguments_that_are_no_constants_of_their_kind_are_refused(arguments):
    nodes = {**chain(load=arguments), "other": {"process_id": "load_geojson", "arguments": {"data": {}}}}
    with pytest.raises(OpenEoError, match=next(iter(arguments))):
        find_loads(graph(nodes))


def test_a_load_of_nothing_is_refused():
    with pytest.raises(ProcessParameterRequiredError):
        find_loads(graph({"l": {"process_id": "load_stac", "arguments": {}, "result": True}}))


def test_the_values_of_properties_are_told_once_and_not_all():
    condition = {
        "op": "and",
        "args": [{"op": "=", "args": [{"property": "a"}, "A2"]}, {"op": "=", "args": [{"property": "b"}, 1]}],
    }
    found = [{"a": "A1B", "b": number} for number in range(12)]

    told = write_values(condition, found)

    assert "'a' is \"A1B\"; 'b' is 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ..." in told
    assert write_values(condition, []) is None
