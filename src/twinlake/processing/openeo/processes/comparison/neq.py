"""`neq`."""

from dataclasses import replace
from typing import Any

import numpy as np

from twinlake.processing.openeo.json_schemas import SCALAR_OR_NULL, TRUTH, TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.comparing import equal
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values


def _neq(**arguments: Any) -> Values:
    found = equal(**arguments)
    return replace(found, data=np.logical_not(found.data))


PROCESS = Process(
    id="neq",
    summary="Inequality",
    description=(
        "Tells whether two values differ, which is the contrary of `eq`; no-data where either is. Values of different kinds"
        " always differ, and NaN differs from everything."
    ),
    categories=("texts", "comparison"),
    parameters=(
        Parameter("x", SCALAR_OR_NULL, "One value."),
        Parameter("y", SCALAR_OR_NULL, "The other value."),
        Parameter(
            "delta",
            {"type": ["number", "null"], "minimumExclusive": 0},
            "How far two numbers may lie apart and still not count as different.",
            default=None,
            is_plain=True,
        ),
        Parameter("case_sensitive", TRUTH, "Whether capital and small letters differ.", default=True, is_plain=True),
    ),
    returns=TRUTH_OR_NULL,
    returned="Whether they differ.",
    work=Pointwise(),
    kernel=_neq,
    examples=(
        {"arguments": {"x": 1, "y": 1.0}, "returns": False},
        {"arguments": {"x": 0, "y": False}, "returns": True},
        {"arguments": {"x": 115, "y": 110, "delta": 10}, "returns": False},
    ),
)
