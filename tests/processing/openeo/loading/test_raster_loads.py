"""Raster items become cubes: the right grid, the right labels, and in each cell what the files have there."""

import numpy as np
import pyproj
import pytest
import pytest_asyncio
import rasterio
from rasterio.transform import Affine

from processing.openeo.loading.lake import graph, open_lake, request, warnings_of, write_raster
from twinlake.core.errors import TwinlakeError
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft, Managed
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.loading.planning.describing import describe_cube
from twinlake.processing.openeo.loading.reading.opening import open_source
from twinlake.processing.openeo.loading.requests import find_loads
from twinlake.processing.openeo.shapes.areas import find_in_box, read_pixels
from twinlake.standards.openeo.errors import (
    CollectionNotFoundError,
    OpenEoError,
    ProcessError,
    ProcessParameterInvalidError,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
RECIPE = r"""
datetime_format = "%Y%m%d"
[[rules]]
files = '(?P<item>[a-z]+_(?P<datetime>\d{8}))/(?P<asset>\w+)\.tif'
[assets.B04]
bands = [{ name = "B04", "eo:common_name" = "red", "eo:center_wavelength" = 0.665 }]
[assets.B08]
bands = [{ name = "B08", "eo:common_name" = "nir" }]
"""
DAYS = ("20240101", "20240111", "20240121")
LEFT, TOP = 500_000.0, 5_600_000.0


def numbers(seed, shape=(60, 50), dtype="uint16"):
    return np.random.default_rng(seed).integers(1, 10_000, shape).astype(dtype)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def series(lake, tmp_path_factory):
    """Three dates of red and near infrared at 10 m with gaps, and of a mask at 20 m."""
    folder = tmp_path_factory.mktemp("series")
    data = {}
    for seed, day in enumerate(DAYS):
        for number, band in enumerate(("B04", "B08")):
            values = numbers(10 * seed + number)
            values[5 * seed : 5 * seed + 7, 10:20] = 0
            data[day, band] = values
            write_raster(folder / f"s_{day}" / f"{band}.tif", values, nodata=0)
        data[day, "SCL"] = numbers(10 * seed + 2, (30, 25), "uint8") % 12
        write_raster(folder / f"s_{day}" / "SCL.tif", data[day, "SCL"], pixel=20.0)
    await lake.hold(folder, collection="series", recipe=RECIPE)
    return data


async def test_a_series_becomes_a_cube_of_all_its_bands(lake, series):
    cube = await lake.load("series")

    t, bands, y, x = cube.dimensions
    assert t.labels == ("2024-01-01T00:00:00Z", "2024-01-11T00:00:00Z", "2024-01-21T00:00:00Z")
    assert bands.labels == ("B04", "B08", "SCL")
    assert bands.common_names == ("red", "nir", None)
    assert bands.wavelengths == (0.665, None, None)
    assert (y.labels[0], y.labels[-1], x.labels[0], x.labels[-1]) == (TOP - 5, TOP - 595, LEFT + 5, LEFT + 495)
    assert (y.crs, x.crs) == (32631, 32631)
    assert cube.values.data.dtype == np.uint16
    for place, day in enumerate(DAYS):
        for band, name in enumerate(("B04", "B08")):
            valid = series[day, name] != 0
            assert np.array_equal(cube.values.valid[place, band], valid)
            assert np.array_equal(cube.values.data[place, band][valid], series[day, name][valid])
        nearest = series[day, "SCL"].repeat(2, axis=0).repeat(2, axis=1)
        assert np.array_equal(cube.values.data[place, 2], nearest)


async def test_a_part_is_that_part_of_the_whole(lake, series):
    pins = await lake.pin(request("series"))
    async with lake.open(pins) as source:
        whole, hollow = source.read({}), source.hollow
        part = source.read({"t": slice(1, 3), "bands": slice(1, 3), "y": slice(13, 47), "x": slice(3, 4)})

        assert hollow.dimensions == whole.dimensions
        assert hollow.values.data.shape == (3, 3, 0, 0)
        assert hollow.values.data.dtype == whole.values.data.dtype
        assert hollow.values.valid.shape == (3, 3, 0, 0)
        assert source.chunks == {"t": 1, "bands": 1, "y": 16, "x": 16}
    assert np.array_equal(part.values.data, whole.values.data[1:3, 1:3, 13:47, 3:4])
    assert np.array_equal(part.values.where(), whole.values.valid[1:3, 1:3, 13:47, 3:4])
    assert [len(each.labels) for each in part.dimensions] == [2, 2, 34, 1]


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
async def test_tiles_put_together_are_the_whole(lake, tmp_path, dtype):
    east, north = pyproj.Transformer.from_crs(32631, 32632, always_xy=True).transform(LEFT + 300, TOP - 100)
    for number, (zone, left, top) in enumerate([(31, LEFT, TOP), (32, east, north), (31, LEFT + 403, TOP)]):
        values = numbers(number, (64, 64), dtype)
        write_raster(tmp_path / f"s_2024010{number + 1}" / "v.tif", values, crs=f"EPSG:326{zone}", left=left, top=top, nodata=1)
    await lake.hold(tmp_path, collection=f"tiles-{dtype}", recipe=RECIPE)
    box = {"west": LEFT, "east": LEFT + 900, "south": TOP - 700, "north": TOP, "crs": 32631}
    pins = await lake.pin(request(f"tiles-{dtype}", spatial_extent=box))
    async with lake.open(pins) as source:
        whole = source.read({})
        rows, columns = whole.values.data.shape[2:]
        assert all(whole.values.where()[place].any() for place in range(3))
        for top in range(0, rows, 27):
            for left in range(0, columns, 31):
                tile = source.read({"y": slice(top, top + 27), "x": slice(left, left + 31)})
                there = (..., slice(top, top + 27), slice(left, left + 31))
                assert np.array_equal(tile.values.data, whole.values.data[there], equal_nan=dtype == "float32")
                assert np.array_equal(tile.values.where(), whole.values.where()[there])


async def test_an_extent_keeps_the_pixels_whose_centres_lie_in_it(lake, series):
    box = {"west": LEFT + 100, "east": LEFT + 205, "south": TOP - 200, "north": TOP - 100, "crs": 32631}
    cube = await lake.load("series", spatial_extent=box, temporal_extent=["2024-01-11", "2024-01-21"], bands=["nir", "B04"])

    assert cube.dimensions[0].labels == ("2024-01-11T00:00:00Z",)
    assert cube.dimensions[1].labels == ("B08", "B04")
    assert cube.dimensions[3].labels == tuple(LEFT + 105 + 10 * np.arange(11.0))
    assert np.array_equal(cube.values.data[0, 0], series["20240111", "B08"][10:20, 10:21] * cube.values.where()[0, 0])


async def test_a_bare_degree_box_is_taken_over(lake, series):
    cube = await lake.load("series", spatial_extent={"west": 3.001, "south": 50.545, "east": 3.004, "north": 50.549})

    whole = await lake.load("series")
    rows, columns = find_in_box(read_pixels(whole.dimensions), {"west": 3.001, "south": 50.545, "east": 3.004, "north": 50.549})
    assert cube.dimensions[2:] == (whole.dimensions[2].take(rows), whole.dimensions[3].take(columns))
    assert np.array_equal(cube.values.data, whole.values.data[:, :, rows][..., columns])


async def test_outside_of_polygons_there_is_no_data(lake, series):
    ring = [[3.0, 50.5455], [3.0, 50.5512], [3.0072, 50.5512], [3.0, 50.5455]]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    cube = await lake.load("series", spatial_extent=polygon, bands=["SCL"])

    there = cube.values.where()[0, 0]
    assert 0.3 < there.mean() < 0.7
    assert there[0, -1]
    assert not there[-1, -1]
    pins = await lake.pin(request("series", spatial_extent=polygon, bands=["SCL"]))
    part = await lake.read(pins, y=slice(3, 9))
    assert np.array_equal(part.values.where(), cube.values.where()[:, :, 3:9])


async def test_items_of_one_instant_are_one_label_and_the_first_valid_by_id_counts(lake, tmp_path):
    first, second = numbers(1, (20, 20)), numbers(2, (20, 20))
    first[:, :5] = 0
    write_raster(tmp_path / "a_20240101/v.tif", first, nodata=0)
    write_raster(tmp_path / "b_20240101/v.tif", second, nodata=0, left=LEFT - 50)
    await lake.hold(tmp_path, collection="mosaic", recipe=RECIPE)
    cube = await lake.load("mosaic")

    assert len(cube.dimensions[0].labels) == 1
    expected = np.zeros((20, 25), dtype="uint16")
    expected[:, :20] = second
    expected[:, 10:] = first[:, 5:]
    assert np.array_equal(cube.values.data[0, 0], expected)
    assert cube.values.where()[0, 0].all()
    assert not warnings_of(await lake.pin(request("mosaic")))


async def test_of_images_of_one_place_and_instant_the_owner_is_warned(lake, tmp_path):
    for name in "ab":
        write_raster(tmp_path / f"{name}_20240101/v.tif", numbers(1, (20, 20)))
    await lake.hold(tmp_path, collection="twice", recipe=RECIPE)

    [warned] = warnings_of(await lake.pin(request("twice")))
    assert warned.startswith("2 items hold the same cells at the same times (")


async def test_the_crs_that_covers_most_has_the_grid(lake, tmp_path):
    write_raster(tmp_path / "a_20240101/v.tif", numbers(1, (100, 40)), crs="EPSG:32632", left=80_000.0)
    large = numbers(2, (100, 90))
    write_raster(tmp_path / "b_20240102/v.tif", large, left=500_000.0)
    await lake.hold(tmp_path, collection="zones", recipe=RECIPE)
    cube = await lake.load("zones")

    t, _, y, x = cube.dimensions
    assert (len(t.labels), x.crs) == (2, 32631)
    place = (x.labels.index(LEFT + 5), y.labels.index(TOP - 5))
    assert np.array_equal(cube.values.data[1, 0, place[1] : place[1] + 100, place[0] : place[0] + 90], large)
    assert cube.values.where()[0].any()


async def test_another_crs_is_taken_over_by_the_nearest_pixel(lake, tmp_path):
    left, top = pyproj.Transformer.from_crs(32631, 32632, always_xy=True).transform(LEFT + 700, TOP - 900)
    other = numbers(3, (80, 80))
    write_raster(tmp_path / "a_20240101/v.tif", other, crs="EPSG:32632", left=left, top=top)
    write_raster(tmp_path / "b_20240102/v.tif", numbers(4, (300, 300)), left=500_000.0)
    await lake.hold(tmp_path, collection="nearest", recipe=RECIPE)
    box = {"west": LEFT, "east": LEFT + 3000, "south": TOP - 3000, "north": TOP, "crs": 32631}
    cube = await lake.load("nearest", spatial_extent=box)

    y, x = cube.dimensions[2].coordinates(), cube.dimensions[3].coordinates()
    columns, rows = pyproj.Transformer.from_crs(32631, 32632, always_xy=True).transform(*np.meshgrid(x, y))
    column, row = np.floor((columns - left) / 10).astype(int), np.floor((top - rows) / 10).astype(int)
    inside = (column >= 0) & (column < 80) & (row >= 0) & (row < 80)
    assert inside.any()
    assert np.array_equal(cube.values.where()[0, 0], inside)
    assert np.array_equal(cube.values.data[0, 0][inside], other[row[inside], column[inside]])


async def test_scale_and_offset_are_applied_once(lake, tmp_path):
    stored = numbers(5, (20, 20), "int16")
    write_raster(tmp_path / "a_20240101/v.tif", stored, nodata=7, scales=[0.01], offsets=[-3.0])
    write_raster(tmp_path / "a_20240102/v.tif", stored, nodata=7)
    await lake.hold(tmp_path, collection="scaled", recipe=RECIPE)
    cube = await lake.load("scaled")

    assert cube.values.data.dtype == np.float32
    assert cube.values.nan_is_nodata
    expected = np.where(stored == 7, np.nan, stored * 0.01 - 3.0).astype(np.float32)
    assert np.array_equal(cube.values.data[0, 0], expected, equal_nan=True)
    assert np.array_equal(cube.values.data[1, 0], np.where(stored == 7, np.nan, stored).astype(np.float32), equal_nan=True)


async def test_rows_that_run_north_and_rotated_images_are_read_right(lake, tmp_path):
    upright = numbers(6, (20, 20))
    write_raster(tmp_path / "a_20240101/v.tif", upright)
    write_raster(tmp_path / "a_20240102/v.tif", upright[::-1], transform=Affine(10, 0, LEFT, 0, 10, TOP - 200))
    write_raster(tmp_path / "a_20240103/v.tif", upright.T, transform=Affine(0, 10, LEFT, -10, 0, TOP))
    await lake.hold(tmp_path, collection="turned", recipe=RECIPE)
    cube = await lake.load("turned")

    assert cube.values.data.shape == (3, 1, 20, 20)
    for each in cube.values.data:
        assert np.array_equal(each[0], upright)


async def test_masks_within_files_count(lake, tmp_path):
    values, mask = numbers(7, (32, 32), "uint8"), numbers(8, (32, 32)) % 3 > 0
    path = write_raster(tmp_path / "a_20240101/v.tif", values)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as target:
        target.write_mask(mask)
    await lake.hold(tmp_path, collection="masked", recipe=RECIPE)
    cube = await lake.load("masked")

    assert np.array_equal(cube.values.valid[0, 0], mask)


async def test_longitudes_may_be_counted_otherwise(lake, tmp_path):
    values = numbers(9, (18, 36))
    write_raster(tmp_path / "a_20240101/v.tif", values, crs="EPSG:4326", left=-180.0, top=90.0, pixel=10.0)
    await lake.hold(tmp_path, collection="globe", recipe=RECIPE)
    cube = await lake.load("globe", spatial_extent={"west": 160, "south": 0, "east": -160, "north": 30})

    assert cube.dimensions[3].labels == (165.0, 175.0, 185.0, 195.0)
    places = [int((each + 180) // 10) % 36 for each in cube.dimensions[3].labels]
    assert np.array_equal(cube.values.data[0, 0], values[6:9][:, places])


async def test_a_graph_is_computed_over_what_was_loaded(lake, series):
    nodes = {
        "load": {"process_id": "load_collection", "arguments": {"id": "series", "spatial_extent": None, "temporal_extent": None}},
        "bbox": {
            "process_id": "filter_bbox",
            "arguments": {
                "data": {"from_node": "load"},
                "extent": {"west": LEFT, "east": LEFT + 200, "south": TOP - 100, "north": TOP, "crs": 32631},
            },
        },
        "bands": {"process_id": "filter_bands", "arguments": {"data": {"from_node": "bbox"}, "bands": ["nir", "red"]}},
        "ndvi": {"process_id": "ndvi", "arguments": {"data": {"from_node": "bands"}}, "result": True},
    }
    whole = graph(nodes)
    (asked,) = find_loads(whole)
    pins = await lake.pin(asked)
    result = evaluate(whole, {}, known={"load": await lake.read(pins)})

    assert pins.dimensions[1].labels == ("B04", "B08")
    assert [len(each.labels) for each in result.dimensions] == [3, 10, 20]
    for place, day in enumerate(DAYS):
        red, nir = (series[day, name][:10, :20].astype(np.float64) for name in ("B04", "B08"))
        expected = np.where((red > 0) & (nir > 0), (nir - red) / np.maximum(nir + red, 1), np.nan)
        assert np.allclose(result.values.data[place], expected, atol=1e-6, equal_nan=True)
    unnarrowed = evaluate(whole, {}, known={"load": await lake.load("series")})
    assert unnarrowed.dimensions == result.dimensions
    assert np.array_equal(unnarrowed.values.data, result.values.data, equal_nan=True)


def filters(random):
    """Return some filters of the series, one behind the other."""
    west, south = LEFT + 10 * random.integers(-5, 30), TOP - 10 * random.integers(5, 60)
    box = {"west": west, "east": west + 10.0 * random.integers(4, 40), "south": south, "north": south + 205.0, "crs": 32631}
    first, last = sorted(random.choice(28, 2, replace=False) + 1)
    found = [
        ("filter_bbox", {"extent": {name: float(each) if name != "crs" else each for name, each in box.items()}}),
        ("filter_temporal", {"extent": [f"2024-01-{first:02d}", f"2024-02-{last:02d}" if random.random() < 0.5 else None]}),
        ("filter_bands", {"bands": ["SCL", "B04", "B08"][: random.integers(1, 4)]}) if random.random() < 0.5 else ("ndvi", {}),
    ]
    return [found[number] for number in random.permutation(3)[: random.integers(1, 4)]]


@pytest.mark.parametrize("seed", range(25))
async def test_filters_leave_the_same_of_what_was_narrowed_by_them(lake, series, seed):
    """Whatever they are, and in whatever order: where the items have one grid (decision 11)."""
    extents = {"spatial_extent": None, "temporal_extent": None}
    nodes, last = {"load": {"process_id": "load_collection", "arguments": {"id": "series", **extents}}}, "load"
    for number, (process, arguments) in enumerate(filters(np.random.default_rng(seed))):
        nodes[f"f{number}"] = {"process_id": process, "arguments": {"data": {"from_node": last}, **arguments}}
        last = f"f{number}"
    nodes[last]["result"] = True
    whole = graph(nodes)
    expected = evaluate(whole, {}, known={"load": await lake.load("series")})
    (asked,) = find_loads(whole)
    if not expected.values.data.size:
        with pytest.raises(OpenEoError, match="no data"):
            await lake.pin(asked)
        return
    found = evaluate(whole, {}, known={"load": await lake.read(await lake.pin(asked))})

    assert found.dimensions == expected.dimensions
    np.testing.assert_array_equal(found.values.data, expected.values.data)


async def test_a_collection_says_where_it_is_in_the_crs_of_its_images(lake, tmp_path):
    write_raster(tmp_path / "one/a_20240101/b.tif", np.ones((40, 40), dtype=np.uint8))
    items = await lake.hold(tmp_path / "one", collection="one", recipe=RECIPE)
    box = items[0]["bbox"]
    collection = {"extent": {"spatial": {"bbox": [box]}, "temporal": {"interval": [[None, None]]}}}
    x, y = (describe_cube(collection, items)["cube:dimensions"][axis] for axis in ("x", "y"))

    assert (x["reference_system"], y["reference_system"]) == (32631, 32631)
    assert [*x["extent"], *y["extent"]] == pytest.approx([500_000, 500_400, 5_599_600, 5_600_000], abs=1)
    items[0]["assets"]["b"]["proj:code"] = "nonsense"
    assert describe_cube(collection, items)["cube:dimensions"]["x"] == {
        "type": "spatial",
        "axis": "x",
        "extent": [box[0], box[2]],
        "reference_system": 4326,
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"temporal_extent": ["2025-01-01", None]}, "NoDataAvailable"),
        ({"temporal_extent": ["2024-01-02", "2024-01-03"]}, "NoDataAvailable"),
        ({"temporal_extent": ["2024-01-03", "2024-01-03"]}, "TemporalExtentEmpty"),
        ({"spatial_extent": {"west": 100, "south": 0, "east": 101, "north": 1}}, "NoDataAvailable"),
        ({"spatial_extent": {"west": 3.01, "south": 50.5, "east": 3.02, "north": 50.6}}, "NoDataAvailable"),
        ({"spatial_extent": {"west": 3, "south": 51, "east": 4, "north": 50}}, "ProcessParameterInvalid"),
        ({"spatial_extent": {"west": 3.002, "south": 50, "east": 3.001, "north": 51}}, "ProcessParameterInvalid"),
        ({"spatial_extent": {"west": 3, "south": 51, "east": 4, "north": 52, "crs": "nonsense"}}, "ProcessParameterInvalid"),
        ({"bands": ["B99"]}, "ProcessParameterInvalid"),
        ({"temporal_extent": ["yesterday", None]}, "ProcessParameterInvalid"),
    ],
)
async def test_what_cannot_be_loaded_is_told(lake, series, arguments, code):
    with pytest.raises(OpenEoError) as refused:
        await lake.load("series", **arguments)

    assert code == (refused.value.reason if isinstance(refused.value, ProcessError) else refused.value.code)
    if code == "NoDataAvailable":
        assert "'series' has data from 2024-01-01T00:00:00Z to " in refused.value.remedy
        assert " of longitudes from 3" in refused.value.remedy


