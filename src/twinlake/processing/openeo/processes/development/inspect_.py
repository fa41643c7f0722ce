"""`inspect`."""

from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube, describe_dimensions
from twinlake.processing.openeo.json_schemas import ANYTHING, TEXT
from twinlake.processing.openeo.process import Keeps, Parameter, Pointwise, Process
from twinlake.processing.openeo.reporting import LEVELS
from twinlake.processing.openeo.tools import Standing
from twinlake.processing.openeo.values import Values, to_json
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_SHOWN_ELEMENTS = 100
_SHOWN_LABELS = 20


def _inspect(data: Any, message: str, code: str, level: str, standing: Standing) -> Any:
    if level not in LEVELS or not isinstance(message, str) or not isinstance(code, str):
        raise ProcessParameterInvalidError(f"'message' and 'code' must be texts, 'level' one of {', '.join(LEVELS)}.")
    report = standing.tools.report
    if report.is_heard and not report.is_of_part:  # of the whole it was told
        report.log(level, message, code=code, data=_summarise(data))
    return data


def _summarise(data: Any) -> Any:
    """Return what a log has room for: values that are few as they are, of others their number, type and range."""
    if isinstance(data, Cube):
        described = describe_dimensions(data.dimensions)
        for each in described.values():
            if len(each["values"]) > _SHOWN_LABELS:
                each["extent"] = [each["values"][0], each["values"][-1]]
                del each["values"]
        return {"type": "datacube", "cube:dimensions": described, **_measure(data.values)}
    if not isinstance(data, Values):
        return None
    if data.data.size <= _SHOWN_ELEMENTS and data.data.ndim == data.is_array:
        return _without_nan(to_json(data))
    return _measure(data)


def _measure(values: Values) -> dict[str, Any]:
    there = values.data[values.where()]
    measured = {"data_type": values.data.dtype.name, "count": values.data.size, "nodata": values.data.size - there.size}
    if there.size and values.is_number and not np.isnan(there).all():
        measured |= {"minimum": np.nanmin(there).item(), "maximum": np.nanmax(there).item()}
    return measured


def _without_nan(value: Any) -> Any:
    """Return a value, or a list of them, as strict JSON has it."""
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


PROCESS = Process(
    id="inspect",
    summary="A message for the log",
    description="Returns what it is given, unchanged. The log gets a message, with a summary of the data.",
    categories=("development",),
    parameters=(
        Parameter("data", ANYTHING, "What is passed on."),
        Parameter("message", TEXT, "What is said about it.", default="", is_plain=True),
        Parameter("code", TEXT, "A word by which entries can be found.", default="User", is_plain=True),
        Parameter("level", {"type": "string", "enum": list(LEVELS)}, "How grave it is.", default="info", is_plain=True),
    ),
    returns=ANYTHING,
    returned="What it was given.",
    work=Pointwise(),
    kernel=_inspect,
    keeps=Keeps(),
    needs_standing=True,
    examples=(
        {"arguments": {"data": [1, None, "a"], "message": "so far"}, "returns": [1, None, "a"]},
        {"arguments": {"data": 0, "level": "debug"}, "returns": 0},
    ),
)
