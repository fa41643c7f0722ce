"""Files of named arrays become cubes: axes, times and values are those that xarray finds in the same files."""

import cftime
import numpy as np
import pyproj
import pytest
import xarray as xr

from processing.openeo.loading.lake import request, warnings_of
from twinlake.holdings.catalogue.interfaces import ItemDraft
from twinlake.processing.openeo.loading.pins import tell_apart
from twinlake.processing.openeo.loading.planning.describing import describe_cube
from twinlake.processing.openeo.loading.reading.opening import open_source
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.shapes.times import read_starts
from twinlake.standards.openeo.errors import OpenEoError, ProcessError, ProcessParameterInvalidError

pytestmark = pytest.mark.asyncio(loop_scope="module")
LATITUDE, LONGITUDE = np.linspace(30, 60, 16), np.linspace(225, 315, 31)
DEGREES = {
    "lat": ("lat", LATITUDE, {"units": "degrees_north", "standard_name": "latitude"}),
    "lon": ("lon", LONGITUDE, {"units": "degrees_east", "standard_name": "longitude"}),
}


def monthly(count=12, *, calendar="360_day", year=2000):
    """Return months in the middle of which data stand, with their bounds."""
    edges = np.arange(count + 1) * 30.0 + (year - 1950) * 360
    attributes = {"units": "days since 1950-01-01", "calendar": calendar, "bounds": "time_bnds", "standard_name": "time"}
    return {"time": ("time", edges[:-1] + 15, attributes), "time_bnds": (("time", "nv"), np.stack([edges[:-1], edges[1:]], 1))}


def field(*shape, seed=0):
    return np.random.default_rng(seed).normal(280, 10, shape).astype(np.float32)


