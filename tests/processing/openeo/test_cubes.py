"""Cubes are computed whole, and hollow ones tell what the whole would be."""

import numpy as np
import pytest

from processing.openeo.rasters import ALL_LARGER, LARGER, MEAN, SQUARE, T, X, Y, a_cube, callback, run
from twinlake.processing.openeo.cubes import Cube, read_cube, write_cube
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError
from twinlake.standards.openeo.graph import parse_graph


def test_a_dimension_is_reduced_in_each_cell():
    cube = a_cube()
    found = run("reduce_dimension", cube, reducer=MEAN, dimension="t")

    assert found.dimensions == (Y, X)
    assert found.values.data.dtype == np.float32
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found.values.data, [[12, 9], [10, np.nan], [12, 13], [14, 15]])


def test_a_constant_changes_no_type():
    assert run("apply", a_cube(), process=LARGER).values.data.dtype == np.float32
    assert run("apply", a_cube(dtype="int16"), process=LARGER).values.data.dtype == np.int64


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("reduce_dimension", {"reducer": MEAN, "dimension": "t"}),
        ("reduce_dimension", {"reducer": MEAN, "dimension": "y"}),
        ("apply", {"process": LARGER}),
        ("apply_dimension", {"process": ALL_LARGER, "dimension": "t"}),
        ("apply_dimension", {"process": ALL_LARGER, "dimension": "y"}),
        ("apply_dimension", {"process": ALL_LARGER, "dimension": "y", "target_dimension": "other"}),
        ("add_dimension", {"name": "bands", "label": "B1", "type": "bands"}),
        ("rename_dimension", {"source": "x", "target": "lon"}),
        ("rename_labels", {"dimension": "x", "source": [1], "target": [9]}),
        ("filter_temporal", {"extent": ["2020-01-02", None]}),
        ("filter_temporal", {"extent": ["2021-01-02", None]}),
        ("reduce_spatial", {"reducer": MEAN}),
        ("resample_cube_temporal", {"target": {"from_parameter": "cube0"}}),
        ("resample_cube_temporal", {"target": {"from_parameter": "cube0"}, "valid_within": 1.5}),
        ("climatological_normal", {"period": "month", "climatology_period": [2020, 2020]}),
        ("apply_kernel", {"kernel": [[1, 2, 1]], "border": "reflect"}),
        ("flatten_dimensions", {"dimensions": ["t", "x"], "target_dimension": "tx"}),
        ("trim_cube", {}),
        ("filter_bbox", {"extent": {"west": 0.5, "south": 0, "east": 9, "north": 9, "crs": 32631}}),
        ("filter_bbox", {"extent": {"west": 50, "south": 0, "east": 60, "north": 9}}),
        ("filter_spatial", {"geometries": SQUARE}),
        ("mask_polygon", {"mask": SQUARE}),
        ("mask_polygon", {"mask": SQUARE, "replacement": -1, "inside": True}),
        ("mask_polygon", {"mask": SQUARE, "replacement": 0.5}),
        ("aggregate_temporal", {"intervals": [["2020-01-02", "2020-02-01"], ["2021-01-01", None]], "reducer": MEAN}),
        ("aggregate_temporal_period", {"period": "month", "reducer": MEAN}),
    ],
)
def test_a_hollow_cube_tells_what_the_whole_would_be(process_id, arguments, dtype):
    hollow = run(process_id, a_cube(hollow=True, dtype=dtype), **arguments)
    whole = run(process_id, a_cube(dtype=dtype), **arguments)

    assert hollow.dimensions == whole.dimensions
    assert hollow.values.data.dtype == whole.values.data.dtype
    assert hollow.values.data.shape == tuple(0 if each.kind == "spatial" else len(each.labels) for each in hollow.dimensions)


def test_an_array_takes_the_place_of_one_label():
    cube = run("add_dimension", a_cube(), name="stats", label="all", type="bands")
    found = run("apply_dimension", cube, process=callback("add", x=[1, 2, 3, 4], y=0), dimension="t", target_dimension="stats")

    assert [(each.name, each.kind, each.labels) for each in found.dimensions[:1]] == [("stats", "bands", (0, 1, 2, 3))]
    assert found.values.data.shape == (4, 4, 2)
    np.testing.assert_array_equal(found.values.data[:, 0, 0], [1, 2, 3, 4])


