"""`text_concat`."""

from twinlake.processing.openeo.json_schemas import TEXT
from twinlake.processing.openeo.kernels.cells.texts import concatenate
from twinlake.processing.openeo.process import Parameter, Process, Reducer

_WRITABLE = {"type": ["string", "number", "boolean", "null"]}

PROCESS = Process(
    id="text_concat",
    summary="One text of many values",
    description=(
        "Writes the elements of an array one behind the other, with a separator between them. Truths and no-data are written"
        " `true`, `false` and `null`, whole numbers without decimals."
    ),
    categories=("texts",),
    parameters=(
        Parameter("data", {"type": "array", "items": _WRITABLE}, "An array of texts, numbers and truths."),
        Parameter("separator", _WRITABLE, "What stands between two elements.", default="", is_plain=True),
    ),
    returns=TEXT,
    returned="The text.",
    work=Reducer("holistic"),
    kernel=concatenate,
    examples=(
        {"arguments": {"data": ["Hello", "World"], "separator": " "}, "returns": "Hello World"},
        {"arguments": {"data": [None, True, 1, -1.5], "separator": "/"}, "returns": "null/true/1/-1.5"},
        {"arguments": {"data": []}, "returns": ""},
    ),
)
