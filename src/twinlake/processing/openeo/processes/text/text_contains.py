"""`text_contains`."""

import operator

from twinlake.processing.openeo.json_schemas import TEXT, TEXT_OR_NULL, TRUTH, TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.texts import search
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="text_contains",
    summary="Whether a text contains another",
    description="Tells whether the text `data` contains `pattern`, character by character. No-data stays no-data.",
    categories=("texts", "comparison"),
    parameters=(
        Parameter("data", TEXT_OR_NULL, "The text that is looked at."),
        Parameter("pattern", TEXT, "The text that is looked for; it has no wildcards."),
        Parameter("case_sensitive", TRUTH, "Whether capital and small letters differ.", default=True, is_plain=True),
    ),
    returns=TRUTH_OR_NULL,
    returned="Whether it is so.",
    work=Pointwise(),
    kernel=search(operator.contains),
    examples=(
        {"arguments": {"data": "Sea ice", "pattern": "a i"}, "returns": True},
        {"arguments": {"data": "Sea ice", "pattern": "ICE"}, "returns": False},
        {"arguments": {"data": "Sea ice", "pattern": "ICE", "case_sensitive": False}, "returns": True},
    ),
)