async def test_where_nothing_is_left_it_is_told_what_there_is(lake, series):
    with pytest.raises(ProcessError, match="data count by when they begin, and these begin 2024-01-01T00:00:00Z"):
        await lake.load("series", temporal_extent=["2024-01-02", "2024-01-03"])
    with pytest.raises(ProcessError) as degrees:
        await lake.load("series", spatial_extent={"west": 3, "south": 50, "east": 4, "north": 51, "crs": 32631})
    assert "leave out its 'crs'" in degrees.value.remedy
    is_a2 = {"process_id": "eq", "arguments": {"x": {"from_parameter": "value"}, "y": "A2"}, "result": True}
    with pytest.raises(ProcessError) as filtered:
        await lake.load("series", properties={"scenario": {"process_graph": {"is": is_a2}}})
    assert "items that the filters leave out: none has 'scenario', but 'storage:tier', " in filtered.value.remedy
    with pytest.raises(ProcessError) as near:
        await lake.load("series", properties={"tier": {"process_graph": {"is": is_a2}}})
    assert "the filters leave out: none has 'tier', but 'storage:tier'." in near.value.remedy
    with pytest.raises(OpenEoError) as nonsense:
        await lake.load("series", spatial_extent={"west": 3, "south": 50, "east": 4, "north": 51, "crs": 99999})
    assert "EPSG code, such as 4326" in nonsense.value.remedy


