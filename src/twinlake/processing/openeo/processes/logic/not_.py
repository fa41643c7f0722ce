"""`not`."""

from dataclasses import replace

import numpy as np

from twinlake.processing.openeo.json_schemas import TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.truths import require_truths
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values


def _not(x: Values) -> Values:
    require_truths("x", x)
    return replace(x, data=np.logical_not(x.data))


PROCESS = Process(
    id="not",
    summary="The contrary of a truth",
    description="Makes false of true and true of false. No-data stays no-data.",
    categories=("logic",),
    parameters=(Parameter("x", TRUTH_OR_NULL, "A truth."),),
    returns=TRUTH_OR_NULL,
    returned="The contrary.",
    work=Pointwise(),
    kernel=_not,
    examples=(
        {"arguments": {"x": True}, "returns": False},
        {"arguments": {"x": None}, "returns": None},
    ),
)
