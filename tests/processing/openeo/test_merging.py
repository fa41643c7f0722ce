"""Two cubes become one, and one masks another."""

import numpy as np
import pytest

from processing.openeo.rasters import T, X, Y, a_cube, callback, run
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

SUM = callback("add", x={"from_parameter": "x"}, y={"from_parameter": "y"})
# The Python client passes both as one array.
MEAN_OF_BOTH = callback("mean", data=[{"from_parameter": "x"}, {"from_parameter": "y"}])
Z = Dimension(name="z", labels=("a", "b"))


def bands(*labels):
    return Dimension(name="b", kind="bands", labels=labels)


def merge(one, other, resolver=None, **arguments):
    return run("merge_cubes", one, other, overlap_resolver=resolver, **arguments)


def by_labels(cube):
    """Return what a cube has at each label that there is a value for."""
    there = cube.values.where()
    return {
        frozenset((each.name, each.labels[place]) for each, place in zip(cube.dimensions, places, strict=True)): cube.values.data[
            places
        ]
        for places in np.ndindex(*there.shape)
        if there[places]
    }


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_other_bands_need_no_resolver_and_stand_behind(dtype):
    one = a_cube(dimensions=(T, bands("B2", "B1"), Y, X), dtype=dtype)
    other = a_cube(dimensions=(Y, X, bands("A2"), T), dtype=dtype)
    found = merge(one, other)

    assert [each.name for each in found.dimensions] == ["t", "b", "y", "x"]
    assert found.dimensions[1].labels == ("B2", "B1", "A2")
    assert found.values.data.dtype == dtype
    assert by_labels(found) == by_labels(one) | by_labels(other)


@pytest.mark.parametrize("resolver", [SUM, MEAN_OF_BOTH])
def test_what_both_have_is_resolved(resolver):
    one, other = a_cube(dimensions=(bands("B1", "B2"), Y, X)), a_cube(dimensions=(bands("B2", "B3"), Y, X))
    found = merge(one, other, resolver)

    assert found.dimensions[0].labels == ("B1", "B2", "B3")
    both = one.values.data[1] + other.values.data[0]
    np.testing.assert_array_equal(found.values.data[0], one.values.data[0])
    np.testing.assert_array_equal(found.values.data[1], both if resolver is SUM else both / 2)
    np.testing.assert_array_equal(found.values.data[2], other.values.data[1])


def test_no_data_is_resolved_too():
    cube = a_cube()
    doubled = merge(cube, cube, SUM)
    mean = merge(cube, a_cube(dimensions=(Y, X)), MEAN_OF_BOTH)

    np.testing.assert_array_equal(doubled.values.data, cube.values.data * 2)
    assert doubled.values.data.dtype == np.float32
    assert not np.isnan(mean.values.data).any(), "the mean leaves out what is no data"


@pytest.mark.parametrize("is_swapped", [False, True])
def test_a_cube_of_fewer_dimensions_counts_for_each_label(is_swapped):
    one, other = a_cube(), a_cube(dimensions=(X, Y))
    found = merge(*((other, one) if is_swapped else (one, other)), SUM)

    assert found.dimensions == one.dimensions
    np.testing.assert_array_equal(found.values.data, one.values.data + other.values.data.T)


def test_cubes_may_both_lack_a_dimension():
    one, other = a_cube(dimensions=(T, Y)), a_cube(dimensions=(Z, Y))
    found = merge(one, other, SUM)

    assert [each.name for each in found.dimensions] == ["t", "y", "z"]
    np.testing.assert_array_equal(found.values.data, one.values.data[:, :, None] + other.values.data.T[None])


def test_times_are_sorted_and_the_same_instant_is_one():
    times = Dimension(name="t", kind="temporal", labels=("2019-12-31", "2020-01-02T01:00:00+01:00"))
    found = merge(a_cube(dimensions=(T,)), a_cube(dimensions=(times,)), SUM)

    assert found.dimensions[0].labels == ("2019-12-31", *T.labels)
    assert found.values.data.tolist() == [0, 0, 2, 2]


