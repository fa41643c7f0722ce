"""Zonal statistics: of whole pixels as openEO has them, and of the shares of pixels that polygons cover."""

import json
import math
from functools import reduce

import numpy as np
import pyproj
import pytest
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.openeo.rasters import MEAN, T, a_cube, callback, run
from processing.openeo.regions import SCENARIOS, average, read_regions, read_scenario
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.kernels.geometries.coverage import cell_areas, find_coverage
from twinlake.processing.openeo.kernels.geometries.zonal import apply, find_window, finish, merge, weigh
from twinlake.processing.openeo.shapes.areas import read_pixels
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.geometries import to_dimension
from twinlake.processing.openeo.shapes.projecting import area_scales, describe_crs
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

STATISTICS = ("mean", "sum", "variance", "min", "max")
EARTH = 510_065_621_724_088.4
"""Area of the ellipsoid WGS 84 in square metres, from its axes."""
Y = Dimension(name="y", kind="spatial", axis="y", labels=tuple(np.arange(11, -1, -1) + 0.5), crs=32631)
X = Dimension(name="x", kind="spatial", axis="x", labels=tuple(np.arange(15) + 0.5), crs=32631)


def sides(ys, xs, crs=4326):
    """Return dimensions of y and x."""
    return (
        Dimension(name="y", kind="spatial", axis="y", labels=tuple(map(float, ys)), crs=crs),
        Dimension(name="x", kind="spatial", axis="x", labels=tuple(map(float, xs)), crs=crs),
    )


def vectors(*shapes, crs=32631):
    """Return a vector cube without data."""
    dimension = to_dimension([shapely.from_wkt(each) if isinstance(each, str) else each for each in shapes], crs)
    return Cube(values=Values(data=np.full(len(shapes), np.nan), nan_is_nodata=True), dimensions=(dimension,))


def a_field(*, seed=1, layers=(T,), y=Y, x=X, gaps=0.2, dtype=np.float32):
    """Return a raster cube with gaps."""
    random = np.random.default_rng(seed)
    shape = tuple([len(each.labels) for each in (*layers, y, x)])
    numbers, missing = random.normal(280, 5, shape), random.random(shape) < gaps
    if np.dtype(dtype).kind == "f":
        values = Values(data=np.where(missing, np.nan, numbers).astype(dtype), nan_is_nodata=True)
    else:
        values = Values(data=numbers.astype(dtype), valid=~missing)
    return Cube(values=values, dimensions=(*layers, y, x))


def weighted(cube, zones, **arguments):
    """Return the numbers, and the dimensions, of weighted statistics."""
    node = {"geometries": {"from_parameter": "zones"}, **arguments}
    found = run("aggregate_spatial_weighted", cube, zones=zones, **node)
    return found.values.data, [each.name for each in found.dimensions]


def some_polygons(count, *, seed=0, width=15, height=12):
    """Return polygons of many shapes, with holes, some over the border."""
    random = np.random.default_rng(seed)
    return [
        shapely.difference(
            shapely.buffer(
                shapely.linestrings(random.uniform((-1, -1), (width + 1, height + 1), (3, 2))), random.uniform(0.2, 2)
            ),
            shapely.buffer(shapely.points(random.uniform((0, 0), (width, height))), 0.8),
        )
        for _ in range(count)
    ]


def shares_of(shape, y, x, half=0.5):
    """Return how much of each pixel of an even grid a shape covers, cut by shapely."""
    ys, xs = np.array(y.labels), np.array(x.labels)
    cells = shapely.box(xs[None, :] - half, ys[:, None] - half, xs[None, :] + half, ys[:, None] + half)
    return shapely.area(shapely.intersection(shape, cells)) / shapely.area(cells)


def by_hand(numbers, shares, statistic):
    """Return a statistic of one layer with gaps."""
    there = (shares > 1e-12) & ~np.isnan(numbers)
    if not there.any():
        return math.nan
    values, weights = numbers[there].astype(float), shares[there]
    mean = (values * weights).sum() / weights.sum()
    return {
        "mean": mean,
        "sum": (values * weights).sum(),
        "variance": (weights * (values - mean) ** 2).sum() / weights.sum(),
        "min": values.min(),
        "max": values.max(),
    }[statistic]


