"""Regions of North America, and means of cells in them by what each has of a region, by shapely and pyproj alone."""

from importlib.util import find_spec
from pathlib import Path

import geopandas
import iris_sample_data
import numpy as np
import pyproj
import shapely
import xarray as xr

SCENARIOS = Path(iris_sample_data.path)
"""The folder of ``A1B_north_america.nc`` and ``E1_north_america.nc``."""
HEIGHT, WIDTH = 1.25, 1.875
"""Of their cells, in degrees."""


def read_regions():
    """Return the geometries and names of four countries."""
    folder = Path(find_spec("eodag").origin).parent / "resources/shp"
    countries = geopandas.read_file(folder / "ne_110m_admin_0_map_units.shp")
    regions = countries[countries["NAME_LONG"].isin(["United States", "Canada", "Mexico", "Cuba"])]
    assert len(regions) == 4
    return regions[["NAME_LONG", "geometry"]]


def read_scenario(path):
    """Return the air temperatures of a file as it has them; its calendar has years of 360 days."""
    with xr.open_dataset(path, decode_times=False) as opened:
        return opened["air_temperature"].load()


def average(field, shape):
    """Return the mean of each time, each cell weighted by the area that the shape covers of it, and the share of it on the grid."""
    latitudes, longitudes = field["latitude"].values.astype(float), field["longitude"].values.astype(float)
    lows, lefts = np.meshgrid(latitudes - HEIGHT / 2, longitudes - 360 - WIDTH / 2, indexing="ij")
    cells = shapely.box(lefts, lows, lefts + WIDTH, lows + HEIGHT)
    geod = pyproj.Geod(ellps="WGS84")
    areas = [abs(geod.geometry_area_perimeter(shapely.segmentize(each, 0.01))[0]) for each in cells[:, 0]]
    shares = shapely.area(shapely.intersection(shape, cells)) / (HEIGHT * WIDTH)
    weights = shares * np.array(areas)[:, None]
    mean = (field.values.astype(float) * weights).sum(axis=(1, 2)) / weights.sum()
    return mean, weights.sum() / abs(geod.geometry_area_perimeter(shapely.segmentize(shape, 0.01))[0])