def test_cubes_side_by_side_become_one():
    beside = Dimension(name="x", kind="spatial", axis="x", labels=(-1.0, -2.0 + 1e-9), crs=32631)
    below = Dimension(name="y", kind="spatial", axis="y", labels=(-2.0, -3.0), crs=32631)
    found = merge(a_cube(dimensions=(Y, X)), a_cube(dimensions=(below, beside)))

    assert [each.labels for each in found.dimensions] == [(2, 1, 0, -1, -2, -3), (-2.0 + 1e-9, -1, 0, 1)]
    assert found.values.where().sum() == 12


def test_nearly_even_pixels_are_those_of_the_even_grid_that_an_image_has_of_them():
    labels = tuple(np.linspace(4.4444504, -5.0, 18, dtype=np.float32).astype(float).tolist())
    step = labels[1] - labels[0]
    even = tuple(labels[0] + step * number for number in range(-1, 17))
    cubes = [
        a_cube(dimensions=(Dimension(name="y", kind="spatial", axis="y", labels=each, crs=4326),)) for each in (labels, even)
    ]
    found = merge(*cubes, SUM)

    assert found.dimensions[0].labels == (even[0], *labels)
    assert found.values.data.tolist() == [0, *(number + number + 1 for number in range(17)), 17]


@pytest.mark.parametrize("turned", [True, False])
def test_longitudes_in_single_precision_meet_however_they_are_counted(turned):
    labels = (np.arange(432, dtype=np.float32) * np.float32(0.8333333)).astype(float)
    around = Dimension(name="x", kind="spatial", axis="x", labels=tuple(labels.tolist()), crs=4326)
    box = Dimension(
        name="x", kind="spatial", axis="x", labels=(*(labels[-12:] - 360 + 1e-6).tolist(), *labels[:13].tolist()), crs=4326
    )
    cubes = [a_cube(dimensions=(each,)) for each in ((box, around) if turned else (around, box))]
    found = merge(*cubes, SUM)

    assert len(found.dimensions[0].labels) == 432
    assert list(found.dimensions[0].labels) == sorted(found.dimensions[0].labels)
    assert found.values.data.sum() == sum(range(432)) + sum(range(25))


@pytest.mark.parametrize(
    "other",
    [
        Dimension(name="x", kind="spatial", axis="x", labels=(0.5, 1.5), crs=32631),
        Dimension(name="x", kind="spatial", axis="x", labels=(-2.0, 2.0), crs=32631),
        Dimension(name="x", kind="spatial", axis="x", labels=(0.0, 1.0), crs=32632),
        Dimension(name="x", labels=(0.0, 1.0)),
        Dimension(name="q", labels=(0.0, 1.0)),
    ],
)
def test_cubes_that_do_not_go_together_are_refused(other):
    with pytest.raises(ProcessParameterInvalidError):
        merge(a_cube(dimensions=(X,)), a_cube(dimensions=(other,)), SUM)


def test_cubes_on_different_grids_are_told_how_to_get_onto_one():
    other = Dimension(name="x", kind="spatial", axis="x", crs=3857, labels=X.labels)
    with pytest.raises(ProcessParameterInvalidError, match=f"crs of dimension 'x' is {X.crs} in one cube, 3857") as refused:
        merge(a_cube(dimensions=(X,)), a_cube(dimensions=(other,)), SUM)
    assert "resample_cube_spatial" in refused.value.remedy


def test_calendars_do_not_mix():
    other = Dimension(name="t", kind="temporal", labels=T.labels, calendar="360_day")
    with pytest.raises(ProcessParameterInvalidError, match="calendar of dimension 't' is standard in one cube, 360_day"):
        merge(a_cube(dimensions=(T,)), a_cube(dimensions=(other,)), SUM)


def test_a_resolver_is_missed():
    with pytest.raises(ProcessError) as refused:
        merge(a_cube(), a_cube())
    assert refused.value.reason == "OverlapResolverMissing"


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize("other", [(T, Y, X), (Y, X), (bands("B1"), Y, X), (T.take([1, 2]), Y, X)])
@pytest.mark.parametrize("is_half", [False, True])
def test_hollow_cubes_tell_what_becomes_of_them(dtype, other, is_half):
    whole = merge(a_cube(dtype=dtype), a_cube(dimensions=other), SUM)
    hollow = merge(a_cube(dtype=dtype, hollow=True), a_cube(dimensions=other, hollow=not is_half), SUM)

    assert hollow.dimensions == whole.dimensions
    assert hollow.values.data.dtype == whole.values.data.dtype
    assert hollow.values.data.size == 0


