"""Rasters and cubes become what users search by: place, time, projection, bands, dimensions."""

from datetime import UTC, datetime

import netCDF4
import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin

from made_up import write_curvilinear, write_geotiff, write_netcdf, write_stations, write_zarr
from twinlake.holdings.readers.describe import describe, thumbnail
from twinlake.holdings.readers.errors import RecipeNeededError
from twinlake.holdings.readers.hints import Hints


def _at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _is_picture(path, hints=None):
    from io import BytesIO

    from PIL import Image

    hints = hints or Hints()
    with Image.open(BytesIO(thumbnail(path, describe(path, hints=hints), hints=hints))) as image:
        return image.format == "WEBP" and max(image.size) == 256


def test_projected_raster(tmp_path):
    path = write_geotiff(
        tmp_path / "a.tif", bands=2, nodata=0, descriptions=["B04", "B08"], tags={"time_coverage_start": "2020-06-01T10:00:00Z"}
    )

    described = describe(path)

    assert described.asset["proj:code"] == "EPSG:32633"
    assert described.asset["proj:shape"] == [60, 80]
    assert described.asset["proj:bbox"] == [500_000, 4_999_400, 500_800, 5_000_000]
    assert described.footprint.bbox == pytest.approx((15.0, 45.1476, 15.0102, 45.1531), abs=1e-3)
    assert described.time.start == described.time.end == _at("2020-06-01T10:00:00")
    first = described.asset["bands"][0]
    assert (first["name"], first["data_type"], first["nodata"]) == ("B04", "uint16", 0)
    assert first["statistics"]["maximum"] == 999
    assert described.asset["file:size"] == path.stat().st_size
    assert described.asset["file:checksum"].startswith("1220")
    assert _is_picture(path)


def test_scale_offset_and_palette(tmp_path):
    path = write_geotiff(tmp_path / "classes.tif", dtype="uint8", values=np.arange(4800).reshape(1, 60, 80) % 3, nodata=0)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets, dataset.units = (0.5,), (10.0,), ("K",)
        dataset.write_colormap(1, {1: (255, 0, 0, 255), 2: (0, 255, 0, 255)})
        dataset.colorinterp = [ColorInterp.palette]

    band = describe(path).asset["bands"][0]

    assert (band["raster:scale"], band["raster:offset"], band["unit"]) == (0.5, 10.0, "K")
    assert _is_picture(path)


def test_a_large_raster_is_sampled(tmp_path):
    path = write_geotiff(tmp_path / "large.tif", shape=(1200, 900), tiled=True, blockxsize=256, blockysize=256)

    described = describe(path)

    assert described.asset["twinlake:statistics_decimation"] == 3
    assert (
        described.asset["bands"][0]["statistics"]["count"] == 400 * 300
        or described.asset["bands"][0]["statistics"]["count"] < 512 * 512
    )


def test_raster_over_the_antimeridian(tmp_path):
    path = write_geotiff(tmp_path / "fiji.tif", crs="EPSG:4326", transform=from_origin(178, -16, 0.05, 0.05))

    footprint = describe(path).footprint

    assert footprint.geometry["type"] == "MultiPolygon"
    assert footprint.bbox == (178.0, -19.0, -178.0, -16.0)


def test_raster_over_the_pole(tmp_path):
    path = write_geotiff(
        tmp_path / "arctic.tif", crs="EPSG:3413", transform=from_origin(-2e6, 2e6, 50_000, 50_000), shape=(80, 80)
    )

    assert describe(path).footprint.bbox == pytest.approx((-180.0, 64.0, 180.0, 90.0), abs=1.0)


def test_full_geostationary_disk(tmp_path):
    crs = "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80"
    path = write_geotiff(tmp_path / "disk.tif", crs=crs, transform=from_origin(-5.5e6, 5.5e6, 110_000, 110_000), shape=(100, 100))

    described = describe(path)

    assert described.footprint.bbox == pytest.approx((-156, -81, 6, 81), abs=2)
    assert described.asset["proj:code"] is None
    assert "Geostationary" in described.asset["proj:wkt2"]


def test_raster_placed_by_control_points(tmp_path):
    path = tmp_path / "gcps.tif"
    corners = [(0, 0, 10, 60), (0, 80, 12, 60), (60, 0, 10, 58), (60, 80, 12, 58)]
    points = [GroundControlPoint(row, column, x, y) for row, column, x, y in corners]
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=60, width=80, dtype="uint8", gcps=points, crs="EPSG:4326"
    ) as dataset:
        dataset.write(np.ones((1, 60, 80), "uint8"))

    assert describe(path).footprint.bbox == (10, 58, 12, 60)


def test_a_raster_without_crs_asks_for_the_line(tmp_path):
    path = write_geotiff(tmp_path / "nowhere.tif", crs=None)

    with pytest.raises(RecipeNeededError) as raised:
        describe(path)

    assert 'crs = "EPSG:4326"' in raised.value.remedy
    assert describe(path, hints=Hints(crs="EPSG:32633")).footprint.bbox[0] == pytest.approx(15.0)
    assert describe(path, hints=Hints(bbox=(1, 2, 3, 4))).footprint.bbox == (1, 2, 3, 4)


