"""Real data become cubes with what xarray and rasterio find in the same files."""

import csv
import json
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from rasterio.shutil import copy as copy_raster

from processing.openeo.loading.lake import graph, request
from processing.openeo.regions import SCENARIOS, average, read_regions, read_scenario
from processing.openeo.tiles.graphs import callback, node, of
from processing.openeo.tiles.sources import tile_computing
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.loading.files import open_files
from twinlake.processing.openeo.loading.pins import FilePins, KeptFile
from twinlake.processing.openeo.shapes.times import find_calendar
from twinlake.processing.openeo.tiles.layout import TileSize

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
RECIPES = Path(__file__).parents[3] / "holdings/recipes"


async def hold(lake, shared, tmp_path, kind, *patterns, collection=None):
    """Take in the files of one kind of the shared data that match *patterns*."""
    root, recipe = shared / "data" / kind, RECIPES / f"{kind}.toml"
    for path in (found for pattern in patterns for found in root.glob(pattern)):
        target = tmp_path / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    name = collection or kind
    return await lake.hold(tmp_path, collection=name, recipe=recipe.read_text() if recipe.exists() else "")


async def test_sentinel_2_with_documents_of_somebody_else(lake, shared, tmp_path):
    await hold(lake, shared, tmp_path, "sentinel2-stac-cog", "**/*.tif", "**/*.tif.json")
    cube = await lake.load("sentinel2-stac-cog")

    assert cube.dimensions[0].labels == ("2023-06-01T00:00:00Z", "2023-06-04T00:00:00Z", "2023-06-06T00:00:00Z")
    assert cube.dimensions[1].labels == ("B04", "B03", "B02")
    for place, path in enumerate(sorted(tmp_path.glob("**/*.tif"), key=lambda each: each.name)):
        with rasterio.open(path) as file:
            data, mask = file.read(), file.read_masks() != 0
            left, top = file.transform @ (0.5, 0.5)
            column, row = cube.dimensions[3].labels.index(left), cube.dimensions[2].labels.index(top)
        part = (place, slice(None), slice(row, row + data.shape[1]), slice(column, column + data.shape[2]))
        valid = mask & ~np.isnan(data)
        assert np.array_equal(cube.values.where()[part], valid)
        assert np.array_equal(cube.values.data[part][valid], data[valid])


async def test_landsat_scenes_of_two_rows(lake, shared, tmp_path):
    scenes = ("LC08_L1TP_014031_20180106*", "LC08_L1TP_014032_20180428*", "LC08_L1TP_014031_20180428*")
    await hold(
        lake, shared, tmp_path, "landsat-timeseries", *(f"{scene}/*_{band}.TIF" for scene in scenes for band in ("B4", "B5"))
    )
    pins = await lake.pin(request("landsat-timeseries", bands=["red", "B5"]))
    t, bands, y, x = pins.dimensions
    assert (len(t.labels), bands.labels) == (2, ("B4", "B5"))
    async with lake.open(pins) as source:
        whole = source.read({})
    for number, band in enumerate(bands.labels):
        (path,) = tmp_path.glob(f"LC08_L1TP_014031_20180106*/*_{band}.TIF")
        with rasterio.open(path) as file:
            data = file.read(1)
            left, top = file.transform @ (0.5, 0.5)
            width, height = file.transform.a, file.transform.e
        rows = np.floor((y.coordinates() - top) / height + 0.5).astype(int)
        columns = np.floor((x.coordinates() - left) / width + 0.5).astype(int)
        down, across = (rows >= 0) & (rows < data.shape[0]), (columns >= 0) & (columns < data.shape[1])
        part, expected = whole.values.data[0, number][down][:, across], data[rows[down]][:, columns[across]]
        there = whole.values.where()[0, number][down][:, across]
        assert expected.size > 0.9 * data.size
        assert np.array_equal(there, expected != 0)
        assert np.array_equal(part[there], expected[there])