def test_other_labels_than_before_are_numbers():
    found = run("apply_dimension", a_cube(), process=callback("add", x=[1, 2], y=0), dimension="t")

    assert found.dimensions[0] == Dimension(name="t", kind="temporal", labels=(0, 1), is_enumerated=True)


@pytest.mark.parametrize("made", [callback("mean", data={"from_parameter": "data"}), callback("add", x=[], y=0)])
def test_what_makes_no_array_is_refused(made):
    with pytest.raises(ProcessParameterInvalidError, match="one element or more"):
        run("apply_dimension", a_cube(), process=made, dimension="t")


def test_a_target_of_many_labels_is_refused():
    with pytest.raises(ProcessParameterInvalidError, match="has 2 labels"):
        run("apply_dimension", a_cube(), process=ALL_LARGER, dimension="t", target_dimension="x")


def test_a_spatial_dimension_lies_along_the_next_free_axis():
    cube = run("add_dimension", a_cube(), name="height", label=0, type="spatial")

    assert cube.dimensions[0].axis == "z"
    with pytest.raises(ProcessError) as refused:
        run("add_dimension", cube, name="depth", label=0, type="spatial")
    assert refused.value.reason == "DimensionExists"


@pytest.mark.skipif(find_process("eq") is None, reason="labels are compared by another process")
@pytest.mark.parametrize("hollow", [False, True])
@pytest.mark.parametrize(("dimension", "label", "number"), [("x", 1, 2), ("t", "2020-01-02T00:00:00Z", 0), ("y", 7, 1)])
def test_labels_are_kept_for_which_a_condition_is_true(hollow, dimension, label, number):
    same = callback("eq", x={"from_parameter": "value"}, y={"from_parameter": "context"})
    cube = a_cube(hollow=hollow)
    found = run("filter_labels", cube, condition=same, dimension=dimension, context=label)

    places = [place for place, each in enumerate(cube.dimensions[number].labels) if each == label]
    assert found.dimensions == cube.take(number, places).dimensions
    np.testing.assert_array_equal(found.values.data, cube.take(number, places).values.data)


def test_labels_of_which_a_condition_says_nothing_go():
    found = run("filter_labels", a_cube(), condition=callback("add", x={"from_parameter": "value"}, y=1), dimension="x")

    assert found.dimensions[2].labels == ()


def test_what_is_no_cube_is_refused():
    graph, _ = parse_graph({"n": {"process_id": "drop_dimension", "arguments": {"data": 3, "name": "t"}, "result": True}})
    with pytest.raises(ProcessParameterInvalidError, match="'data' of 'drop_dimension' is no cube"):
        evaluate(graph, {})


def test_labels_change_places():
    found = run("rename_labels", a_cube(), dimension="x", source=[0, 1], target=[1, 0])

    assert found.dimensions[2].labels == (1, 0)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize("target_band", [None, "ndvi"])
def test_an_index_of_plants(dtype, target_band):
    bands = Dimension(name="b", kind="bands", labels=("B1", "B2"), common_names=("red", "nir"))
    cube, hollow = (a_cube(dimensions=(bands, Y, X), dtype=dtype, hollow=is_hollow) for is_hollow in (False, True))
    found = run("ndvi", cube, target_band=target_band)

    red, nir = cube.values.data.astype("float32")
    index = found.values.data if target_band is None else found.values.data[2]
    np.testing.assert_array_equal(index, (nir - red) / (nir + red))
    assert index.dtype == np.float32
    assert found.dimensions[0] == (
        Y
        if target_band is None
        else Dimension(
            name="b",
            kind="bands",
            labels=("B1", "B2", "ndvi"),
            common_names=("red", "nir", None),
            quantities=(None, None, Quantity(unit="1", standard_name="normalized_difference_vegetation_index")),
        )
    )
    told = run("ndvi", hollow, target_band=target_band)
    assert told.dimensions == found.dimensions
    assert told.values.data.dtype == found.values.data.dtype


