"""Files that graphs name: found for their owner, or got from elsewhere, and read in whatever format they are."""

import json

import geopandas
import msgspec
import numpy as np
import pytest
import rasterio
import shapely
from aiohttp import web
from aiohttp.test_utils import TestServer

from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import MemoryDatabase
from twinlake.engines.network import DestinationGuard, GuardedClient
from twinlake.engines.objectstore import MemoryObjectStore
from twinlake.identity.principals import Principal
from twinlake.processing.openeo import schema
from twinlake.processing.openeo.cubes import write_cube
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.files.store import FileStore
from twinlake.processing.openeo.loading.files import find_file_loads, open_files
from twinlake.processing.openeo.loading.formats import describe_inputs
from twinlake.processing.openeo.loading.pins import FilePins, KeptFile
from twinlake.processing.openeo.loading.resolving.files import FileResolver
from twinlake.processing.openeo.loading.resolving.urls import FetchedFiles, UrlLoader, list_held_objects
from twinlake.standards.openeo.errors import AuthenticationRequiredError, OpenEoError, ProcessError, ProcessParameterInvalidError
from twinlake.standards.openeo.graph import parse_graph
from twinlake.testing.clock import HandClock

ADA, BOB = Principal("urn:a", "ada"), Principal("urn:a", "bob")
OPTIONS = {
    name: {key: schema["default"] for key, schema in each["parameters"].items()} for name, each in describe_inputs().items()
}
SQUARE = shapely.box(0, 0, 1, 2)


def open_(format_, *paths, **options):
    """Return the source of files, as a child opens it."""
    kept = tuple([KeptFile(name=path.name, sha256=str(number), size_bytes=1) for number, path in enumerate(paths)])
    pins = FilePins(format=format_, options={**OPTIONS[format_], **options}, kept=kept)
    again = msgspec.json.decode(msgspec.json.encode(pins), type=FilePins)
    return open_files(again, {str(number): path for number, path in enumerate(paths)})


def load(format_, *paths, **options):
    with open_(format_, *paths, **options) as source:
        assert source.hollow.dimensions == source.read({}).dimensions
        return source.read({})


def frame(crs=4326):
    return geopandas.GeoDataFrame(
        {"name": ["a", "b", None], "n": [1, 2, 3], "r": [0.5, np.nan, 2.0]}, geometry=[SQUARE, shapely.Point(3, 4), None], crs=crs
    )


EXPECTED = [["a", 1, 0.5], ["b", 2, None], [None, 3, 2.0]]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("format_", ["GeoJSON", "Parquet", "CSV"])
def test_vectors_of_all_formats_are_the_same_cube(format_, tmp_path):
    path = tmp_path / "file"
    if format_ == "GeoJSON":
        path.write_text(frame().to_json(drop_id=True))
    elif format_ == "Parquet":
        frame().to_parquet(path)
    else:
        frame().to_wkt().to_csv(path, index=False)
    cube = load(format_, path)

    assert [each.name for each in cube.dimensions] == ["geometries", "properties"]
    assert cube.dimensions[0].crs == 4326
    assert cube.dimensions[0].labels[1:] == ("POINT (3 4)", "GEOMETRYCOLLECTION EMPTY")
    assert shapely.from_wkt(cube.dimensions[0].labels[0]).equals(SQUARE)
    assert cube.dimensions[1].labels == ("name", "n", "r")
    assert write_cube(cube)["data"] == EXPECTED
    assert json.loads(cube.dimensions[0].features[0])["properties"] == {"name": "a", "n": 1, "r": 0.5}
    numbers = load(format_, path, properties=["r", "n"])
    assert numbers.values.nan_is_nodata
    np.testing.assert_array_equal(numbers.values.data, [[0.5, 1], [np.nan, 2], [2, 3]])


def test_the_crs_of_a_parquet_file_is_kept(tmp_path):
    frame(32631).to_parquet(tmp_path / "a")

    assert load("Parquet", tmp_path / "a").dimensions[0].crs == 32631


def test_tables_without_places_are_rows(tmp_path):
    (tmp_path / "a.csv").write_text("# stations\nid;t\n1;2.5\n2;\n")
    (tmp_path / "b.csv").write_text("id;w\n3;x\n")
    cube = load("CSV", tmp_path / "a.csv", tmp_path / "b.csv")

    assert cube.dimensions[0].name == "rows"
    assert cube.dimensions[1].labels == ("id", "t", "w")
    assert write_cube(cube)["data"] == [[1, 2.5, None], [2, None, None], [3, None, "x"]]


@pytest.mark.parametrize("names", ["x,y", "Longitude,Latitude", "lon,lat"])
def test_columns_of_coordinates_are_points(names, tmp_path):
    (tmp_path / "a.csv").write_text(f"{names},v\n1.5,2,7\n,3,8\n")
    cube = load("CSV", tmp_path / "a.csv", crs=32631)

    assert cube.dimensions[0].labels == ("POINT (1.5 2)", "GEOMETRYCOLLECTION EMPTY")
    assert cube.dimensions[0].crs == 32631
    assert cube.values.data.tolist() == [[7], [8]]


