"""odc-stac finds rasters by search and reads them by range, all over HTTP."""

import numpy as np
import odc.stac
import pytest
import rasterio
from pystac_client import Client
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from stac_documents import a_collection, an_item
from twinlake.holdings.catalogue.interfaces import ItemDraft, Managed
from twinlake.testing.delivery_site import running_delivery_site

PIXELS = 64


def _geotiff(number):
    """Return one band of 64 x 64 pixels (row, column) over the square degree from (number, 1) to (number + 1, 0), and its bytes."""
    values = (np.arange(PIXELS * PIXELS).reshape(PIXELS, PIXELS) + 10_000 * number).astype("float32")
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": PIXELS, "width": PIXELS, "crs": "EPSG:4326"}
    with MemoryFile() as file:
        with file.open(transform=from_origin(number, 1, 1 / PIXELS, 1 / PIXELS), **profile) as raster:
            raster.write(values, 1)
        return values, file.read()


@pytest.fixture
def rasters(tmp_path):
    with running_delivery_site(tmp_path) as running:
        running.stac.put([a_collection("rasters")])
        for number in range(2):
            _, content = _geotiff(number)
            stored = running.stac.run(running.objects.put_bytes(content))
            geometry = {"proj:code": "EPSG:4326", "proj:shape": [PIXELS, PIXELS]}
            geometry["proj:transform"] = [1 / PIXELS, 0, number, 0, -1 / PIXELS, 1]
            item = an_item(f"r{number}", "rasters", at=(number, 0), datetime=f"2020-01-0{number + 1}T00:00:00Z")
            item["stac_extensions"] = ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"]
            item["assets"] = {
                "band": {"href": "./band.tif", "type": "image/tiff; application=geotiff", "roles": ["data"], **geometry}
            }
            draft = ItemDraft(document=item, holdings={"band": Managed(stored.sha256, stored.size_bytes)})
            running.stac.run(running.stac.catalogue.put_items([draft]))
        yield running.stac


@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")  # odc-geo calls it
def test_what_search_finds_is_loaded_pixel_by_pixel(rasters):
    items = Client.open(rasters.url).search(collections=["rasters"], sortby="datetime").item_collection()

    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        loaded = odc.stac.load(items, bands=["band"], bbox=(0, 0, 2, 1)).load()

    assert loaded["band"].shape == (2, PIXELS, 2 * PIXELS)
    for number in range(2):
        values, _ = _geotiff(number)
        place = slice(number * PIXELS, (number + 1) * PIXELS)
        np.testing.assert_array_equal(loaded["band"].isel(time=number).values[:, place], values)
