"""`text_find`."""

from twinlake.processing.openeo.json_schemas import TEXT, TEXT_OR_NULL, TRUTH
from twinlake.processing.openeo.kernels.cells.texts import find
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="text_find",
    summary="Place of a text in another",
    description=(
        "The place of the character of `data` at which `pattern` begins for the first time, counted from 0. No-data where it is"
        " not found, and where `data` is no-data."
    ),
    categories=("texts",),
    parameters=(
        Parameter("data", TEXT_OR_NULL, "The text that is looked at."),
        Parameter("pattern", TEXT, "The text that is looked for; it has no wildcards."),
        Parameter("case_sensitive", TRUTH, "Whether capital and small letters differ.", default=True, is_plain=True),
    ),
    returns={"type": ["integer", "null"], "minimum": 0},
    returned="The place.",
    work=Pointwise(),
    kernel=find,
    examples=(
        {"arguments": {"data": "Sea ice", "pattern": "ice"}, "returns": 4},
        {"arguments": {"data": "Sea ice", "pattern": "ICE"}, "returns": None},
        {"arguments": {"data": "Straße am See", "pattern": "SEE", "case_sensitive": False}, "returns": 10},
    ),
    is_experimental=True,
)
