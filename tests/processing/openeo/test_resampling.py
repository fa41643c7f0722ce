"""Pixels of one grid are made of those of another: by exact places, and alike in all tiles."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject

from processing.openeo.cutting import assert_tiles_are_the_whole, cuts, hollowed
from processing.openeo.rasters import a_cube, run
from twinlake.holdings.readers.crs import read_crs, way_between
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

METHODS = (
    "near",
    "bilinear",
    "cubic",
    "cubicspline",
    "lanczos",
    "average",
    "rms",
    "sum",
    "min",
    "max",
    "med",
    "mode",
    "q1",
    "q3",
)
T = Dimension(name="t", kind="temporal", labels=("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"))


def axes(xs, ys, crs):
    return (
        Dimension(name="y", kind="spatial", axis="y", crs=crs, labels=tuple(np.asarray(ys, dtype=float).tolist())),
        Dimension(name="x", kind="spatial", axis="x", crs=crs, labels=tuple(np.asarray(xs, dtype=float).tolist())),
    )


def raster(data, xs, ys, crs):
    data = np.asarray(data)
    return Cube(values=Values(data=data, nan_is_nodata=data.dtype.kind == "f"), dimensions=axes(xs, ys, crs))


def utm(data, size=10.0):
    """Return a cube of data in zone 31 of UTM, with the upper left corner at 500 000, 5 000 000."""
    height, width = data.shape
    return raster(data, 5e5 + size * (np.arange(width) + 0.5), 5e6 - size * (np.arange(height) + 0.5), 32631)


def numbers(height, width, *, dtype="float64", gaps=0.0, seed=1):
    random = np.random.default_rng(seed)
    data = (random.random((height, width)) * 100).astype(dtype)
    if gaps:
        data[random.random(data.shape) < gaps] = np.nan
    return data


def layers(dtype, gaps):
    data = np.stack([numbers(7, 6, dtype=dtype, gaps=gaps, seed=seed) for seed in (1, 2)])
    y, x = utm(data[0]).dimensions
    return Cube(values=Values(data=data.transpose(1, 0, 2), nan_is_nodata=dtype == "float32"), dimensions=(y, T, x))


TARGETS = {
    "finer": {"resolution": 4},
    "coarser": {"resolution": [23, 14], "align": "lower-right"},
    "another zone": {"projection": 32632, "resolution": 9},
    "another zone, coarser": {"projection": 32632, "resolution": 25},
    "degrees": {"projection": 4326},
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=4, deadline=None)
@given(dtype=st.sampled_from(["float32", "int16"]), gaps=st.sampled_from([0.0, 0.2]), data=st.data())
def test_tiles_have_the_bits_of_the_whole(method, target, dtype, gaps, data):
    def draw(length):
        return data.draw(cuts(length))

    cube = layers(dtype, gaps if dtype == "float32" else 0.0)
    assert_tiles_are_the_whole("resample_spatial", cube, draw, draw, method=method, **TARGETS[target])


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_tiles_of_the_earth_have_the_bits_of_the_whole(method, data):
    def draw(length):
        return data.draw(cuts(length))

    earth = raster(numbers(9, 18, dtype="float32", gaps=0.1), np.arange(10, 370, 20), np.arange(80, -81, -20), 4326)
    turned = raster(np.zeros((6, 12)), np.arange(-165, 181, 30), np.arange(-75, 76, 30), 4326)
    polar = raster(np.zeros((5, 5)), np.linspace(-3e6, 3e6, 5), np.linspace(-3e6, 3e6, 5), 3413)
    assert_tiles_are_the_whole("resample_cube_spatial", earth, draw, draw, target=turned, method=method)
    assert_tiles_are_the_whole("resample_cube_spatial", earth, draw, draw, target=polar, method=method)


def by_gdal(cube, target, method):
    """Return what GDAL makes of a cube in the pixels of another."""
    transforms = []
    for each in (cube, target):
        y, x = (dimension.coordinates() for dimension in each.dimensions)
        transforms.append(Affine(x[1] - x[0], 0, x[0] - (x[1] - x[0]) / 2, 0, y[1] - y[0], y[0] - (y[1] - y[0]) / 2))
    made = np.full(target.values.data.shape, np.nan)
    names = {"near": "nearest", "cubicspline": "cubic_spline"}
    reproject(
        cube.values.data,
        made,
        src_transform=transforms[0],
        src_crs=f"EPSG:{cube.dimensions[0].crs}",
        dst_transform=transforms[1],
        dst_crs=f"EPSG:{target.dimensions[0].crs}",
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling[names.get(method, method)],
    )
    return made


@pytest.mark.parametrize("size", [4.0, 25.0])
@pytest.mark.parametrize("method", [each for each in METHODS if each != "mode"])
def test_in_one_crs_results_are_those_of_gdal(method, size):
    cube = utm(numbers(40, 50))
    found = run("resample_spatial", cube, resolution=size, method=method)
    expected = by_gdal(cube, found, method)

    # At the border GDAL has bilinear in the place of cubic; and its places have an error of 1e-10.
    inner = (slice(8, -8),) * 2 if method == "cubic" and size < 10 else (slice(None),) * 2
    np.testing.assert_allclose(found.values.data[inner], expected[inner], rtol=1e-8, atol=1e-8)


def test_the_mode_has_the_largest_share():
    # GDAL counts pixels, however little of one is there, and takes the first of values that are as frequent.
    data = np.round(numbers(40, 50) / 20)
    found = run("resample_spatial", utm(data), resolution=25, method="mode").values.data

    for row, column in np.ndindex(found.shape):
        shares = dict.fromkeys(np.unique(data).tolist(), 0.0)
        for (y, x), value in np.ndenumerate(data):
            along = [max(0, min(25 * (k + 1), 10 * (n + 1)) - max(25 * k, 10 * n)) for k, n in ((row, y), (column, x))]
            shares[value] += along[0] * along[1]
        assert found[row, column] == min(value for value, share in shares.items() if share == max(shares.values()))


@pytest.mark.parametrize("method", ["near", "bilinear", "cubicspline", "min", "max", "med", "q1", "q3", "average", "rms", "sum"])
def test_gaps_in_one_crs_are_those_of_gdal(method):
    cube = utm(numbers(40, 50, gaps=0.1))
    found = run("resample_spatial", cube, resolution=5, method=method)

    np.testing.assert_allclose(found.values.data, by_gdal(cube, found, method), rtol=1e-8)


@pytest.mark.parametrize("method", ["near", "bilinear", "cubicspline", "lanczos", "cubic"])
def test_in_another_crs_filters_are_close_to_those_of_gdal(method):
    rows, columns = np.mgrid[:60, :70]
    cube = utm(np.sin(rows / 7) * np.cos(columns / 9))
    found = run("resample_spatial", cube, projection=32632, resolution=9.5, method=method)
    expected = by_gdal(cube, found, method)

    there = np.isfinite(found.values.data)
    assert (there == np.isfinite(expected)).mean() > 0.999
    # GDAL finds places to an eighth of a pixel, and has other borders under 'cubic'.
    error = np.abs(found.values.data - expected)[there & np.isfinite(expected)]
    assert np.quantile(error, 0.9) < 0.02


@pytest.mark.parametrize(("source", "target"), [(32631, 32632), (32631, 4326), (4326, 3035), (3857, 32631), (3035, 3857)])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_nearest_pixel_is_that_under_the_centre_taken_over_by_itself(source, target, seed):
    random = np.random.default_rng(seed)
    corners = {}
    for crs in (source, target):
        x, y = way_between(read_crs(4326), read_crs(crs)).transform(6 + random.uniform(-1e-3, 1e-3), 50)
        size = 10 ** random.uniform(0, 3) / (1e5 if crs == 4326 else 1)
        corners[crs] = x + size * (np.arange(150) - 75), y - size * (np.arange(140) - 70), size
    x, y, size = corners[source]
    cube = raster(np.arange(140.0 * 150).reshape(140, 150), x, y, source)
    found = run("resample_cube_spatial", cube, raster(np.zeros((140, 150)), *corners[target][:2], target)).values.data

    exact = way_between(read_crs(target), read_crs(source)).transform(*np.meshgrid(*corners[target][:2]))
    column, row = (exact[0] - x[0]) / size, (y[0] - exact[1]) / size
    is_clear = np.all([np.abs(np.mod(each, 1) - 0.5) > 1e-5 for each in (row, column)], axis=0)
    row, column = np.round(row), np.round(column)
    expected = np.where((row >= 0) & (row < 140) & (column >= 0) & (column < 150), row * 150 + column, np.nan)
    np.testing.assert_array_equal(found[is_clear], expected[is_clear])


@pytest.mark.parametrize("method", ["average", "sum", "rms"])
def test_areas_are_those_of_polygons(method):
    cube = utm(numbers(8, 9, gaps=0.1))
    found = run("resample_spatial", cube, projection=32632, resolution=17, method=method)

    way = way_between(read_crs(32632), read_crs(32631))
    y, x = (each.coordinates() for each in found.dimensions)
    rows, columns = np.mgrid[:8, :9]
    cells = shapely.box(5e5 + 10 * columns, 5e6 - 10 * rows - 10, 5e5 + 10 * columns + 10, 5e6 - 10 * rows)
    values, there = np.nan_to_num(cube.values.data), np.isfinite(cube.values.data)
    for row, column in np.ndindex(found.values.data.shape):
        corners = [(x[column] + 8.5 * east, y[row] + 8.5 * north) for east, north in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        outline = shapely.Polygon(np.column_stack(way.transform(*np.transpose(corners))))
        share = shapely.area(shapely.intersection(outline, cells)) / 100 * there
        expected = {
            "sum": (share * values).sum(),
            "average": (share * values).sum() / share.sum() if share.sum() else np.nan,
            "rms": np.sqrt((share * values**2).sum() / share.sum()) if share.sum() else np.nan,
        }[method]
        if share.sum() > 1e-4:
            assert found.values.data[row, column] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", TARGETS)
def test_a_constant_stays_one(method, target):
    data = np.where(np.random.default_rng(3).random((20, 20)) < 0.2, np.nan, 7.5)
    found = run("resample_spatial", utm(data), method=method, **TARGETS[target]).values.data

    assert np.isfinite(found).sum() > found.size / 3
    if method != "sum":
        np.testing.assert_allclose(found[np.isfinite(found)], 7.5, rtol=1e-12)


@pytest.mark.parametrize("target", [{"resolution": 7.3}, {"projection": 32632, "resolution": 31}])
def test_a_sum_loses_nothing(target):
    data = numbers(20, 20)
    data[:4], data[-4:], data[:, :4], data[:, -4:] = 0, 0, 0, 0
    found = run("resample_spatial", utm(data), method="sum", **target).values.data

    assert np.nansum(found) == pytest.approx(data.sum(), rel=1e-9)


@pytest.mark.parametrize("method", ["bilinear", "cubic"])
def test_polynomials_are_met_where_the_filter_is_exact(method):
    degree = {"bilinear": 1, "cubic": 2}[method]
    xs, ys = np.arange(20.0), np.arange(15.0)[::-1]
    cube = raster((xs[None, :] - 7) ** degree - 3 * (ys[:, None] - 6) ** degree, xs, ys, 32631)
    x, y = np.arange(3, 15, 0.37), np.arange(3, 11, 0.71)
    found = run("resample_cube_spatial", cube, raster(np.zeros((len(y), len(x))), x, y, 32631), method=method)

    # Pixels are finer along both axes: no filter is wider.
    np.testing.assert_allclose(found.values.data, (x[None, :] - 7) ** degree - 3 * (y[:, None] - 6) ** degree, atol=1e-9)


@pytest.mark.parametrize("method", [each for each in METHODS if each not in {"cubicspline", "sum"}])
@pytest.mark.parametrize("dtype", ["float32", "int16", "int64"])
def test_the_same_pixels_stay_as_they_are(method, dtype):
    cube = utm(numbers(9, 8, dtype=dtype, gaps=0.1 if dtype == "float32" else 0))
    found = run("resample_cube_spatial", cube, cube, method=method)

    assert found.dimensions == cube.dimensions
    np.testing.assert_array_equal(found.values.data, cube.values.data)


@pytest.mark.parametrize("method", ["near", "average", "mode", "med"])
def test_finer_pixels_go_back(method):
    cube = utm(numbers(9, 8, gaps=0.1))
    finer = run("resample_spatial", cube, resolution=10 / 3, method="near")
    found = run("resample_cube_spatial", finer, cube, method=method)

    np.testing.assert_allclose(found.values.data, cube.values.data, rtol=1e-14)


def test_a_smooth_field_comes_back_from_another_crs():
    rows, columns = np.mgrid[:60, :60]
    cube = utm(np.sin(rows / 9) + np.cos(columns / 8))
    there = run("resample_spatial", cube, projection=3035, resolution=5, method="cubic")
    back = run("resample_cube_spatial", there, cube, method="cubic").values.data

    np.testing.assert_allclose(back[5:-5, 5:-5], cube.values.data[5:-5, 5:-5], atol=2e-3)


def test_places_are_exact_in_another_crs():
    # A field that is linear in the coordinates tells where each pixel was taken.
    cube = utm(np.zeros((50, 50)))
    y, x = (each.coordinates() for each in cube.dimensions)
    for along, axis in ((np.broadcast_to(x, (50, 50)), 0), (np.broadcast_to(y[:, None], (50, 50)), 1)):
        field = raster(np.array(along), x, y, 32631)
        found = run("resample_spatial", field, projection=4326, resolution=[1e-4, 7e-5], method="bilinear")
        latitudes, longitudes = (each.coordinates() for each in found.dimensions)
        expected = way_between(read_crs(4326), read_crs(32631)).transform(*np.meshgrid(longitudes, latitudes))[axis]
        inner = np.isfinite(found.values.data)
        inner &= np.abs(expected - along.mean()) < 240
        assert inner.sum() > 1000
        assert np.abs(found.values.data - expected)[inner].max() < 1e-4


@pytest.mark.parametrize("falling_x", [False, True])
@pytest.mark.parametrize("falling_y", [False, True])
def test_right_between_two_pixels_the_one_in_the_east_and_south_is_taken(falling_x, falling_y):
    xs, ys = np.arange(4.0)[:: -1 if falling_x else 1], np.arange(4.0)[:: -1 if falling_y else 1]
    cube = raster(xs[None, :] + 10 * ys[:, None], xs, ys, 32631)
    found = run("resample_spatial", cube, resolution=2)

    values = dict(
        zip(
            map(tuple, np.stack(np.meshgrid(found.dimensions[1].labels, found.dimensions[0].labels), -1).reshape(-1, 2)),
            found.values.data.ravel(),
            strict=True,
        )
    )
    assert values == {(0.5, 0.5): 1, (2.5, 0.5): 3, (0.5, 2.5): 21, (2.5, 2.5): 23}


@pytest.mark.parametrize("method", [each for each in METHODS if each != "sum"])
def test_longitudes_are_counted_from_anywhere(method):
    longitudes, latitudes = np.arange(0, 360, 10), np.arange(40, -41, -10)
    data = numbers(9, 36, gaps=0.05)
    one = raster(data, longitudes, latitudes, 4326)
    other = raster(np.roll(data, 18, axis=1), longitudes - 180, latitudes, 4326)
    target = raster(np.zeros((11, 50)), np.linspace(-178, 178, 50), np.linspace(39, -39, 11), 4326)
    found = [run("resample_cube_spatial", cube, target, method=method).values.data for cube in (one, other)]

    np.testing.assert_allclose(*found, rtol=1e-9)
    assert np.isfinite(found[0]).mean() > 0.9


def test_there_is_no_seam_around_the_earth():
    longitudes, latitudes = np.arange(0, 360, 5.0), np.arange(87.5, -90, -5)
    wave = np.cos(np.radians(longitudes))[None, :] + np.zeros((36, 1))
    target = raster(np.zeros((20, 200)), np.linspace(-179.1, 179.1, 200), np.linspace(60, -60, 20), 4326)
    found = run("resample_cube_spatial", raster(wave, longitudes, latitudes, 4326), target, method="cubic").values.data

    np.testing.assert_allclose(
        found, np.broadcast_to(np.cos(np.radians(target.dimensions[1].coordinates())), found.shape), atol=1e-4
    )


@pytest.mark.parametrize("method", ["near", "bilinear", "average"])
def test_the_pole_is_seen_from_above(method):
    longitudes, latitudes = np.arange(-179.5, 180), np.arange(89.5, 49, -1)
    cube = raster(np.cos(np.radians(longitudes))[None, :] * np.cos(np.radians(latitudes))[:, None], longitudes, latitudes, 4326)
    # From a pole to the edge of a pixel; none has the pole in it.
    place = (np.arange(-20, 20) + 0.5) * 1e5
    target = raster(np.zeros((40, 40)), place, -place, 3413)
    found = run("resample_cube_spatial", cube, target, method=method).values.data

    longitude, latitude = way_between(read_crs(3413), read_crs(4326)).transform(*np.meshgrid(place, -place))
    expected = np.cos(np.radians(longitude)) * np.cos(np.radians(latitude))
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("crs", [3413, 3031])
def test_a_pixel_with_a_pole_in_it_has_all_longitudes(crs):
    longitudes, latitudes = np.arange(-178, 180, 4.0), np.arange(88, -90, -4.0)
    target = raster(np.zeros((3, 3)), [-1e6, 0, 1e6], [1e6, 0, -1e6], crs)
    zones = raster(np.abs(latitudes[:, None]) + np.zeros(90), longitudes, latitudes, 4326)
    halves = raster(np.sign(longitudes)[None, :] + np.zeros((45, 1)), longitudes, latitudes, 4326)

    # The square of 1000 km reaches 4.5 degrees from the pole at its sides, and 6.4 at its corners.
    zonal = run("resample_cube_spatial", zones, target, method="average").values.data
    assert 86 < zonal[1, 1] < 88
    assert (zonal[1, 1] > zonal[[0, 0, 2, 2], [0, 2, 0, 2]]).all()
    assert run("resample_cube_spatial", halves, target, method="average").values.data[1, 1] == pytest.approx(0, abs=0.02)
    assert run("resample_cube_spatial", zones, target, method="max").values.data[1, 1] == 88
    assert np.isfinite(zonal).all()


def test_the_last_longitude_has_the_first_beside_it():
    earth = raster(np.arange(36.0)[None, :] + np.zeros((2, 1)), np.arange(-175, 180, 10), [5, -5], 4326)
    found = run("resample_cube_spatial", earth, raster(np.zeros((1, 3)), [-180, 180, 540], [5], 4326))

    assert found.values.data.tolist() == [[0, 0, 0]]


def test_what_lies_beyond_the_cube_has_no_data():
    cube = utm(numbers(4, 4, dtype="int16"))
    target = utm(np.zeros((8, 8)))
    for method in METHODS:
        found = run("resample_cube_spatial", cube, target, method=method)
        assert found.values.where()[:4, :4].all()
        assert found.values.where().sum() == 16
    far = raster(np.zeros((2, 2)), [1e9, 2e9], [1e9, 2e9], 32631)
    nowhere = raster(np.zeros((2, 2)), [1e30, 2e30], [1e30, 2e30], 3857)
    for method in METHODS:
        assert not run("resample_cube_spatial", cube, far, method=method).values.where().any()
        assert not run("resample_cube_spatial", cube, nowhere, method=method).values.where().any()


def test_gaps_do_not_count():
    data = np.array([[1, np.nan, 5, 7], [3, np.nan, np.nan, 9]])
    one = {method: run("resample_spatial", utm(data), resolution=20, method=method).values.data[0].tolist() for method in METHODS}

    assert one["average"] == [2, 7]
    assert one["sum"] == [4, 21]
    assert one["min"] == [1, 5]
    assert one["max"] == [3, 9]
    assert one["med"] == [1, 7]
    assert one["q3"] == [3, 9]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [7, 25])
def test_gaps_of_integers_are_those_of_floats(method, size):
    """Whatever number stands where the mask says that there is none."""
    random = np.random.default_rng(1)
    data, valid = random.integers(0, 50, (9, 11)), random.random((9, 11)) > 0.2
    floats = utm(np.where(valid, data, np.nan))
    integers = Cube(values=Values(data=data, valid=valid), dimensions=floats.dimensions)
    found, expected = (run("resample_spatial", each, resolution=size, method=method).values for each in (integers, floats))

    np.testing.assert_array_equal(found.where(), expected.where())
    np.testing.assert_array_equal(found.data[found.where()], expected.data[expected.where()])


def test_the_most_frequent_value_is_that_of_the_largest_area():
    found = run("resample_spatial", utm(np.array([[3, 1, 1], [3, 2, 2], [3, 2, 2]], dtype="int16")), resolution=30, method="mode")
    assert found.values.data.tolist() == [[2]]
    assert found.values.data.dtype == np.int16
    alike = run("resample_spatial", utm(np.array([[3, 1], [3, 1]], dtype="int16")), resolution=20, method="mode")
    assert alike.values.data.tolist() == [[1]]


def test_what_is_infinite_counts_as_gap():
    data = np.array([[1, np.inf], [3, 5]])

    assert run("resample_spatial", utm(data), resolution=20, method="average").values.data.tolist() == [[3]]
    assert run("resample_spatial", utm(data), resolution=5, method="near").values.data[0, 3] == np.inf


def test_truths_and_texts_are_taken_but_not_averaged():
    truths = utm(np.array([[True, False], [True, True]]))
    assert run("resample_spatial", truths, resolution=20, method="mode").values.data.tolist() == [[True]]
    assert run("resample_spatial", truths, resolution=20, method="min").values.data.tolist() == [[False]]
    texts = utm(np.array([["a", "b"], ["c", "d"]], dtype=object))
    assert run("resample_spatial", texts, resolution=5).values.data[0].tolist() == ["a", "a", "b", "b"]
    for cube in (truths, texts):
        with pytest.raises(ProcessParameterInvalidError, match="other than numbers"):
            run("resample_spatial", cube, resolution=5, method="bilinear")


def test_axes_need_not_be_even():
    xs, ys = [0.0, 1, 3, 6], [10.0, 7, 5, 4]
    cube = raster(np.add.outer(ys, xs), xs, ys, 32631)
    x, y = np.array([0.5, 1.5, 2.2]), np.array([9.0, 8.5])
    found = run("resample_cube_spatial", cube, raster(np.zeros((2, 3)), x, y, 32631), method="bilinear")

    np.testing.assert_allclose(found.values.data, np.add.outer(y, x))


@pytest.mark.parametrize(
    ("align", "x", "y"),
    [
        ("upper-left", [3.5, 10.5], [21.5, 14.5]),
        ("upper-right", [9.5, 16.5], [21.5, 14.5]),
        ("lower-left", [3.5, 10.5], [15.5, 8.5]),
        ("lower-right", [9.5, 16.5], [15.5, 8.5]),
    ],
)
def test_pixels_begin_in_a_corner(align, x, y):
    cube = raster(np.zeros((2, 2)), [5, 15], [20, 10], 32631)
    for each in (cube, raster(np.zeros((2, 2)), [15, 5], [10, 20], 32631)):
        found = run("resample_spatial", each, resolution=7, align=align)
        assert sorted(found.dimensions[1].labels) == [low for low in (*x, 17.5) if low < 20] if align.endswith("left") else x
        assert found.dimensions[1].labels[0] < found.dimensions[1].labels[-1] or each is not cube


def test_sizes_of_pixels_are_those_along_x_and_y():
    cube = raster(np.zeros((4, 6)), 10 * np.arange(6) + 5, 10 * np.arange(4) + 5, 32631)
    found = run("resample_spatial", cube, resolution=[20, 0])

    assert found.dimensions[1].labels == (10, 30, 50)
    assert found.dimensions[0] == cube.dimensions[0]


def test_a_projection_alone_keeps_the_size_of_pixels():
    found = run("resample_spatial", utm(numbers(50, 40)), projection=3035)
    y, x = (each.coordinates() for each in found.dimensions)

    assert found.dimensions[0].crs == found.dimensions[1].crs == 3035
    text = read_crs(3035).to_wkt()
    assert run("resample_spatial", utm(numbers(50, 40)), projection=text).dimensions == found.dimensions
    assert x[1] - x[0] == pytest.approx(y[0] - y[1])
    assert x[1] - x[0] == pytest.approx(10, rel=0.01)
    way = way_between(read_crs(32631), read_crs(3035))
    corners = np.array([way.transform(5e5 + dx, 5e6 - dy) for dx in (0, 400) for dy in (0, 500)])
    assert x[0] - 5 == pytest.approx(corners[:, 0].min(), abs=0.1)
    assert y[0] + 5 == pytest.approx(corners[:, 1].max(), abs=0.1)
    assert x[-1] == pytest.approx(corners[:, 0].max(), abs=10)


@pytest.mark.parametrize(("crs", "far"), [(3857, 2.5e7), (3413, 1e8), (3031, 1e8), (32631, 5e7), (6933, 2e7)])
def test_the_earth_ends_where_a_projection_has_no_end(crs, far):
    earth = raster(numbers(90, 180), np.arange(-179, 180, 2), np.arange(89, -90, -2), 4326)
    found = run("resample_spatial", earth, projection=crs, resolution=0 if crs != 32631 else 2e5)

    assert all(np.abs(each.labels).max() < far for each in found.dimensions)
    assert np.isfinite(found.values.data).mean() > 0.5


def test_a_cube_may_lie_across_the_antimeridian():
    places = np.arange(0, 6e5, 1e4)
    found = run(
        "resample_spatial", raster(numbers(60, 60), 5e5 + places, 5.1e6 - places, 32660), projection=4326, method="average"
    )

    longitudes = found.dimensions[1].coordinates()
    assert any(longitudes[0] < edge < longitudes[-1] for edge in (-180, 180))
    assert np.ptp(longitudes) < 10
    assert np.isfinite(found.values.data).mean() > 0.8


def test_a_cube_of_two_pixels_may_become_one():
    found = run("resample_spatial", utm(np.array([[1.0, 3.0]])), resolution=20, method="average")

    assert found.values.data.tolist() == [[2]]
    assert [each.labels for each in found.dimensions] == [(4_999_990,), (500_010,)]


def test_a_window_is_no_larger_than_the_filter():
    cube, reach_of = utm(np.zeros((100, 100))), find_process("resample_spatial").reach
    for method, reach in (("near", 0), ("bilinear", 1), ("cubic", 2), ("lanczos", 3), ("average", 1)):
        for options in ({"resolution": 9}, {"resolution": 9, "projection": 32632}):
            reached = reach_of(rows=slice(50, 51), columns=slice(60, 61), data=hollowed(cube), method=method, **options)
            assert 1 <= reached.rows.stop - reached.rows.start <= 1 + 2 * reach
            assert 1 <= reached.columns.stop - reached.columns.start <= 1 + 2 * reach


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "at least one"),
        ({"resolution": 1e-9}, "pixels along one axis, and 1000000 are the most"),
        ({"resolution": 0, "projection": "no crs"}, "not understood"),
        ({"resolution": [5, -5]}, "below 0"),
        ({"resolution": math.inf}, "no finite number"),
    ],
)
def test_what_cannot_be_made_is_refused(arguments, message):
    with pytest.raises(ProcessParameterInvalidError, match=message):
        run("resample_spatial", utm(np.zeros((3, 3))), **arguments)


def test_pixels_without_places_are_refused():
    y, x = axes([0, 1, 1], [0, 1], 32631)
    with pytest.raises(ProcessParameterInvalidError, match="do not rise or fall"):
        run("resample_spatial", a_cube(dimensions=(y, x)), resolution=1)
    y, x = axes([0], [0], 32631)
    with pytest.raises(ProcessParameterInvalidError, match="single pixel"):
        run("resample_spatial", a_cube(dimensions=(y, x)), resolution=1)


def test_too_many_pixels_for_one_are_refused():
    cube = raster(np.zeros((300, 300)), np.arange(300), np.arange(300), 32631)
    with pytest.raises(ProcessParameterInvalidError, match="more than 65536"):
        run("resample_spatial", cube, resolution=300, method="med")
    assert run("resample_spatial", cube, resolution=300, method="average").values.data.shape == (1, 1)


def test_other_dimensions_stay_where_they_are():
    cube = layers("float32", 0.0)
    found = run("resample_spatial", cube, resolution=5)

    assert [each.name for each in found.dimensions] == ["y", "t", "x"]
    assert found.dimensions[1] == T
    y, x = find_horizontal(found.dimensions)
    np.testing.assert_array_equal(found.values.data[::2, :, ::2], cube.values.data)
    assert (y, x) == (0, 2)