@pytest.mark.parametrize("statistic", STATISTICS)
def test_weighted_statistics_are_those_of_exactextract(statistic):
    cube, shapes = a_field(), some_polygons(20)
    found, names = weighted(cube, vectors(*shapes), statistic=statistic)

    features = [{"type": "Feature", "geometry": shapely.geometry.mapping(each), "properties": {}} for each in shapes]
    raster = [NumPyRasterSource(layer.astype(float), 0, 0, 15, 12, nodata=np.nan) for layer in cube.values.data]
    expected = [[each["properties"][statistic] for each in exact_extract(layer, features, [statistic])] for layer in raster]
    assert names == ["t", "geometries"]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-11)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
@pytest.mark.parametrize("turned", [False, True])
def test_weighted_statistics_are_those_of_cut_pixels(statistic, dtype, turned):
    y, x = (each.take(range(len(each.labels))[::-1]) if turned else each for each in (Y, X))
    cube, shapes = a_field(y=y, x=x, dtype=dtype), some_polygons(8, seed=3)
    found, _ = weighted(cube, vectors(*shapes), statistic=statistic)

    numbers = np.where(cube.values.where(), cube.values.data, np.nan)
    expected = [[by_hand(layer, shares_of(each, y, x), statistic) for each in shapes] for layer in numbers]
    np.testing.assert_allclose(found, expected, rtol=1e-6 if statistic == "variance" else 3e-7)


def test_uneven_rows_are_cut_where_the_middle_between_them_is():
    ys = (11.0, 9.5, 9.0, 7.0, 4.0, 3.5, 3.0, 1.0)
    y = Dimension(name="y", kind="spatial", axis="y", labels=ys, crs=32631)
    shapes = [shapely.box(2.3, 3.3, 9.1, 9.2), shapely.Point(7, 6).buffer(3)]
    cube = a_field(y=y, gaps=0)
    found, _ = weighted(cube, vectors(*shapes), statistic="sum")

    middles = (np.array(ys)[1:] + np.array(ys)[:-1]) / 2
    borders = np.array([11.75, *middles, 0.0])
    xs = np.arange(15.0)
    cells = shapely.box(xs[None, :], borders[1:, None], xs[None, :] + 1, borders[:-1, None])
    for number, shape in enumerate(shapes):
        shares = shapely.area(shapely.intersection(shape, cells)) / shapely.area(cells)
        np.testing.assert_allclose(found[:, number], (cube.values.data * shares).sum(axis=(1, 2)), rtol=1e-12)


@pytest.mark.parametrize("first", [-180.0, 0.0, 40.0])
def test_the_whole_earth_has_the_area_of_its_ellipsoid_wherever_longitudes_begin(first):
    y, x = sides(np.linspace(90, -90, 37), first + np.arange(0, 360, 5))
    ones = Cube(values=Values(data=np.ones((37, 72), dtype=np.float32), nan_is_nodata=True), dimensions=(y, x))
    found, _ = weighted(
        ones, vectors("POLYGON ((-180 -90, 180 -90, 180 90, -180 90, -180 -90))", crs=4326), weights="area", statistic="sum"
    )

    np.testing.assert_allclose(found, EARTH, rtol=1e-14)


def test_pixels_of_a_projection_have_the_area_that_they_have_on_the_ellipsoid():
    y, x = sides(np.arange(2.9e6, -3e6, -2e5), np.arange(-2.9e6, 3e6, 2e5), crs=3413)
    ones = Cube(values=Values(data=np.ones((30, 30))), dimensions=(y, x))
    circle = shapely.Point(0, 0).buffer(2.0e6, quad_segs=4000)
    found, _ = weighted(ones, vectors(circle, crs=3413), weights="area", statistic="sum")

    # The cap around the pole up to the latitude of the circle, which has a closed form.
    import pyproj

    _, latitude = pyproj.Transformer.from_crs(3413, 4326, always_xy=True).transform(0, -2.0e6)
    e = math.sqrt(pyproj.Geod(ellps="WGS84").es)
    sine = math.sin(math.radians(latitude))
    strip = 6378137.0**2 * (1 - e**2) * (sine / (1 - (e * sine) ** 2) + math.atanh(e * sine) / e) / 2
    assert found.item() == pytest.approx(EARTH / 2 - 2 * math.pi * strip, rel=2e-4)


