"""Arrays: in JSON, and in each cell of a cube."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.openeo.cubes import assert_same_in_each_cell, at, compute_cubes, make_cube
from processing.openeo.suite import compute, is_same
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import OpenEoError, ProcessError, ProcessParameterInvalidError
from twinlake.standards.openeo.graph import parse_graph

CELLS = (4, 5)
LABELLED = {
    "type": "labeled-array",
    "data": [{"key": "B04", "value": 1}, {"key": 8, "value": "x"}, {"key": "B12", "value": None}],
}


def labelled(**values):
    return {"type": "labeled-array", "data": [{"key": key, "value": value} for key, value in values.items()]}


def call(process_id, **arguments):
    given_ = {
        name: value
        if not isinstance(value, str) or value not in {"x", "index", "label", "context"}
        else {"from_parameter": value}
        for name, value in arguments.items()
    }
    return {"process_graph": {"only": {"process_id": process_id, "arguments": given_, "result": True}}}


@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("first", {}),
        ("first", {"ignore_nodata": False}),
        ("last", {}),
        ("last", {"ignore_nodata": False}),
        ("count", {}),
        ("count", {"condition": True}),
        ("array_contains", {"value": 1}),
        ("array_contains", {"value": None}),
        ("array_find", {"value": 1}),
        ("array_find", {"value": 1, "reverse": True}),
        ("array_find", {"value": [1]}),
        ("array_element", {"index": 1}),
        ("array_element", {"index": 9, "return_nodata": True}),
        ("array_append", {"value": 2}),
        ("array_append", {"value": None}),
        ("array_concat", {"array2": [1, None]}),
        ("array_create", {"repeat": 2}),
        ("array_modify", {"values": [3, None], "index": 1, "length": 1}),
        ("rearrange", {"order": [2, 0]}),
        ("sort", {"nodata": True}),
        ("sort", {"nodata": False}),
        ("sort", {"nodata": True, "asc": False}),
        ("sort", {"nodata": False, "asc": False}),
        ("order", {"nodata": True}),
        ("order", {"nodata": False, "asc": False}),
    ],
)
@pytest.mark.parametrize("kind", ["float32", "int16"])
def test_arrays_in_cells_are_treated_as_json_is(process_id, arguments, kind):
    first = find_process(process_id).parameters[0].name

    found = assert_same_in_each_cell(
        process_id, cells=CELLS, **{first: make_cube(kind, shape=(6, *CELLS), is_array=True)}, **arguments
    )

    is_kept = process_id in {
        "first",
        "last",
        "array_element",
        "array_append",
        "array_concat",
        "array_create",
        "array_modify",
        "rearrange",
        "sort",
    }
    if is_kept:
        assert found.data.dtype == kind


@pytest.mark.parametrize("process_id", ["array_append", "array_find", "array_contains"])
def test_each_cell_may_have_its_own_value(process_id):
    assert_same_in_each_cell(
        process_id, cells=CELLS, data=make_cube("float32", is_array=True), value=make_cube("int16", seed=2, shape=CELLS)
    )


def test_each_cell_may_have_its_own_place():
    index = Values(data=np.arange(20, dtype=np.uint8).reshape(CELLS) % 3)

    assert_same_in_each_cell("array_element", cells=CELLS, data=make_cube("float32", is_array=True), index=index)


def test_the_place_of_an_extreme_finds_what_another_band_has_there():
    data, other = make_cube("int16", is_array=True), make_cube("float32", seed=2, is_array=True)
    place = compute_cubes("array_find", data=data, value=compute_cubes("last", data=compute_cubes("sort", data=data)))

    found = compute_cubes("array_element", data=other, index=place, return_nodata=True)

    assert found.data.shape == CELLS
    assert found.data.dtype == np.float32


@pytest.mark.parametrize("asc", [True, False])
@pytest.mark.parametrize("kind", ["float32", "int16"])
def test_cells_keep_arrays_of_one_length_when_no_data_is_left_out(asc, kind):
    data = make_cube(kind, shape=(6, *CELLS), is_array=True)

    order, found = compute_cubes("order", data=data, asc=asc), compute_cubes("sort", data=data, asc=asc)

    for cell in np.ndindex(CELLS):
        alone = at(data, cell)
        wanted, places = compute("sort", {"data": alone, "asc": asc}), compute("order", {"data": alone, "asc": asc})
        assert is_same(at(found, cell), wanted + [None] * (6 - len(wanted)))
        assert is_same(at(order, cell), places + [None] * (6 - len(places)))
    assert is_same(at(compute_cubes("rearrange", data=data, order=order), (1, 2)), at(found, (1, 2)))


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3), st.floats(-3, 3))), st.booleans(), st.sampled_from([None, True, False]))
def test_sorting_is_what_python_does(data, asc, nodata):
    there = sorted([each for each in data if each is not None], reverse=not asc)
    gaps = [] if nodata is None else [None] * (len(data) - len(there))

    assert is_same(
        compute("sort", {"data": data, "asc": asc, "nodata": nodata}), gaps + there if nodata is False else there + gaps
    )


def test_nan_is_larger_than_all_numbers():
    assert is_same(compute("sort", {"data": [float("nan"), 1, float("inf")]}), [1, float("inf"), float("nan")])
    assert compute("order", {"data": [1, float("nan"), 2], "asc": False}) == [1, 2, 0]


def test_integers_are_sorted_exactly():
    assert compute("sort", {"data": [2**53 + 1, 2**53, None]}) == [2**53, 2**53 + 1]


def test_dates_are_sorted_as_instants():
    dates = ["2020-01-01T01:00:00+02:00", None, "2020-01-01", "2019-12-31T22:30:00Z"]

    assert compute("sort", {"data": dates}) == ["2019-12-31T22:30:00Z", "2020-01-01T01:00:00+02:00", "2020-01-01"]
    assert compute("order", {"data": dates, "asc": False, "nodata": False}) == [1, 2, 0, 3]


@pytest.mark.parametrize("data", [["b", "a"], [True, False], [1, "2020-01-01"], [[1], [0]], 5])
def test_what_has_no_order_is_refused(data):
    with pytest.raises(ProcessParameterInvalidError):
        compute("sort", {"data": data})


@pytest.mark.parametrize("order", [[3], [-1], [0.5], ["0"], 1])
def test_places_outside_an_array_are_refused(order):
    with pytest.raises(ProcessParameterInvalidError):
        compute("rearrange", {"data": [1, 2, 3], "order": order})


def test_nothing_is_rearranged_to_nothing():
    assert compute("rearrange", {"data": [], "order": []}) == []
    assert compute("sort", {"data": []}) == []
    assert compute("order", {"data": [None]}) == []


@pytest.mark.parametrize(
    ("one", "other", "joined"),
    [
        ([1.5, 2.5], [5], [1.5, 2.5, 5]),
        (["a", "b"], [1, 2], ["a", "b", 1, 2]),
        ([True], [0, None], [True, 0, None]),
        ([], [True], [True]),
        ([None], [[1], {"a": 2}], [None, [1], {"a": 2}]),
        (labelled(a=1), labelled(b=None), labelled(a=1, b=None)),
        (labelled(a=1), [2], [1, 2]),
        ([2**62], [2**62 + 1], [2**62, 2**62 + 1]),
    ],
)
def test_arrays_are_joined_and_keep_the_kinds_of_their_elements(one, other, joined):
    found = compute("array_concat", {"array1": one, "array2": other})

    assert is_same(found, joined) or found == joined


@pytest.mark.parametrize(
    ("process_id", "arguments", "code"),
    [
        ("array_concat", {"array1": labelled(a=1), "array2": labelled(a=2)}, "ArrayLabelConflict"),
        ("array_modify", {"data": labelled(a=1), "values": labelled(a=2), "index": 0, "length": 1}, "ArrayLabelConflict"),
        ("array_modify", {"data": [1], "values": [2], "index": 2}, "ArrayElementNotAvailable"),
        ("array_append", {"data": LABELLED, "value": 1, "label": 8}, "LabelExists"),
        ("array_append", {"data": [1], "value": 1, "label": "a"}, "ArrayNotLabeled"),
        ("array_element", {"data": [1], "label": "a"}, "ArrayNotLabeled"),
        ("array_element", {"data": LABELLED, "label": "8"}, "ArrayElementNotAvailable"),
        ("array_element", {"data": [1]}, "ArrayElementParameterMissing"),
        ("array_element", {"data": LABELLED, "index": 0, "label": "B04"}, "ArrayElementParameterConflict"),
        ("array_create_labeled", {"data": [1], "labels": []}, "ArrayLengthMismatch"),
    ],
)
def test_failures_have_the_codes_of_the_standard(process_id, arguments, code):
    with pytest.raises(ProcessError) as failure:
        compute(process_id, arguments)

    assert failure.value.reason == code
    assert code in find_process(process_id).exceptions


@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("first", {"data": 1}),
        ("count", {"data": "abc"}),
        ("count", {"data": [1], "condition": False}),
        ("array_labels", {"data": None}),
        ("array_find", {"data": {"a": 1}, "value": 1}),
        ("array_element", {"data": [1], "index": 0.5}),
        ("array_element", {"data": [1], "index": "0"}),
        ("array_element", {"data": [1], "index": [0]}),
        ("array_create", {"data": [1], "repeat": 0}),
        ("array_create", {"data": [1], "repeat": 1.5}),
        ("array_create", {"data": [1], "repeat": 10**12}),
        ("array_create_labeled", {"data": [1, 2], "labels": ["a", "a"]}),
        ("array_create_labeled", {"data": [1], "labels": [True]}),
        ("array_create_labeled", {"data": [1], "labels": "a"}),
        ("array_modify", {"data": [1], "values": [2], "index": -1}),
        ("array_filter", {"data": [1], "condition": call("array_create")}),
        ("inspect", {"data": 1, "level": "loud"}),
    ],
)
def test_wrong_arguments_are_refused(process_id, arguments):
    with pytest.raises(OpenEoError):
        compute(process_id, arguments)


@pytest.mark.parametrize(
    ("data", "values", "index", "length", "changed"),
    [
        (labelled(a=1, b=2), labelled(c=3), 1, 1, labelled(a=1, c=3)),
        (labelled(a=1, b=2), [], 0, 1, labelled(b=2)),
        ([], labelled(a=1), 0, 0, labelled(a=1)),
        (labelled(a=1, b=2), [3], 2, 0, [1, 2, 3]),
        ([1, "a"], [None], 1, 1, [1, None]),
    ],
)
def test_modified_arrays_keep_labels_that_all_elements_have(data, values, index, length, changed):
    assert is_same(compute("array_modify", {"data": data, "values": values, "index": index, "length": length}), changed)


def test_a_mixed_array_keeps_the_kinds_of_its_elements():
    assert compute("array_element", {"data": LABELLED, "label": 8}) == "x"
    assert compute("first", {"data": [None, [1, None], "a"]}) == [1, None]
    assert compute("array_apply", {"data": [1, "a", None], "process": call("eq", x="x", y=1)}) == [True, False, None]
    assert compute("count", {"data": [1, "a", None, float("nan"), float("inf"), [None]]}) == 3


@pytest.mark.parametrize(
    ("data", "value", "reverse", "place"),
    [
        ([1, 2, 3, 2, 3], 2, False, 1),
        ([1, 2, 3, 2, 3], 2, True, 3),
        ([1, 2], 1.0, False, 0),
        ([1, 2], "2", False, None),
        ([0, 1], True, False, None),
        ([[1, 2], [3, 4]], [1, 2], False, None),
        ([[1, 2], [3, 4]], 2, False, None),
        ([{"a": "b"}], {"a": "b"}, False, None),
        ([None, 1], None, False, None),
        ([float("nan")], float("nan"), False, None),
        ([], 1, True, None),
        ([1, "a", "A"], "A", False, 2),
    ],
)
def test_values_are_found_where_they_are_equal(data, value, reverse, place):
    assert compute("array_find", {"data": data, "value": value, "reverse": reverse}) == place
    assert compute("array_contains", {"data": data, "value": value}) is (place is not None)


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        (call("gt", x="x", y=1), [2, 3]),
        (call("lt", x="index", y=2), [1, 2]),
        (call("is_nodata", x="x"), [None]),
        (call("if", value=True, accept=True), [1, 2, None, 3]),
    ],
)
def test_elements_are_filtered(condition, kept):
    assert compute("array_filter", {"data": [1, 2, None, 3], "condition": condition}) == kept


def test_a_condition_gets_context_and_labels():
    by_context = {
        "process_graph": {
            "only": {
                "process_id": "eq",
                "arguments": {"x": {"from_parameter": "label"}, "y": {"from_parameter": "context"}},
                "result": True,
            }
        }
    }

    assert is_same(
        compute("array_filter", {"data": LABELLED, "condition": by_context, "context": 8}),
        {"type": "labeled-array", "data": [{"key": 8, "value": "x"}]},
    )
    assert compute("array_filter", {"data": [1], "condition": by_context, "context": 8}) == []
    assert compute("count", {"data": [1, 5, None], "condition": call("gt", x="x", y=2)}) == 1


def test_a_cube_is_filtered_by_place_and_label_alone():
    cube = make_cube("float32", is_array=True, labels=("B02", "B04", 8))

    by_label, by_place = (
        compute_cubes("array_filter", data=cube, condition=call("neq", x=what, y=value))
        for what, value in (("label", "B04"), ("index", 1))
    )

    assert by_label.labels == by_place.labels == ("B02", 8)
    np.testing.assert_array_equal(by_label.data, cube.data[[0, 2]])
    np.testing.assert_array_equal(by_place.data, cube.data[[0, 2]])
    with pytest.raises(ProcessParameterInvalidError, match="index and label only"):
        compute_cubes("array_filter", data=cube, condition=call("gt", x="x", y=0))
    of_cells = call("gt", x="context", y=0)
    with pytest.raises(ProcessParameterInvalidError, match="index and label only"):
        compute_cubes("array_filter", data=cube, condition=of_cells, context=make_cube("int16", shape=CELLS))


@pytest.mark.parametrize("kind", ["float32", "int16"])
@pytest.mark.parametrize(
    "process",
    [
        call("gt", x="x", y=0),
        call("if", value=True, accept="index"),
        call("is_nodata", x="x"),
        call("if", value=True, accept=None),
    ],
)
def test_a_process_for_each_element_is_one_for_each_cell(kind, process):
    assert_same_in_each_cell("array_apply", cells=CELLS, data=make_cube(kind, is_array=True), process=process)
    assert_same_in_each_cell("count", cells=CELLS, data=make_cube(kind, is_array=True), condition=call("gt", x="x", y=0))


def test_each_element_may_become_an_array_in_json_and_not_in_a_cube():
    twice = {
        "process_graph": {
            "only": {"process_id": "array_create", "arguments": {"data": [{"from_parameter": "x"}], "repeat": 2}, "result": True}
        }
    }

    assert compute("array_apply", {"data": [1, None], "process": twice}) == [[1, 1], [None, None]]
    with pytest.raises(ProcessParameterInvalidError, match="Arrays cannot be elements"):
        compute_cubes("array_apply", data=make_cube("int16", is_array=True), process=twice)


def test_an_option_is_one_for_all_elements():
    with pytest.raises(ProcessParameterInvalidError, match="one for all"):
        compute("array_apply", {"data": [1, 2], "process": call("eq", x="x", y=1, delta="x")})


@pytest.mark.parametrize(("repeat", "made"), [(1, ["a", None]), (3, ["a", None, "a", None, "a", None])])
def test_elements_are_repeated(repeat, made):
    assert compute("array_create", {"data": ["a", None], "repeat": repeat}) == made
    assert compute("array_create", {"repeat": repeat}) == []


def test_an_appended_element_has_the_next_place_as_its_label():
    assert is_same(
        compute("array_append", {"data": labelled(a=1), "value": 2}),
        {"type": "labeled-array", "data": [{"key": "a", "value": 1}, {"key": 1, "value": 2}]},
    )
    assert compute("array_append", {"data": [1], "value": [2, None]}) == [1, [2, None]]


@pytest.mark.parametrize("kind", ["float32", "int16"])
def test_gaps_in_cells_are_filled_in_float32(kind):
    cube = make_cube(kind, shape=(6, *CELLS), is_array=True)

    found = assert_same_in_each_cell("array_interpolate_linear", cells=CELLS, within=1e-6, data=cube)

    assert found.data.dtype == np.float32


@pytest.mark.parametrize(
    ("labels", "middle"),
    [
        (("2020-01-01", "2020-01-04", "2020-01-05"), 3),
        (("2020-01-01T00:00:00Z", "2020-01-01T18:00:00Z", "2020-01-02"), 3),
        ((5, 2, 1), 3),
        ((0.5, 2, 2.5), 3),
        (("a", "b", "c"), 2),
        (("a", 2, "c"), 2),
        (None, 2),
    ],
)
def test_gaps_are_filled_by_the_distances_of_labels(labels, middle):
    cube = Values(data=np.array([[0], [np.nan], [4]], dtype=np.float32), is_array=True, labels=labels, nan_is_nodata=True)

    filled = compute_cubes("array_interpolate_linear", data=cube)

    assert filled.data.dtype == np.float32
    assert filled.labels == labels
    assert filled.data.ravel().tolist() == [0, middle, 4]


def test_labels_out_of_order_are_refused():
    with pytest.raises(ProcessParameterInvalidError, match="not sorted"):
        compute(
            "array_interpolate_linear",
            {"data": {"type": "labeled-array", "data": [{"key": key, "value": 1} for key in (1, 3, 2)]}},
        )


@given(st.lists(st.one_of(st.none(), st.floats(-100, 100)), max_size=12))
def test_gaps_are_filled_as_numpy_does(data):
    there = [place for place, each in enumerate(data) if each is not None]
    expected = [
        each
        if each is not None or not there or not there[0] < place < there[-1]
        else float(np.interp(place, there, [data[i] for i in there]))
        for place, each in enumerate(data)
    ]

    assert is_same(compute("array_interpolate_linear", {"data": data}), expected, delta=1e-9)


def test_inspecting_changes_nothing():
    cube = make_cube("int16")

    assert compute_cubes("inspect", data=cube, message="so far") is cube
    assert compute("inspect", {"data": {"a": [1, None]}, "level": "debug"}) == {"a": [1, None]}


@pytest.mark.parametrize(
    ("process_id", "arguments", "seed", "what"),
    [
        ("array_concat", {"array1": "before", "array2": "before"}, [1], "more than 1000000 elements"),
        ("array_create", {"data": ["before", "before"]}, [1], "more than 1000000 elements"),
        ("array_append", {"data": [], "value": "before"}, 1, "200 deep"),
        ("text_concat", {"data": ["before", "before"]}, "a", "more than 1000000 characters"),
    ],
)
def test_what_doubles_with_every_node_is_refused_in_time(process_id, arguments, seed, what):
    def refer(value, node):
        return (
            {"from_node": node}
            if value == "before"
            else [refer(each, node) for each in value]
            if isinstance(value, list)
            else value
        )

    nodes = {"n0": {"process_id": "array_element", "arguments": {"data": [seed], "index": 0}}}
    for number in range(1, 250):
        given_ = {name: refer(value, f"n{number - 1}") for name, value in arguments.items()}
        nodes[f"n{number}"] = {"process_id": process_id, "arguments": given_, "result": number == 249}
    graph, faults = parse_graph(nodes)
    assert not faults

    with pytest.raises(ProcessParameterInvalidError, match=what):
        evaluate(graph, {})