def save(data, path, form="netcdf4", **encoding):
    """Write a dataset with coordinates and variables as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: {"_FillValue": None} for name in data.variables if name not in encoding}
    if form == "zarr":
        data.to_zarr(path, encoding={**encoding}, consolidated=False)
    elif form == "classic":
        data.to_netcdf(path, format="NETCDF3_64BIT", engine="netcdf4", encoding={**plain, **encoding})
    else:
        data.to_netcdf(path, engine="netcdf4", encoding={**plain, **encoding})
    return path


def climate(seed=0, **more):
    values = field(12, 16, 31, seed=seed)
    values[3, 4:6, 7] = np.nan
    times = monthly(**more)
    return xr.Dataset(
        {"tas": (("time", "lat", "lon"), values), "time_bnds": times["time_bnds"]}, {**DEGREES, "time": times["time"]}
    )


@pytest.mark.parametrize("form", ["netcdf4", "classic", "zarr"])
async def test_a_cube_with_360_days_keeps_its_calendar_and_bounds(lake, tmp_path, form):
    chunks = {} if form == "classic" else {"tas": {"chunks" if form == "zarr" else "chunksizes": (4, 8, 31)}}
    data = climate()
    save(data, tmp_path / f"a1b.{'zarr' if form == 'zarr' else 'nc'}", form, **chunks)
    await lake.hold(tmp_path, collection=f"a1b-{form}")
    pins = await lake.pin(request(f"a1b-{form}"))
    async with lake.open(pins) as source:
        cube, hollow, stored = source.read({}), source.hollow, source.chunks

    t, bands, y, x = cube.dimensions
    assert (t.calendar, t.labels[1], t.intervals[1]) == (
        "360_day", "2000-02-16T00:00:00Z", ("2000-02-01T00:00:00Z", "2000-03-01T00:00:00Z"),
    )  # fmt: skip
    assert bands.labels == ("tas",)
    assert (y.labels, x.labels) == (tuple(LATITUDE[::-1]), tuple(LONGITUDE))
    assert cube.values.data.dtype == np.float32
    assert np.array_equal(cube.values.data[:, 0], data.tas.values[:, ::-1], equal_nan=True)
    assert hollow.dimensions == cube.dimensions
    assert hollow.values.data.shape == (12, 1, 0, 0)
    assert stored == ({"t": 1, "bands": 1, "y": 1, "x": 1} if form == "classic" else {"t": 4, "bands": 1, "y": 8, "x": 31})


async def test_extents_are_those_of_the_calendar_and_of_either_count_of_longitudes(lake, tmp_path):
    data = climate(year=2001)
    save(data, tmp_path / "e1.nc")
    await lake.hold(tmp_path, collection="e1")
    cube = await lake.load(
        "e1",
        spatial_extent={"west": -100, "east": -80, "south": 35, "north": 45},
        temporal_extent=["2001-02-01", "2001-02-30"],
    )

    assert cube.dimensions[0].labels == ("2001-02-16T00:00:00Z",)
    expected = data.tas.sel(lat=slice(35, 45), lon=slice(260, 280)).values[1:2, ::-1]
    assert np.array_equal(cube.values.data[:, 0], expected)
    with pytest.raises(ProcessError) as refused:
        await lake.load("e1", temporal_extent=["2001-02-02", "2001-03-01"])
    assert refused.value.reason == "NoDataAvailable"


async def test_a_collection_is_described_with_the_axes_of_its_cube(lake, tmp_path):
    save(climate(year=2002), tmp_path / "e2.nc")
    items = await lake.hold(tmp_path, collection="e2")
    cube = await lake.load("e2")
    described = describe_cube(
        {"extent": {"spatial": {"bbox": [[-180, 0, 180, 1]]}, "temporal": {"interval": [[None, None]]}}}, items
    )

    for name, number in (("y", 2), ("x", 3)):
        coordinates = cube.dimensions[number].coordinates()
        assert described["cube:dimensions"][name]["extent"] == [coordinates.min(), coordinates.max()]
    assert described["cube:dimensions"]["x"]["extent"][1] > 180


async def test_parts_are_those_of_the_whole(lake, tmp_path):
    save(climate(), tmp_path / "p.nc", tas={"chunksizes": (5, 7, 9)})
    await lake.hold(tmp_path, collection="parts")
    pins = await lake.pin(request("parts"))
    async with lake.open(pins) as source:
        whole = source.read({}).values.data
        for time, row, column in np.ndindex(3, 4, 4):
            window = {
                "t": slice(4 * time, 4 * time + 4),
                "y": slice(5 * row, 5 * row + 5),
                "x": slice(8 * column, 8 * column + 8),
            }
            part = source.read(window)
            expected = whole[window["t"], :, window["y"], window["x"]]
            assert np.array_equal(part.values.data, expected, equal_nan=True)


BANDS_BY_FILE = """
datetime = "2020-01-01"
[[rules]]
files = '(?P<asset>red|nir|other)\\.nc'
item = "scene"
[assets.red]
bands = [{ name = "B04", "eo:common_name" = "red", "eo:center_wavelength" = 0.665 }]
[assets.nir]
bands = [{ "eo:common_name" = "nir" }]
[assets.other]
bands = [{ name = "B01" }, { name = "B02" }]
"""


async def test_a_file_of_one_variable_is_the_band_that_its_asset_names(lake, tmp_path):
    fields = {name: field(16, 31, seed=seed) for seed, name in enumerate(("red", "nir", "other", "more"))}
    for name, variables in {"red": ["values"], "nir": ["infrared"], "other": ["other", "more"]}.items():
        own = {each: (("lat", "lon"), fields[name if len(variables) == 1 else each]) for each in variables}
        save(xr.Dataset(own, DEGREES), tmp_path / f"{name}.nc")
    (item,) = await lake.hold(tmp_path, collection="bands-by-file", recipe=BANDS_BY_FILE)

    extent = {"spatial": {"bbox": [[-135, 30, -45, 60]]}, "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]}}
    described = describe_cube({"id": "bands-by-file", "extent": extent}, [item])["summaries"]["bands"]
    whole = await lake.load("bands-by-file")
    chosen = await lake.load("bands-by-file", bands=["nir", "red"])

    bands = whole.dimensions[1]
    names = dict(zip(bands.labels, zip(bands.common_names, bands.wavelengths, strict=True), strict=True))
    assert names == {"B04": ("red", 0.665), "infrared": ("nir", None), "other": (None, None), "more": (None, None)}
    for name, stored in {"B04": "red", "infrared": "nir", "other": "other", "more": "more"}.items():
        assert np.array_equal(whole.values.data[0, bands.place(name)], fields[stored][::-1])
    assert [each["name"] for each in described] == list(bands.labels)
    assert described[0] == {"name": "infrared", "eo:common_name": "nir"}
    assert chosen.dimensions[1].labels == ("infrared", "B04")
    assert np.array_equal(chosen.values.data[0, 1], fields["red"][::-1])


async def test_packed_integers_become_numbers_once_and_gaps_stay_gaps(lake, tmp_path):
    stored = np.random.default_rng(4).integers(-300, 300, (16, 31)).astype(np.int16)
    stored[2, 3], stored[5, 6], stored[7, 8] = -999, 2000, -2000
    attributes = {
        "scale_factor": 0.01,
        "add_offset": 273.15,
        "_FillValue": np.int16(-999),
        "valid_range": np.array([-1000, 1000], "i2"),
    }
    flags = np.random.default_rng(5).integers(0, 250, (16, 31)).astype(np.uint8)
    data = xr.Dataset(
        {"tas": (("lat", "lon"), stored, attributes), "flag": (("lat", "lon"), flags, {"_FillValue": np.uint8(7)})}, DEGREES
    )
    (tmp_path / "files").mkdir()
    data.to_netcdf(tmp_path / "files/packed.nc", engine="netcdf4")
    await lake.hold(tmp_path / "files", collection="packed", recipe='datetime = "2020-01-01T00:00:00Z"')

    packed = await lake.load("packed", bands=["tas"])
    expected = (stored.astype(float) * 0.01 + 273.15).astype(np.float32)
    expected[np.isin(stored, (-999, 2000, -2000))] = np.nan
    assert packed.values.data.dtype == np.float32
    assert np.array_equal(packed.values.data[0, 0], expected[::-1], equal_nan=True)
    assert packed.dimensions[0].labels == ("2020-01-01T00:00:00Z",)

    flagged = await lake.load("packed", bands=["flag"])
    assert flagged.values.data.dtype == np.uint8
    assert np.array_equal(flagged.values.where()[0, 0], (flags != 7)[::-1])
    both = await lake.load("packed")
    assert (both.dimensions[1].labels, both.values.data.dtype) == (("tas", "flag"), np.float32)


async def test_files_of_one_time_each_join_along_t_and_the_first_valid_counts(lake, tmp_path):
    for number, year in enumerate((2002, 2001, 2001)):
        data = climate(number, year=year).isel(time=slice(0, 3 + number))
        if number == 1:
            data.tas[0, :4] = np.nan
        save(data, tmp_path / f"{'abc'[number]}.nc")
    await lake.hold(tmp_path, collection="joined")
    cube = await lake.load("joined")

    assert [each[:7] for each in cube.dimensions[0].labels] == [
        "2001-01", "2001-02", "2001-03", "2001-04", "2001-05", "2002-01", "2002-02", "2002-03",
    ]  # fmt: skip
    b, c = climate(1, year=2001).tas.values, climate(2, year=2001).tas.values
    assert np.array_equal(cube.values.data[0, 0, :12], b[0, 4:][::-1], equal_nan=True)
    assert np.array_equal(cube.values.data[0, 0, 12:], c[0, :4][::-1])
    assert np.array_equal(cube.values.data[4, 0], c[4][::-1], equal_nan=True)
    [warned] = warnings_of(await lake.pin(request("joined")))
    assert warned.startswith("2 items hold the same cells at the same times (b, c). ")
    assert "'properties'" in warned
    assert not warnings_of(await lake.pin(request("joined", temporal_extent=["2002-01-01", None])))


async def test_a_box_over_the_seam_of_a_grid_all_around_is_loaded_without_a_jump(lake, tmp_path):
    longitude = ("lon", np.arange(0.0, 360, 12), {"units": "degrees_east", "standard_name": "longitude"})
    values = field(16, 30)
    save(xr.Dataset({"tas": (("lat", "lon"), values)}, {"lat": DEGREES["lat"], "lon": longitude}), tmp_path / "a.nc")
    await lake.hold(tmp_path, collection="around", recipe='datetime = "2000-01-01T00:00:00Z"')
    whole = await lake.load("around")
    box = {"west": -25, "south": -90, "east": 25, "north": 90}
    cube = await lake.load("around", spatial_extent=box)
    triangle = {"type": "Polygon", "coordinates": [[[-30, -90], [30, -90], [30, 90], [-30, 90], [-30, -90]]]}
    inside = await lake.load("around", spatial_extent=triangle)

    assert cube.dimensions[-1].labels == (-24, -12, 0, 12, 24)
    assert np.array_equal(cube.values.data, whole.values.data[..., [28, 29, 0, 1, 2]])
    assert inside.dimensions[-1].labels == cube.dimensions[-1].labels
    assert np.array_equal(inside.values.data, cube.values.data, equal_nan=True)


async def test_of_months_at_the_edge_of_an_extent_the_user_is_warned(lake, tmp_path):
    save(climate(year=2001), tmp_path / "a.nc")
    await lake.hold(tmp_path, collection="edges")

    assert not warnings_of(
        await lake.pin(request("edges", temporal_extent=["2001-02-01", "2001-03-01"])), ["2001-02-01", "2001-03-01"]
    )
    later = ["2001-01-10", "2001-02-20"]
    [warned] = warnings_of(await lake.pin(request("edges", temporal_extent=later)), later)
    assert "2001-01-16T00:00:00Z (from 2001-01-01T00:00:00Z to 2001-02-01T00:00:00Z) is left out, though most" in warned
    pins = {
        extent[0]: await lake.pin(request("edges", temporal_extent=extent)) for extent in (later, ["2001-02-01", "2001-02-20"])
    }
    one, other = (tell_apart({"": each}) for each in pins.values())
    assert one == other, "of equal cubes, whatever the log says"
    extent = ["2001-01-10", "2001-02-10"]
    [warned] = warnings_of(await lake.pin(request("edges", temporal_extent=extent)), extent)
    assert "2001-02-16T00:00:00Z (from 2001-02-01T00:00:00Z to 2001-03-01T00:00:00Z) is kept" in warned


async def test_levels_keep_their_name_and_can_be_cut(lake, tmp_path):
    values = field(12, 3, 16, 31, seed=8)
    plev = ("plev", np.array([100.0, 500.0, 850.0]), {"units": "hPa", "axis": "Z", "positive": "down"})
    times = monthly(calendar="noleap")
    data = xr.Dataset(
        {"ua": (("time", "plev", "lat", "lon"), values), "va": (("plev", "time", "lat", "lon"), values.swapaxes(0, 1) + 1),
         "orog": (("lat", "lon"), field(16, 31)), "time_bnds": times["time_bnds"]},
        {**DEGREES, "plev": plev, "time": times["time"]},
    )  # fmt: skip
    save(data, tmp_path / "levels.nc")
    await lake.hold(tmp_path, collection="levels")
    cube = await lake.load("levels")

    assert [each.name for each in cube.dimensions] == ["t", "bands", "plev", "y", "x"]
    assert cube.dimensions[1].labels == ("ua", "va")
    assert (cube.dimensions[2].axis, cube.dimensions[2].labels) == ("z", (100.0, 500.0, 850.0))
    assert np.array_equal(cube.values.data[:, 0], values[..., ::-1, :])
    assert np.array_equal(cube.values.data[:, 1], values[..., ::-1, :] + 1)
    box = {"west": 225, "east": 315, "south": 30, "north": 60, "base": 400}
    high = await lake.load("levels", spatial_extent=box)
    assert high.dimensions[2].labels == (500.0, 850.0)
    assert np.array_equal(high.values.data, cube.values.data[:, :, 1:])
    assert (await lake.load("levels", bands=["orog"])).values.data.shape == (1, 1, 16, 31)
    with pytest.raises(ProcessError, match="same dimensions"):
        await lake.load("levels", bands=["ua", "orog"])


async def test_a_rotated_grid_keeps_its_own_crs(lake, tmp_path):
    mapping = {
        "grid_mapping_name": "rotated_latitude_longitude",
        "grid_north_pole_latitude": 39.25,
        "grid_north_pole_longitude": -162.0,
    }
    values = field(10, 12, seed=9)
    data = xr.Dataset(
        {"tas": (("rlat", "rlon"), values, {"grid_mapping": "rotated_pole"}), "rotated_pole": ((), np.int32(0), mapping)},
        {
            "rlat": ("rlat", np.linspace(-5, 4, 10), {"standard_name": "grid_latitude", "units": "degrees"}),
            "rlon": ("rlon", np.linspace(-6, 5, 12), {"standard_name": "grid_longitude", "units": "degrees"}),
        },
    )
    save(data, tmp_path / "rotated.nc")
    await lake.hold(tmp_path, collection="rotated", recipe='datetime = "2020-01-01T00:00:00Z"')
    cube = await lake.load("rotated")

    x = cube.dimensions[3]
    assert "Pole rotation" in x.crs or "rotated" in x.crs.lower()
    assert np.array_equal(cube.values.data[0, 0], values[::-1])
    longitude, latitude = pyproj.Transformer.from_crs(pyproj.CRS(x.crs), 4326, always_xy=True).transform(0.0, 0.0)
    near = await lake.load(
        "rotated",
        spatial_extent={"west": longitude - 0.6, "east": longitude + 0.6, "south": latitude - 0.6, "north": latitude + 0.6},
    )
    assert 0.0 in near.dimensions[2].labels
    assert 0.0 in near.dimensions[3].labels


async def test_a_curvilinear_grid_gives_its_nearest_cells(lake, tmp_path):
    down, across = np.mgrid[0:20, 0:24]
    longitude, latitude = -10 + across * 0.5 + down * 0.2, 40 + down * 0.4 - across * 0.1
    values = field(2, 20, 24, seed=10)
    data = xr.Dataset(
        {"tos": (("time", "y", "x"), values, {"coordinates": "nav_lat nav_lon"})},
        {
            "nav_lon": (("y", "x"), longitude, {"units": "degrees_east", "standard_name": "longitude"}),
            "nav_lat": (("y", "x"), latitude, {"units": "degrees_north", "standard_name": "latitude"}),
            "time": ("time", [0.0, 1.0], {"units": "days since 2020-01-01", "standard_name": "time"}),
        },
    )
    save(data, tmp_path / "nemo.nc")
    await lake.hold(tmp_path, collection="nemo")
    cube = await lake.load("nemo")

    y, x = (each.coordinates() for each in cube.dimensions[2:])
    assert (x[0], x[-1], y[0], y[-1]) == (longitude.min(), longitude.max(), latitude.max(), latitude.min())
    assert cube.dimensions[3].crs == 4326
    points = [np.stack(parts, -1) for parts in (_sphere(*np.meshgrid(x, y)), _sphere(longitude, latitude))]
    distance = np.linalg.norm(points[0].reshape(-1, 1, 3) - points[1].reshape(1, -1, 3), axis=-1)
    nearest, there = distance.argmin(axis=1).reshape(20, 24), np.isfinite(cube.values.data[0, 0])
    assert 0.5 < there.mean() < 0.9
    assert np.array_equal(cube.values.data[:, 0][:, there], values.reshape(2, -1)[:, nearest[there]])
    assert (distance.min(axis=1).reshape(20, 24)[there] < np.radians(0.4)).all()
    assert (distance.min(axis=1).reshape(20, 24)[~there] > np.radians(0.15)).all()
    pins = await lake.pin(request("nemo"))
    part = await lake.read(pins, y=slice(5, 9), x=slice(3, 20))
    assert np.array_equal(part.values.data, cube.values.data[:, :, 5:9, 3:20], equal_nan=True)


def _sphere(longitude, latitude):
    across, up = np.radians(longitude), np.radians(latitude)
    return np.cos(up) * np.cos(across), np.cos(up) * np.sin(across), np.sin(up)


async def test_an_uneven_time_axis_is_told_label_by_label(lake, tmp_path):
    dates = [
        cftime.DatetimeNoLeap(2019, 12, 31, 18),
        cftime.DatetimeNoLeap(2020, 2, 28),
        cftime.DatetimeNoLeap(2020, 3, 1, 6, 30),
    ]
    values = cftime.date2num(dates, "hours since 2000-01-01", "noleap")
    data = xr.Dataset(
        {"pr": (("time", "lat", "lon"), field(3, 16, 31))},
        {**DEGREES, "time": ("time", values, {"units": "hours since 2000-01-01", "calendar": "noleap"})},
    )
    save(data, tmp_path / "uneven.nc")
    await lake.hold(tmp_path, collection="uneven")
    t = (await lake.load("uneven")).dimensions[0]

    assert t.labels == ("2019-12-31T18:00:00Z", "2020-02-28T00:00:00Z", "2020-03-01T06:30:00Z")
    assert read_starts(t)[2] - read_starts(t)[1] == 30.5 * 3_600_000_000
    assert t.intervals is None


async def test_calendars_and_grids_never_mix(lake, tmp_path):
    save(climate(), tmp_path / "a.nc")
    save(climate(calendar="noleap"), tmp_path / "b.nc")
    await lake.hold(tmp_path, collection="mixed")
    with pytest.raises(ProcessError, match="calendars"):
        await lake.load("mixed")

    other = climate().assign_coords(lon=DEGREES["lon"][1] + 0.5)
    other.lon.attrs = DEGREES["lon"][2]
    save(other, tmp_path / "c/b.nc")
    save(climate(), tmp_path / "c/a.nc")
    await lake.hold(tmp_path / "c", collection="shifted")
    with pytest.raises(ProcessError, match="one grid"):
        await lake.load("shifted")


async def test_fine_grids_in_single_precision_keep_their_coordinates(lake, tmp_path):
    lon = (358.6 + 0.0009 * np.arange(31)).astype(np.float32)
    data = climate()
    save(data.assign_coords(lon=("lon", lon, DEGREES["lon"][2])), tmp_path / "fine.nc")
    await lake.hold(tmp_path, collection="fine")
    cube = await lake.load("fine")

    assert cube.dimensions[-1].labels == tuple(lon.astype(float).tolist())
    np.testing.assert_array_equal(cube.values.data[:, 0], data.tas.values[:, ::-1])


async def test_where_nothing_begins_it_is_told_when_what_there_is_begins(lake, tmp_path):
    save(climate(), tmp_path / "a.nc")
    await lake.hold(tmp_path, collection="bounded")

    with pytest.raises(ProcessError, match=r"these begin 2000-01-01T00:00:00Z, .*2000-12-01T00:00:00Z"):
        await lake.load("bounded", temporal_extent=["2001-01-01", None])


@pytest.mark.parametrize(
    ("other", "expected"), [("proleptic_gregorian", "standard"), ("365_day", "noleap"), ("366_day", "all_leap")]
)
async def test_calendars_that_count_the_same_days_are_one(lake, tmp_path, other, expected):
    for year, name in ((2000, expected), (2010, other)):
        save(climate(calendar=name, year=year), tmp_path / f"{year}.nc")
    await lake.hold(tmp_path, collection="same")
    t = (await lake.load("same")).dimensions[0]

    assert (t.calendar, len(t.labels)) == (expected, 24)


async def test_what_is_no_grid_or_was_ingested_long_ago_is_told(lake, tmp_path):
    stations = xr.Dataset(
        {"tas": (("station",), field(5))},
        {"lon": ("station", np.arange(5.0), DEGREES["lon"][2]), "lat": ("station", np.arange(5.0), DEGREES["lat"][2])},
    )
    save(stations, tmp_path / "s/stations.nc")
    await lake.hold(tmp_path / "s", collection="stations", recipe='datetime = "2020-01-01T00:00:00Z"')
    with pytest.raises(ProcessError, match="on a grid"):
        await lake.load("stations")

    save(climate(), tmp_path / "o/old.nc")
    (item,) = await lake.hold(tmp_path / "o", collection="old")
    for described in item["properties"]["cube:dimensions"].values():
        described.pop("twinlake:labels", None)
    await lake.services.catalogue.put_items([ItemDraft(document=item)])
    with pytest.raises(ProcessError, match="ingest it again"):
        await lake.pin(request("old"))


async def test_a_band_that_is_not_there_is_told_with_those_that_are(lake, tmp_path):
    save(climate(), tmp_path / "named.nc")
    await lake.hold(tmp_path, collection="named")
    with pytest.raises(ProcessParameterInvalidError, match="tas"):
        await lake.pin(request("named", bands=["pr"]))


@pytest.mark.parametrize(
    ("dimension", "labels"),
    [
        ("lon", {"first": 0, "last": 1, "count": 2**60}),
        ("lon", {"first": "a", "last": 1, "count": 31}),
        ("lon", {"values": [0.0, 2.0, 1.0]}),
        ("time", {"calendar": "360_day", "first": "2000-01-01", "step_milliseconds": 1, "count": 10**12}),
        ("time", {"calendar": "of my own", "values": ["2000-01-01"]}),
        ("time", {"calendar": "360_day", "values": ["yesterday"]}),
    ],
)
async def test_labels_that_are_none_are_refused(lake, tmp_path, dimension, labels):
    save(climate(), tmp_path / "x.nc")
    (item,) = await lake.hold(tmp_path, collection="odd")
    item["properties"]["cube:dimensions"][dimension]["twinlake:labels"] = labels
    await lake.services.catalogue.put_items([ItemDraft(document=item)])

    with pytest.raises(OpenEoError, match="ingest it again"):
        await lake.pin(request("odd"))


@pytest.mark.parametrize("form", ["netcdf4", "classic", "zarr"])
async def test_another_file_than_the_pinned_one_is_refused(lake, tmp_path, form):
    name = f"x.{'zarr' if form == 'zarr' else 'nc'}"
    save(climate(), tmp_path / "a" / name, form)
    await lake.hold(tmp_path / "a", collection=f"other-{form}")
    pins = await lake.pin(request(f"other-{form}"))
    key = pins.files[0].key
    changed = {
        "coordinates": climate().assign_coords(lon=("lon", LONGITUDE + 0.5, DEGREES["lon"][2])),
        "type": climate().assign(tas=climate().tas.astype("float64")),
        "names": climate().rename(tas="pr"),
        "length": climate().isel(time=slice(0, 3)),
        "packing": climate().assign(tas=climate().tas.assign_attrs(scale_factor=2.0)),
    }
    for what, data in changed.items():
        path = save(data, tmp_path / what / name, form)
        with open_source(pins, {key: path}) as source, pytest.raises(ProcessError) as refused:
            source.read({})
        assert refused.value.reason == "FileUnlikeItem", what
    if form != "zarr":
        whole = (tmp_path / "a" / name).read_bytes()
        (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
        with open_source(pins, {key: tmp_path / "cut.nc"}) as source, pytest.raises(ProcessError) as refused:
            source.read({})
        assert refused.value.reason == "FileUnreadable"


async def test_what_variables_are_of_is_loaded_with_them(lake, tmp_path):
    data = climate()
    data["tas"].attrs = {"units": "K", "standard_name": "air_temperature", "long_name": "Near-Surface Air Temperature"}
    save(data, tmp_path / "tas.nc")
    items = await lake.hold(tmp_path, collection="of-quantities")
    cube = await lake.load("of-quantities")

    expected = Quantity(unit="K", standard_name="air_temperature", long_name="Near-Surface Air Temperature")
    assert cube.dimensions[1].quantities == (expected,)
    extent = {"spatial": {"bbox": [[-180, 0, 180, 1]]}, "temporal": {"interval": [[None, None]]}}
    described = describe_cube({"extent": extent}, items)
    assert described["summaries"]["bands"] == [{"name": "tas", "unit": "K"}]
