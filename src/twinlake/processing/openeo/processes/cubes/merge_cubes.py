"""`merge_cubes`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import Cube, one_per_cell
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, CUBE, callback, passed
from twinlake.processing.openeo.kernels.cells.assembling import Place, assemble, broadcast
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process, SamePlace
from twinlake.processing.openeo.reporting import Report
from twinlake.processing.openeo.shapes.aligning import Union, unite
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.geometries import geometry_kinds
from twinlake.processing.openeo.tools import Standing
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError


def _merge(cube1: Cube, cube2: Cube, *, overlap_resolver: Callback | None, context: Any, standing: Standing) -> Cube:
    _require_compatible(cube1, cube2)
    unions = _unite(cube1, cube2)
    dimensions = tuple([each.dimension for each in unions])
    # In a hollow cube there are no pixels, whatever the other one has.
    is_hollow = [_is_hollow(cube1, each.name) or _is_hollow(cube2, each.name) for each in dimensions]
    shape = tuple([0 if hollow else len(each.labels) for hollow, each in zip(is_hollow, dimensions, strict=True)])
    in_first, in_second = (
        [_cells(side, hollow) for side, hollow in zip(sides, is_hollow, strict=True)] for sides in _sides(unions)
    )
    first, second = _spread(cube1, dimensions, in_first), _spread(cube2, dimensions, in_second)
    parts: list[tuple[Place, Values]] = []
    common = [sorted(set(each.first) & set(each.second)) for each in unions]
    if all(common):
        if overlap_resolver is None:
            raise ProcessError("OverlapResolverMissing", "The cubes have labels in common: say what becomes of two values.")
        shared = [_cells(places, hollow) for places, hollow in zip(common, is_hollow, strict=True)]
        x, y = _pick(first, in_first, shared), _pick(second, in_second, shared)
        resolved = one_per_cell(overlap_resolver(x=x, y=y, context=context), dimensions, x.data.shape)
        if all(len(each) == len(dimension.labels) for each, dimension in zip(common, dimensions, strict=True)):
            return resolved
        parts = [(np.ix_(*shared), resolved.values)]
    elif overlap_resolver is not None:
        _tell_apart(standing.tools.report, unions, common)
    values = assemble(shape, [(np.ix_(*in_first), first), (np.ix_(*in_second), second), *parts])
    return Cube(values=values, dimensions=dimensions)


def _tell_apart(report: Report, unions: Sequence[Union], common: Sequence[Sequence[int]]) -> None:
    """Warn that the resolver was not needed, which is seldom what somebody meant who gave one."""
    if report.is_of_part:  # of the whole it was told
        return
    for union, shared in zip(unions, common, strict=True):
        labels = union.dimension.labels
        if not shared and labels and union.dimension.kind != "geometry":
            ranges = " and ".join(
                f"from {labels[min(each)]} to {labels[max(each)]}" for each in (union.first, union.second) if each
            )
            report.log(
                "warning",
                f"The cubes have no label of {union.dimension.name!r} in common ({ranges}): 'overlap_resolver' was not used, and"
                " they stand side by side. Reduce the dimension before, or give both the same labels, if values are to meet.",
            )


def _require_compatible(cube1: Cube, cube2: Cube) -> None:
    """Refuse pixels beside geometries, and geometries of different base types."""
    kinds = [{each.kind for each in cube.dimensions} for cube in (cube1, cube2)]
    if any("spatial" in one and "geometry" in other for one, other in (kinds, reversed(kinds))):
        raise ProcessParameterInvalidError("A raster cube and a vector cube do not go together: use aggregate_spatial before.")
    theirs = {each.name: each for each in cube2.dimensions if each.kind == "geometry"}
    for each in cube1.dimensions:
        if each.kind == "geometry" and each.name in theirs:
            types = geometry_kinds(each) | geometry_kinds(theirs[each.name])
            if len(types) > 1:
                raise ProcessError("IncompatibleGeometryTypes", f"The cubes have geometries of {' and '.join(sorted(types))}.")


def _unite(cube1: Cube, cube2: Cube) -> list[Union]:
    """Return the dimensions of the result: in the order of the cube that has more of them, then those of the other alone.

    A dimension that one cube does not have is all the same to it: its values are those of each label.
    """
    mine, theirs = ({each.name: each for each in cube.dimensions} for cube in (cube1, cube2))
    if mine and theirs and not mine.keys() & theirs.keys():
        raise ProcessParameterInvalidError("The cubes have no dimension in common.")
    names = dict.fromkeys([*theirs, *mine] if len(theirs) > len(mine) else [*mine, *theirs])
    return [unite(mine.get(name) or theirs[name], theirs.get(name) or mine[name]) for name in names]


def _is_hollow(cube: Cube, name: str) -> bool:
    return any(each.name == name and cube.is_hollow_along(number) for number, each in enumerate(cube.dimensions))


def _sides(unions: Sequence[Union]) -> tuple[list[Sequence[int]], list[Sequence[int]]]:
    return [each.first for each in unions], [each.second for each in unions]


def _cells(places: Sequence[int], hollow: bool) -> NDArray[np.intp]:
    return np.array([] if hollow else places, dtype=np.intp)


def _spread(cube: Cube, dimensions: Sequence[Dimension], cells: Sequence[NDArray[np.intp]]) -> Values:
    """Return the values of a cube along all *dimensions*, as many as there are *cells* along each."""
    laid, shape = cube.laid_along(dimensions), tuple([len(each) for each in cells])
    # Along a dimension that is hollow in the other cube alone there are pixels too many.
    cut = tuple([slice(None) if size == 1 else slice(count) for size, count in zip(laid.data.shape, shape, strict=True)])
    valid = None if laid.valid is None else laid.valid[cut]
    return broadcast(replace(laid, data=laid.data[cut], valid=valid), shape)


def _pick(values: Values, places: Sequence[NDArray[np.intp]], chosen: Sequence[NDArray[np.intp]]) -> Values:
    """Return the values at *chosen* of the *places* that they lie at."""
    if all(np.array_equal(wanted, side) for wanted, side in zip(chosen, places, strict=True)):
        return values
    index = np.ix_(*[_find(wanted, side) for wanted, side in zip(chosen, places, strict=True)])
    valid = None if values.valid is None else values.valid[index]
    return Values(data=values.data[index], valid=valid, nan_is_nodata=values.nan_is_nodata)


def _find(wanted: NDArray[np.intp], side: NDArray[np.intp]) -> NDArray[np.intp]:
    order = np.argsort(side)
    return order[np.searchsorted(side, wanted, sorter=order)]


PROCESS = Process(
    id="merge_cubes",
    version=2,
    summary="Two cubes become one",
    description=(
        "Puts two cubes together that share dimensions. The result has all labels of both: along axes and in time in order, else"
        " those of the second cube behind those of the first. Where both have values, the resolver makes one of them; no-data is"
        " passed to it like any value. A dimension that one of the cubes does not have is as if its values were there for each"
        " label of the other. What neither has is no-data."
    ),
    categories=("cubes",),
    parameters=(
        Parameter("cube1", CUBE, "A cube."),
        Parameter("cube2", CUBE, "Another cube. Its pixels must be those of the grid of the first one."),
        Parameter(
            "overlap_resolver",
            callback(
                passed("x", "The value of the first cube."),
                passed("y", "The value of the second cube."),
                passed("context", "What the user passes on.", default=None),
                returns=ANYTHING,
            ),
            "What makes one value of two. It may be left out where the cubes have nothing in common.",
            default=None,
            is_plain=True,
        ),
        Parameter("context", ANYTHING, "Passed on to the resolver.", default=None, is_plain=True),
    ),
    returns=CUBE,
    returned="The cube with the labels of both.",
    work=Opaque(),
    kernel=_merge,
    needs_standing=True,
    reach=SamePlace(unites=True),
    keeps=Keeps(of=("cube1", "cube2"), through="overlap_resolver"),
    exceptions={
        "OverlapResolverMissing": "The cubes have labels in common, and no resolver is given.",
        "IncompatibleGeometryTypes": "Geometries of different types do not go together.",
    },
)
