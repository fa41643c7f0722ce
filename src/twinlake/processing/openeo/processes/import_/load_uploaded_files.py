"""`load_uploaded_files`."""

from typing import NoReturn

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.json_schemas import CUBE
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.standards.openeo.errors import ProcessError


def _load(paths: list[str], format: str, options: JsonObject | None = None) -> NoReturn:
    _ = paths, format, options
    raise ProcessError("FileNotFound", "Files are loaded in graphs that the site resolves, and not in callbacks.")


PROCESS = Process(
    id="load_uploaded_files",
    summary="A cube of one's own files",
    description=(
        "Loads files that were sent to `/files` before. Rows of several files of vectors or tables follow each other; images are"
        " loaded one by one. `GET /file_formats` tells what becomes of each format."
    ),
    categories=("cubes", "import"),
    parameters=(
        Parameter(
            "paths",
            {
                "type": "array",
                "subtype": "file-paths",
                "items": {"type": "string", "subtype": "file-path", "pattern": "^[^\r\n\\:'\"]+$"},
            },
            "Paths of the files; `a/b`, `./a/b` and `/a/b` are the same.",
            is_plain=True,
        ),
        Parameter(
            "format", {"type": "string", "subtype": "input-format"}, "Format of the files, in whatever case.", is_plain=True
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
    exceptions={
        "FormatUnsuitable": "Files of this format are not read, or a file is of another one.",
        "FileNotFound": "The caller has no file of this path.",
    },
    is_experimental=True,
)
