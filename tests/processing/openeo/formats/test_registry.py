"""Formats are known by the names that clients use, and say what their options may be."""

import subprocess
import sys

import fastjsonschema
import pytest

from processing.openeo.rasters import T, X, Y, a_cube, run
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.registry import find_format, list_formats
from twinlake.processing.openeo.formats.saved import Saved, is_written_in_tiles, save
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import from_json
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

DEPTH = Dimension(name="depth", labels=(1, 2))
OBJECTS = Dimension(name="geometries", kind="geometry", labels=("POINT (0 0)",), crs=4326)


def test_names_are_known_in_any_case_and_have_no_aliases():
    assert find_format("gtiff") is find_format("GTiff")
    assert find_format("NETCDF").name == "netCDF"
    with pytest.raises(ProcessParameterInvalidError, match="It is called GTiff here"):
        find_format("GeoTIFF")
    with pytest.raises(ProcessParameterInvalidError, match="There is GTiff, COG, netCDF, Zarr"):
        find_format("x" * 1000)


@pytest.mark.parametrize("described", list(list_formats()), ids=lambda each: each.name)
def test_every_option_is_described_and_its_default_allowed(described):
    for schema in described.describe()["parameters"].values():
        fastjsonschema.compile({key: value for key, value in schema.items() if key != "default"})(schema["default"])
        assert schema["description"]
    assert described.read_options({}) == {name: schema["default"] for name, schema in described.options.items()}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("GTiff", {"compress": "JPEG"}, "'compress' of GTiff: it must be one of"),
        ("GTiff", {"nosuch": 1}, "GTiff has no option 'nosuch'; it has compress"),
        ("COG", {"blocksize": 7}, "'blocksize'"),
        ("COG", {"blocksize": True}, "'blocksize'"),
        ("COG", {"predictor": "yes"}, "'predictor'"),
        ("netCDF", {"zlevel": 99}, "'zlevel'"),
        ("PNG", {"palette": ["#fff"]}, "'palette'"),
        ("PNG", {"palette": ["red", "blue"]}, "'palette'"),
        ("PNG", {"minimum": "0"}, "'minimum'"),
        ("CSV", {"filename_prefix": "../../etc/passwd"}, "'filename_prefix'"),
        ("CSV", {"filename_prefix": ".hidden"}, "'filename_prefix'"),
        ("CSV", {"filename_prefix": "a\n"}, "'filename_prefix'"),
        ("CSV", {"filename_prefix": "a" * 101}, "'filename_prefix'"),
    ],
)
def test_a_wrong_option_is_named(name, options, message):
    with pytest.raises(ProcessParameterInvalidError, match=message):
        find_format(name).read_options(options)


def test_names_and_values_of_options_are_taken_in_any_case():
    assert find_format("GTiff").read_options({"COMPRESS": "zstd"})["compress"] == "ZSTD"


def test_a_saved_result_has_its_format_and_all_options():
    saved = run("save_result", a_cube(hollow=True), format="gtiff", options={"compress": "lzw"})

    assert isinstance(saved, Saved)
    assert saved.format == "GTiff"
    assert saved.options["compress"] == "LZW"
    assert saved.options["blocksize"] == 512


IRREGULAR = Dimension(name="x", kind="spatial", axis="x", labels=(0.0, 1.0, 3.0), crs=4326)
NOTHING = Dimension(name="t", kind="temporal", labels=())
FIVE = Dimension(name="bands", kind="bands", labels=tuple("abcde"))


@pytest.mark.parametrize(
    ("dimensions", "named", "options", "code", "message"),
    [
        ((T, DEPTH, Y, X), "GTiff", {}, "FormatUnsuitable", "no place for the dimension 'depth'"),
        ((Y, IRREGULAR), "COG", {}, "FormatUnsuitable", "resample_spatial"),
        ((Y.take([0]), X.take([0])), "COG", {}, "FormatUnsuitable", "nothing tells how large"),
        ((NOTHING, Y, X), "GTiff", {}, "DataCubeEmpty", "'t'"),
        ((NOTHING, Y, X), "netCDF", {}, "DataCubeEmpty", "'t'"),
        ((OBJECTS,), "GTiff", {}, "FormatUnsuitable", "GTiff holds raster data, and this is vector"),
        ((Y, X), "GeoJSON", {}, "FormatUnsuitable", "GeoJSON holds vector data"),
        ((FIVE, Y, X), "PNG", {}, "FormatUnsuitable", "1, 3 or 4 bands, and the cube 5"),
        ((FIVE.take([0, 1, 2]), Y, X), "PNG", {"palette": ["#000000", "#ffffff"]}, "FormatUnsuitable", "for one band"),
        ((T, T.rename("t2"), Y, X), "PNG", {}, "FormatUnsuitable", "'t2'"),
        ((T, T, Y, X), "Zarr", {}, "FormatUnsuitable", "one name"),
    ],
)
def test_what_a_format_cannot_hold_is_told_of_the_hollow_cube(dimensions, named, options, code, message):
    with pytest.raises(ProcessError, match=message) as refused:
        run("save_result", a_cube(hollow=True, dtype="int16", dimensions=dimensions), format=named, options=options)
    assert refused.value.reason == code


def test_the_registry_and_the_process_import_no_library_of_formats():
    code = (
        "import sys, twinlake.processing.openeo.formats.registry, twinlake.processing.openeo.processes.cubes.save_result;"
        "assert not {'rasterio', 'zarr', 'h5py', 'pyarrow', 'PIL', 'netCDF4'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (a_cube(hollow=True), "netCDF"),
        (a_cube(hollow=True, dimensions=(T, OBJECTS)), "JSON"),
        (a_cube(hollow=True, dimensions=(T,)), "JSON"),
        (from_json([1, None]), "JSON"),
        ({"a": 1}, "JSON"),
    ],
)
def test_a_result_that_nobody_saved_has_a_format(data, named):
    saved = save(data)
    assert saved.format == named
    assert is_written_in_tiles(saved) == isinstance(data, Cube)
