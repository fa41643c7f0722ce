"""Geometries as exactextract reads them: imported where coverage is computed, since it is exactextract's own."""

from collections.abc import Iterator, Sequence

import shapely
from exactextract.feature import FeatureSource, JSONFeature
from shapely.geometry.base import BaseGeometry


class Zones(FeatureSource):  # type: ignore[misc]  # exactextract has no types
    """Geometries in the CRS of the grid."""

    def __init__(self, shapes: Sequence[BaseGeometry]) -> None:
        super().__init__()
        self._shapes = shapes

    def count(self) -> int:
        """Return how many there are."""
        return len(self._shapes)

    def srs_wkt(self) -> None:
        """Say nothing of the CRS, which is that of the grid."""

    def __iter__(self) -> Iterator["_Zone"]:
        """Yield each."""
        return iter([_Zone(each) for each in self._shapes])


class _Zone(JSONFeature):  # type: ignore[misc]
    """One geometry, handed over with all digits."""

    def __init__(self, shape: BaseGeometry) -> None:
        super().__init__()
        self._bytes = shapely.to_wkb(shape)

    def geometry(self) -> bytes:
        return self._bytes  # type: ignore[no-any-return]