@pytest.mark.parametrize(
    ("crs", "x", "y", "step"),
    [
        (32631, 5e5, 5e6, 10.0),
        (32633, 1.5e5, 9.3e6, 60.0),
        (3035, 4.3e6, 3.2e6, 1000.0),
        (3413, -1e5, 1e5, 500.0),
        (3031, 2.5e6, -1e6, 6250.0),
        (3857, -1e7, 8e6, 1000.0),
        (6933, 1e6, -5e6, 9000.0),
        (2263, 9.8e5, 2e5, 100.0),
        ("+proj=ob_tran +o_proj=eqc +o_lat_p=39.25 +lon_0=18 +R=6371000", -5e6, 3e6, 1e5),
    ],
)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), uneven=st.booleans(), turned=st.booleans())
def test_areas_of_pixels_are_those_of_the_scale_in_their_middle(crs, x, y, step, seed, uneven, turned):
    """Also where a pole or the end of a projection lies among them."""
    random = np.random.default_rng(seed)
    axes = [
        place + step * (random.integers(-1000, 1000) + np.cumsum(random.uniform(0.5, 1.5, count) if uneven else np.ones(count)))
        for place, count in ((y, random.integers(2, 150)), (x, random.integers(2, 150)))
    ]
    dimensions = sides(*[each[::-1] if turned else each for each in axes], crs=describe_crs(crs))
    pixels = read_pixels(dimensions)
    cells = np.flatnonzero(random.random(len(axes[0]) * len(axes[1])) < 0.3)

    rows, columns = np.divmod(cells, len(pixels.x))
    along_x, along_y = pixels.sides[0.0]
    scales = area_scales(pixels.crs, pixels.x[columns], pixels.y[rows])
    told = scales > 0  # PROJ tells none at some places far beyond the end of a projection, though it does beside them
    expected = along_x.widths[columns] * along_y.widths[rows] * scales
    np.testing.assert_allclose(cell_areas(pixels, cells)[told], expected[told], rtol=1e-9, atol=0)


def test_a_grid_of_many_pixels_is_weighed_in_strips():
    """Of a window the weights of a million pixels at most are in memory, and the sum is that of all."""
    y, x = sides(5e6 - 10 * np.arange(1500), 5e5 + 10 * np.arange(900), crs=32631)
    ones = Cube(values=Values(data=np.ones((1500, 900), dtype=np.float32), nan_is_nodata=True), dimensions=(y, x))
    zones = vectors(shapely.box(502_000, 4_986_000, 507_000, 4_999_000), shapely.box(0, 0, 1, 1))
    found, _ = weighted(ones, zones, weights="area", statistic="sum", target_dimension="told")

    pixels = read_pixels((y, x))
    numbers, shares = next(find_coverage(pixels, [[shapely.box(502_000, 4_986_000, 507_000, 4_999_000)]]))
    assert found[0, 0] == pytest.approx((shares * cell_areas(pixels, numbers)).sum(), rel=1e-12)
    assert found[0, 1] == pytest.approx(1, rel=1e-12)
    assert np.isnan(found[1, 0])
    assert found[1, 1] == 0


@pytest.mark.parametrize("first", [225.0, -180.0, 0.0])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_sums_over_areas_in_degrees_are_those_of_the_closed_form(first, seed):
    """Polygons around -100 degrees, on grids wherever their longitudes begin."""
    random = np.random.default_rng(seed)
    y, x = sides(np.arange(69.5, 20, -1), first + 0.5 + np.arange(90 if first == 225 else 360))
    cube = a_field(layers=(), y=y, x=x, seed=seed)
    shape = shapely.Point(-100 + random.uniform(-20, 20), 45 + random.uniform(-8, 8)).buffer(random.uniform(0.3, 12))
    found, _ = weighted(cube, vectors(shape, crs=4326), weights="area", statistic="sum")

    turned = [shapely.transform(shape, lambda points, turn=turn: points + np.array([turn, 0.0])) for turn in (-360, 0, 360)]
    shares = sum(shares_of(each, y, x, half=0.5) for each in turned)
    sine = np.sin(np.radians(np.array(y.labels)[:, None] + [-0.5, 0.5]))
    e = math.sqrt(0.0066943799901413165)
    to_pole = 6378137.0**2 * (1 - e**2) * (sine / (1 - (e * sine) ** 2) + np.arctanh(e * sine) / e) / 2
    areas = np.diff(to_pole, axis=1) * math.radians(1)
    # exactextract's shares have 24 bits.
    assert found.item() == pytest.approx(np.nansum(cube.values.data * shares * areas, dtype=float), rel=1e-7)


