"""Normals of climate periods, what differs from them, and the times of another cube."""

import numpy as np
import pytest

from processing.openeo.rasters import MEAN, T, X, Y, a_cube, run
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError


def times(*labels, calendar="standard"):
    return Dimension(name="t", kind="temporal", labels=labels, calendar=calendar)


def months(first, last, calendar="standard"):
    """Return the middle of each month from the first month to the last."""
    labels = [f"{year}-{month:02d}-15" for year in range(1970, 2020) for month in range(1, 13)]
    return times(*[label for label in labels if first <= label[:7] <= last], calendar=calendar)


def series(dimension, data=None):
    data = np.arange(len(dimension.labels), dtype=np.float32) if data is None else np.array(data, dtype=np.float32)
    return Cube(values=Values(data=data, nan_is_nodata=True), dimensions=(dimension,))


@pytest.mark.parametrize("calendar", ["standard", "360_day"])
def test_months_are_averaged_over_the_years(calendar):
    cube = series(months("1980-01", "1983-12", calendar))
    found = run("climatological_normal", cube, period="month", climatology_period=[1981, 1982])

    assert found.dimensions[0] == times(*[f"{month:02d}" for month in range(1, 13)], calendar=calendar)
    np.testing.assert_array_equal(found.values.data, np.arange(12) + 18)
    assert found.values.data.dtype == np.float32


@pytest.mark.parametrize(
    ("first", "winter"),
    [
        ("1980-12", np.mean([0, 1, 2, 12, 13, 14])),
        ("1981-01", np.mean([11, 12, 13])),
        ("1980-11", np.mean([1, 2, 3, 13, 14, 15])),
    ],
)
def test_a_winter_without_its_december_does_not_count(first, winter):
    cube = series(months(first, "1982-12"))
    found = run("climatological_normal", cube, period="season", climatology_period=[1981, 1982])

    assert found.dimensions[0].labels == ("djf", "mam", "jja", "son")
    assert found.values.data[0] == pytest.approx(winter)


def test_seasons_that_are_periods_already_have_all_their_months():
    seasons = run("aggregate_temporal_period", series(months("1980-11", "1983-04")), period="tropical-season", reducer=MEAN)
    found = run("climatological_normal", seasons, period="tropical-season", climatology_period=[1981, 1982])

    assert found.dimensions[0].labels == ("ndjfma", "mjjaso")
    assert found.values.data.tolist() == pytest.approx([np.mean([2.5, 14.5]), np.mean([8.5, 20.5])])


def test_years_from_december_are_those_of_their_november():
    spans = tuple((f"{year - 1}-12-01", f"{year}-12-01") for year in range(1980, 1985))
    years = Dimension(name="t", kind="temporal", labels=tuple(f"{year}-06-01" for year in range(1980, 1985)), intervals=spans)

    def normal(first, last):
        return run("climatological_normal", series(years), period="climatology-period", climatology_period=[first, last])

    assert normal(1981, 1983).values.data.tolist() == [2]
    assert normal(1980, 1984).values.data.tolist() == [2]
    with pytest.raises(ProcessParameterInvalidError, match="from 1979 to 1981, but 1980 to 1984"):
        normal(1979, 1981)


def test_the_whole_period_is_one():
    found = run(
        "climatological_normal",
        series(months("1980-01", "1983-12")),
        period="climatology-period",
        climatology_period=[1981, 1982],
    )

    assert found.dimensions[0].labels == ("climatology-period",)
    assert found.values.data.tolist() == [23.5]


@pytest.mark.parametrize(("year", "calendar", "days"), [(1981, "standard", 365), (1984, "standard", 366), (1984, "360_day", 360)])
def test_there_are_as_many_days_as_years_have(year, calendar, days):
    cube = series(
        times(f"{year}-01-01", f"{year}-12-30", f"{year}-12-31", calendar=calendar).take(
            [0, 1, 2] if calendar == "standard" else [0, 1]
        )
    )
    found = run("climatological_normal", cube, period="day", climatology_period=[year, year])

    assert found.dimensions[0].labels == tuple(f"{day:03d}" for day in range(1, days + 1))
    assert np.flatnonzero(found.values.where()).tolist() == ([0, days - 2, days - 1] if calendar == "standard" else [0, days - 1])


