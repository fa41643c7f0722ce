"""`load_uploaded_files`."""

from twinlake.processing.openeo.json_schemas import CUBE
from twinlake.processing.openeo.loading.parameters import OPTIONS, format_of, refuse_to_compute
from twinlake.processing.openeo.process import Opaque, Parameter, Process

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
        format_of("the files"),
        OPTIONS,
    ),
    returns=CUBE,
    returned="The cube.",
    work=Opaque(),
    kernel=refuse_to_compute,
    exceptions={
        "FormatUnsuitable": "Files of this format are not read, or a file is of another one.",
        "FileNotFound": "The caller has no file of this path.",
    },
    is_experimental=True,
)