async def test_what_is_not_there_or_not_for_the_caller_is_not_loaded(lake, tmp_path):
    write_raster(tmp_path / "a_20240101/v.tif", numbers(1, (20, 20)))
    await lake.hold(tmp_path, collection="secret", recipe=RECIPE, access=CollectionAccess(access="private", owner="x|somebody"))
    await lake.hold(tmp_path, collection="restricted", recipe=RECIPE, access=CollectionAccess(access="restricted"))

    for collection in ("nothing", "secret"):
        with pytest.raises(CollectionNotFoundError):
            await lake.load(collection)
    with pytest.raises(TwinlakeError) as refused:
        await lake.load("restricted")
    assert refused.value.status == 403


async def test_a_truncated_file_costs_one_clear_answer(lake, tmp_path):
    path = write_raster(tmp_path / "a_20240101/v.tif", numbers(1, (64, 64)))
    await lake.hold(tmp_path, collection="truncated", recipe=RECIPE, link=False)
    pins = await lake.pin(request("truncated"))
    stored = lake.services.objects.local_path(pins.files[0].sha256)
    files = {pins.files[0].key: tmp_path / "cut.tif"}
    files[pins.files[0].key].write_bytes(stored.read_bytes()[: path.stat().st_size // 2])
    with open_source(pins, files) as source, pytest.raises(ProcessError, match="truncated/a_20240101/v") as refused:
        source.read({})
    assert refused.value.reason == "FileUnreadable"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"proj:shape": [20, 21]}, "rows and columns"),
        ({"proj:transform": [10, 0, LEFT + 10, 0, -10, TOP]}, "corner"),
        ({"proj:code": "EPSG:32632"}, "CRS"),
        ({"data_type": "int16"}, "type"),
        ({"raster:scale": 0.5}, None),
    ],
)
async def test_an_item_that_is_unlike_its_file_is_refused(lake, tmp_path, change, told):
    path = write_raster(tmp_path / "a_20240101/v.tif", numbers(1, (20, 20)), scales=[0.1], offsets=[0.0])
    name = f"unlike-{len(told or '')}"
    (item,) = await lake.hold(tmp_path, collection=name, recipe=RECIPE)
    for field, value in change.items():
        owner = item["properties"] if field.startswith("proj:") else item["assets"]["v"]["bands"][0]
        assert field in owner
        owner[field] = value
    stored = await lake.services.objects.put_file(path)
    draft = ItemDraft(document=item, holdings={"v": Managed(stored.sha256, stored.size_bytes)})
    await lake.services.catalogue.put_items([draft])

    with pytest.raises(ProcessError, match=told or "scale") as refused:
        await lake.load(name)
    assert refused.value.reason == "FileUnlikeItem"