def test_years_that_are_not_there_are_told():
    with pytest.raises(ProcessParameterInvalidError, match="does not span the years from 1981 to 2010"):
        run("climatological_normal", series(months("1981-01", "2009-12")), period="month")


@pytest.mark.parametrize("period", ["month", "season", "climatology-period"])
def test_periods_minus_their_normals_have_no_mean(period):
    cube = series(months("1980-12", "1982-11"), np.arange(24.0) ** 2)
    if period == "season":
        cube = run("aggregate_temporal_period", cube, period=period, reducer=MEAN)
    normals = run("climatological_normal", cube, period=period, climatology_period=[1981, 1982])
    found = run("anomaly", cube, normals, period=period)

    assert found.dimensions == cube.dimensions
    again = run("climatological_normal", found, period=period, climatology_period=[1981, 1982])
    np.testing.assert_allclose(again.values.data, 0, atol=1e-4)


@pytest.mark.parametrize(
    ("period", "labels", "normals"),
    [
        ("hour", ("2020-01-01-05", "2020-01-02-06"), ("06", "05")),
        ("day", ("2020-001", "2020-366"), ("366", "001")),
        ("week", ("2020-05", "2020-53"), ("53", "05")),
        ("dekad", ("2020-05", "2020-36"), ("36", "05")),
        ("month", ("2020-05", "2020-12"), ("12", "05")),
        ("month", ("2020-05-12", "2020-12-05"), ("12", "05")),
        ("season", ("2020-djf", "2020-son"), ("son", "djf")),
        ("tropical-season", ("2020-ndjfma", "2020-mjjaso"), ("mjjaso", "ndjfma")),
        ("year", ("2020", "2021"), ("2021", "2020")),
        ("decade", ("2020", "2030"), ("2030", "2020")),
        ("decade-ad", ("2021", "2031"), ("2031", "2021")),
    ],
)
def test_a_normal_is_that_of_its_period(period, labels, normals):
    found = run("anomaly", series(times(*labels), [10, 20]), series(times(*normals), [1, 2]), period=period)

    assert found.values.data.tolist() == [8, 19]


def test_normals_that_have_lost_their_time_are_told():
    named = Cube(
        values=Values(data=np.zeros(12)), dimensions=(Dimension(name="t", labels=tuple(f"{n:02d}" for n in range(1, 13))),)
    )
    with pytest.raises(ProcessError, match=r"normals have no temporal dimension: .* save them as Zarr"):
        run("anomaly", series(months("2000-01", "2000-12")), named, period="month")


@pytest.mark.parametrize("is_hollow", [False, True])
def test_normals_may_lack_dimensions_and_have_them_in_any_order(is_hollow):
    data = a_cube(dimensions=(Y, T, X), hollow=is_hollow)
    normals = a_cube(dimensions=(X, times("001", "002", "003")), hollow=is_hollow)
    found = run("anomaly", data, normals, period="day")

    assert found.dimensions == data.dimensions
    np.testing.assert_array_equal(found.values.data, data.values.data - normals.values.data.T[None])
    assert found.values.data.dtype == np.float32


@pytest.mark.parametrize("period", ["single-period", "climatology-period"])
def test_a_single_normal_is_that_of_all(period):
    cube = a_cube()
    found = run("anomaly", cube, a_cube(dimensions=(times("whatever"), Y)), period=period)

    np.testing.assert_array_equal(found.values.data, cube.values.data - np.arange(4)[None, :, None])


