"""`run_udf`."""

import re
from typing import Any

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import ANYTHING
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.tools import Standing
from twinlake.processing.openeo.udf.calling import call
from twinlake.processing.openeo.udf.runtimes import check_runtime
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

_NEW_LINE = re.compile(r"\r\n|\r|\n")


def _run(
    data: Values | Cube, udf: str, runtime: str, version: str | None = None, context: Any = None, *, standing: Standing
) -> Any:
    if not all(isinstance(each, str) for each in (udf, runtime)) or not isinstance(version, str | None):
        raise ProcessParameterInvalidError("'udf', 'runtime' and 'version' must be texts.")
    check_runtime(runtime, version)
    if not _NEW_LINE.search(udf):
        raise ProcessError(
            "FileNotFound",
            "Code is a text of several lines; its path or address must stand in the graph itself.",
        )
    return call(data, udf, context, standing)


PROCESS = Process(
    id="run_udf",
    summary="A function that the user wrote",
    description=(
        "Runs a function of the user's own, in a sandbox without a network. In a callback it is given all cells at once, as an"
        " array with the names, labels and coordinates of the cube's dimensions, and must keep the cells; the dimension that the"
        " process around works along may go or get other labels, as that allows. NaN is no data."
    ),
    categories=("cubes", "import", "udf"),
    parameters=(
        Parameter("data", ANYTHING, "What the function is given."),
        Parameter(
            "udf",
            [
                {"type": "string", "format": "uri", "subtype": "uri", "pattern": "^https?://"},
                {"type": "string", "subtype": "file-path", "pattern": "^[^\r\n\\:'\"]+$"},
                {"type": "string", "subtype": "udf-code", "pattern": "(\r\n|\r|\n)"},
            ],
            "The code: a text of several lines. Or the path of a file of the user's, or an address: the code is taken from there"
            " when the process is sent in.",
            is_plain=True,
        ),
        Parameter(
            "runtime",
            {"type": "string", "subtype": "udf-runtime"},
            "One of those that are listed, such as Python.",
            is_plain=True,
        ),
        Parameter(
            "version",
            [{"type": "string", "subtype": "udf-runtime-version"}, {"type": "null"}],
            "Its version; null is the one that is listed as default.",
            default=None,
            is_plain=True,
        ),
        Parameter("context", ANYTHING, "Passed on to the function.", default={}, is_plain=True),
    ),
    returns=ANYTHING,
    returned="What the function returns.",
    work=Opaque(),
    kernel=_run,
    exceptions={
        "InvalidRuntime": "There is no runtime of this name.",
        "InvalidVersion": "The runtime is not there in this version.",
        "FileNotFound": "The file is not there.",
    },
    needs_standing=True,
)
