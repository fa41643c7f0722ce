"""`load_url`."""

from typing import NoReturn

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.json_schemas import CUBE
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.standards.openeo.errors import ProcessError


def _load(url: str, format: str, options: JsonObject | None = None) -> NoReturn:
    _ = url, format, options
    raise ProcessError("FormatUnsuitable", "Files are loaded in graphs that the site resolves, and not in callbacks.")


PROCESS = Process(
    id="load_url",
    summary="A cube of a file elsewhere",
    description=(
        "Gets a file by HTTPS, or by HTTP from where the operator lets it. Redirects are not followed, and no other network is"
        " reached than the public one. What came is kept by its hash. `GET /file_formats` tells what becomes of each format."
    ),
    categories=("cubes", "import"),
    parameters=(
        Parameter(
            "url",
            {"type": "string", "format": "uri", "subtype": "uri", "pattern": "^https?://"},
            "The address; what it needs to be let in must stand in it.",
            is_plain=True,
        ),
        Parameter(
            "format", {"type": "string", "subtype": "input-format"}, "Format of the file, in whatever case.", is_plain=True
        ),
        Parameter(
            "options",
            {"type": "object", "subtype": "input-format-options"},
            "Options of the format.",
            default={},
            is_plain=True,
        ),
    ),
    returns=CUBE,
    returned="The cube.",
    work=Opaque(),
    kernel=_load,
    exceptions={"FormatUnsuitable": "Files of this format are not read, or the file is of another one."},
    is_experimental=True,
)
