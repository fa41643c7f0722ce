"""`save_result`."""

from collections.abc import Mapping
from typing import Any

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.registry import find_format
from twinlake.processing.openeo.formats.saved import Saved, save
from twinlake.processing.openeo.json_schemas import CUBE
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_OPTIONS = {"type": "object", "subtype": "output-format-options"}


def _save(data: Cube, format: str, options: dict[str, Any]) -> Saved:
    return save(data, format, options)


def _find_fault(arguments: Mapping[str, Any]) -> tuple[str, str] | None:
    try:
        chosen = find_format(arguments["format"])
    except ProcessParameterInvalidError as error:
        return "format", error.message
    try:
        chosen.read_options(arguments["options"])
    except ProcessParameterInvalidError as error:
        return "options", error.message
    return None


PROCESS = Process(
    id="save_result",
    summary="Keeps a cube as files",
    description=(
        "Makes files of a cube, in a format of `/file_formats`: those of a batch job are among its results, those of a graph"
        " that is computed while somebody waits are the answer."
    ),
    categories=("cubes", "export", "stac"),
    parameters=(
        Parameter("data", CUBE, "The cube."),
        Parameter(
            "format",
            {"type": "string", "subtype": "output-format"},
            "Name of the format, in whatever case.",
            is_plain=True,
        ),
        Parameter("options", _OPTIONS, "Options of the format, by name.", default={}, is_plain=True),
    ),
    returns={"type": "object", "subtype": "stac"},
    returned="What was made, described as a resource of STAC.",
    work=Opaque(),
    kernel=_save,
    find_fault=_find_fault,
    exceptions={
        "FormatUnsuitable": "The format cannot hold such a cube.",
        "DataCubeEmpty": "The format cannot hold a cube in which there is nothing.",
    },
)
