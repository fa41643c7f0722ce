"""Labels of cubes that are put together of many items: times and bands. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.loading.planning.items import Band, write_instant
from twinlake.processing.openeo.shapes.bands import find_bands
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.times import Bounded, Interval, find_calendar, find_within, parse_time
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

MAX_LABELS = 100_000
"""Along t: texts in memory and in JSON."""
NO_DATA = "NoDataAvailable"
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One label of time."""

    start: int
    """Microseconds, in its calendar."""
    label: str
    interval: tuple[str, str] | None = None

    @property
    def begin(self) -> str:
        """The text of *start*."""
        return self.label if self.interval is None else self.interval[0]


def read_moments(described: JsonObject) -> tuple[tuple[Moment, ...], str]:
    """Return the times along an axis, in its order, and their calendar, as `holdings.readers.labels` describes them.

    Raises
    ------
    KeyError, TypeError, ValueError, ProcessParameterInvalidError
        It is no such description.
    """
    calendar = find_calendar(str(described["calendar"]))
    if "values" in described:
        instants = [parse_time(each, calendar) for each in described["values"]]
    else:
        first, step, count = (
            parse_time(described["first"], calendar),
            int(described["step_milliseconds"]),
            int(described["count"]),
        )
        if not 0 < count <= MAX_LABELS:
            raise ValueError("too many times")
        instants = [first + 1000 * step * number for number in range(count)]
    if "before" in described:
        before, after = 1000 * int(described["before"]), 1000 * int(described["after"])
        bounds = [(each - before, each + after) for each in instants]
    elif "starts" in described:
        sides = ([parse_time(each, calendar) for each in described[side]] for side in ("starts", "ends"))
        bounds = list(zip(*sides, strict=True))
    else:
        return tuple(Moment(start=each, label=write_instant(each, calendar)) for each in instants), calendar
    return tuple(
        Moment(
            start=start,
            label=write_instant(each, calendar),
            interval=(write_instant(start, calendar), write_instant(end, calendar)),
        )
        for each, (start, end) in zip(instants, bounds, strict=True)
    ), calendar


def order_times(moments: Iterable[Moment], calendar: str = "standard") -> tuple[Dimension, dict[int, int]]:
    """Return the temporal dimension with one label for each instant, and the places of the labels by their starts.

    Of moments with the same start the first counts.
    """
    by_start: dict[int, Moment] = {}
    for each in moments:
        by_start.setdefault(each.start, each)
    ordered = [by_start[start] for start in sorted(by_start)]
    intervals = tuple(each.interval for each in ordered if each.interval is not None)
    dimension = Dimension(
        name="t",
        kind="temporal",
        labels=tuple(each.label for each in ordered),
        intervals=intervals if len(intervals) == len(ordered) else None,
        calendar=calendar,
    )
    return dimension, {each.start: place for place, each in enumerate(ordered)}


def find_left_out(moments: Iterable[Moment], extent: Interval | None, calendar: str = "standard") -> tuple[Bounded, ...]:
    """Return moments that begin outside of an extent though most of them lies within (`_Pins.left_out`)."""
    bounded = {each.start: (each.label, *each.interval) for each in moments if each.interval is not None}
    starts = sorted(bounded)
    middles = [(start + parse_time(bounded[start][2], calendar)) // 2 for start in starts]
    missed = set(find_within(middles, extent, calendar)) - set(find_within(starts, extent, calendar))
    return tuple(bounded[starts[place]] for place in sorted(missed))


def name_bands(bands: Iterable[Band], *, declared: Sequence[str] = ()) -> Dimension:
    """Return the dimension of all bands: in the order that the collection declares, those beyond in their own.

    Of bands of one name the first counts.
    """
    known: dict[str, Band] = {}
    for each in bands:
        known.setdefault(each.name, each)
    ordered = [known[name] for name in dict.fromkeys([*(each for each in declared if each in known), *known])]
    common = tuple(each.common_name for each in ordered)
    centres = tuple(each.wavelength for each in ordered)
    quantities = tuple(each.quantity for each in ordered)
    return Dimension(
        name="bands",
        kind="bands",
        labels=tuple(each.name for each in ordered),
        common_names=common if any(each is not None for each in common) else None,
        wavelengths=centres if any(each is not None for each in centres) else None,
        quantities=quantities if any(each is not None for each in quantities) else None,
    )


def list_declared_bands(collection: JsonObject) -> list[str]:
    """Return the names of bands in the order in which ``cube:dimensions`` of a collection has them."""
    dimensions = collection.get("cube:dimensions")
    for each in dimensions.values() if isinstance(dimensions, dict) else ():
        if isinstance(each, dict) and each.get("type") == "bands" and isinstance(each.get("values"), list):
            return [str(name) for name in each["values"]]
    return []


def choose_bands(bands: Dimension, wanted: Sequence[str] | None) -> Dimension:
    """Return the bands with the names or common names *wanted*, in this order; all for None.

    Raises
    ------
    ProcessParameterInvalidError
        There is none of a name.
    """
    if wanted is None:
        return bands
    places: list[int] = []
    for name in wanted:
        found = find_bands(bands, name)
        if not found:
            shown = ", ".join(map(str, bands.labels[:_SHOWN]))
            raise ProcessParameterInvalidError(f"There is no band {name[:80]!r}; there is: {shown}.")
        places.extend(found)
    return bands.take(list(dict.fromkeys(places)))


def keep_bands(bands: Dimension, kept: Sequence[str] | None) -> Dimension:
    """Return those of the bands that a filter behind keeps, in their own order; all where one is not there, as that will tell."""
    found = [find_bands(bands, name) for name in kept or ()]
    return bands.take(sorted({place for places in found for place in places})) if found and all(found) else bands


def no_time(begins: Iterable[str]) -> ProcessError:
    """Return the error that no time begins within the temporal extent, of those that begin when *begins* say."""
    times = sorted(set(begins))
    shown = ", ".join(times if len(times) <= _SHOWN else [*times[: _SHOWN - 1], "...", times[-1]])
    return no_data(f"that begins within the temporal extent: data count by when they begin, and these begin {shown}")


def no_data(what: str) -> ProcessError:
    """Return the error that nothing is left to load."""
    return ProcessError(NO_DATA, f"There is no data {what}.")