def test_a_raster_that_is_nowhere(tmp_path):
    with pytest.warns(NotGeoreferencedWarning):
        path = write_geotiff(tmp_path / "nowhere.tif", crs=None, transform=rasterio.Affine.identity())

    with pytest.raises(RecipeNeededError, match="where it lies"):
        describe(path, hints=Hints(crs="EPSG:4326"))
    assert describe(path, hints=Hints(bbox=(1, 2, 3, 4))).footprint.bbox == (1, 2, 3, 4)


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4", "NETCDF4_CLASSIC"])
def test_regular_cube(tmp_path, form):
    path = write_netcdf(tmp_path / "cube.nc", form=form)

    described = describe(path)

    assert described.title == "made up"
    assert described.footprint.bbox == (-180, -85, 180, 85)
    assert (described.time.start, described.time.end) == (_at("2020-01-01T00:00:00"), _at("2020-01-01T12:00:00"))
    dimensions = described.asset["cube:dimensions"]
    assert dimensions["time"] == {
        "type": "temporal",
        "extent": ["2020-01-01T00:00:00Z", "2020-01-01T12:00:00Z"],
        "step": "PT21600S",
        "twinlake:labels": {
            "calendar": "standard",
            "first": "2020-01-01T00:00:00Z",
            "step_milliseconds": 21_600_000,
            "count": 3,
        },
    }
    assert dimensions["lon"] == {
        "type": "spatial",
        "axis": "x",
        "extent": [0.0, 350.0],
        "reference_system": 4326,
        "step": 10.0,
        "twinlake:labels": {"first": 0.0, "last": 350.0, "count": 36},
    }
    variable = described.asset["cube:variables"]["t2m"]
    assert (variable["unit"], variable["data_type"], variable["dimensions"]) == ("K", "int16", ["time", "lat", "lon"])
    assert variable["statistics"]["minimum"] == pytest.approx(280.1)
    assert _is_picture(path)


def test_longitudes_on_both_sides_of_greenwich(tmp_path):
    path = write_netcdf(tmp_path / "cube.nc", longitudes=np.array([0.0, 340.0, 350.0]))

    assert describe(path).footprint.bbox == (-25, -85, 5, 85)
    assert _is_picture(path)


def test_curvilinear_cube_over_the_antimeridian(tmp_path):
    path = write_curvilinear(tmp_path / "swath.nc")

    described = describe(path)

    west, south, east, north = described.footprint.bbox
    assert west > east
    assert (south, north) == (50.0, 53.68)
    assert described.footprint.geometry["type"] == "MultiPolygon"
    assert described.time.end == _at("2021-06-01T00:05:00")
    assert _is_picture(path)


def test_stations_on_a_model_calendar(tmp_path):
    path = write_stations(tmp_path / "stations.nc")

    described = describe(path)

    assert described.footprint.geometry["type"] == "MultiPoint"
    assert described.footprint.bbox == (10, 49, 12, 51)
    assert (described.time.start, described.time.end) == (_at("2000-02-27T00:00:00"), _at("2000-02-29T00:00:00"))
    assert _is_picture(path)


@pytest.mark.parametrize("version", [2, 3])
def test_zarr(tmp_path, version):
    path = write_zarr(tmp_path / "cube.zarr", version=version)

    described = describe(path)

    assert described.footprint.bbox == (-0.5, 39.5, 20.5, 50.5)
    assert described.time.end == _at("2022-03-02T00:00:00")
    assert described.asset["cube:variables"]["field"]["shape"] == [2, 11, 21]
    assert described.title == "made up"
    assert [each["path"] for each in described.members] == sorted(
        each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file()
    )
    assert described.asset["file:size"] == sum(each["size"] for each in described.members)
    assert _is_picture(path)


def test_attribute_bytes_that_are_no_utf8(tmp_path):
    path = write_netcdf(tmp_path / "odd.nc", form="NETCDF3_CLASSIC")
    with netCDF4.Dataset(path, "a") as file:
        file["t2m"].setncattr("XXcrowave", "XX")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"XXcrowave", b"\xb5\xffcrowave").replace(b"XX", b"\xb5m"))

    assert describe(path).asset["cube:variables"]["t2m"]["unit"] == "K"


def test_projected_cube_needs_its_crs(tmp_path):
    path = tmp_path / "utm.nc"
    with netCDF4.Dataset(path, "w") as file:
        for name, values in (("y", np.arange(5_000_000, 4_999_000, -100.0)), ("x", np.arange(600_000.0, 601_000, 100))):
            file.createDimension(name, values.size)
            file.createVariable(name, "f8", (name,))[:] = values
        file.createVariable("v", "f4", ("y", "x"))[:] = np.random.default_rng(1).random((10, 10))
    with pytest.raises(RecipeNeededError, match="no CRS"):
        describe(path)

    described = describe(path, hints=Hints(crs="EPSG:32633"))

    assert described.asset["proj:transform"] == [100, 0, 599_950, 0, -100, 5_000_050]
    assert described.asset["proj:code"] == "EPSG:32633"
    assert _is_picture(path, Hints(crs="EPSG:32633"))


def test_choice_of_variables(tmp_path):
    path = write_netcdf(tmp_path / "cube.nc")

    assert list(describe(path, hints=Hints(variables=("t2m",))).asset["cube:variables"]) == ["t2m"]
