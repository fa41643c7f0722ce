"""Tiles of the web: where their pixels lie.

Source: OGC Two Dimensional Tile Matrix Set 2.0 (17-083r4), WebMercatorQuad
"""

import math
from dataclasses import dataclass
from typing import Final

from twinlake.processing.openeo.shapes.dimensions import Dimension

SIZE: Final = 256
"""Pixels along each side of a tile."""
MOST_ZOOM: Final = 24
_CRS: Final = 3857
HALF: Final = math.pi * 6_378_137.0
"""Metres from the middle of the world to its edge."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile."""

    z: int
    x: int
    y: int

    @property
    def exists(self) -> bool:
        """Whether there is such a tile."""
        return 0 <= self.z <= MOST_ZOOM and all(0 <= each < 2**self.z for each in (self.x, self.y))

    def pixels(self) -> tuple[Dimension, Dimension]:
        """Return the dimensions y and x of its pixels."""
        step = 2 * HALF / 2**self.z / SIZE
        north, west = HALF - self.y * SIZE * step, -HALF + self.x * SIZE * step
        rows = tuple([north - (row + 0.5) * step for row in range(SIZE)])
        columns = tuple([west + (column + 0.5) * step for column in range(SIZE)])
        return (
            Dimension(name="y", kind="spatial", axis="y", crs=_CRS, labels=rows),
            Dimension(name="x", kind="spatial", axis="x", crs=_CRS, labels=columns),
        )


def to_degrees(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude of a place in metres."""
    return 180.0 * x / HALF, math.degrees(math.atan(math.sinh(math.pi * y / HALF)))


WORLD: Final = Tile(0, 0, 0)
