"""`apply`."""

from typing import Any

from twinlake.processing.openeo.cubes import Cube, one_per_cell
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, CUBE, callback, passed
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.tools import Cells


def _apply(data: Cube, process: Callback, context: Any = None) -> Cube:
    return one_per_cell(
        process(cells=Cells(data.dimensions), x=data.values, context=context), data.dimensions, data.values.data.shape
    )


PROCESS = Process(
    id="apply",
    summary="A process for each value",
    description="Runs a process on every value of a cube and puts what it returns in its place.",
    categories=("cubes",),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter(
            "process",
            callback(
                passed("x", "The value."),
                passed("context", "What the user passes on.", default=None),
                returns=ANYTHING,
            ),
            "What is done with each value.",
        ),
        Parameter("context", ANYTHING, "Passed on to the process.", default=None, is_plain=True),
    ),
    returns=CUBE,
    returned="The cube with the new values; its dimensions are as before.",
    work=Opaque(),
    kernel=_apply,
    keeps=Keeps(through="process"),
)
