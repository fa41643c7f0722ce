"""`resample_cube_temporal`."""

from collections.abc import Iterator, Sequence

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import TEXT_OR_NULL, TIMED
from twinlake.processing.openeo.kernels.cells.assembling import Place, assemble
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process, SamePlace
from twinlake.processing.openeo.shapes.dimensions import find_dimension
from twinlake.processing.openeo.shapes.times import DAY, read_starts
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError


def _resample(data: Cube, target: Cube, dimension: str | None = None, valid_within: float | None = None) -> Cube:
    for name in _names(data, target, dimension):
        data = _resample_along(data, target, name, valid_within)
    return data


def _names(data: Cube, target: Cube, dimension: str | None) -> list[str]:
    """Return the dimensions to resample, each of which is temporal in both cubes, and of one calendar."""
    own, theirs = ({each.name: each for each in cube.dimensions if each.kind == "temporal"} for cube in (data, target))
    if dimension is not None:
        find_dimension(data.dimensions, dimension)
        find_dimension(target.dimensions, dimension)
    names = [name for name in own if name in theirs and dimension in {None, name}]
    if not names or any(own[name].calendar != theirs[name].calendar for name in names):
        raise ProcessError("DimensionMismatch", "The cubes have no temporal dimension of one name and calendar.")
    return names


def _resample_along(data: Cube, target: Cube, name: str, valid_within: float | None) -> Cube:
    number, to = data.place(name), target.dimensions[target.place(name)]
    starts = np.array(read_starts(data.dimensions[number]), dtype=np.int64)
    index = (slice(None),) * number
    # Nothing is there where nothing is near, but it is of the type of the data.
    parts: list[tuple[Place, Values]] = [((*index, slice(0, 0)), data.take(number, ()).values)]
    for place, wanted in enumerate(read_starts(to)):
        distances = np.abs(starts - wanted)
        # The nearest first, and of two that are as near the earlier.
        order = np.lexsort((starts, distances))
        if valid_within is None:
            parts.extend(((*index, place), data.array_along(number).element(each)) for each in order[:1].tolist())
        else:
            near = [each for each in order.tolist() if distances[each] < valid_within * DAY]
            parts.extend(((*index, place), layer) for layer in _first_valid(data.array_along(number), near))
    shape = [len(to.labels) if axis == number else size for axis, size in enumerate(data.values.data.shape)]
    resampled = data.dimensions[number].relabel(to.labels, to.intervals)
    return Cube(values=assemble(tuple(shape), parts), dimensions=data.with_dimension(number, resampled))


def _first_valid(array: Values, places: Sequence[int]) -> Iterator[Values]:
    """Yield the first value in each cell that is valid, in the order of *places*, if there are any of these."""
    found: Values | None = None
    for place in places:
        layer = array.element(place)
        valid = layer.where()
        if layer.data.dtype.kind == "f":
            valid = valid & np.isfinite(layer.data)
        if found is None:
            found = Values(data=layer.data, valid=valid, nan_is_nodata=layer.nan_is_nodata)
        else:
            is_missing = ~found.where()
            data = np.where(is_missing, layer.data, found.data)
            found = Values(data=data, valid=np.where(is_missing, valid, True), nan_is_nodata=layer.nan_is_nodata)
    if found is not None:
        yield found


PROCESS = Process(
    id="resample_cube_temporal",
    summary="The times of another cube",
    description=(
        "Gives a cube the times of another one. At each there is what was nearest in time, be it no-data; of two that are as near"
        " the earlier. With `valid_within` it is the nearest valid value, in each cell, less than so many days away."
    ),
    categories=("cubes", "reproject"),
    parameters=(
        Parameter("data", TIMED, "A cube with temporal dimensions."),
        Parameter("target", TIMED, "The cube whose times are taken."),
        Parameter(
            "dimension", TEXT_OR_NULL, "The temporal dimension; null is each that both cubes have.", default=None, is_plain=True
        ),
        Parameter(
            "valid_within", {"type": ["number", "null"]}, "Days. Null takes whatever is nearest.", default=None, is_plain=True
        ),
    ),
    returns=TIMED,
    returned="The cube with the times of the other.",
    work=Opaque(),
    kernel=_resample,
    keeps=Keeps(),
    labels_only=frozenset({"target"}),
    reach=SamePlace(crosses=lambda arguments: _names(arguments["data"], arguments["target"], arguments["dimension"])),
    exceptions={
        "DimensionMismatch": "The dimension is not temporal, or the cubes have no temporal dimension of one name.",
        "DimensionNotAvailable": "A cube has no dimension of this name.",
    },
)
