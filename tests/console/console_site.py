"""A site for the console's tests, run as a process: filled past the APIs, then really served.

Usage: ``python console_site.py FOLDER [EXTRA_COLLECTIONS]``. Writes one line of JSON with the site's address when it
answers, and stops when its standard input ends.
"""

import asyncio
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from twinlake.core.clock import SystemClock
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft, Managed
from twinlake.site.build import open_services
from twinlake.site.serve import running_site
from twinlake.site.settings import SiteSettings
from twinlake.site.setup import init_site

HOSTILE = "\"><script>window.hacked=1</script><img src=x onerror=window.hacked=1>{{7*7}}</script>'&amp;"
ODD_ID = "odd & \"quoted\" 'é ü' <script>window.hacked=1<b>"
ODD_COLLECTION = "Ödd & <b>collection<b> 'x'"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_FIRST = datetime(2021, 1, 1, tzinfo=UTC)
_CITIES = [(2.35, 48.85), (13.4, 52.5), (-3.7, 40.4), (12.5, 41.9), (18.07, 59.33), (23.7, 37.98), (-9.14, 38.7), (21.0, 52.2)]


def collection(name, title, description, box=(-180, -90, 180, 90), **more):
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": name,
        "title": title,
        "description": description,
        "license": "CC-BY-4.0",
        "extent": {"spatial": {"bbox": [list(box)]}, "temporal": {"interval": [["2021-01-01T00:00:00Z", None]]}},
        "links": [],
        **more,
    }


def item(name, in_collection, box, at, assets, **properties):
    west, south, east, north = box
    geometry = {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]}
    if west > east:
        rings = [[(west, south), (180, south), (180, north), (west, north), (west, south)],
                 [(-180, south), (east, south), (east, north), (-180, north), (-180, south)]]  # fmt: skip
        geometry = {"type": "MultiPolygon", "coordinates": [[[list(corner) for corner in ring]] for ring in rings]}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": name,
        "collection": in_collection,
        "geometry": geometry,
        "bbox": list(box),
        "properties": {"datetime": f"{at:%Y-%m-%dT%H:%M:%SZ}", **properties},
        "links": [],
        "assets": assets,
    }


class Filling:
    """Puts collections, bytes and items of a site that is not served yet."""

    def __init__(self, services, scratch):
        self._services = services
        self._scratch = scratch

    async def put_bytes(self, content):
        stored = await self._services.objects.put_bytes(content)
        return Managed(stored.sha256, stored.size_bytes)

    async def put(self, document, holdings=None):
        await self._services.catalogue.put_items([ItemDraft(document=document, holdings=holdings or {})])

    async def put_raster(self, document, bands, *, crs, transform, unit=None):
        """Put *document* with *bands* (shape ``(band, row, column)``) as its asset ``data``, and a thumbnail of them."""
        path = self._scratch / "raster.tif"
        count, height, width = bands.shape
        with rasterio.open(
            path, "w", driver="GTiff", width=width, height=height, count=count, dtype=bands.dtype, crs=crs, transform=transform,
            tiled=True, blockxsize=256, blockysize=256, compress="deflate", nodata=None if bands.dtype == np.uint8 else -9999,
        ) as target:  # fmt: skip
            target.write(bands)
        document["assets"]["data"] = {
            "href": "./data.tif", "type": COG, "roles": ["data"], "title": "Data", "proj:code": crs,
            "proj:transform": list(transform)[:6], "proj:shape": [height, width],
            "data_type": str(bands.dtype), **({} if bands.dtype == np.uint8 else {"nodata": -9999}),
        }  # fmt: skip
        if unit is not None:
            document["assets"]["data"]["bands"] = [{"name": "data", "unit": unit}]
        document["assets"]["thumbnail"] = {"href": "./thumbnail.webp", "type": "image/webp", "roles": ["thumbnail"]}
        holdings = {"data": await self.put_bytes(path.read_bytes()), "thumbnail": await self.put_bytes(_thumbnail(bands))}
        await self.put(document, holdings)


def _thumbnail(bands):
    if len(bands) == 3:
        pixels = np.moveaxis(bands, 0, -1)
    else:
        values = np.ma.masked_equal(bands[0], -9999)
        scaled = ((values - values.min()) / (values.max() - values.min())).filled(0)
        pixels = np.stack([scaled * 200 + 30, 60 + scaled * 150, 200 - scaled * 120], axis=-1)
    picture = Image.fromarray(pixels.astype(np.uint8))
    picture.thumbnail((256, 256))
    target = io.BytesIO()
    picture.save(target, "WEBP")
    return target.getvalue()


def sea_temperature(month):
    """Return a field of shape (1, 180, 360), degrees Celsius, -9999 on two round continents."""
    latitude, longitude = np.mgrid[89.5:-90:-1, -179.5:180]
    tilt = 8 * np.cos(2 * np.pi * (month - 7) / 12)
    field = 28 * np.cos(np.radians(latitude - tilt)) ** 2 + 2 * np.sin(np.radians(3 * longitude + 20 * month)) - 2
    land = (np.hypot(latitude - 40, longitude - 60) < 35) | (np.hypot(latitude - 5, longitude + 70) < 30)
    return np.where(land, -9999, field)[None].astype("float32")


