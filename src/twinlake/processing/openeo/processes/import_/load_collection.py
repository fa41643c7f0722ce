"""`load_collection`."""

from twinlake.processing.openeo.json_schemas import CUBE
from twinlake.processing.openeo.loading.parameters import BANDS, PROPERTIES, REQUIRED_EXTENTS, refuse_to_compute
from twinlake.processing.openeo.process import Opaque, Parameter, Process

PROCESS = Process(
    id="load_collection",
    version=3,
    summary="Loads a collection of this site",
    description=(
        "Makes one cube of the items of a collection: of images with dimensions `t`, `bands`, `y` and `x`, of files with named"
        " arrays with those that the files have, where each variable is a band. Vectors and tables become what"
        " `load_uploaded_files` makes of them: one file of each item, of which those geometries count that lie within the spatial"
        " extent as a whole. Items of the same instant share a label; where"
        " several have a pixel, the first valid one in the order of their ids counts. The pixels are those that the collection"
        " declares, or else those of the finest band, in the CRS in which the items cover most; items that lie otherwise give the"
        " nearest pixel. Filters that follow at once, where nothing else uses the cube, count as extents of it. What the"
        " files or items say of scale and offset is applied, once."
    ),
    categories=("cubes", "import"),
    parameters=(
        Parameter(
            "id",
            {"type": "string", "subtype": "collection-id", "pattern": r"^[\w\-\.~/]+$"},
            "Id of the collection.",
            is_plain=True,
        ),
        *REQUIRED_EXTENTS,
        BANDS,
        PROPERTIES,
    ),
    returns=CUBE,
    returned="The cube of what was found.",
    work=Opaque(),
    kernel=refuse_to_compute,
    exceptions={
        "NoDataAvailable": "Nothing was found for the extents and conditions.",
        "TemporalExtentEmpty": "The interval ends where it starts, or before.",
    },
)
