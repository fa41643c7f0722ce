"""The images in a cube: one for each label in time."""

from collections.abc import Iterator
from dataclasses import dataclass

from twinlake.processing.openeo.formats.spool import Spool
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image, of which the bands follow one another in the spool."""

    label: str
    """In time; empty where the cube has none."""
    interval: tuple[str, str] | None
    dimensions: tuple[Dimension, ...]
    first: int
    """Where its first cell is, counted in cells."""
    bands: int
    place: tuple[slice, ...]
    """Where it is in the spool along time and bands, as far as these are there."""


def order_of(dimensions: tuple[Dimension, ...]) -> list[str]:
    """Return the names of *dimensions* in the order of images: time, bands, y, x."""
    rank = {"temporal": 0, "bands": 1}
    return [each.name for each in sorted(dimensions, key=lambda each: rank.get(each.kind, 3 if each.axis == "x" else 2))]


def list_images(spool: Spool) -> Iterator[Image]:
    """Yield the images of *spool*, which has the order of images."""
    bands = next((len(each.labels) for each in spool.dimensions if each.kind == "bands"), 1)
    size = bands * spool.shape[-1] * spool.shape[-2]
    front = tuple(slice(0, length) for length in spool.shape[:-2])
    times = find_kind(spool.dimensions, "temporal")
    if not times:
        yield Image(label="", interval=None, dimensions=spool.dimensions, first=0, bands=bands, place=front)
        return
    time = spool.dimensions[times[0]]
    for number, label in enumerate(time.labels):
        yield Image(
            label=str(label),
            interval=None if time.intervals is None else time.intervals[number],
            dimensions=(time.take([number]), *spool.dimensions[1:]),
            first=number * size,
            bands=bands,
            place=(slice(number, number + 1), *front[1:]),
        )