@pytest.mark.parametrize("first", [-180.0, 0.0])
def test_polygons_meet_a_grid_wherever_its_longitudes_begin(first):
    longitudes = first + np.arange(0, 360, 10.0)
    y, x = sides([50, 40, 30], longitudes)
    fields = np.broadcast_to((longitudes % 360).astype(np.float32), (3, 36))
    cube = Cube(values=Values(data=fields, nan_is_nodata=True), dimensions=(y, x))
    zones = vectors(
        "POLYGON ((-105 35, -95 35, -95 45, -105 45, -105 35))",
        "MULTIPOLYGON (((175 35, 180 35, 180 45, 175 45, 175 35)), ((-180 35, -165 35, -165 45, -180 45, -180 35)))",
        "POLYGON ((345 25, 375 25, 375 55, 345 55, 345 25))",
        crs=4326,
    )
    found, _ = weighted(cube, zones, target_dimension="what")

    np.testing.assert_allclose(found[:, 0], [260, (180 * 1 + 190 * 1) / 2, (350 + 0 + 10) / 3])
    np.testing.assert_allclose(found[:, 1], 1)


def test_polygons_of_another_crs_are_taken_over():
    y, x = sides(np.arange(5_995_000, 5_800_000, -10_000), np.arange(400_000, 600_000, 10_000), crs=32631)
    cube = a_field(y=y, x=x, gaps=0)
    import pyproj

    corner = pyproj.Transformer.from_crs(32631, 4326, always_xy=True)
    ring = shapely.segmentize(shapely.box(433_000, 5_846_000, 557_000, 5_963_000), 100)
    found, _ = weighted(cube, vectors(shapely.transform(ring, lambda p: np.column_stack(corner.transform(*p.T))), crs=4326))
    same, _ = weighted(cube, vectors(ring))

    np.testing.assert_allclose(found, same, rtol=1e-9)


def test_the_covered_share_tells_of_gaps_and_of_what_lies_beyond():
    data = np.ones((12, 15), dtype=np.float32)
    data[:, :5] = np.nan
    cube = Cube(values=Values(data=data, nan_is_nodata=True), dimensions=(Y, X))
    zones = vectors(
        "POLYGON ((2 2, 8 2, 8 8, 2 8, 2 2))",
        "POLYGON ((10 6, 20 6, 20 8, 10 8, 10 6))",
        "POLYGON ((1 1, 2 1, 2 2, 1 2, 1 1))",
        "POLYGON ((90 90, 91 90, 91 91, 90 90))",
        "POLYGON EMPTY",
    )
    for weights in ("coverage", "area"):
        found, names = weighted(cube, zones, weights=weights, target_dimension="told")
        assert names == ["geometries", "told"]
        np.testing.assert_allclose(found[:, 0], [1, 1, np.nan, np.nan, np.nan])
        np.testing.assert_allclose(found[:, 1], [0.5, 0.5, 0, 0, 0], rtol=1e-6)


def test_the_share_on_a_grid_of_degrees_is_that_of_areas_where_these_are_the_weights():
    """Half of the degrees from 0 to 80 north are not half of the area: pyproj tells that of each half."""
    y = Dimension(name="y", kind="spatial", axis="y", crs=4326, labels=tuple(np.arange(39.5, 0, -1).tolist()))
    x = Dimension(name="x", kind="spatial", axis="x", crs=4326, labels=tuple(np.arange(0.5, 20).tolist()))
    cube = Cube(values=Values(data=np.ones((40, 20), dtype=np.float32)), dimensions=(y, x))
    zones = vectors("POLYGON ((2 0, 8 0, 8 80, 2 80, 2 0))", "POLYGON ((2 0, 8 0, 5 80, 2 0))", crs=4326)
    shares = {
        weights: weighted(cube, zones, weights=weights, target_dimension="told")[0][:, 1] for weights in ("coverage", "area")
    }
    geod = pyproj.Geod(ellps="WGS84")
    whole = [shapely.segmentize(each, 0.05) for each in (shapely.box(2, 0, 8, 80), shapely.Polygon([(2, 0), (8, 0), (5, 80)]))]
    within = [shapely.intersection(each, shapely.box(0, 0, 20, 40)) for each in whole]
    areas = [abs(geod.geometry_area_perimeter(shapely.segmentize(each, 0.05))[0]) for each in (*whole, *within)]

    np.testing.assert_allclose(shares["coverage"], [0.5, 0.75], rtol=1e-9)
    np.testing.assert_allclose(shares["area"], np.divide(areas[2:], areas[:2]), rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), row=st.integers(0, 12), column=st.integers(0, 15), statistic=st.sampled_from(STATISTICS))
