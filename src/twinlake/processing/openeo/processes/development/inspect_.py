"""`inspect`."""

from twinlake.processing.openeo.json_schemas import ANYTHING, TEXT
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_LEVELS = ("error", "warning", "info", "debug")


def _inspect(data: Values, message: str, code: str, level: str) -> Values:
    if level not in _LEVELS or not isinstance(message, str) or not isinstance(code, str):
        raise ProcessParameterInvalidError(f"'message' and 'code' must be texts, 'level' one of {', '.join(_LEVELS)}.")
    return data


PROCESS = Process(
    id="inspect",
    summary="A message for the log",
    description="Returns what it is given, unchanged. The log gets a message, with a summary of the data.",
    categories=("development",),
    parameters=(
        Parameter("data", ANYTHING, "What is passed on."),
        Parameter("message", TEXT, "What is said about it.", default="", is_plain=True),
        Parameter("code", TEXT, "A word by which entries can be found.", default="User", is_plain=True),
        Parameter("level", {"type": "string", "enum": list(_LEVELS)}, "How grave it is.", default="info", is_plain=True),
    ),
    returns=ANYTHING,
    returned="What it was given.",
    work=Pointwise(),
    kernel=_inspect,
    examples=(
        {"arguments": {"data": [1, None, "a"], "message": "so far"}, "returns": [1, None, "a"]},
        {"arguments": {"data": 0, "level": "debug"}, "returns": 0},
    ),
)
