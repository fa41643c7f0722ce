"""What a loaded cube is to everything that computes: a cube that is read part by part."""

from collections.abc import Mapping
from typing import Protocol

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Dimension

Window = Mapping[str, slice]
"""A part of a cube: which labels along each dimension, by name, as a slice of step 1; all along those that are not named."""


class Source(Protocol):
    """A cube of which the bytes stay where they are until a part is read. Lives in a child; made of *pins* and local files."""

    @property
    def hollow(self) -> Cube:
        """The cube without a cell along its spatial dimensions, but with all labels, its type and its mask or NaN rule."""
        ...

    @property
    def chunks(self) -> Mapping[str, int]:
        """How many labels along each dimension are stored, and therefore read, together; 1 where it does not matter."""
        ...

    def close(self) -> None:
        """Close what is open; what is read afterwards opens it again. Copies of a process must not share open files."""
        ...

    def read(self, window: Window) -> Cube:
        """Return a part, with its labels.

        Raises
        ------
        OpenEoError
            A file is damaged, or is not what its item says.
        """
        ...


def range_of(dimension: Dimension, window: Window) -> range:
    """Return the places of those labels of *dimension* that a window has."""
    return range(len(dimension.labels))[window.get(dimension.name, slice(None))]