def test_states_of_parts_make_that_of_the_whole(seed, row, column, statistic):
    cube = a_field(seed=seed, gaps=0.4)
    geometries = to_dimension(some_polygons(6, seed=seed % 1000), 32631)
    whole = finish(apply(weigh(Y, X, geometries, "coverage", (slice(0, 12), slice(0, 15))), cube.values, statistic))
    parts = [slice(*each) for each in ((0, row), (row, 12)) if each[0] < each[1]]
    sides = [slice(*each) for each in ((0, column), (column, 15)) if each[0] < each[1]]
    states = [
        apply(
            weigh(Y, X, geometries, "coverage", (rows, columns)),
            Values(data=cube.values.data[:, rows, columns], nan_is_nodata=True),
            statistic,
        )
        for rows in parts
        for columns in sides
    ]

    np.testing.assert_allclose(finish(reduce(merge, states)), whole, rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(2, 12))
def test_zones_that_tile_the_grid_sum_to_the_total(seed, count):
    random = np.random.default_rng(seed)
    border = shapely.box(0, 0, 15, 12)
    cells = shapely.voronoi_polygons(shapely.multipoints(random.uniform((0, 0), (15, 12), (count, 2))), extend_to=border)
    zones = vectors(*shapely.intersection(shapely.get_parts(cells), border))
    cube = a_field(seed=seed)
    found, _ = weighted(cube, zones, statistic="sum")
    extremes = [weighted(cube, zones, statistic=each)[0] for each in ("min", "max")]

    np.testing.assert_allclose(np.nansum(found, axis=1), np.nansum(cube.values.data, axis=(1, 2), dtype=float), rtol=1e-6)
    np.testing.assert_array_equal(np.nanmin(extremes[0], axis=1), np.nanmin(cube.values.data, axis=(1, 2)))
    np.testing.assert_array_equal(np.nanmax(extremes[1], axis=1), np.nanmax(cube.values.data, axis=(1, 2)))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_same_gaps_in_all_layers_are_like_others(statistic):
    cube = a_field()
    sea = np.where(np.isnan(cube.values.data[:1]), np.nan, np.nan_to_num(cube.values.data, nan=281)).astype(np.float32)
    zones = vectors(*some_polygons(5))
    together, _ = weighted(
        Cube(values=Values(data=sea, nan_is_nodata=True), dimensions=cube.dimensions), zones, statistic=statistic
    )
    for number, layer in enumerate(sea):
        alone = Cube(values=Values(data=layer, nan_is_nodata=True), dimensions=(Y, X))
        np.testing.assert_allclose(together[number], weighted(alone, zones, statistic=statistic)[0], rtol=1e-12)


def test_a_variance_keeps_its_digits_beside_a_large_mean():
    data = (1e8 + np.tile([0.0, 1.0], 90)).reshape(12, 15)
    cube = Cube(values=Values(data=data, nan_is_nodata=True), dimensions=(Y, X))
    found, _ = weighted(cube, vectors(shapely.box(0, 0, 15, 12)), statistic="variance")

    assert found.item() == pytest.approx(0.25, rel=1e-9)


@pytest.mark.parametrize("weighting", ["centres", "coverage"])
def test_the_window_holds_all_pixels_that_count(weighting):
    geometries = to_dimension([shapely.box(3.2, 4.1, 3.9, 4.4), shapely.Point(8, 7).buffer(1.5)], 32631)
    rows, columns = find_window(Y, X, geometries)
    exact = np.divmod(weigh(Y, X, geometries, weighting, (slice(0, 12), slice(0, 15))).cells, 15)

    for around, within in zip((rows, columns), exact, strict=True):
        first, last = within.min(), within.max()
        assert around.start <= first
        assert last < around.stop
        assert weighting == "centres" or (first - around.start) + (around.stop - 1 - last) <= 2