async def put_changed(lake, item, path, level, fields):
    """Put an item again that says *fields* at a level: of its band, its asset or of itself."""
    asset = item["assets"]["v"]
    levels = {"band": asset["bands"][0], "asset": asset, "item": item["properties"], "1.0": {}}
    levels[level].update(fields)
    if level == "1.0":
        asset["raster:bands"] = [fields]
    stored = await lake.services.objects.put_file(path)
    await lake.services.catalogue.put_items([ItemDraft(document=item, holdings={"v": Managed(stored.sha256, stored.size_bytes)})])


@pytest.mark.parametrize("process", ["load_collection", "load_stac"])
@pytest.mark.parametrize("level", ["band", "asset", "item"])
async def test_what_is_said_of_a_band_may_stand_at_its_asset_or_item(lake, tmp_path, level, process):
    path = write_raster(tmp_path / "a_20240101/v.tif", numbers(1, (20, 20)))
    name = f"stated-{level}-{process}".replace("_", "-")
    (item,) = await lake.hold(tmp_path, collection=name, recipe=RECIPE)
    fields = {"raster:scale": 0.5, "raster:offset": -3.0, "unit": "K", "eo:common_name": "lwir11", "cf:standard_name": "tas"}
    await put_changed(lake, item, path, level, {**fields, "description": "of a thing"})
    source = name if process == "load_collection" else f"{lake.services.settings.base_url}/stac/v2/collections/{name}"
    cube = await lake.read(await lake.pin(request(source, process, bands=["lwir11"])))

    assert cube.values.data.dtype == np.float32
    np.testing.assert_array_equal(cube.values.data[0, 0], numbers(1, (20, 20)) * np.float32(0.5) - 3)
    (quantity,) = cube.dimensions[1].quantities
    assert (quantity.unit, quantity.standard_name) == ("K", "tas")
    assert quantity.long_name == ("of a thing" if level == "band" else None)


