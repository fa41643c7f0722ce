"""`anomaly`."""

from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import TIMED
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.aligning import require_alike
from twinlake.processing.openeo.shapes.dimensions import find_kind, find_temporal
from twinlake.processing.openeo.shapes.periods import PERIODS, read_cycle
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

_SINGLE = ["climatology-period", "single-period"]
_subtract = floating(np.subtract)


def _anomaly(data: Cube, normals: Cube, period: str) -> Cube:
    if not find_kind(normals.dimensions, "temporal"):
        raise ProcessError(
            "DimensionNotAvailable",
            "The normals have no temporal dimension: if they were saved and loaded, save them as Zarr, which keeps that months"
            " and seasons are of time.",
        )
    number, of_normals = find_temporal(data.dimensions, None), find_temporal(normals.dimensions, None)
    own, theirs = data.dimensions[number], normals.dimensions[of_normals]
    if period in _SINGLE:
        if len(theirs.labels) != 1:
            raise ProcessParameterInvalidError(f"The normals have {len(theirs.labels)} labels in time, and must have one.")
        places = [0] * len(own.labels)
    else:
        require_alike(own, theirs)
        known: dict[Any, int] = {str(label): place for place, label in enumerate(theirs.labels)}
        wanted = read_cycle(own, period)
        missing = sorted(set(wanted) - known.keys())
        if missing:
            raise ProcessParameterInvalidError(f"The normals have no {period} {', '.join(missing[:5])}.")
        places = [known[each] for each in wanted]
    chosen = normals.take(of_normals, places)
    renamed = Cube(values=chosen.values, dimensions=chosen.with_dimension(of_normals, own))
    subtracted = renamed.aligned_with(data.dimensions).laid_along(data.dimensions)
    return Cube(values=_subtract(x=data.values, y=subtracted), dimensions=data.dimensions)


PROCESS = Process(
    id="anomaly",
    version=2,
    summary="What differs from normals",
    description=(
        "Subtracts from the values of each period, or time in it, the normal of the same period of the year. Both must be of one"
        " calendar: day 60 is 1 March in one and 30 February in another, and a month or season has other days. A single normal"
        " names no period, so it may be of any calendar."
        ' For instance the normals of a cube of months, `climatological_normal(data=cube, period="month",'
        ' climatology_period=[1991, 2020])`, and what differs from them, `anomaly(data=cube, normals=normals, period="month")`.'
    ),
    categories=("climatology", "cubes", "math"),
    parameters=(
        Parameter(
            "data", TIMED, "A cube with one temporal dimension, of periods as `aggregate_temporal_period` makes, or times."
        ),
        Parameter(
            "normals", TIMED, "Normals as `climatological_normal` makes: `01` to `12` for months, and so on; or a single one."
        ),
        Parameter("period", {"type": "string", "enum": [*PERIODS, *_SINGLE]}, "What the normals are of.", is_plain=True),
    ),
    returns=TIMED,
    returned="The cube with the differences; its dimensions are as before.",
    work=Opaque(),
    kernel=_anomaly,
    keeps=Keeps(of=("data", "normals"), named="anomaly of {}"),
)
