"""Data with bounds that reach over an edge of the interval of time, or of the period, that somebody wants."""

from collections.abc import Collection, Sequence

from twinlake.core.counting import count
from twinlake.processing.openeo.reporting import Report
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.periods import PERIODS
from twinlake.processing.openeo.shapes.times import Bounded, Interval, find_within, parse_time, read_middles, read_starts

_SHOWN = 3


def tell_of_crossing(
    report: Report,
    dimension: Dimension,
    kept: Collection[int],
    extent: Interval,
    left_out: Sequence[Bounded] = (),
) -> None:
    """Warn of labels on whose side of an edge of *extent* most of their time does not lie.

    Parameters
    ----------
    kept
        Places of the labels that are kept: they begin within.
    left_out
        Of which most lies within, and which the dimension does not have any more.
    """
    if (dimension.intervals is None and not left_out) or not report.is_heard or report.is_of_part:  # of the whole it was told
        return
    within = set(find_within(read_middles(dimension), extent, dimension.calendar))
    sides = {
        "left out": [*left_out, *_bounded(dimension, within - set(kept))],
        "kept": _bounded(dimension, set(kept) - within),
    }
    told = [f"{_list(found)} {'is' if len(found) == 1 else 'are'} {what}" for what, found in sides.items() if found]
    if told:
        report.log(
            "warning",
            f"Data count by when they begin: {', and '.join(told)}, though most of that time lies on the other side of an edge of"
            " the extent. Let the extent begin and end where their bounds do.",
        )


def tell_of_longer(report: Report, dimension: Dimension, period: str) -> None:
    """Warn of labels whose bounds are further apart than those of the *period*, one of `PERIODS`, that they count for."""
    if dimension.intervals is None or not report.is_heard or report.is_of_part:
        return
    kind, calendar = PERIODS[period], dimension.calendar
    numbers = [kind.number(middle, calendar) for middle in read_middles(dimension)]
    ends = [parse_time(end, calendar) for _, end in dimension.intervals]
    longer = [
        place
        for place, (number, start, end) in enumerate(zip(numbers, read_starts(dimension), ends, strict=True))
        if end - start > kind.start(number + 1, calendar) - kind.start(number, calendar)
    ]
    if longer:
        stand = "stands" if len(longer) == 1 else "stand"
        report.log(
            "warning",
            f"{len(longer)} of {count(len(numbers), 'label')} {stand} for more time than a {period} has, as"
            f" {_list(_bounded(dimension, longer[:1]))}: each counts for the {period} that holds its middle alone.",
        )


def _bounded(dimension: Dimension, places: Collection[int]) -> list[Bounded]:
    intervals = dimension.intervals or ()
    return [(str(dimension.labels[place]), *intervals[place]) for place in sorted(places)]


def _list(found: Sequence[Bounded]) -> str:
    texts = [f"{label} (from {start} to {end})" for label, start, end in found]
    return ", ".join(texts if len(texts) <= _SHOWN else [*texts[: _SHOWN - 1], "…", texts[-1]])