async def test_the_nearest_to_a_band_says_what_it_is(lake, tmp_path):
    path = write_raster(tmp_path / "a_20240101/v.tif", numbers(1, (20, 20)))
    (item,) = await lake.hold(tmp_path, collection="stated-at-each-level", recipe=RECIPE)
    item["properties"] |= {"raster:scale": 0.25, "raster:offset": 100.0, "unit": "m"}
    item["assets"]["v"]["raster:offset"] = 10.0
    await put_changed(lake, item, path, "1.0", {"scale": 2, "unit": None})
    cube = await lake.load("stated-at-each-level")

    np.testing.assert_array_equal(cube.values.data[0, 0], numbers(1, (20, 20)) * np.float32(2) + 10)
    assert cube.dimensions[1].quantities[0].unit == "m"


@pytest.mark.parametrize("level", ["asset", "item"])
async def test_a_scale_that_is_not_that_of_the_file_is_refused_wherever_it_stands(lake, tmp_path, level):
    path = write_raster(tmp_path / "a_20240101/v.tif", numbers(1, (20, 20)), scales=[0.1], offsets=[0.0])
    (item,) = await lake.hold(tmp_path, collection=f"other-scale-{level}", recipe=RECIPE)
    for field in ("raster:scale", "raster:offset"):
        del item["assets"]["v"]["bands"][0][field]
    await put_changed(lake, item, path, level, {"raster:scale": 0.5})

    with pytest.raises(ProcessError, match="scale") as refused:
        await lake.load(f"other-scale-{level}")
    assert refused.value.reason == "FileUnlikeItem"