def test_files_follow_each_other_and_windows_take_a_part(tmp_path):
    for name, place in (("a", [0, 1]), ("b", [2, 3])):
        feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": place}, "properties": {"v": place[0]}}
        (tmp_path / name).write_text(json.dumps({"type": "FeatureCollection", "features": [feature, feature]}))
    with open_("GeoJSON", tmp_path / "a", tmp_path / "b") as source:
        part = source.read({"geometries": slice(1, 3)})

    assert part.dimensions[0].labels == ("POINT (0 1)", "POINT (2 3)")
    assert part.values.data.tolist() == [[0], [2]]


@pytest.mark.parametrize(
    ("format_", "content"),
    [
        ("GeoJSON", b"no json"),
        ("GeoJSON", b"[1]"),
        ("GeoJSON", b'{"a":' * 200_000),
        ("GeoJSON", b'{"type": "Point", "coordinates": [1e999, 2]}'),
        ("GeoJSON", b"\xff\xfe"),
        ("Parquet", b"PAR1 and no more"),
        ("CSV", b""),
        ("CSV", b"a,b\n1\n"),
        ("CSV", b"geometry\nPOINT (1\n"),
        ("CSV", b"x,y\na,b\n"),
        ("GTiff", b"II*\0 no tiff"),
        ("GTiff", b'{"type": "Point"}'),
        ("netCDF", b"no netcdf"),
        ("netCDF", b"CDF\x01 no netcdf"),
        ("netCDF", b"\x89HDF\r\n\x1a\n no hdf5"),
    ],
)
def test_files_of_another_format_are_refused_by_name(format_, content, tmp_path):
    (tmp_path / "named").write_bytes(content)
    with pytest.raises(ProcessError, match="named") as raised:
        load(format_, tmp_path / "named")
    assert raised.value.reason == "FormatUnsuitable"
    assert str(tmp_path) not in raised.value.message


def test_what_does_not_go_together_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("v\n1\n")
    with pytest.raises(ProcessError, match="Not all files have places"):
        load("CSV", tmp_path / "a.csv", tmp_path / "b.csv")
    with pytest.raises(ProcessParameterInvalidError, match="No file has"):
        load("CSV", tmp_path / "b.csv", properties=["w"])


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.tif"
    data = np.arange(2 * 5 * 4, dtype=np.int16).reshape(2, 5, 4)
    data[0, 0, 0] = -1
    transform = rasterio.transform.from_origin(500_000, 4_000_000, 10, 10)
    options = {"driver": "GTiff", "width": 4, "height": 5, "count": 2, "dtype": "int16", "nodata": -1}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=transform, **options) as file:
        file.write(data)
        file.set_band_description(1, "red")
    return path


def test_an_image_is_read_window_by_window(image):
    with open_("GTiff", image) as source:
        hollow, part = source.hollow, source.read({"y": slice(0, 2), "x": slice(1, 3), "bands": slice(0, 1)})
        whole = source.read({})

    assert hollow.dimensions == whole.dimensions
    assert hollow.values.data.dtype == whole.values.data.dtype == np.int16
    assert [each.name for each in whole.dimensions] == ["bands", "y", "x"]
    assert whole.dimensions[0].labels == ("red", "B2")
    assert whole.dimensions[1].labels == tuple(4_000_000 - 5.0 - 10 * row for row in range(5))
    assert whole.dimensions[2].crs == 32631
    assert not whole.values.where()[0, 0, 0]
    assert part.values.data.tolist() == [[[1, 2], [5, 6]]]
    assert part.dimensions[2].labels == (500_015.0, 500_025.0)


def test_scales_are_applied_and_what_is_no_data_is_nan(image):
    with rasterio.open(image, "r+") as file:
        file.scales, file.offsets = (0.1, 0.1), (5, 5)
    with open_("GTiff", image) as source:
        found, hollow = source.read({}), source.hollow

    assert found.values.data.dtype == hollow.values.data.dtype == np.float32
    assert found.values.nan_is_nodata
    assert np.isnan(found.values.data[0, 0, 0])
    np.testing.assert_allclose(found.values.data[1, 0, 0], 20 * 0.1 + 5, rtol=1e-6)


def test_several_images_are_no_cube(image):
    with pytest.raises(ProcessError, match="merge_cubes"):
        load("GTiff", image, image)


def requests(process_id, **arguments):
    graph, faults = parse_graph({"n": {"process_id": process_id, "arguments": arguments, "result": True}})
    assert not faults
    return find_file_loads(graph)


def test_requests_are_plain_and_normal():
    (found,) = requests("load_uploaded_files", paths=["/a/b.csv", "./c.csv", "d"], format="csv", options={"CRS": 32631})

    assert found.paths == ("a/b.csv", "c.csv", "d")
    assert (found.node, found.format, found.options) == ("n", "CSV", {"properties": None, "crs": 32631})
    (url,) = requests("load_url", url="https://example.org/a", format="GEOJSON")
    assert (url.url, url.format) == ("https://example.org/a", "GeoJSON")