def test_an_index_of_unsigned_integers_does_not_wrap():
    bands = Dimension(name="b", kind="bands", labels=("red", "nir"))
    cube = Cube(values=Values(data=np.array([[60_000], [20_000]], dtype="uint16")), dimensions=(bands, X.take([0])))

    np.testing.assert_allclose(run("ndvi", cube).values.data, [-0.5])


@pytest.mark.parametrize(
    ("arguments", "common", "reason"),
    [
        ({}, ("red", "red"), "NirBandAmbiguous"),
        ({"nir": "B1"}, ("red", "red"), "RedBandAmbiguous"),
        ({"nir": "B1", "red": "B2", "target_band": "B1"}, None, "BandExists"),
    ],
)
def test_bands_of_an_index_must_be_clear(arguments, common, reason):
    bands = Dimension(name="b", kind="bands", labels=("B1", "B2"), common_names=common)
    with pytest.raises(ProcessError) as refused:
        run("ndvi", a_cube(dimensions=(bands, X)), **arguments)
    assert refused.value.reason == reason


def test_a_kernel_lies_on_the_pixels_as_they_lie():
    cube = a_cube(dimensions=(X, T, Y), dtype="int16")
    found = run("apply_kernel", cube, kernel=[[0, 0, 0], [0, 0, 10], [0, 1, 0]])

    data = cube.values.data.astype(float)
    right = np.concatenate([data[1:], np.zeros((1, 3, 4))])
    below = np.concatenate([data[:, :, 1:], np.zeros((2, 3, 1))], axis=2)
    np.testing.assert_array_equal(found.values.data, right * 10 + below)


@pytest.mark.parametrize("kernel", [[1, 2, 3], [[1], [1, 2]], [["a"]]])
def test_kernels_that_are_none_are_refused(kernel):
    with pytest.raises(ProcessParameterInvalidError, match="kernel"):
        run("apply_kernel", a_cube(), kernel=kernel)


def test_dimensions_become_one_and_several_again():
    one, other = Dimension(name="A", labels=(2020, 2021)), Dimension(name="B", kind="bands", labels=("B1", "B2"))
    cube = a_cube(dimensions=(one, T, other), dtype="int16")
    flat = run("flatten_dimensions", cube, dimensions=["B", "A"], target_dimension="X")

    assert [each.labels for each in flat.dimensions] == [("B1~2020", "B1~2021", "B2~2020", "B2~2021"), T.labels]
    np.testing.assert_array_equal(flat.values.data, np.transpose(cube.values.data, (2, 0, 1)).reshape(4, 3))
    again = run("unflatten_dimension", flat.take(0, [0, 1, 3]), dimension="X", target_dimensions=["B", "A"])
    assert [(each.name, each.labels) for each in again.dimensions] == [
        ("B", ("B1", "B2")),
        ("A", ("2020", "2021")),
        ("t", T.labels),
    ]
    assert again.values.where().all(axis=2).tolist() == [[True, True], [False, True]]
    np.testing.assert_array_equal(again.values.data[1, 1], cube.values.data[1, :, 1])


@pytest.mark.parametrize("labels", [("a", "b~c"), ("a~b", "a~b")])
def test_labels_that_cannot_be_split_are_refused(labels):
    with pytest.raises(ProcessParameterInvalidError):
        run(
            "unflatten_dimension",
            a_cube(dimensions=(Dimension(name="X", labels=labels),)),
            dimension="X",
            target_dimensions=["A", "B"],
        )


def test_names_that_are_taken_are_told():
    for process_id, arguments in (
        ("flatten_dimensions", {"dimensions": ["t", "y"], "target_dimension": "x"}),
        ("unflatten_dimension", {"dimension": "t", "target_dimensions": ["x", "z"]}),
    ):
        with pytest.raises(ProcessError) as refused:
            run(process_id, a_cube(), **arguments)
        assert refused.value.reason == "TargetDimensionExists"


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_pixels_become_one_value(dtype):
    cube = a_cube(dtype=dtype)
    found = run("reduce_spatial", cube, reducer=MEAN)

    assert [each.name for each in found.dimensions] == ["t"]
    np.testing.assert_allclose(found.values.data, [np.nanmean(layer) for layer in cube.values.data], rtol=1e-6)


