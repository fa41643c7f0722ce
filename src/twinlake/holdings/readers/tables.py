"""Rows and columns, whatever file they come from: columns, extents in space and in time, gathered batch by batch."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers import footprints, times
from twinlake.holdings.readers.attributes import clean_text
from twinlake.holdings.readers.description import Footprint, Interval
from twinlake.holdings.readers.errors import RecipeNeededError, TooLargeToReadError
from twinlake.holdings.readers.hints import Hints
from twinlake.holdings.readers.limits import MAX_COLUMNS, MAX_POINTS

_LONGITUDES = ("longitude", "lon", "long", "lng", "x_wgs84")
_LATITUDES = ("latitude", "lat", "y_wgs84")
_TIMES = re.compile(r"^(date.?time|time|timestamp|date|datetime_utc|valid_time|obs_?time|sensing_time)$", re.IGNORECASE)
_STARTS = re.compile(r"^(start|begin)[ _-]?(date|time|datetime)?$", re.IGNORECASE)
_ENDS = re.compile(r"^(end|stop)[ _-]?(date|time|datetime)?$", re.IGNORECASE)
_YEARS = re.compile(r"^(.*_)?years?$", re.IGNORECASE)
_MAX_DISTINCT_TIMES = 100_000


def check_columns(count: int) -> None:
    """Refuse a table of more columns than a description can hold."""
    if count > MAX_COLUMNS:
        raise TooLargeToReadError(
            f"The table has {count} columns; at most {MAX_COLUMNS} are taken in.", "Turn it: one row per value, or split it."
        )


def describe_columns(schema: pa.Schema) -> JsonObject:
    """Return ``table:columns`` of an Arrow schema."""
    return {"table:columns": [{"name": clean_text(each.name) or "_", "type": clean_text(str(each.type))} for each in schema]}


@dataclass(slots=True)
class Extents:
    """What a pass over a table learns of where and when its rows are."""

    hints: Hints
    names: list[str]
    longitude: str | None = None
    latitude: str | None = None
    time_columns: tuple[str, ...] = ()
    _west: float = np.inf
    _east: float = -np.inf
    _south: float = np.inf
    _north: float = -np.inf
    _places: set[tuple[float, float]] = field(default_factory=set)
    _interval: Interval | None = None
    _bad_time: str | None = None

    @classmethod
    def of(cls, names: list[str], hints: Hints) -> "Extents":
        """Choose the columns of place and time among *names*.

        Raises
        ------
        RecipeNeededError
            A column that the recipe names is not there.
        """
        check_columns(len(names))
        for wanted in (hints.longitude_column, hints.latitude_column, *hints.time_columns):
            if wanted is not None and wanted not in names:
                raise RecipeNeededError(f"The table has no column {wanted!r}.", f"Correct the recipe: there are {names[:20]}.")
        longitude = hints.longitude_column or _named(names, _LONGITUDES)
        latitude = hints.latitude_column or _named(names, _LATITUDES)
        if longitude is None or latitude is None:
            longitude = latitude = None
        return cls(hints, names, longitude, latitude, hints.time_columns or find_time_columns(tuple(names)))

    def add(self, batch: pa.RecordBatch) -> None:
        """Look at the rows of *batch*."""
        if self.longitude and self.latitude:
            self._add_places(batch.column(self.longitude), batch.column(self.latitude))
        for name in self.time_columns:
            self._add_times(name, batch.column(name))

    def _add_places(self, longitude: pa.Array, latitude: pa.Array) -> None:
        x, y = _floats(longitude), _floats(latitude)
        good = np.isfinite(x) & np.isfinite(y) & (np.abs(x) <= 360.0) & (np.abs(y) <= 90.0)
        if not good.any():
            return
        x, y = x[good], y[good]
        self._west, self._east = min(self._west, float(x.min())), max(self._east, float(x.max()))
        self._south, self._north = min(self._south, float(y.min())), max(self._north, float(y.max()))
        if len(self._places) <= MAX_POINTS:
            self._places.update(map(tuple, np.unique(np.column_stack([x, y]), axis=0)[: MAX_POINTS + 1].tolist()))

    def _add_times(self, name: str, column: pa.Array) -> None:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_temporal(column.type):
            found = _temporal_extremes(column)
        else:
            values = pc.unique(column).drop_null().slice(0, _MAX_DISTINCT_TIMES).to_pylist()
            found = [self._parse(name, value) for value in values]
        self._interval = times.union([self._interval, *found])

    def _parse(self, name: str, value: Any) -> Interval | None:
        text = str(value).strip()
        if not text:
            return None
        if self.hints.time_format and name in self.hints.time_columns:
            try:
                instant = times.as_utc(datetime.strptime(text, self.hints.time_format))  # noqa: DTZ007  # as_utc gives the zone
            except ValueError:
                self._bad_time = self._bad_time or text
                return None
            return Interval(instant, instant)
        found = parse_cell(text)
        if found is None:
            self._bad_time = self._bad_time or text
        return found

    def footprint(self) -> Footprint | None:
        """Return where the rows are; None without columns of place."""
        if self.hints.bbox:
            return footprints.extent(*self.hints.bbox)
        if not np.isfinite(self._west):
            return None
        if len(self._places) <= MAX_POINTS:
            places = np.array(sorted(self._places))
            return footprints.points(places[:, 0], places[:, 1])
        return footprints.box(self._west, self._south, self._east, self._north)

    def time(self) -> Interval | None:
        """Return when the rows are; failing time columns, the years that columns are named after.

        Raises
        ------
        RecipeNeededError
            A column that the recipe names holds something that is no time.
        """
        if self._bad_time is not None and self.hints.time_columns:
            raise RecipeNeededError(
                f"The time column holds {clean_text(self._bad_time)[:50]!r}, which is not understood.",
                'State its form in the recipe, such as: time_format = "%d.%m.%Y"',
            )
        if self._interval is not None:
            return self._interval if self._bad_time is None else None
        years = [each for each in map(times.parse_year_name, self.names) if each is not None]
        return times.union(years) if len(years) > 1 else None


@lru_cache(maxsize=100_000)
def parse_cell(text: str) -> Interval | None:
    """Read a time in a cell: ISO 8601 and its parts, or a year, also with a fraction."""
    if found := times.parse_time(text):
        return found
    try:
        number = float(text)
    except ValueError:
        return None
    if number.is_integer() and 1 <= number <= 9999:
        return times.year_interval(int(number))
    instant = times.decimal_year(number)
    return Interval(instant, instant) if instant else None


def _floats(column: pa.Array) -> Any:
    """Return *column* as 64-bit floats; what is no number is NaN."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        cells = pc.utf8_trim_whitespace(column)
        try:
            column = pc.if_else(pc.equal(cells, ""), None, cells).cast(pa.float64())
        except pa.ArrowInvalid:
            return np.array([_float(value) for value in column.to_pylist()])
    return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _float(value: str | None) -> float:
    try:
        return float(value) if value else np.nan
    except ValueError:
        return np.nan


def _temporal_extremes(column: pa.Array) -> list[Interval | None]:
    if pa.types.is_time(column.type) or pa.types.is_duration(column.type) or len(column) == column.null_count:
        return []
    extremes = pc.min_max(column.cast(pa.timestamp("us", tz="UTC" if getattr(column.type, "tz", None) else None))).as_py()
    return [Interval(_aware(extremes["min"]), _aware(extremes["max"]))]


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _named(names: list[str], wanted: tuple[str, ...]) -> str | None:
    lower = {name.strip().lower(): name for name in reversed(names)}
    return next((lower[each] for each in wanted if each in lower), None)


@lru_cache(maxsize=1_000)
def find_time_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that look like times: instants, or starts and ends, or years; none if there are several of a kind."""
    instants = [name for name in names if _TIMES.match(name.strip())]
    if len(instants) == 1:
        return tuple(instants)
    starts = [name for name in names if _STARTS.match(name.strip())]
    ends = [name for name in names if _ENDS.match(name.strip())]
    if len(starts) == len(ends) == 1:
        return (*starts, *ends)
    years = [name for name in names if _YEARS.match(name.strip())]
    return tuple(years) if len(years) == 1 else ()