@pytest.mark.parametrize(
    ("process_id", "arguments", "reason"),
    [
        ("load_uploaded_files", {"paths": ["../a"], "format": "CSV"}, "FileNotFound"),
        ("load_uploaded_files", {"paths": ["a"], "format": "SHP"}, "FormatUnsuitable"),
        ("load_uploaded_files", {"paths": [], "format": "CSV"}, None),
        ("load_uploaded_files", {"paths": ["a"], "format": "CSV", "options": {"a": 1}}, None),
        ("load_uploaded_files", {"paths": ["a"], "format": "CSV", "options": {"crs": "x"}}, None),
        ("load_uploaded_files", {"paths": ["a"], "format": 3}, None),
        ("load_uploaded_files", {"paths": [{"from_parameter": "p"}], "format": "CSV"}, None),
        ("load_url", {"url": 3, "format": "CSV"}, None),
    ],
)
def test_requests_that_are_none_are_refused(process_id, arguments, reason):
    with pytest.raises(OpenEoError) as raised:
        requests(process_id, **arguments)
    assert getattr(raised.value, "reason", None) == reason


@pytest.mark.parametrize("process", ["load_uploaded_files", "load_url"])
def test_what_was_not_resolved_says_so(process):
    arguments = {"paths": ["a"], "url": "https://example.org"}
    given = {name: arguments[name] for name in (("paths",) if process == "load_uploaded_files" else ("url",))}
    graph, _ = parse_graph({"n": {"process_id": process, "arguments": {**given, "format": "CSV"}, "result": True}})
    with pytest.raises(ProcessError):
        evaluate(graph, {})


@pytest.fixture
async def elsewhere():
    async def file(_request):
        return web.Response(body=b"a,b\n1,2\n")

    async def moved(_request):
        raise web.HTTPFound("/file")

    async def endless(request):
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(64):
            await answer.write(b"x" * (1 << 20))
        return answer

    app = web.Application()
    app.add_routes([web.get("/file", file), web.get("/moved", moved), web.get("/endless", endless)])
    async with TestServer(app) as server:
        yield server


@pytest.fixture
async def site(tmp_path, elsewhere):
    clock = HandClock()
    objects = MemoryObjectStore(clock)
    async with MemoryDatabase(migrations=schema.MIGRATIONS) as database:
        files = FileStore(
            database=database, objects=objects, clock=clock, randomness=SYSTEM_RANDOMNESS, folder=tmp_path / "in", most_bytes=1000
        )
        files.prepare()
        guard = DestinationGuard(allow=[f"http://127.0.0.1:{elsewhere.port}"])
        urls = UrlLoader(client=GuardedClient(guard=guard), objects=objects, database=database, clock=clock, most_bytes=1 << 20)
        yield database, objects, files, FileResolver(files=files, urls=urls)


async def pieces(content):
    yield content


async def test_ones_own_files_are_pinned_by_their_bytes(site):
    _, _, files, resolver = site
    sent = await files.put(ADA, "a/b.csv", pieces(b"v\n1\n"))
    (request,) = requests("load_uploaded_files", paths=["a/b.csv"], format="CSV")
    pins = await resolver.resolve(request, ADA)

    assert pins.kept == (KeptFile(name="a/b.csv", sha256=sent.sha256, size_bytes=4),)
    with pytest.raises(OpenEoError) as raised:
        await resolver.resolve(request, BOB)
    assert raised.value.code == "FileNotFound"
    with pytest.raises(AuthenticationRequiredError):
        await resolver.resolve(request, None)


async def test_a_file_elsewhere_is_pinned_by_its_bytes_and_held(site, elsewhere):
    database, objects, _, resolver = site
    (request,) = requests("load_url", url=f"http://127.0.0.1:{elsewhere.port}/file?key=secret", format="CSV")
    pins = await resolver.resolve(request, ADA)
    again = await resolver.resolve(request, ADA)

    assert pins == again
    assert pins.kept[0].name == f"http://127.0.0.1:{elsewhere.port}/file"
    assert await objects.read(pins.kept[0].sha256) == b"a,b\n1,2\n"
    assert await database.read(list_held_objects) == {pins.kept[0].sha256}
    later = HandClock()
    later.advance(days=1)
    assert await database.write(lambda tx: FetchedFiles().drop_before(tx, later.now(), limit=10)) == 1
    assert await database.read(list_held_objects) == frozenset()


@pytest.mark.parametrize("path", ["moved", "nothing", "endless"])
async def test_what_is_no_file_elsewhere_is_refused(site, elsewhere, path):
    database, _, _, resolver = site
    (request,) = requests("load_url", url=f"http://127.0.0.1:{elsewhere.port}/{path}", format="CSV")
    with pytest.raises(ProcessError) as raised:
        await resolver.resolve(request, ADA)
    assert raised.value.reason == "UrlUnsupported"
    assert await database.read(list_held_objects) == frozenset()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "https://127.0.0.1/", "https://[::1]/", "file:///etc/passwd", "http://example.org/"]
)
async def test_the_sites_own_network_is_not_reached(site, url):
    (request,) = requests("load_url", url=url, format="CSV")
    with pytest.raises(ProcessError) as raised:
        await site[3].resolve(request, ADA)
    assert raised.value.reason == "UrlUnsupported"