def a_mask(data, dimensions=(Y, X), valid=None):
    return Cube(values=Values(data=np.array(data), valid=None if valid is None else np.array(valid)), dimensions=dimensions)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize("replacement", [None, -1, 0.5])
def test_a_mask_counts_for_each_label_and_not_where_it_has_no_data(dtype, replacement):
    cube = a_cube(dtype=dtype)
    found = run(
        "mask",
        cube,
        a_mask([[1, 0], [0, 2], [1, 0], [0, 0]], valid=[[True] * 2] * 2 + [[False] * 2] * 2),
        replacement=replacement,
    )

    is_masked = np.array([[True, False], [False, True], [False, False], [False, False]])[None]
    if replacement is None:
        np.testing.assert_array_equal(found.values.where(), cube.values.where() & ~is_masked)
        assert found.values.data.dtype == dtype
    else:
        np.testing.assert_array_equal(found.values.data, np.where(is_masked, replacement, cube.values.data))
        assert found.values.data.dtype == ("float32" if replacement == 0.5 else dtype)


def test_a_mask_has_its_dimensions_in_any_order():
    cube = a_cube(dtype="int16")
    is_masked = np.arange(6).reshape(2, 3) % 2 == 0
    found = run("mask", cube, a_mask(is_masked, (X, T)))

    np.testing.assert_array_equal(found.values.where(), np.broadcast_to(~is_masked.T[:, None, :], (3, 4, 2)))


def test_a_mask_has_its_labels_in_any_order_and_more_pixels():
    cube = a_cube(dtype="int16")
    wide = Dimension(name="x", kind="spatial", axis="x", labels=(3.0, 2.0, 1.0, 0.0, -1.0), crs=32631)
    found = run("mask", cube, a_mask(np.array([[1, 1, 0, 1, 1], [0] * 5, [0] * 5]), (T.take([1, 0, 2]), wide)))

    assert np.argwhere(~found.values.where()).tolist() == [[1, row, 0] for row in range(4)]


@pytest.mark.parametrize("dimensions", [(T.take([0, 1]), X), (Z, X), (X.rename("lon"), Y), (X.take([0]), Y)])
def test_masks_of_other_labels_are_refused(dimensions):
    shape = [len(each.labels) for each in dimensions]
    with pytest.raises(ProcessError) as refused:
        run("mask", a_cube(), a_mask(np.ones(shape), dimensions))
    assert refused.value.reason == "IncompatibleDataCubes"


@pytest.mark.parametrize("replacement", [None, -1, 40_000, 0.5])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_a_hollow_cube_is_masked(dtype, replacement):
    whole = run("mask", a_cube(dtype=dtype), a_cube(dimensions=(Y, X)), replacement=replacement)
    hollow = run("mask", a_cube(dtype=dtype, hollow=True), a_cube(dimensions=(Y, X), hollow=True), replacement=replacement)

    assert hollow.dimensions == whole.dimensions
    assert hollow.values.data.dtype == whole.values.data.dtype
    assert hollow.values.data.size == 0


@pytest.mark.parametrize("turned", [False, True])
def test_times_and_the_names_of_months_do_not_stand_side_by_side(turned):
    times = a_cube(dimensions=(T, Y, X))
    normals = a_cube(dimensions=(Dimension(name="t", kind="temporal", labels=("01", "02")), Y, X))

    with pytest.raises(
        ProcessParameterInvalidError, match=r"has times in one cube, as '2.*names in the other, as '01'.*'anomaly'"
    ):
        merge(*((normals, times) if turned else (times, normals)), SUM)


def test_names_that_stand_for_times_go_together():
    one, other = (a_cube(dimensions=(Dimension(name="t", kind="temporal", labels=each), Y, X)) for each in (("djf",), ("mam",)))

    assert merge(one, other).dimensions[0].labels == ("djf", "mam")
