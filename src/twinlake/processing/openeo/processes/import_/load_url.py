"""`load_url`."""

from twinlake.processing.openeo.json_schemas import CUBE
from twinlake.processing.openeo.loading.parameters import OPTIONS, format_of, refuse_to_compute
from twinlake.processing.openeo.process import Opaque, Parameter, Process

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
        format_of("the file"),
        OPTIONS,
    ),
    returns=CUBE,
    returned="The cube.",
    work=Opaque(),
    kernel=refuse_to_compute,
    exceptions={"FormatUnsuitable": "Files of this format are not read, or the file is of another one."},
    is_experimental=True,
)
