"""Dates as openEO's processes take them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twinlake.standards.openeo.dates import count_units, is_between, parse_moment, parse_time, require_unit, shift

DATES = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2020-01-01", "2020-01-01T00:00:00Z"),
        ("2020-01-01T12:00:00", "2020-01-01T12:00:00Z"),
        ("2020-01-01T12:00:00+05:30", "2020-01-01T06:30:00Z"),
        ("2020-01-01t12:00:00.5z", "2020-01-01T12:00:00.500Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
    ],
)
def test_moments_are_read_in_their_zone(text, same):
    assert parse_moment(text) == parse_moment(same)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2020",
        "2021-02-29",
        "2020-13-01",
        "2020-01-01T25:00:00Z",
        "2020-01-01T00:00:00+25:00",
        "12:00:00",
        "\u0662\u0660\u0662\u0660-01-01",
    ],
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match="not a"):
        parse_moment(text)


@pytest.mark.parametrize("text", ["12:00", "24:00:00", "12:60:00", "12:00:60", "12:00:00.5", "12:00:00+01:00"])
def test_what_is_no_time_of_a_day_is_refused(text):
    with pytest.raises(ValueError, match="not a time"):
        parse_time(text)


def test_the_end_of_an_interval_may_be_left_out():
    assert is_between("13:00:00", "12:00:00", "13:00:00", exclude_most=False)
    assert not is_between("13:00:00", "12:00:00", "13:00:00", exclude_most=True)


@pytest.mark.parametrize(
    ("text", "count", "unit", "expected"),
    [
        ("2020-01-31", 1, "month", "2020-02-29"),
        ("2019-01-31", 1, "month", "2019-02-28"),
        ("2020-03-31", -1, "month", "2020-02-29"),
        ("2020-01-31", -14, "month", "2018-11-30"),
        ("2000-02-29", -100, "year", "1900-02-28"),
        ("2020-02-29", 4, "year", "2024-02-29"),
        ("2020-02-28", 1, "week", "2020-03-06"),
        ("2020-12-31T23:59:59+02:00", 1, "second", "2021-01-01T00:00:00+02:00"),
        ("2018-12-31T17:22:45Z", 1150, "millisecond", "2018-12-31T17:22:46.150Z"),
        ("2018-12-31T17:22:45.150Z", -150, "millisecond", "2018-12-31T17:22:45.000Z"),
        ("2018-12-31T17:22:45.123456Z", 1, "day", "2019-01-01T17:22:45.123456Z"),
        ("2018-12-31T17:22z", 1, "minute", "2018-12-31T17:23:00Z"),
        ("2018-12-31 17:22:00", 1, "hour", "2018-12-31T18:22:00"),
        ("0001-01-02", -1, "day", "0001-01-01"),
        ("2018-01-01", -1, "hour", "2017-12-31"),
        ("2018-01-01", 0, "millisecond", "2018-01-01"),
    ],
)
def test_shifts_keep_the_form_and_the_zone(text, count, unit, expected):
    assert shift(text, count, unit) == expected


@pytest.mark.parametrize(
    ("count", "unit", "expected"),
    [(1, "second", "2017-01-01T00:00:00Z"), (1, "year", "2017-12-31T23:59:59Z"), (0, "day", "2016-12-31T23:59:59Z")],
)
def test_leap_seconds_are_taken_and_never_returned(count, unit, expected):
    assert shift("2016-12-31T23:59:60Z", count, unit) == expected


@pytest.mark.parametrize(
    ("count", "unit"), [(8000, "year"), (-2021, "year"), (10**30, "millisecond"), (10**30, "month"), (-(10**7), "day")]
)
def test_shifts_end_with_the_calendar(count, unit):
    with pytest.raises(ValueError, match="1 to 9999"):
        shift("2020-01-01", count, unit)


@pytest.mark.parametrize(
    ("start", "end", "unit", "expected"),
    [
        ("2020-01-01", "2020-01-15", "week", 2),
        ("2020-01-01", "2020-01-01T12:00:00Z", "day", 0.5),
        ("2020-01-31", "2020-02-29", "month", 1),
        ("2020-02-29", "2020-01-31", "month", -1),
        ("2020-02-01", "2020-02-15T12:00:00Z", "month", 0.5),
        ("2019-02-28", "2020-02-28", "year", 1),
        ("2020-02-29", "2021-02-28", "year", 1),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00.0015Z", "millisecond", 1.5),
    ],
)
def test_units_between_two_moments_are_counted(start, end, unit, expected):
    assert count_units(start, end, unit) == expected


def test_the_end_of_the_calendar_has_no_next_month():
    with pytest.raises(ValueError, match="9999"):
        count_units("9999-12-01", "9999-12-05", "month")


def test_units_have_names():
    assert require_unit("week") == "week"
    with pytest.raises(ValueError, match="none of"):
        require_unit("weeks")


@given(DATES, DATES, st.sampled_from(["second", "day", "month", "year"]))
def test_differences_have_the_sign_of_their_order(one, other, unit):
    first, second = one.isoformat(), other.isoformat()

    assert count_units(first, second, unit) == -count_units(second, first, unit)
    assert (count_units(first, second, unit) > 0) == (other > one)


@given(DATES, st.integers(-1000, 1000), st.sampled_from(["hour", "day", "week"]))
def test_shifts_by_fixed_units_are_what_is_counted(moment, count, unit):
    assume(20 < moment.year < 9980)  # a thousand weeks from where years end
    moved = shift(moment.isoformat(), count, unit)

    assert count_units(moment.isoformat(), moved, unit) == pytest.approx(count)
    assert datetime.fromisoformat(moved) == moment + timedelta(**{f"{unit}s": count})
