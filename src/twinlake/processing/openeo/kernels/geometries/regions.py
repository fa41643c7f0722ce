"""Raster cubes of which the pixels become values of geometries: the dimension of these stands where those of the pixels were."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from twinlake.core.counting import count
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.kernels.cells.assembling import assemble
from twinlake.processing.openeo.kernels.geometries.zonal import meet_grid
from twinlake.processing.openeo.reporting import Report
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError


def tell_of_outside(report: Report, grid: tuple[Dimension, Dimension], vectors: Dimension) -> None:
    """Warn of geometries that have no place in common with a grid: of these there will be no value."""
    if not report.is_heard or report.is_of_part:  # of the whole it was told
        return
    every = len(vectors.labels)
    outside = every - sum(meet_grid(*grid, vectors))
    if outside:
        report.log(
            "warning",
            f"{outside} of {count(every, 'geometry', 'geometries')} {'lies' if outside == 1 else 'lie'} outside of the data, or"
            f" {'is' if outside == 1 else 'are'} empty, and will have no value: see whether the coordinates are longitude and"
            " latitude, in this order, and whether the extents that are loaded hold them.",
        )


def layers_of(cube: Cube) -> Values:
    """Return the values of a raster cube with y and x as the last two dimensions."""
    places = find_horizontal(cube.dimensions)
    valid = None if cube.values.valid is None else np.moveaxis(cube.values.valid, places, (-2, -1))
    return replace(cube.values, data=np.moveaxis(cube.values.data, places, (-2, -1)), valid=valid)


def cut(layers: Values, rows: slice, columns: slice) -> Values:
    """Return a window of layers."""
    valid = None if layers.valid is None else layers.valid[..., rows, columns]
    return replace(layers, data=layers.data[..., rows, columns], valid=valid)


def lay_along(dimensions: Sequence[Dimension], vectors: Dimension, target: str | None, labels: Sequence[str]) -> list[Dimension]:
    """Return the dimensions of the result.

    Parameters
    ----------
    target
        Name of another dimension, with *labels*, that several values of each geometry lie along; it is the last one.

    Raises
    ------
    ProcessError
        ``TargetDimensionExists``.
    ProcessParameterInvalidError
        The raster cube has a dimension of the same name as the geometries.
    """
    places = find_horizontal(dimensions)
    names = [each.name for number, each in enumerate(dimensions) if number not in places]
    if vectors.name in names:
        raise ProcessParameterInvalidError(f"Both cubes have a dimension {vectors.name!r}: rename one of them before.")
    if target is not None and target in {*(each.name for each in dimensions), vectors.name}:
        raise ProcessError("TargetDimensionExists", f"There is a dimension {target!r} already.")
    laid = [each for number, each in enumerate(dimensions) if number not in places]
    laid.insert(min(places), vectors)
    return laid if target is None else [*laid, Dimension(name=target, labels=tuple(labels))]


def put_together(dimensions: Sequence[Dimension], *parts: Values) -> Values:
    """Return values of geometries, which stand first in each of *parts*, in the order of `lay_along`."""
    shape = parts[0].data.shape
    joined = parts[0] if len(parts) == 1 else assemble((*shape, len(parts)), [((..., at), part) for at, part in enumerate(parts)])
    place = min(find_horizontal(dimensions))
    valid = None if joined.valid is None else np.moveaxis(joined.valid, 0, place)
    return Values(data=np.moveaxis(joined.data, 0, place), valid=valid, nan_is_nodata=joined.nan_is_nodata)