@pytest.mark.parametrize(
    ("normals", "period"),
    [
        ((times("01", "03"),), "day"),
        ((times("01", "02"),), "single-period"),
        ((times("001", "002", "003"), Dimension(name="q", labels=(1,))), "day"),
    ],
)
def test_normals_of_something_else_are_refused(normals, period):
    with pytest.raises(ProcessParameterInvalidError, match=r"The normals have|alone has a dimension 'q'"):
        run("anomaly", a_cube(), a_cube(dimensions=normals), period=period)


@pytest.mark.parametrize(
    ("period", "labels"),
    [("day", ("060",)), ("week", ("09",)), ("dekad", ("06",)), ("month", ("03",)), ("season", ("mam",)), ("year", ("2020",))],
)
@pytest.mark.parametrize("calendars", [("standard", "360_day"), ("360_day", "noleap")])
def test_normals_of_another_calendar_are_refused(period, labels, calendars):
    own, theirs = calendars
    with pytest.raises(ProcessParameterInvalidError, match=f"calendar of dimension 't' is {own} in one cube, {theirs}"):
        run("anomaly", series(times("2020-03-01", calendar=own)), series(times(*labels, calendar=theirs)), period=period)


def test_a_single_normal_may_be_of_another_calendar():
    normals = series(times("climatology-period", calendar="360_day"), [2])
    found = run("anomaly", series(times("2020-03-01"), [5]), normals, period="climatology-period")

    assert found.values.data.tolist() == [3]


def test_the_nearest_time_is_taken_and_the_earlier_of_two():
    cube = series(times("2020-01-01", "2020-01-03", "2020-01-09"), [1, np.nan, 3])
    target = series(times("2020-01-02", "2020-01-04", "2020-01-08", "2021-01-01"))
    found = run("resample_cube_temporal", cube, target)

    assert found.dimensions == target.dimensions
    np.testing.assert_array_equal(found.values.data, [1, np.nan, 3, 3])


@pytest.mark.parametrize(
    ("days", "expected"), [(1, [np.nan, np.nan, np.nan, np.nan]), (1.5, [1, np.nan, 3, np.nan]), (4, [1, 1, 3, np.nan])]
)
def test_the_nearest_valid_time_is_less_than_so_many_days_away(days, expected):
    cube = series(times("2020-01-01", "2020-01-03", "2020-01-09"), [1, np.inf, 3])
    target = series(times("2020-01-02", "2020-01-04", "2020-01-08", "2021-01-01"))
    found = run("resample_cube_temporal", cube, target, valid_within=days)

    np.testing.assert_array_equal(found.values.data, expected)
    assert found.values.data.dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_the_nearest_valid_value_differs_from_cell_to_cell(dtype):
    cube = a_cube(dtype=dtype)
    found = run("resample_cube_temporal", cube, a_cube(dimensions=(T.take([0]),)), valid_within=1.5)

    expected = cube.values.data[0].copy()
    if dtype == "float32":
        expected[0, 0] = cube.values.data[1, 0, 0]
    np.testing.assert_array_equal(found.values.data[0], expected)
    assert found.values.data.dtype == dtype


def test_a_cube_without_times_has_nothing_to_take():
    found = run("resample_cube_temporal", series(times()), series(times("2020-01-01")))

    assert np.isnan(found.values.data).tolist() == [True]


@pytest.mark.parametrize(
    ("target", "arguments", "reason"),
    [
        ((X,), {}, "DimensionMismatch"),
        ((X, T), {"dimension": "x"}, "DimensionMismatch"),
        ((T,), {"dimension": "x"}, "DimensionNotAvailable"),
        ((times("2020-01-01", calendar="360_day"),), {}, "DimensionMismatch"),
    ],
)
def test_times_that_do_not_go_together_are_refused(target, arguments, reason):
    with pytest.raises(ProcessError) as refused:
        run("resample_cube_temporal", a_cube(), a_cube(dimensions=target), **arguments)
    assert refused.value.reason == reason