@pytest.mark.slow
def test_regional_means_of_two_scenarios_are_those_of_an_independent_computation():
    regions = read_regions()
    fields = [read_scenario(SCENARIOS / f"{scenario}_north_america.nc") for scenario in ("A1B", "E1")]
    warmer = (fields[0] - fields[1]).astype("float32")
    y, x = sides(warmer["latitude"].values, warmer["longitude"].values)
    assert (x.labels[0], x.labels[-1]) == (225, 315)
    t = Dimension(
        name="t", kind="temporal", labels=tuple(f"{1860 + year}-01-01T00:00:00Z" for year in range(240)), calendar="360_day"
    )
    cube = Cube(values=Values(data=warmer.values, nan_is_nodata=True), dimensions=(t, y, x))
    document = json.loads(regions.to_json(drop_id=True))
    node = {"geometries": document, "weights": "area", "target_dimension": "told"}
    found = run("aggregate_spatial_weighted", cube, **node)

    for number, shape in enumerate(regions.geometry):
        mean, on_grid = average(warmer, shape)
        np.testing.assert_allclose(found.values.data[:, number, 0], mean, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found.values.data[:, number, 1], on_grid, rtol=1e-3)  # cells at coasts are of one density here
    assert [json.loads(each)["properties"]["NAME_LONG"] for each in found.dimensions[1].features] == regions["NAME_LONG"].tolist()
    assert found.values.data[-1, :, 0].min() > 0.5, "the scenario without mitigation is warmer at its end"


# ---- whole pixels


def aggregate(cube, zones, reducer=MEAN, **arguments):
    return run("aggregate_spatial", cube, zones=zones, geometries={"from_parameter": "zones"}, reducer=reducer, **arguments)


RANGE = {
    "process_graph": {
        "high": {"process_id": "max", "arguments": {"data": {"from_parameter": "data"}}},
        "low": {"process_id": "min", "arguments": {"data": {"from_parameter": "data"}}},
        "range": {"process_id": "subtract", "arguments": {"x": {"from_node": "high"}, "y": {"from_node": "low"}}, "result": True},
    }
}
MEDIAN, COUNT = (callback(each, data={"from_parameter": "data"}) for each in ("median", "count"))


@pytest.mark.parametrize(
    ("reducer", "expected"),
    [(MEAN, np.mean), (MEDIAN, np.median), (RANGE, np.ptp), (COUNT, len)],
    ids=["mean", "median", "range", "count"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_pixels_belong_to_a_polygon_by_their_centres(reducer, expected, dtype):
    cube, shapes = a_field(dtype=dtype), some_polygons(12, seed=5)
    found = aggregate(cube, vectors(*shapes), reducer)

    assert [each.name for each in found.dimensions] == ["t", "geometries"]
    xs, ys = np.meshgrid(X.labels, Y.labels)
    for layer in range(3):
        for number, shape in enumerate(shapes):
            is_in = shapely.intersects_xy(shape, xs, ys) & cube.values.where()[layer]
            if is_in.any():
                wanted = expected(cube.values.data[layer][is_in].astype(float))
                assert found.values.data[layer, number] == pytest.approx(wanted, rel=1e-6)
            else:
                assert found.values.where()[layer, number] == (reducer is COUNT)


def test_points_have_the_closest_pixel_and_lines_those_that_they_touch():
    cube = a_field(gaps=0, layers=())
    found = aggregate(
        cube,
        vectors("POINT (3.4 5.6)", "LINESTRING (0.2 0.1, 4.7 0.1)", "MULTIPOINT ((0.5 0.5), (14.9 11.9))"),
        COUNT,
        target_dimension="n",
    )
    data = cube.values.data
    means = aggregate(cube, vectors("POINT (3.4 5.6)", "LINESTRING (0.2 0.1, 4.7 0.1)"))

    assert found.values.data.tolist() == [[1, 1, 1], [5, 5, 5], [2, 2, 2]]
    np.testing.assert_allclose(means.values.data, [data[6, 3], data[11, :5].mean()], rtol=1e-6)


def test_what_is_empty_or_elsewhere_has_no_value_and_what_has_no_pixel_an_empty_array():
    zones = vectors(
        "POLYGON EMPTY",
        "POLYGON ((90 90, 91 90, 91 91, 90 90))",
        "POLYGON ((2.1 2.1, 2.2 2.1, 2.2 2.2, 2.1 2.1))",
        shapely.box(0, 0, 2, 2),
    )
    cube = a_field(gaps=0)
    found = aggregate(cube, zones, COUNT, target_dimension="told")

    assert found.dimensions[-1].labels == ("value", "total_count", "valid_count")
    there = found.values.where()
    assert not there[:, :2].any()
    np.testing.assert_array_equal(found.values.data[:, 2:], [[[0, 0, 0], [4, 4, 4]]] * 3)
    assert np.isnan(aggregate(cube, zones).values.data[:, :3]).all()


def test_pixels_are_counted_and_the_valid_ones_among_them():
    data = np.ones((12, 15))
    data[11, :3] = np.nan, np.inf, 5
    cube = Cube(values=Values(data=data, nan_is_nodata=True), dimensions=(Y, X))
    found = aggregate(
        cube, vectors(shapely.box(0, 0, 3, 2)), callback("max", data={"from_parameter": "data"}), target_dimension="n"
    )

    assert found.values.data.tolist() == [[math.inf, 6, 4]]


def test_the_result_has_the_geometries_as_they_were_given():
    zones = vectors("POLYGON ((0 0, 3 3, 3 0, 0 3, 0 0))", "POINT (1 1)")
    document = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "id": 7, "geometry": {"type": "Point", "coordinates": [3, 0.0001]}, "properties": {"name": "a"}}
        ],
    }
    found = aggregate(a_field(), zones).dimensions
    of_geojson = run("aggregate_spatial", a_field(), geometries=document, reducer=MEAN).dimensions

    assert found[1] == zones.dimensions[0]
    assert of_geojson[1].features == ('{"properties":{"name":"a"},"id":7}',)
    assert of_geojson[1].crs == 4326


