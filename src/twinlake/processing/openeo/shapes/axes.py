"""Axes of grids: where a coordinate lies among the pixels along one, told in pixels from the centre of the first."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Coordinates = NDArray[np.float64]
CLOSE = 1e-6
"""Of a pixel: so far apart two places are the same. Projections and the labels of files are not more exact."""
_FAR = 1e6
"""Pixels beyond the border, up to which places are told."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The pixels along one axis, which need not be of one size.

    Between the centres of two, places go evenly from one to the other, so that their border is in the middle.
    """

    centres: Coordinates
    """Rising or falling, at least one."""
    step: float
    """From one pixel to the next, in the mean; negative where they fall."""
    turn: float = 0.0
    """What may be added to a coordinate without going anywhere: 360 for longitudes; 0 is nothing."""
    takes_greater: bool = True
    """Whether, right between two pixels, the one with the greater coordinate is taken for the nearest."""

    @property
    def count(self) -> int:
        """How many pixels there are."""
        return len(self.centres)

    @cached_property
    def borders(self) -> Coordinates:
        """Where pixels end and begin, one more than there are pixels."""
        middles = (self.centres[1:] + self.centres[:-1]) / 2
        first, last = self._ends
        borders: Coordinates = np.concatenate([self.centres[:1] - first / 2, middles, self.centres[-1:] + last / 2])
        return borders

    @cached_property
    def wraps(self) -> bool:
        """Whether the last pixel has the first one beside it: the axis goes around the Earth."""
        return self.turn > 0 and abs(abs(self.step) * self.count - self.turn) < 0.01 * abs(self.step)

    def turned(self, coordinates: Coordinates) -> Coordinates:
        """Return the whole turns that bring *coordinates* as near to the middle of the axis as can be."""
        if not self.turn:
            return np.zeros_like(coordinates)
        middle = (self.borders[0] + self.borders[-1]) / 2
        turns: Coordinates = self.turn * np.round((middle - coordinates) / self.turn)
        return turns

    def locate(self, coordinates: Coordinates) -> Coordinates:
        """Return the places of *coordinates*; NaN for what is far away, or nowhere."""
        found: Coordinates
        if self._is_even:
            found = (coordinates - self.centres[0]) / self.step
            found[~(np.abs(found) <= self.count - 1 + _FAR)] = np.nan
        else:
            first, last = self._ends
            nodes = np.concatenate([self.centres[:1] - _FAR * first, self.centres, self.centres[-1:] + _FAR * last])
            places = np.concatenate([[-_FAR], np.arange(self.count), [self.count - 1 + _FAR]])
            if self.step < 0:
                nodes, places = nodes[::-1], places[::-1]
            found = np.interp(coordinates, nodes, places, left=np.nan, right=np.nan)
        # What is as near as nothing to a centre or to a border is there.
        even = np.rint(found * 2)
        even *= 0.5
        np.copyto(found, even, where=np.abs(found - even) < CLOSE)
        return found

    def coordinates(self, places: NDArray[Any]) -> Coordinates:
        """Return the coordinates of places, which may lie beyond the borders."""
        last = self.count - 1
        beyond = self.centres[-1] + (places - last) * self._ends[1]
        before = self.centres[0] + places * self._ends[0]
        between = np.interp(places, np.arange(self.count), self.centres)
        return np.asarray(np.where(places < 0, before, np.where(places > last, beyond, between)))

    def holds(self, places: Coordinates) -> NDArray[np.bool_]:
        """Tell which places lie on a pixel, or on the border of one."""
        held: NDArray[np.bool_] = (places >= -0.5 - CLOSE) & (places <= self.count - 0.5 + CLOSE)
        return held

    def nearest(self, places: Coordinates) -> NDArray[np.intp]:
        """Return the pixel that each place is on, of two that are as near the same wherever they stand; 0 where there is none."""
        places = np.where(self.holds(places), places, 0)
        takes_next = self.takes_greater == (self.step > 0)
        found = np.floor(places + (0.5 + CLOSE)) if takes_next else np.ceil(places - (0.5 + CLOSE))
        return np.asarray(found % self.count if self.wraps else np.clip(found, 0, self.count - 1)).astype(np.intp)

    @cached_property
    def finest(self) -> float:
        """The least distance from one pixel to the next."""
        return float(np.abs(np.diff(self.centres)).min(initial=abs(self.step)))

    @cached_property
    def _is_even(self) -> bool:
        """Whether no pixel is told from where it would lie if all were of one size."""
        even = self.centres[0] + self.step * np.arange(self.count)
        return bool((np.abs(self.centres - even) < CLOSE / 10 * abs(self.step)).all())

    @cached_property
    def _ends(self) -> tuple[float, float]:
        if self.count == 1:
            return self.step, self.step
        return float(self.centres[1] - self.centres[0]), float(self.centres[-1] - self.centres[-2])


def read_axis(dimension: Dimension, *, step: float | None, turn: float = 0.0) -> Axis:
    """Return the axis along a spatial dimension; *step* is taken for that of a single pixel.

    Raises
    ------
    ProcessParameterInvalidError
        The labels are no coordinates, or not in order; there is none; or it is a single one, and *step* is not known.
    """
    centres = dimension.coordinates()
    steps = np.diff(centres)
    if not centres.size or not (np.all(steps > 0) or np.all(steps < 0)):
        raise ProcessParameterInvalidError(f"The labels of dimension {dimension.name!r} do not rise or fall from pixel to pixel.")
    if steps.size:
        step = float(centres[-1] - centres[0]) / len(steps)
    if step is None:
        raise ProcessParameterInvalidError("The cube has a single pixel, of which nobody knows the size.")
    return Axis(centres=centres, step=step, turn=turn, takes_greater=dimension.axis == "x")
