"""Dimensions of cubes and their labels.

Source: https://api.openeo.org/1.2.0/#section/Data-Cubes, STAC extension datacube 2.2.0
"""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

Label = str | int | float
Axis = Literal["x", "y", "z"]
_Member = TypeVar("_Member")
Kind = Literal["spatial", "temporal", "bands", "geometry", "other"]


class Dimension(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dimension. Cells lie around the labels of a spatial one, which are their centres."""

    name: str
    kind: Kind = "other"
    labels: tuple[Label, ...] = ()
    """In order; of a temporal dimension texts of RFC 3339, of its calendar."""
    axis: Axis | None = None
    """Of a spatial one."""
    crs: int | str | None = None
    """Of a spatial or geometry one: EPSG code, or WKT2."""
    intervals: tuple[tuple[str, str], ...] | None = None
    """Of a temporal one: the time that each label stands for, closed at its start and open at its end."""
    calendar: str = "standard"
    """Of a temporal one (CF Conventions 1.11, section 4.4.1)."""
    common_names: tuple[str | None, ...] | None = None
    """Of bands, one for each label (STAC extension eo 2.0.0); None where none is known."""
    wavelengths: tuple[float | None, ...] | None = None
    """Of bands, the centre of each in micrometres; None where none is known."""
    quantities: tuple[Quantity | None, ...] | None = None
    """Of bands, what the numbers of each are of; None where that is not known."""
    features: tuple[str | None, ...] | None = None
    """Of a geometry one: the GeoJSON feature of each label without type and geometry, ``{"properties": ...}``, in JSON."""
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
        return msgspec.structs.replace(
            self,
            labels=_chosen(self.labels, places),
            intervals=None if self.intervals is None else _chosen(self.intervals, places),
            common_names=None if self.common_names is None else _chosen(self.common_names, places),
            wavelengths=None if self.wavelengths is None else _chosen(self.wavelengths, places),
            quantities=None if self.quantities is None else _chosen(self.quantities, places),
            features=None if self.features is None else _chosen(self.features, places),
            is_enumerated=self.is_enumerated and list(places) == list(range(len(places))),
        )

    def rename(self, name: str) -> "Dimension":
        """Return it under another name."""
        return msgspec.structs.replace(self, name=name)

    def relabel(self, labels: Sequence[Label], intervals: Sequence[tuple[str, str]] | None = None) -> "Dimension":
        """Return it with other labels, about which nothing else is known but, maybe, the time that each stands for."""
        return Dimension(
            name=self.name,
            kind=self.kind,
            labels=tuple(labels),
            axis=self.axis,
            crs=self.crs,
            intervals=None if intervals is None else tuple(intervals),
            calendar=self.calendar,
        )

    def coordinates(self) -> NDArray[np.float64]:
        """Return the labels of a spatial dimension, in the unit of its CRS.

        Raises
        ------
        ProcessParameterInvalidError
            They are no numbers.
        """
        found = np.array(self.labels) if self.labels else np.zeros(0)
        if found.dtype.kind not in "iuf":
            raise ProcessParameterInvalidError(f"The labels of dimension {self.name!r} are no coordinates, but texts.")
        return found.astype(np.float64, copy=False)


def _chosen(of_labels: Sequence[_Member], places: Sequence[int]) -> tuple[_Member, ...]:
    return tuple([of_labels[each] for each in places])


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


def quantity_of_all(dimensions: Sequence[Dimension]) -> Quantity | None:
    """Return what the numbers of all bands are of; None where that is not one and the same, or not known."""
    found = {each for number in find_kind(dimensions, "bands") for each in dimensions[number].quantities or (None,)}
    return found.pop() if len(found) == 1 else None


def enumerated(name: str, count: int, kind: Kind = "other") -> Dimension:
    """Return a dimension of which the labels are numbers from 0."""
    return Dimension(name=name, kind=kind, labels=tuple(range(count)), is_enumerated=True)


def find_temporal(dimensions: Sequence[Dimension], name: str | None) -> int:
    """Return which of *dimensions* is the temporal one of this name, or the only one.

    Raises
    ------
    ProcessError
        ``DimensionNotAvailable``: there is none; ``TooManyDimensions``: there are several, and no name was given.
    """
    found = find_kind(dimensions, "temporal")
    if name is not None:
        number = find_dimension(dimensions, name)
        if number not in found:
            raise ProcessError("DimensionNotAvailable", f"Dimension {name!r} is not temporal, but {dimensions[number].kind}.")
        return number
    if not found:
        raise ProcessError("DimensionNotAvailable", "The cube has no temporal dimension.")
    if len(found) > 1:
        names = " or ".join(repr(dimensions[each].name) for each in found)
        raise ProcessError("TooManyDimensions", f"The cube has several temporal dimensions: say {names}.")
    return found[0]


def find_horizontal(dimensions: Sequence[Dimension]) -> tuple[int, int]:
    """Return which of *dimensions* are those along the axes y and x.

    Raises
    ------
    ProcessParameterInvalidError
        One of them is missing.
    """
    along = {each.axis: number for number, each in enumerate(dimensions) if each.kind == "spatial"}
    if not {"x", "y"} <= along.keys():
        raise ProcessParameterInvalidError("The cube has no spatial dimensions along x and y.")
    return along["y"], along["x"]


def horizontal_of(dimensions: Sequence[Dimension]) -> tuple[Dimension, Dimension]:
    """Return those along the axes y and x; raises as `find_horizontal` does."""
    y, x = find_horizontal(dimensions)
    return dimensions[y], dimensions[x]