def test_the_geometries_stand_where_the_pixels_were():
    bands = Dimension(name="bands", kind="bands", labels=("a", "b"))
    y, x = Y, X
    cube = a_field(layers=(T, bands))
    turned = Cube(values=Values(data=np.moveaxis(cube.values.data, 1, 3), nan_is_nodata=True), dimensions=(T, y, x, bands))
    zones = vectors(*some_polygons(4))
    straight, other = aggregate(cube, zones), aggregate(turned, zones)

    assert [each.name for each in straight.dimensions] == ["t", "bands", "geometries"]
    assert [each.name for each in other.dimensions] == ["t", "geometries", "bands"]
    np.testing.assert_array_equal(np.moveaxis(straight.values.data, 1, 2), other.values.data)


@pytest.mark.parametrize(("process", "more"), [("aggregate_spatial", {"reducer": MEAN}), ("aggregate_spatial_weighted", {})])
@pytest.mark.parametrize("target", [None, "told"])
def test_a_hollow_cube_tells_what_the_result_looks_like(process, more, target):
    zones = vectors(shapely.box(-0.2, -1.2, 1.2, 2.2))
    arguments = {"geometries": {"from_parameter": "zones"}, "target_dimension": target, **more}
    whole, hollow = (run(process, a_cube(hollow=each), zones=zones, **arguments) for each in (False, True))

    assert hollow.dimensions == whole.dimensions
    assert hollow.values.data.dtype == whole.values.data.dtype
    assert hollow.values.data.shape == whole.values.data.shape


@pytest.mark.parametrize(("process", "more"), [("aggregate_spatial", {"reducer": MEAN}), ("aggregate_spatial_weighted", {})])
@pytest.mark.parametrize("hollow", [False, True])
def test_what_cannot_be_aggregated_is_refused(process, more, hollow):
    cube = a_cube(hollow=hollow)
    zones = {"geometries": {"from_parameter": "zones"}, **more}
    with pytest.raises(ProcessError) as raised:
        run(process, cube, zones=vectors(shapely.box(0, 0, 1, 1)), target_dimension="t", **zones)
    assert raised.value.reason == "TargetDimensionExists"
    with pytest.raises(ProcessParameterInvalidError, match="There is no"):
        run(process, cube, zones=vectors("POLYGON EMPTY"), **zones)
    with pytest.raises(ProcessParameterInvalidError, match="no vector cube"):
        run(process, cube, zones=cube, **zones)


def test_points_have_no_share_of_a_pixel():
    for hollow in (False, True):
        with pytest.raises(ProcessParameterInvalidError, match="type Point is not taken"):
            weighted(a_cube(hollow=hollow), vectors("POINT (1 1)"))


def test_the_size_of_a_pixel_must_be_known():
    y, x = sides([1], [1])
    with pytest.raises(ProcessParameterInvalidError, match="How large"):
        weighted(Cube(values=Values(data=np.ones((1, 1))), dimensions=(y, x)), vectors(shapely.box(0, 0, 2, 2), crs=4326))