async def test_a_year_of_modis_and_its_median(lake, shared, tmp_path):
    """On the sinusoidal grid, a date in each name; GeoTIFFs, as the refusal of JPEG 2000 says. The median as numpy makes it."""
    sources = sorted((shared / "data/modis-ndvi-series").glob("**/*.jp2"))
    recipe = (
        """datetime_format = "%Y-%m-%d"\n[[rules]]\nfiles = '(?P<item>NDVI_(?P<datetime>[0-9-]{10}))[.]tif'\n[assets.data]\n"""
    )
    data = []
    for path in sources:
        copy_raster(path, tmp_path / f"{path.stem[-15:]}.tif", driver="COG")
        with rasterio.open(path) as file:
            data.append(file.read(1))
            first = file.xy(0, 0)[0]
    await lake.hold(tmp_path, collection="modis", recipe=recipe)
    cube = await lake.load("modis")

    assert [str(each)[:10] for each in cube.dimensions[0].labels] == [path.stem[-10:] for path in sources]
    assert cube.dimensions[3].coordinates()[0] == pytest.approx(first)
    assert np.array_equal(cube.values.data[:, 0], np.stack(data))
    reducer = {
        "process_graph": {"m": {"process_id": "median", "arguments": {"data": {"from_parameter": "data"}}, "result": True}}
    }
    reduced = {"process_id": "reduce_dimension", "arguments": {"data": {"from_node": "c"}, "dimension": "t", "reducer": reducer}}
    read = graph({"c": {"process_id": "load", "arguments": {}}, "m": {**reduced, "result": True}})
    np.testing.assert_allclose(evaluate(read, {}, known={"c": cube}).values.data[0], np.median(data, axis=0))


async def test_what_mitigation_buys_region_by_region(lake, shared, tmp_path):
    """A1B minus E1: both files are loaded, merged and averaged by the engine, window by window, and all of it again by xarray."""
    paths = {
        "a1b": SCENARIOS / "A1B_north_america.nc",
        "e1": shared / "data/climate-projection/E1_north_america.nc",
    }
    regions = read_regions()
    nodes = {name: node("load_collection", id=name) for name in paths}
    nodes["warmer"] = node(
        "merge_cubes",
        cube1=of("a1b"),
        cube2=of("e1"),
        overlap_resolver=callback("subtract", x={"from_parameter": "x"}, y={"from_parameter": "y"}),
    )
    document = json.loads(regions.to_json(drop_id=True))
    nodes["means"] = node("aggregate_spatial_weighted", data=of("warmer"), geometries=document, weights="area", statistic="mean")
    async with AsyncExitStack() as opened:
        sources = {}
        for name, path in paths.items():
            (tmp_path / name).mkdir()
            shutil.copyfile(path, tmp_path / name / path.name)
            await lake.hold(tmp_path / name, collection=name)
            sources[name] = await opened.enter_async_context(lake.open(await lake.pin(request(name))))
        size = TileSize(edge=16, tile_bytes=100_000, largest_bytes=10_000_000)
        made = tile_computing(nodes, sources, tmp_path / "run", size=size).compute(["means"])["means"]
        found = made.whole()

    fields = [read_scenario(path) for path in paths.values()]
    xr.testing.assert_identical(fields[0].time.drop_attrs(), fields[1].time.drop_attrs())
    assert [each.name for each in found.dimensions] == ["t", "bands", "geometries"]
    assert (len(found.dimensions[0].labels), found.dimensions[0].calendar) == (240, "360_day")
    for number, shape in enumerate(regions.geometry):
        mean, _ = average(fields[0] - fields[1], shape)
        np.testing.assert_allclose(found.values.data[:, 0, number], mean, rtol=1e-6, atol=1e-6)
    assert found.values.data[-1].min() > 0.5, "the scenario without mitigation is warmer at its end"


