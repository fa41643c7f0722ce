"""STAC at other places: found by its address alone, got behind the guard, and pinned by its bytes."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import rasterio
from aiohttp import web
from aiohttp.test_utils import TestServer

from twinlake.engines.database import MemoryDatabase
from twinlake.engines.network import DestinationGuard, GuardedClient
from twinlake.engines.objectstore import MemoryObjectStore
from twinlake.identity.principals import Caller, Principal
from twinlake.processing.openeo import schema
from twinlake.processing.openeo.loading.pins import FilePins, Pins, tell_apart
from twinlake.processing.openeo.loading.reading.opening import open_pinned
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.loading.resolving.elsewhere import Elsewhere
from twinlake.processing.openeo.loading.resolving.urls import UrlLoader
from twinlake.standards.openeo.errors import OpenEoError
from twinlake.testing.clock import HandClock

ADA = Caller(principal=Principal("urn:a", "ada"))
PIXELS = np.arange(12, dtype=np.int16).reshape(3, 4)
TRANSFORM = rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)


def tiff(folder, day):
    path = folder / f"{day}.tif"
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 1, "dtype": "int16", "crs": 32631, "nodata": 0}
    with rasterio.open(path, "w", transform=TRANSFORM, **profile) as file:
        file.write(PIXELS + day, 1)
    return path.read_bytes()


def item(day, **changed):
    asset = {
        "href": f"/files/{day}.tif",
        "type": "image/tiff; application=geotiff",
        "roles": ["data"],
        "proj:code": "EPSG:32631",
        "proj:transform": list(TRANSFORM)[:6],
        "proj:shape": [3, 4],
        "bands": [{"name": "red", "data_type": "int16", "nodata": 0}],
    }
    document = {
        "type": "Feature",
        "id": f"i{day}",
        "properties": {"datetime": f"2020-01-{day:02d}T00:00:00Z", "twinlake:scenario": ["A1B", "E1"][day % 2 == 0]},
        "geometry": None,
        "links": [],
        "assets": {"red": asset},
    }
    return {**document, **changed}


def collection(*links, **members):
    return {"type": "Collection", "id": "c", "links": [{"rel": rel, "href": href} for rel, href in links], **members}


DOCUMENTS = {
    "item": item(1, assets={"red": {**item(1)["assets"]["red"], "href": "../files/1.tif"}}),
    "static": collection(("item", "item1"), ("item", "/stac/item2"), ("parent", "x")),
    "item1": item(1),
    "item2": item(2),
    "api": collection(("items", "api/items")),
    "api/items": {"type": "FeatureCollection", "features": [item(2)], "links": [{"rel": "next", "href": "more?page=2"}]},
    "api/more": {"type": "FeatureCollection", "features": [item(1)], "links": []},
    "empty": collection(),
    "catalog": {"type": "Catalog", "links": []},
    "nothing-said": item(1, assets={"red": {"href": "../files/1.tif", "type": "image/tiff"}}),
    "no-time": item(1, properties={}),
    "no-assets": item(1, assets={}),
    "strange": item(1, assets=[1]),
    "elsewhere": item(1, assets={"red": {**item(1)["assets"]["red"], "href": "http://127.0.0.1:1/1.tif"}}),
    "file": item(1, assets={"red": {**item(1)["assets"]["red"], "href": "file:///etc/passwd"}}),
    "missing": item(1, assets={"red": {**item(1)["assets"]["red"], "href": "../files/9.tif"}}),
    "refused": item(1, assets={"red": {**item(1)["assets"]["red"], "href": "../refused"}}),
    "many": collection(*[("item", f"item{number}") for number in range(1001)]),
    "round": collection(("items", "round/items")),
    "round/items": {"type": "FeatureCollection", "features": [], "links": [{"rel": "next", "href": "items"}]},
    "list": [1],
    "vectors": collection(assets={"a": {"href": "../files/a.geojson", "type": "application/geo+json"}}),
    "vector-item": item(1, assets={"a": {"href": "../files/a.geojson", "type": "application/geo+json", "roles": ["data"]}}),
    "no-zarr": collection(assets={"a": {"href": "../files/a.zarr", "type": "application/vnd.zarr; version=3"}}),
}
POINT = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"v": 3}}


@pytest.fixture
async def server(tmp_path):
    files = {f"{day}.tif": tiff(tmp_path, day) for day in (1, 2)} | {"a.geojson": json.dumps(POINT).encode()}
    files["a.zarr/zarr.json"] = b'{"consolidated_metadata": {"metadata": {"../../x": {"node_type": "array"}}}}'
    asked = []

    async def show(request):
        asked.append(request.path_qs)
        name = request.match_info["name"]
        if name == "text":
            return web.Response(text="<html>")
        return web.json_response(DOCUMENTS[name]) if name in DOCUMENTS else web.Response(status=404)

    async def get(request):
        content = files.get(request.match_info["name"])
        return web.Response(status=404) if content is None else web.Response(body=content)

    async def refuse(_request):
        return web.Response(status=403)

    app = web.Application()
    app.router.add_get("/stac/{name:.+}", show)
    app.router.add_get("/files/{name:.+}", get)
    app.router.add_get("/refused", refuse)
    async with TestServer(app) as server:
        server.asked = asked
        yield server


@pytest.fixture
async def loads(server, tmp_path):
    clock = HandClock()
    objects = MemoryObjectStore(clock)
    async with MemoryDatabase(migrations=schema.MIGRATIONS) as database:
        guard = DestinationGuard(allow=[f"http://127.0.0.1:{server.port}"])
        urls = UrlLoader(client=GuardedClient(guard=guard), objects=objects, database=database, clock=clock)
        yield Loads(Elsewhere(urls), objects, f"http://127.0.0.1:{server.port}/stac", tmp_path)


class Loads:
    def __init__(self, elsewhere, objects, root, folder):
        self._elsewhere, self._objects, self._root, self._folder = elsewhere, objects, root, folder

    async def pin(self, name, **wanted):
        pins = await self._elsewhere.resolve(
            LoadRequest(node="l", process="load_stac", source=f"{self._root}/{name}", **wanted), ADA
        )
        return msgspec.json.decode(msgspec.json.encode(pins), type=Pins | FilePins)

    async def load(self, name, **wanted):
        pins = await self.pin(name, **wanted)
        files = {}
        for sha256 in [each.sha256 for each in (pins.kept if isinstance(pins, FilePins) else pins.files)]:
            path = self._folder / sha256
            path.write_bytes(await self._objects.read(sha256))
            files[sha256] = Path(path)
        with open_pinned(pins, files) as source:
            return source.read({})


async def test_an_item_is_a_cube(loads):
    cube = await loads.load("item")

    assert [each.name for each in cube.dimensions] == ["t", "bands", "y", "x"]
    assert cube.dimensions[0].labels == ("2020-01-01T00:00:00Z",)
    assert (cube.dimensions[3].labels[0], cube.dimensions[3].crs) == (500_005.0, 32631)
    assert np.array_equal(cube.values.data[0, 0], PIXELS + 1)


@pytest.mark.parametrize("name", ["static", "api"])
async def test_a_collection_is_followed_to_its_items(loads, server, name):
    cube = await loads.load(name, spatial_extent={"west": 2.9, "south": 45.1, "east": 3.1, "north": 45.2})

    assert cube.dimensions[0].labels == ("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z")
    assert np.array_equal(cube.values.data[1, 0], PIXELS + 2)
    if name == "api":
        (first,) = [each for each in server.asked if "/api/items" in each]
        assert "bbox=2.89" in first
        assert "limit=100" in first


async def test_only_what_is_asked_for_is_got(loads):
    pins = await loads.pin("static", temporal_extent=("2020-01-02", None), bands=("red",))

    assert [each.item for each in pins.files] == ["i2"]
    assert tell_apart({"n": pins}) == tell_apart({"n": await loads.pin("api", temporal_extent=("2020-01-02", None))})
    assert "i2" not in json.dumps(tell_apart({"n": pins}))


@pytest.mark.parametrize("name", ["vectors", "vector-item"])
async def test_vectors_are_read_as_such(loads, name):
    cube = await loads.load(name)

    assert (cube.dimensions[0].labels, cube.values.data.tolist()) == (("POINT (1 2)",), [[3]])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nowhere", "UrlUnsupported"),
        ("text", "NotLoadable"),
        ("list", "NotLoadable"),
        ("catalog", "NotLoadable"),
        ("empty", "NoDataAvailable"),
        ("nothing-said", "NotLoadable"),
        ("no-time", "ProcessParameterInvalid"),
        ("no-assets", "NotLoadable"),
        ("strange", "NotLoadable"),
        ("elsewhere", "UrlUnsupported"),
        ("file", "UrlUnsupported"),
        ("missing", "UrlUnsupported"),
        ("refused", "UrlUnsupported"),
        ("many", "ProcessGraphComplexity"),
        ("round", "ProcessGraphComplexity"),
        ("no-zarr", "NotLoadable"),
    ],
)
async def test_what_cannot_be_loaded_is_told(loads, name, code):
    with pytest.raises(OpenEoError) as raised:
        await loads.pin(name)
    assert getattr(raised.value, "reason", raised.value.code) == code


@pytest.mark.parametrize("name", ["static", "api"])
async def test_conditions_choose_items(loads, name):
    one, none = ({"op": "=", "args": [{"property": "twinlake:scenario"}, each]} for each in ("E1", "A2"))
    named = {"op": "=", "args": [{"property": "id"}, "i2"]}

    for chosen in (one, named):
        assert [each.item for each in (await loads.pin(name, filter=chosen)).files] == ["i2"]
    with pytest.raises(OpenEoError, match="for the extents and filters") as raised:
        await loads.pin(name, filter=none)
    assert raised.value.remedy == (
        """Within the extents there are items that the filters leave out: 'twinlake:scenario' is "A1B", "E1"."""
    )


async def test_results_have_no_items_to_choose_from(loads):
    with pytest.raises(OpenEoError) as raised:
        await loads.pin("vectors", filter={"op": "isNull", "args": [{"property": "a"}]})
    assert raised.value.reason == "PropertiesUnsupported"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/item", "https://[::1]/item", "ftp://example.org/item"])
async def test_the_sites_own_network_is_not_reached(loads, url):
    with pytest.raises(OpenEoError) as raised:
        await loads._elsewhere.resolve(LoadRequest(node="l", process="load_stac", source=url), ADA)
    assert raised.value.reason == "UrlUnsupported"
