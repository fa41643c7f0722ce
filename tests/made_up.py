"""Small files of every format, written by the libraries that users write them with."""

import json
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import rasterio
import shapely
import zarr
from rasterio.transform import from_origin


def write_geotiff(
    path: Path, *, bands=1, crs="EPSG:32633", transform=None, shape=(60, 80), dtype="uint16", values=None, **options
) -> Path:
    transform = transform or from_origin(500_000, 5_000_000, 10, 10)
    if values is None:
        values = np.arange(bands * shape[0] * shape[1], dtype="int64").reshape(bands, *shape) % 1000
    profile = {"driver": "GTiff", "count": bands, "height": shape[0], "width": shape[1], "dtype": dtype, "crs": crs}
    tags, descriptions = options.pop("tags", {}), options.pop("descriptions", None)
    with rasterio.open(path, "w", **profile, transform=transform, **options) as dataset:
        dataset.write(np.asarray(values).astype(dtype))
        dataset.update_tags(**tags)
        for index, name in enumerate(descriptions or (), start=1):
            dataset.set_band_description(index, name)
    return path


def write_netcdf(path: Path, *, form="NETCDF4", longitudes=None, hours=(0, 6, 12)) -> Path:
    longitudes = np.arange(0.0, 360.0, 10.0) if longitudes is None else longitudes
    latitudes = np.arange(-80.0, 81.0, 10.0)
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.title = "made up"
        for name, length in (("time", None), ("lat", latitudes.size), ("lon", longitudes.size)):
            file.createDimension(name, length)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time.calendar = "hours since 2020-01-01", "standard"
        time[:] = hours
        for name, values, unit in (("lat", latitudes, "degrees_north"), ("lon", longitudes, "degrees_east")):
            axis = file.createVariable(name, "f4", (name,))
            axis.units = unit
            axis[:] = values
        field = file.createVariable("t2m", "i2", ("time", "lat", "lon"), fill_value=-32768)
        field.scale_factor, field.add_offset, field.units = 0.01, 280.0, "K"
        field.standard_name = "air_temperature"
        field.set_auto_maskandscale(False)
        field[:] = (np.indices((len(hours), latitudes.size, longitudes.size)).sum(axis=0) * 10).astype("i2")
        field[0, 0, 0] = -32768
    return path


def write_curvilinear(path: Path) -> Path:
    j, i = np.mgrid[0:30, 0:40]
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("y", 30)
        file.createDimension("x", 40)
        file.time_coverage_start, file.time_coverage_end = "2021-06-01T00:00:00Z", "2021-06-01T00:05:00Z"
        for name, values, standard in (
            ("nav_lat", 50 + 0.1 * j + 0.02 * i, "latitude"),
            ("nav_lon", 170 + 0.5 * i - 0.1 * j, "longitude"),
        ):
            variable = file.createVariable(name, "f8", ("y", "x"))
            variable.standard_name = standard
            variable[:] = np.where(values > 180, values - 360, values) if standard == "longitude" else values
        field = file.createVariable("sst", "f4", ("y", "x"), fill_value=1e20)
        field.coordinates = "nav_lon nav_lat"
        field[:] = np.where((i > 5) & (i < 10), np.nan, i * 1.0)
    return path


def write_stations(path: Path) -> Path:
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("station", 3)
        file.createDimension("time", 4)
        for name, values, unit in (("lon", [10.0, 11.0, 12.0], "degrees_east"), ("lat", [50.0, 51.0, 49.0], "degrees_north")):
            variable = file.createVariable(name, "f8", ("station",))
            variable.units = unit
            variable[:] = values
        time = file.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-02-27"
        time.calendar = "360_day"
        time[:] = [0, 1, 2, 3]
        field = file.createVariable("level", "f4", ("station", "time"))
        field.coordinates = "lon lat"
        field[:] = np.arange(12).reshape(3, 4)
    return path


def write_zarr(path: Path, *, version: int) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.attrs["title"] = "made up"
    for name, values, unit in (
        ("time", np.array([0, 1]), "days since 2022-03-01"),
        ("lat", np.linspace(40, 50, 11), "degrees_north"),
        ("lon", np.linspace(0, 20, 21), "degrees_east"),
    ):
        _zarr_array(group, name, values, (name,), version).attrs["units"] = unit
    _zarr_array(group, "field", np.random.default_rng(1).random((2, 11, 21)), ("time", "lat", "lon"), version, chunks=(1, 11, 21))
    return path


def _zarr_array(group, name, values, dimensions, version, **options):
    named = {"dimension_names": dimensions} if version == 3 else {}
    array = group.create_array(name, shape=values.shape, dtype=values.dtype, **named, **options)
    array[...] = values
    if version == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = list(dimensions)
    return array


def geojson(features: int = 3, **members) -> dict:
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": f"place {n}", "height": n + 0.5, "date": f"2020-01-{n + 1:02}"},
                "geometry": {"type": "Point", "coordinates": [10.0 + n, 50.0 - n]},
            }
            for n in range(features)
        ],
        **members,
    }


def write_json(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def write_geoparquet(path: Path, *, crs=None) -> Path:
    geometries = shapely.to_wkb(shapely.box([500_000, 510_000], 5_000_000, [501_000, 511_000], 5_001_000))
    meta = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Polygon"]}},
    }
    if crs is not None:
        meta["columns"]["geometry"]["crs"] = crs
    table = pa.table({"id": [1, 2], "time": pa.array([0, 86_400_000_000], pa.timestamp("us", tz="UTC")), "geometry": geometries})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(meta)}), path)
    return path


def stac_item(name: str = "a", **members) -> dict:
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": name,
        "geometry": {"type": "Point", "coordinates": [5.0, 50.0]},
        "bbox": [5.0, 50.0, 5.0, 50.0],
        "properties": {"datetime": "2020-01-01T00:00:00Z"},
        "links": [
            {"rel": "self", "href": "https://elsewhere.example/a"},
            {"rel": "license", "href": "https://elsewhere.example/l"},
        ],
        "assets": {"data": {"href": "https://elsewhere.example/a.tif"}},
        **members,
    }


def write_external_link(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(3)
        file["elsewhere"] = h5py.ExternalLink("/etc/hostname", "/")
    return path


def write_external_storage(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("data", shape=(4,), dtype="i4", external=[(str(path.with_suffix(".raw")), 0, 16)])
    return path


def write_virtual_dataset(path: Path) -> Path:
    layout = h5py.VirtualLayout(shape=(4,), dtype="i4")
    layout[:] = h5py.VirtualSource("other.h5", "data", shape=(4,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("data", layout)
    return path
