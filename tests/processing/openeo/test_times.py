"""Times are those of their calendar, intervals are half open, and periods have openEO's names."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.openeo.rasters import MEAN, a_cube, callback, run
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.periods import PERIODS
from twinlake.processing.openeo.shapes.times import DAY, HOUR, parse_time, split_day, write_time
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

CALENDARS = ["standard", "julian", "noleap", "all_leap", "360_day"]


def series(*labels, calendar="standard", dtype="float32"):
    return a_cube(dimensions=(Dimension(name="t", kind="temporal", labels=labels, calendar=calendar),), dtype=dtype)


@given(st.dates())
def test_days_and_weeks_are_those_of_python(day):
    number = parse_time(day.isoformat()) // DAY
    year, week, _ = day.isocalendar()

    assert number - parse_time("0001-01-01") // DAY == (day - date(1, 1, 1)).days
    assert split_day(number) == (day.year, day.month, day.day)
    assert PERIODS["week"].label(PERIODS["week"].number(number * DAY, "standard"), "standard") == f"{year:04d}-{week:02d}"


@pytest.mark.parametrize("calendar", CALENDARS)
@given(instant=st.integers(0, 3000 * 366 * DAY))
def test_an_instant_lies_in_its_period(calendar, instant):
    assert parse_time(write_time(instant, calendar), calendar) == instant - instant % 1_000_000
    for period in PERIODS.values():
        number = period.number(instant, calendar)
        assert period.start(number, calendar) <= instant < period.start(number + 1, calendar)
        assert period.number(period.start(number, calendar), calendar) == number


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2020-01-01T02:00:00+02:00", "2020-01-01"),
        ("2019-12-31T22:30:00-01:30", "2020-01-01T00:00:00Z"),
        ("2020-01-01T00:00:00.000Z", "2020"),
        ("2016-12-31T23:59:60Z", "2017-01-01"),
        ("2020-01-01 00:00:00", "2020-01"),
        ("2019-12-31T24:00:00Z", "2020-01-01"),
    ],
)
def test_the_same_instant_is_told_in_many_ways(text, same):
    assert parse_time(text) == parse_time(same)


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-30",
        "2020-13-01",
        "2020-01-01T25:00:00Z",
        "2020-01-01T24:30:00Z",
        "2020-01-01T24:00:01Z",
        "2020-01-01T24:00:00.5Z",
        "W01",
        "",
        "2020-01-00",
        2020,
        None,
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ProcessParameterInvalidError, match="is no time"):
        parse_time(text)


def test_calendars_that_nobody_knows_are_refused():
    with pytest.raises(ProcessParameterInvalidError, match="calendar 'mayan'"):
        parse_time("2020-01-01", "mayan")


def test_days_of_a_calendar_of_360_days():
    assert parse_time("2000-02-30", "360_day") == parse_time("2000-03-01", "360_day") - DAY
    assert parse_time("2000-01-31", "360_day") == parse_time("2000-02-01", "360_day")
    cube = series("2000-02-28T12:00:00", "2000-02-30T12:00:00", "2000-03-01T12:00:00", calendar="360_day")

    found = run("filter_temporal", cube, extent=["2000-02-29", "2000-03-01"])
    assert found.dimensions[0].labels == ("2000-02-30T12:00:00",)
    found = run("aggregate_temporal_period", cube, period="month", reducer=MEAN)
    assert found.dimensions[0].labels == ("2000-02", "2000-03")
    assert found.dimensions[0].calendar == "360_day"
    np.testing.assert_allclose(found.values.data, [0.5, 2])


def test_the_start_of_an_interval_belongs_to_it_and_its_end_does_not():
    found = run("filter_temporal", a_cube(), extent=["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"])

    assert found.dimensions[0].labels == ("2020-01-01T00:00:00Z",)


def test_an_interval_without_any_end_is_refused():
    with pytest.raises(ProcessParameterInvalidError, match="without end on both sides"):
        run("filter_temporal", a_cube(), extent=[None, None])


@pytest.mark.parametrize("dimension", ["x", "nowhere"])
def test_only_temporal_dimensions_have_times(dimension):
    with pytest.raises(ProcessError) as refused:
        run("filter_temporal", a_cube(), extent=["2020-01-01", None], dimension=dimension)
    assert refused.value.reason == "DimensionNotAvailable"


def test_periods_are_filtered_by_their_start():
    months = run("aggregate_temporal_period", series("2020-01-15", "2020-02-15", "2020-03-15"), period="month", reducer=MEAN)
    found = run("filter_temporal", months, extent=["2020-02-01", "2020-03-01"])

    assert found.dimensions[0].labels == ("2020-02",)
    assert found.dimensions[0].intervals == (("2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z"),)


@pytest.mark.parametrize(
    ("period", "labels", "expected"),
    [
        ("hour", ("2020-01-01T22:59:59Z", "2020-01-02T00:00:00Z"), ("2020-01-01-22", "2020-01-01-23", "2020-01-02-00")),
        ("day", ("2020-12-31", "2021-01-01"), ("2020-366", "2021-001")),
        ("week", ("2020-12-31", "2021-01-03", "2021-01-04"), ("2020-53", "2021-01")),
        ("dekad", ("2020-12-31", "2021-01-10T23:59:59Z", "2021-01-11"), ("2020-36", "2021-01", "2021-02")),
        ("season", ("2020-02-29", "2020-12-01"), ("2019-djf", "2020-mam", "2020-jja", "2020-son", "2020-djf")),
        ("tropical-season", ("2020-04-30", "2020-11-01"), ("2019-ndjfma", "2020-mjjaso", "2020-ndjfma")),
        ("year", ("0999", "1001"), ("0999", "1000", "1001")),
        ("decade", ("2009", "2010"), ("2000", "2010")),
        ("decade-ad", ("2010", "2011"), ("2001", "2011")),
    ],
)
def test_periods_have_openeos_labels_and_none_is_left_out(period, labels, expected):
    found = run("aggregate_temporal_period", series(*labels), period=period, reducer=MEAN)

    assert found.dimensions[0].labels == expected
    assert np.isnan(found.values.data).sum() == len(expected) - len(set(map(period_of(period), labels)))


SPANS = [("1999-12-01", "2000-12-01"), ("2000-12-01", "2001-12-01"), ("2001-12-01", "2002-12-01")]


def bounded(spans, calendar="standard"):
    """Return a cube of what has these bounds, and the middle of each as its label."""
    middles = [sum(parse_time(each, calendar) for each in span) // 2 for span in spans]
    labels = tuple(write_time(middle, calendar) for middle in middles)
    dimension = Dimension(name="t", kind="temporal", labels=labels, intervals=tuple(spans), calendar=calendar)
    return a_cube(dimensions=(dimension,), dtype="float32")


@pytest.mark.parametrize("period", sorted(PERIODS))
@pytest.mark.parametrize("calendar", CALENDARS)
@given(start=st.integers(1000 * 366 * 24, 2000 * 366 * 24), hours=st.integers(1, 20 * 366 * 24))
def test_what_has_bounds_counts_for_the_period_that_has_most_of_it(period, calendar, start, hours):
    first, last = start * HOUR, (start + hours) * HOUR
    cube = bounded([(write_time(first, calendar), write_time(last, calendar))], calendar)
    made = run("aggregate_temporal_period", cube, period=period, reducer=MEAN)
    ((begin, end),) = made.dimensions[0].intervals
    begin, end = parse_time(begin, calendar), parse_time(end, calendar)

    shared = min(last, end) - max(first, begin)
    before, after = begin - first, last - end
    assert shared > 0
    assert max(before, after) <= (last - first) / 2  # no other period can have more than half
    assert np.array_equal(made.values.data, cube.values.data, equal_nan=True)


def test_weeks_are_of_the_year_of_their_thursday():
    weeks = bounded([("2019-12-30", "2020-01-06"), ("2020-12-28", "2021-01-04")])

    assert run("aggregate_temporal_period", weeks, period="year", reducer=MEAN).dimensions[0].labels == ("2020",)


def test_two_halves_count_for_the_later_one():
    noons = bounded([("2019-12-31T12:00:00Z", "2020-01-01T12:00:00Z")])

    assert run("aggregate_temporal_period", noons, period="day", reducer=MEAN).dimensions[0].labels == ("2020-001",)


def period_of(period):
    return lambda label: PERIODS[period].number(parse_time(label), "standard")


def test_labels_too_far_apart_are_refused():
    with pytest.raises(ProcessParameterInvalidError, match="periods apart"):
        run("aggregate_temporal_period", series("0001-01-01", "2020-01-01"), period="hour", reducer=MEAN)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_intervals_without_data_change_no_type(dtype):
    cube = series("2020-01-01", "2020-03-01", dtype=dtype)
    first = callback("add", x={"from_parameter": "data"}, y=0)
    whole = run("aggregate_temporal_period", cube, period="month", reducer=MEAN)

    assert whole.values.data.dtype == (np.float32 if dtype == "float32" else np.float64)
    assert whole.values.where().tolist() == [True, False, True]
    with pytest.raises(ProcessParameterInvalidError, match="one value is wanted"):
        run("aggregate_temporal_period", cube, period="month", reducer=first)


def test_a_constant_is_made_of_nothing_too():
    cube = a_cube()
    found = run("aggregate_temporal", cube, intervals=[["2021-01-01", None]], labels=["later"], reducer=callback("add", x=1, y=2))

    assert found.values.data.shape == (1, 4, 2)
    assert (found.values.data == 3).all()


def test_nights_reach_over_midnight():
    cube = series("2020-01-01T05:59:59Z", "2020-01-01T06:00:00Z", "2020-01-01T17:59:59Z", "2020-01-01T18:00:00Z")
    found = run("aggregate_temporal", cube, intervals=[["06:00:00", "18:00:00"], ["18:00:00", "06:00:00"]], reducer=MEAN)

    assert found.dimensions[0].labels == ("06:00:00", "18:00:00")
    assert found.values.data.tolist() == [1.5, 1.5]


@pytest.mark.parametrize(
    ("intervals", "labels", "reason"),
    [
        ([["2020-01-01", "2020-01-01"]], [], "TemporalExtentEmpty"),
        ([["06:00:00", "06:00:00"]], [], "TemporalExtentEmpty"),
        ([[None, "2020-01-01"], ["2020-01-01", None]], [], "DistinctDimensionLabelsRequired"),
        ([["2020-01-01", "2020-01-02"], ["2020-01-02", None]], ["a", "a"], "DistinctDimensionLabelsRequired"),
    ],
)
def test_intervals_that_cannot_be_are_refused(intervals, labels, reason):
    with pytest.raises(ProcessError) as refused:
        run("aggregate_temporal", a_cube(), intervals=intervals, labels=labels, reducer=MEAN)
    assert refused.value.reason == reason


@pytest.mark.parametrize("start", ["2020-01-01", "24:30:00", "05:60:00"])
def test_an_interval_of_a_date_and_a_time_of_the_day_is_refused(start):
    with pytest.raises(ProcessParameterInvalidError, match="two dates or two times of the day"):
        run("aggregate_temporal", a_cube(), intervals=[[start, "06:00:00"]], reducer=MEAN)


def test_a_day_may_end_at_its_midnight():
    found = run("aggregate_temporal", series("2020-01-01T23:59:59Z"), intervals=[["18:00:00", "24:00:00"]], reducer=MEAN)

    assert found.dimensions[0].labels == ("18:00:00",)
    assert found.values.data.tolist() == [0]