async def test_stations_of_a_table_are_points(shared):
    path = shared / "data/air-quality/airbase/stations.csv"
    options = {"properties": None, "crs": None}
    pins = FilePins(format="CSV", options=options, kept=(KeptFile(name=path.name, sha256="it", size_bytes=path.stat().st_size),))
    with open_files(pins, {"it": path}) as source:
        cube = source.read({})
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert cube.dimensions[0].name == "geometries"
    points = shapely.from_wkt(list(cube.dimensions[0].labels))
    assert shapely.get_coordinates(points).tolist() == [[float(row["longitude"]), float(row["latitude"])] for row in rows]
    assert list(cube.dimensions[1].labels) == ["id", "name", "operator"]
    assert cube.values.data.tolist() == [[row["id"], row["name"], row["operator"]] for row in rows]


@pytest.mark.filterwarnings("ignore:variable .* has non-conforming")
@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("climate-projection", "E1_north_america.nc"),
        ("eraint-netcdf", "eraint_uvz.nc"),
        ("ocean-netcdf", "ostia_monthly.nc"),
        ("cmip6", "**/tas_EUR-22*.nc"),
    ],
)
async def test_netcdf_on_axes_is_what_xarray_has(lake, shared, tmp_path, kind, pattern):
    await hold(lake, shared, tmp_path, kind, pattern, collection=f"{kind}-axes")
    cube = await lake.load(f"{kind}-axes")
    (path,) = tmp_path.glob("**/*.nc")
    with xr.open_dataset(path, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True)) as data:
        for number, name in enumerate(cube.dimensions[1].labels):
            horizontal = [each for each in data[name].dims if each in {"latitude", "rlat", "longitude", "rlon"}]
            values = data[name].sortby(horizontal[0], ascending=False).sortby(horizontal[1])
            own = cube.values.data[:, number] if "time" in values.dims else cube.values.data[0, number]
            assert np.allclose(own, values.values, rtol=1e-6, atol=1e-5, equal_nan=True)
            assert np.allclose(cube.dimensions[-2].coordinates(), values[horizontal[0]], atol=1e-4)
            assert np.allclose(cube.dimensions[-1].coordinates(), values[horizontal[1]], atol=1e-4)
        if "time" in data.coords:
            stated = [each.isoformat(timespec="seconds") for each in data.time.values]
            assert [each.rstrip("Z") for each in cube.dimensions[0].labels] == stated
            assert cube.dimensions[0].calendar == find_calendar(data.time.dt.calendar)
            assert cube.dimensions[0].intervals is not None


@pytest.mark.parametrize(
    ("kind", "pattern", "name"),
    [("ocean-netcdf", "NEMO/nemo_1m_20150101-20150201_grid-T.nc", "tos"), ("cmip6", "**/tos_Omon_FGOALS*.nc", "tos")],
)
async def test_netcdf_on_curvilinear_grids_gives_cells_of_the_file(lake, shared, tmp_path, kind, pattern, name):
    await hold(lake, shared, tmp_path, kind, pattern, collection=f"{kind}-bent")
    box = {"west": -40, "south": 20, "east": -20, "north": 50}
    cube = await lake.load(f"{kind}-bent", bands=[name], spatial_extent=box)
    (path,) = tmp_path.glob("**/*.nc")
    with xr.open_dataset(path, decode_times=False) as data:
        stored = data[name].values[0]
        longitude, latitude = (next(c.values for c in data[name].coords.values() if c.attrs.get("units") == unit and c.ndim == 2)
                               for unit in ("degrees_east", "degrees_north"))  # fmt: skip
    y, x = (each.coordinates() for each in cube.dimensions[-2:])
    for row, column in [(3, 4), (len(y) // 2, len(x) // 2), (len(y) - 2, len(x) - 3)]:
        away = ((longitude - x[column] + 180) % 360 - 180) * np.cos(np.radians(y[row]))
        nearest = np.nanargmin(away**2 + (latitude - y[row]) ** 2)
        assert cube.values.data[0, 0, row, column] == pytest.approx(stored.ravel()[nearest], nan_ok=True)
    assert np.isfinite(cube.values.data).mean() > 0.8