@pytest.mark.parametrize("shape", [[2**40, 2**40], [0, 5], [1e300, 5]])
async def test_huge_shapes_are_refused_before_anything_is_made_of_them(lake, tmp_path, shape):
    write_raster(tmp_path / "a_20240101/v.tif", numbers(1, (20, 20)))
    (item,) = await lake.hold(tmp_path, collection="huge", recipe=RECIPE)
    item["properties"]["proj:shape"] = shape
    await lake.services.catalogue.put_items([ItemDraft(document=item)])

    with pytest.raises(OpenEoError, match="pixels"):
        await lake.pin(request("huge"))


async def test_metadata_that_do_not_say_enough_are_told(lake, tmp_path):
    write_raster(tmp_path / "a_20240101/v.tif", numbers(1, (20, 20)))
    (item,) = await lake.hold(tmp_path, collection="poor", recipe=RECIPE)
    del item["properties"]["proj:transform"]
    await lake.services.catalogue.put_items([ItemDraft(document=item)])

    with pytest.raises(ProcessError, match="ingest it again"):
        await lake.pin(request("poor"))


async def test_linked_files_are_read_where_they_lie_and_not_once_they_changed(tmp_path):
    path = write_raster(tmp_path / "data/a_20240101/v.tif", numbers(1, (20, 20)))
    async with open_lake(tmp_path, ingest={"link_roots": [tmp_path / "data"]}) as lake:
        await lake.hold(tmp_path / "data", collection="linked", recipe=RECIPE, link=True)
        pins = await lake.pin(request("linked"))

        assert (await lake.read(pins)).values.data.shape == (1, 1, 20, 20)
        write_raster(path, numbers(2, (20, 21)))
        with pytest.raises(ProcessError, match="has changed"):
            await lake.read(pins)


async def test_an_item_is_loaded_by_its_address(lake, series):
    root = lake.services.settings.base_url
    item = await lake.pin(request(f"{root}/stac/v2/collections/series/items/s_20240111", "load_stac"))
    collection = await lake.pin(request(f"{root}/stac/v2/collections/series", "load_stac", bands=["red"]))

    assert item.dimensions[0].labels == ("2024-01-11T00:00:00Z",)
    assert len(collection.dimensions[0].labels) == 3
    with pytest.raises(ProcessError, match="not at this site"):
        await lake.pin(request("https://elsewhere.example/stac/item.json", "load_stac"))
    with pytest.raises(ProcessParameterInvalidError):
        await lake.pin(request(f"{root}/stac/v2/search", "load_stac"))
