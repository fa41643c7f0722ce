"""netCDF as xarray, h5netcdf and the netCDF library read it, by the rules of CF 1.11."""

import json
import re

import cftime
import h5netcdf
import netCDF4
import numpy as np
import pyproj
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing.openeo.formats.drawn import FACTS, assert_same_cells, rasters, save, vectors, whole
from processing.openeo.rasters import T, X, Y, a_cube
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
SEASONS = Dimension(
    name="t",
    kind="temporal",
    labels=("2019-djf", "2020-mam"),
    calendar="360_day",
    intervals=(("2019-12-01", "2020-03-01"), ("2020-03-01", "2020-06-01")),
)


def read(path):
    """Return the variables of cells by their long names: raw cells, and where there is data."""
    found = {}
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        for variable in file.variables.values():
            if "long_name" in variable.ncattrs():
                cells = variable[...]
                there = np.ones(cells.shape, dtype=bool)
                if "_FillValue" in variable.ncattrs() and cells.dtype.kind != "f":
                    there = cells != variable._FillValue
                found[variable.long_name] = (variable.dimensions, cells, there)
    return found


@pytest.mark.parametrize("bands", ["variables", "dimension"])
@FEW
@given(data=st.data())
def test_the_netcdf_library_reads_what_was_written(bands, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nc")
    cube = data.draw(st.one_of(rasters(more=True), vectors()))
    if cube.values.data.dtype.name in {"int64", "uint64"}:
        cube = Cube(values=Values(data=cube.values.data), dimensions=cube.dimensions)
    (written,) = save(cube, whole(cube), folder, "netCDF", bands=bands)
    found = read(folder / written.path)
    named = {each.name: number for number, each in enumerate(cube.dimensions)}
    if "bands" in named and bands == "variables":
        for number, label in enumerate(cube.dimensions[named["bands"]].labels):
            along, cells, there = found.pop(label)
            place = named["bands"]
            dimensions = cube.without(place)
            valid = None if cube.values.valid is None else cube.values.valid.take(number, place)
            values = Values(data=cube.values.data.take(number, place), valid=valid, nan_is_nodata=cube.values.nan_is_nodata)
            assert_same_cells(Cube(values=values, dimensions=dimensions), cells, there)
            assert len(along) == len(dimensions)
    else:
        _, cells, there = found.pop("data")
        names = sorted(named, key=lambda name: name != "bands")
        assert_same_cells(cube, cells, there, names=names)
    assert not found


@FEW
@given(data=st.data())
def test_coordinates_are_those_of_the_cube(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nc")
    cube = data.draw(rasters(types=("float32",)))
    (written,) = save(cube, whole(cube), folder, "netCDF")
    with h5netcdf.File(folder / written.path) as file:
        for each in cube.dimensions:
            if each.kind == "spatial":
                assert file.variables[each.name][...].tolist() == list(each.labels), "bit by bit"
                assert bytes(file.variables[each.name].attrs["axis"]) == each.axis.upper().encode(), (
                    "as the netCDF library has it"
                )
    with netCDF4.Dataset(folder / written.path) as file:
        for each in cube.dimensions:
            if each.kind != "temporal":
                continue
            time = file["t"]
            found = netCDF4.num2date(time[...], time.units, time.calendar)
            texts = each.labels if each.intervals is None else [start for start, _ in each.intervals]
            assert [as_text(one) for one in found] == [full(text) for text in texts]
            assert (each.intervals is not None) == ("bounds" in time.ncattrs())
            if each.intervals is not None:
                bounds = netCDF4.num2date(file[time.bounds][...], time.units, time.calendar)
                assert [[as_text(one) for one in pair] for pair in bounds] == [
                    [full(one) for one in pair] for pair in each.intervals
                ]


def as_text(time):
    fraction = f".{time.microsecond:06d}" if time.microsecond else ""
    return f"{time.year:04d}-{time.month:02d}-{time.day:02d}T{time.hour:02d}:{time.minute:02d}:{time.second:02d}{fraction}Z"


def full(text):
    return text if "T" in text else f"{text}T00:00:00Z"


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8"])
def test_xarray_masks_decodes_and_finds_coordinates(tmp_path, dtype):
    cube = a_cube(dtype=dtype)
    valid = np.ones(cube.values.data.shape, dtype=bool)
    valid[0, 0, 0] = False
    cube = Cube(values=Values(data=cube.values.data, valid=valid, nan_is_nodata=dtype == "float32"), dimensions=cube.dimensions)
    (written,) = save(cube, whole(cube), tmp_path, "netCDF")
    for engine in ("netcdf4", "h5netcdf"):
        with xr.open_dataset(tmp_path / written.path, engine=engine) as dataset:
            assert dataset.attrs["Conventions"] == "CF-1.11"
            assert dataset.data.dims == ("t", "y", "x")
            assert np.array_equal(np.isnan(dataset.data.values), ~cube.values.where())
            assert dataset.t.values.astype("datetime64[s]").astype(str).tolist() == [each.removesuffix("Z") for each in T.labels]
            assert json.loads(dataset.attrs["openeo_process_graph"])["load"]["arguments"]["token"] == "removed"
            assert dataset.attrs["title"] == FACTS.title
            mapping = dataset[dataset.data.attrs.get("grid_mapping", dataset.data.encoding.get("grid_mapping"))]
            assert pyproj.CRS.from_wkt(mapping.attrs["crs_wkt"]).to_epsg() == 32631
            assert pyproj.CRS.from_cf(mapping.attrs) == pyproj.CRS.from_epsg(32631)
            assert mapping.attrs["GeoTransform"] == "-0.5 1.0 0.0 2.5 0.0 -1.0"


def check_cf(path):
    """Check by hand what CF 1.11 demands of names, axes, times, bounds, fill values and grid mappings."""
    with netCDF4.Dataset(path) as file:
        assert "CF-1.11" in file.Conventions
        for name, variable in file.variables.items():
            assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name), "2.3"
            check_references(file, variable)
            check_meaning(variable)
            if variable.dimensions == (name,) and variable.dtype is not str:
                assert "_FillValue" not in variable.ncattrs(), "2.5.1: coordinates have no gaps"
                assert not np.ma.is_masked(variable[...])


def check_references(file, variable):
    named = [getattr(variable, each) for each in ("bounds", "grid_mapping") if each in variable.ncattrs()]
    assert {*named, *getattr(variable, "coordinates", "").split()} <= file.variables.keys()
    assert set(variable.dimensions) <= file.dimensions.keys()
    if "bounds" in variable.ncattrs():
        bounds = file[variable.bounds]
        assert (bounds.dimensions[:-1], bounds.shape[-1]) == (variable.dimensions, 2), "7.1"
        assert bounds.dtype == variable.dtype


def check_meaning(variable):
    attributes, standard = variable.ncattrs(), getattr(variable, "standard_name", "")
    if standard == "time":
        assert re.fullmatch(r"(day|hour|minute|second|millisecond|microsecond)s since 1970-01-01 00:00:00", variable.units), "4.4"
        cftime.num2date(variable[...], variable.units, variable.calendar)
    if standard in {"longitude", "projection_x_coordinate"}:
        assert (variable.units, variable.axis) in {("degrees_east", "X"), ("m", "X")}
    if "_FillValue" in attributes:
        assert variable._FillValue.dtype == variable.dtype, "2.5.1"
    if "flag_values" in attributes:
        assert len(variable.flag_values) == len(variable.flag_meanings.split()), "3.5"
        assert variable.flag_values.dtype == variable.dtype


@FEW
@given(data=st.data())
def test_files_keep_the_rules_of_cf(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nc")
    cube = data.draw(rasters(types=("bool", "float32", "int16"), more=True))
    (written,) = save(cube, whole(cube), folder, "netCDF", bands=data.draw(st.sampled_from(["variables", "dimension"])))
    check_cf(folder / written.path)


def test_labels_that_are_no_times_stand_beside_them(tmp_path):
    cube = Cube(values=Values(data=np.zeros((2, 4, 2), dtype=np.float32)), dimensions=(SEASONS, Y, X))
    (written,) = save(cube, whole(cube), tmp_path, "netCDF")
    check_cf(tmp_path / written.path)
    with xr.open_dataset(tmp_path / written.path) as dataset:
        assert dataset.t_label.values.tolist() == ["2019-djf", "2020-mam"]
        assert [str(each) for each in dataset.t.values] == ["2019-12-01 00:00:00", "2020-03-01 00:00:00"]
        assert dataset.t.values[0].calendar == "360_day"


def test_labels_without_any_time_are_texts(tmp_path):
    months = Dimension(name="t", kind="temporal", labels=("djf", "mam"))
    cube = Cube(values=Values(data=np.zeros((2, 4, 2), dtype=np.float32)), dimensions=(months, Y, X))
    (written,) = save(cube, whole(cube), tmp_path, "netCDF")
    with xr.open_dataset(tmp_path / written.path) as dataset:
        assert dataset.t.values.tolist() == ["djf", "mam"]
    assert (written.start, written.end) == (None, None)


def test_names_are_made_fit_for_cf(tmp_path):
    bands = Dimension(name="bänds", kind="bands", labels=("8A", "ünï/ö", "x", "", "t b", "t_b"))
    cube = Cube(values=Values(data=np.arange(48, dtype=np.int16).reshape(6, 4, 2)), dimensions=(bands, Y, X))
    (written,) = save(cube, whole(cube), tmp_path, "netCDF")
    check_cf(tmp_path / written.path)
    found = read(tmp_path / written.path)
    assert [found[label][1].tolist() for label in bands.labels] == cube.values.data.tolist()
    (written,) = save(cube, whole(cube), tmp_path, "netCDF", bands="dimension")
    check_cf(tmp_path / written.path)
    assert list(written.fields["cube:dimensions"]) == ["bänds", "y", "x"]


def test_dimensions_that_would_have_one_name_have_two(tmp_path):
    dimensions = tuple(Dimension(name=name, labels=(1, 2)) for name in ("a b", "a_b", "crs", "data"))
    cube = Cube(values=Values(data=np.arange(64).reshape(2, 2, 2, 2, 2, 2)), dimensions=(*dimensions, Y.take([0, 1]), X))
    (written,) = save(cube, whole(cube), tmp_path, "netCDF")
    check_cf(tmp_path / written.path)
    assert read(tmp_path / written.path)["data"][1].tolist() == cube.values.data.tolist()


def test_geometries_are_texts_of_wkt(tmp_path):
    places = Dimension(name="geometries", kind="geometry", labels=("POINT (1 2)", "POINT (3 4)"), crs=4326)
    cube = Cube(values=Values(data=np.arange(6.0).reshape(3, 2)), dimensions=(T, places))
    (written,) = save(cube, whole(cube), tmp_path, "netCDF")
    with xr.open_dataset(tmp_path / written.path) as dataset:
        assert dataset.geometries.values.tolist() == list(places.labels)
        assert dataset.data.values.tolist() == cube.values.data.tolist()
    assert written.bbox == (1, 2, 3, 4)


def test_packing_is_as_asked(tmp_path):
    cube = Cube(
        values=Values(data=np.zeros((600, 600), dtype=np.float32)),
        dimensions=(
            Dimension(name="y", kind="spatial", axis="y", labels=tuple(range(600))),
            Dimension(name="x", kind="spatial", axis="x", labels=tuple(range(600))),
        ),
    )
    for level in (0, 9):
        (written,) = save(cube, whole(cube), tmp_path, "netCDF", zlevel=level)
        with netCDF4.Dataset(tmp_path / written.path) as file:
            assert file["data"].filters()["complevel"] == level
            assert file["data"].chunking() == [256, 256]