def landscape(number):
    """Return true colour of shape (3, 400, 400), uint8."""
    chance = np.random.default_rng(number)
    rows, columns = np.mgrid[0:400, 0:400] / 400
    waves = sum(
        np.sin(2 * np.pi * (chance.uniform(1, 7) * rows + chance.uniform(1, 7) * columns + chance.random())) for _ in range(9)
    )
    height = (waves - waves.min()) / (waves.max() - waves.min())
    water = height < 0.35
    red = np.where(water, 20, 60 + 130 * height)
    green = np.where(water, 60 + 100 * height, 110 + 60 * height)
    blue = np.where(water, 110 + 120 * height, 50 + 80 * height)
    return np.stack([red, green, blue]).astype(np.uint8)


async def fill(services, scratch):
    """Put what the tests look at."""
    filling = Filling(services, scratch)
    put_collection = services.catalogue.put_collection
    await put_collection(
        collection("sst", "Sea surface temperature", "Monthly sea surface temperature of a round model Earth, 1 degree.")
    )
    await put_collection(collection("scenes", "Scenes over Europe", "True-colour scenes of 10 m over eight capitals.", (-10, 36, 25, 60), providers=[{"name": "Twinlake tests"}], keywords=["optical", "true colour"]))  # fmt: skip
    await put_collection(collection("pacific", "Pacific storms", "Tracks of storms over the antimeridian.", (150, -40, -150, 40)))
    await put_collection(collection("tables", "Emissions by scenario", "Tables without a place."))
    await put_collection(collection(ODD_COLLECTION, HOSTILE, HOSTILE * 3, license="other", keywords=[HOSTILE]))
    await put_collection(collection("secret", "Secret scenes", "Nobody sees these."), access=CollectionAccess(access="private"))
    await put_collection(collection("empty", "Nothing yet", "A collection without items."))
    for month in range(12):
        at = _FIRST + timedelta(days=31 * month)
        document = item(
            f"sst-{at:%Y-%m}", "sst", (-180, -90, 180, 90), at, {}, **{"platform": "model", "sst:mean": 14.0 + month / 10}
        )
        await filling.put_raster(
            document, sea_temperature(month), crs="EPSG:4326", transform=from_origin(-180, 90, 1, 1), unit="°C"
        )
    for number in range(24):
        west, south = _CITIES[number % 8]
        at = _FIRST + timedelta(days=37 * number, hours=10, minutes=number)
        box = (west, south, west + 0.8, south + 0.6)
        document = item(f"scene-{number:03d}", "scenes", box, at, {}, **{"platform": "sentinel-2a", "instruments": ["msi"], "eo:cloud_cover": number * 3 % 100})  # fmt: skip
        await filling.put_raster(
            document, landscape(number), crs="EPSG:4326", transform=from_origin(west, south + 0.6, 0.002, 0.0015)
        )
    for number in range(4):
        box = (172 + number, -20 + 8 * number, -172 + number, -14 + 8 * number)
        await filling.put(item(f"storm-{number}", "pacific", box, _FIRST + timedelta(days=number), {}))
    table = item(
        "ssp245", "tables", (0, 0, 1, 1), _FIRST, {"data": {"href": "./ssp245.csv", "type": "text/csv", "roles": ["data"]}}
    )
    del table["bbox"]
    await filling.put(table | {"geometry": None}, {"data": await filling.put_bytes(b"year,co2\n2020,40\n")})
    remote = {
        "data": {"href": "https://example.org/far/away.tif", "type": COG, "roles": ["data"]},
        "script": {"href": "javascript:window.hacked=1", "type": "text/html", "title": HOSTILE},
        "thumbnail": {"href": "https://example.org/tiny.png", "type": "image/png", "roles": ["thumbnail"]},
        HOSTILE.replace("/", "|"): {"href": "./notes.txt", "type": HOSTILE, "title": HOSTILE},
    }
    many = {f"test:property_{number:03d}": HOSTILE if number % 50 == 0 else number for number in range(400)}
    odd = item(
        ODD_ID, ODD_COLLECTION, (10, 10, 11, 11), _FIRST, remote,
        **many, title=HOSTILE, platform=HOSTILE, instruments=[HOSTILE], **{"proj:wkt2": 'PROJCRS["undefined",' * 30, "raster": {"bands": [{"scale": 1}]}},
    )  # fmt: skip
    await filling.put(odd, {HOSTILE.replace("/", "|"): await filling.put_bytes(b"notes")})
    long = item("x" * 200, ODD_COLLECTION, (12, 10, 13, 11), _FIRST, {}, title="Long " * 400)
    await filling.put(long)
    secret = item("hidden", "secret", (100, 10, 101, 11), _FIRST, {})
    await filling.put_raster(secret, landscape(99), crs="EPSG:4326", transform=from_origin(100, 11, 0.0025, 0.0025))


async def main(folder, extra):
    site = await init_site(folder, site_id="central", port=0, clock=SystemClock(), randomness=SYSTEM_RANDOMNESS)
    settings = SiteSettings.read(site.config)
    openeo = settings.openeo.model_copy(update={"currency": "EUR", "price_per_cpu_hour": 36.0})
    settings = settings.model_copy(update={"title": "Lake of tests", "openeo": openeo})
    async with open_services(settings, site) as services:
        if extra >= 0:
            await fill(services, folder)
        for number in range(extra):
            name = f"many-{number:03d}"
            await services.catalogue.put_collection(collection(name, f"Collection {number}", "One of many. " * 20))
            await services.catalogue.put_items([ItemDraft(document=item("only", name, (0, 0, 1, 1), _FIRST, {}))])
    async with running_site(settings, site) as url:
        sys.stdout.write(json.dumps({"url": url}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