def test_labels_without_data_go():
    cube = a_cube()
    cube.values.data[:, 0] = cube.values.data[:, 2] = np.nan
    cube = run("add_dimension", cube, name="b", label="B1", type="bands")
    found = run("trim_cube", cube)

    assert [each.labels for each in found.dimensions] == [("B1",), T.labels, (1.0, 0.0, -1.0), X.labels]


def test_of_bands_those_between_go_too():
    bands = Dimension(name="b", kind="bands", labels=("B1", "B2", "B3"), common_names=("blue", "green", "red"))
    cube = a_cube(dimensions=(bands,))
    cube.values.data[1] = np.nan
    found = run("trim_cube", cube)

    assert found.dimensions == (Dimension(name="b", kind="bands", labels=("B1", "B3"), common_names=("blue", "red")),)
    assert found.values.data.tolist() == [0, 2]


def test_a_cube_grows_out_of_nothing():
    found = run("add_dimension", run("create_data_cube"), name="x", label=1)

    assert write_cube(found)["data"] == [None]
    assert read_cube(write_cube(run("create_data_cube"))).values.data.shape == ()


BANDS = Dimension(
    name="b",
    kind="bands",
    labels=("B1", "B2", "B3", "red"),
    common_names=("red", "nir", "red", None),
    wavelengths=(0.6, 0.8, None, 0.7),
)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"bands": ["B3", "B1"]}, ("B3", "B1")),
        ({"bands": ["nir", "red"]}, ("B2", "red")),
        ({"bands": ["nir", "B2", "nothing"]}, ("B2",)),
        ({"wavelengths": [[0.6, 0.7]]}, ("B1", "red")),
        ({"wavelengths": [[0.7, 0.8], [0.1, 0.6]], "bands": ["B3"]}, ("B3", "B2", "red", "B1")),
        ({"bands": ["nothing"]}, ()),
    ],
)
def test_bands_are_found_by_name_and_wavelength(arguments, expected):
    found = run("filter_bands", a_cube(dimensions=(BANDS,)), **arguments)

    assert found.dimensions[0].labels == expected
    assert found.values.data.tolist() == [BANDS.labels.index(each) for each in expected]


def test_a_common_name_is_that_of_all_bands_which_have_it():
    found = run("filter_bands", a_cube(dimensions=(BANDS.take([0, 1, 2]),)), bands=["red"])

    assert found.dimensions[0].labels == ("B1", "B3")


@pytest.mark.parametrize(
    ("dimensions", "arguments", "reason"),
    [((BANDS,), {}, "BandFilterParameterMissing"), ((T,), {"bands": ["B1"]}, "DimensionMissing")],
)
def test_bands_that_cannot_be_found_are_told(dimensions, arguments, reason):
    with pytest.raises(ProcessError) as refused:
        run("filter_bands", a_cube(dimensions=dimensions), **arguments)
    assert refused.value.reason == reason


def test_what_is_not_there_is_told():
    with pytest.raises(ProcessError, match="there is: t, y, x") as refused:
        run("reduce_dimension", a_cube(), reducer=MEAN, dimension="bands")

    assert refused.value.reason == "DimensionNotAvailable"


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_a_cube_in_json_is_the_same_again(dtype):
    cube = a_cube(dtype=dtype)
    again = read_cube(write_cube(cube))

    assert again.dimensions == cube.dimensions
    np.testing.assert_array_equal(again.values.data, cube.values.data)


@pytest.mark.parametrize("hollow", [True, False])
def test_a_hollow_cube_is_refused_where_the_whole_one_would_be(hollow):
    both = callback("and", x={"from_parameter": "x"}, y=True)

    with pytest.raises(ProcessParameterInvalidError):
        run("apply", a_cube(hollow=hollow, dtype="int16"), process=both)
