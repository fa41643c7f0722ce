"""Dimensions of cubes and their labels.

Source: https://api.openeo.org/1.2.0/#section/Data-Cubes, STAC extension datacube 2.2.0
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from twinlake.standards.openeo.errors import ProcessError

Label = str | int | float
Kind = Literal["spatial", "temporal", "bands", "geometry", "other"]


class Dimension(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dimension. Cells lie around the labels of a spatial one, which are their centres."""

    name: str
    kind: Kind = "other"
    labels: tuple[Label, ...] = ()
    """In order; of a temporal dimension texts of RFC 3339, of its calendar."""
    axis: Literal["x", "y", "z"] | None = None
    """Of a spatial one."""
    crs: int | str | None = None
    """Of a spatial or geometry one: EPSG code, or WKT2."""
    intervals: tuple[tuple[str, str], ...] | None = None
    """Of a temporal one: the time that each label stands for, closed at its start and open at its end."""
    calendar: str = "standard"
    """Of a temporal one (CF Conventions 1.11, section 4.4.1)."""
    is_enumerated: bool = False
    """Whether the labels are mere numbers from 0, because nobody named them."""

    def place(self, label: Label) -> int:
        """Return where *label* is.

        Raises
        ------
        ProcessError
            ``LabelNotAvailable``: it is not there.
        """
        for number, own in enumerate(self.labels):
            if own == label and isinstance(own, str) == isinstance(label, str):
                return number
        shown = ", ".join(map(str, self.labels[:5]))
        raise ProcessError("LabelNotAvailable", f"Dimension {self.name!r} has no label {label!r}; it begins with: {shown}.")

    def take(self, places: Sequence[int]) -> "Dimension":
        """Return it with the labels at *places* alone."""
        intervals = None if self.intervals is None else tuple(self.intervals[each] for each in places)
        return msgspec.structs.replace(self, labels=tuple(self.labels[each] for each in places), intervals=intervals)


def find_dimension(dimensions: Iterable[Dimension], name: str) -> int:
    """Return which of *dimensions* has the name.

    Raises
    ------
    ProcessError
        ``DimensionNotAvailable``: none has.
    """
    names = [each.name for each in dimensions]
    if name not in names:
        raise ProcessError("DimensionNotAvailable", f"There is no dimension {name!r}; there is: {', '.join(names) or 'none'}.")
    return names.index(name)


def find_kind(dimensions: Sequence[Dimension], kind: Kind) -> list[int]:
    """Return which of *dimensions* are of a kind."""
    return [number for number, each in enumerate(dimensions) if each.kind == kind]


def enumerated(name: str, count: int, kind: Kind = "other") -> Dimension:
    """Return a dimension of which the labels are numbers from 0."""
    return Dimension(name=name, kind=kind, labels=tuple(range(count)), is_enumerated=True)
