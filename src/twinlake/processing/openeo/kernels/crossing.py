"""Data with bounds that reach over an edge of the interval of time that somebody wants."""

from collections.abc import Collection

from twinlake.processing.openeo.reporting import Report
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.times import parse_interval, read_middles

_SHOWN = 3


def tell_of_crossing(report: Report, dimension: Dimension, kept: Collection[int], extent: tuple[str | None, str | None]) -> None:
    """Warn of labels on whose side of an edge of *extent* most of their time does not lie.

    Parameters
    ----------
    kept
        Places of the labels that are kept: they begin within.
    """
    if dimension.intervals is None or not report.is_heard or report.is_of_part:  # of the whole it was told
        return
    first, last = parse_interval(*extent, dimension.calendar)
    within = {
        place
        for place, middle in enumerate(read_middles(dimension))
        if (first is None or middle >= first) and (last is None or middle < last)
    }
    told = [
        f"{_list(dimension, places)} {'is' if len(places) == 1 else 'are'} {what}"
        for places, what in ((within - set(kept), "left out"), (set(kept) - within, "kept"))
        if places
    ]
    if told:
        report.log(
            "warning",
            f"Data count by when they begin: {', and '.join(told)}, though most of that time lies on the other side of an edge of"
            " the extent. Let the extent begin and end where their bounds do.",
        )


def _list(dimension: Dimension, places: Collection[int]) -> str:
    intervals = dimension.intervals or ()
    texts = [f"{dimension.labels[place]} (from {intervals[place][0]} to {intervals[place][1]})" for place in sorted(places)]
    return ", ".join(texts if len(texts) <= _SHOWN else [*texts[: _SHOWN - 1], "…", texts[-1]])
