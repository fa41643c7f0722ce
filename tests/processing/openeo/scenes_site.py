"""A site that is served, with a few small scenes of two bands, for openEO's own clients."""

import re
from contextlib import contextmanager

import numpy as np

from processing.openeo.loading.lake import write_raster
from twinlake.testing.site import SiteProcess, make_site, run_twinlake

DAYS = ("20240105", "20240120", "20240210")
LEFT, TOP, SIZE = 500_000.0, 5_600_000.0, 40
RECIPE = r"""
datetime_format = "%Y%m%d"
[[rules]]
files = '(?P<item>s_(?P<datetime>\d{8}))/(?P<asset>\w+)\.tif'
[assets.B04]
bands = [{ name = "B04", "eo:common_name" = "red", "eo:center_wavelength" = 0.665 }]
[assets.B08]
bands = [{ name = "B08", "eo:common_name" = "nir", "eo:center_wavelength" = 0.842 }]
"""


def make_scenes(folder, *, days=DAYS, shape=(SIZE, SIZE), gap=0):
    """Write scenes of which the first *gap* rows and columns have no data; return them, shape (day, band, y, x)."""
    scenes = np.random.default_rng(7).integers(1, 3000, (len(days), 2, *shape), dtype=np.uint16)
    scenes[:, :, :gap, :gap] = 0
    for day, bands in zip(days, scenes, strict=True):
        for name, data in zip(("B04", "B08"), bands, strict=True):
            write_raster(folder / f"scenes/s_{day}/{name}.tif", data, nodata=0)
    return scenes


@contextmanager
def run_scenes_site(folder, **settings):
    """Serve a site with the scenes that are in *folder*, as collection ``scenes``."""
    with SiteProcess(make_site(folder / "site"), settings=settings) as site:
        take_in(site, folder, "scenes")
        yield site


def take_in(site, folder, collection):
    """Have a site take in the scenes that are in *folder*."""
    recipe, token = folder / "recipe.toml", folder / "token"
    recipe.write_text(RECIPE)
    token.write_text(site.token)
    ingest = ("ingest", folder / "scenes", "-c", collection, "--create-collection", "--recipe", recipe)
    done = run_twinlake(*ingest, "--to", site.url, "--token-file", token)
    assert done.returncode == 0, done.stdout + done.stderr


def make_account(site, folder, name):
    """Make an account; return its password."""
    secret = folder / f"{name}.password"
    made = run_twinlake("admin", "accounts", "add", name, "--write-to", secret, "--config", site.config)
    assert made.returncode == 0, made.stderr
    return secret.read_text().strip()


def make_robot(site, folder):
    """Make a service account; return its id and secret."""
    make_account(site, folder, "robby")
    secret = folder / "robot"
    key = ("key", "robby", "--scopes", "search,read,process", "--write-to", secret)
    made = run_twinlake("admin", "accounts", *key, "--config", site.config)
    assert made.returncode == 0, made.stderr
    return re.search(r"client id (\S+)", made.stderr)[1], secret.read_text().strip()
