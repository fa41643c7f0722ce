"""`load_stac`."""

from twinlake.processing.openeo.json_schemas import CUBE
from twinlake.processing.openeo.loading.parameters import BANDS, EXTENTS, PROPERTIES, refuse_to_compute
from twinlake.processing.openeo.process import Opaque, Parameter, Process

PROCESS = Process(
    id="load_stac",
    version=3,
    summary="Loads a STAC collection or item by its address",
    description=(
        "Makes a cube, as `load_collection` does, of a collection or of one item of this site by its address, such as"
        " `/stac/v2/collections/ID` or `/stac/v2/collections/ID/items/ITEM`. Or of the results of a batch job: one's own at"
        " `/jobs/ID/results`, with `?partial=true` what there is so far, and anybody's at their signed `canonical` address; what"
        " was saved as Zarr is the same cube again. Or of what is at another site of the federation, by one's own right, and of"
        " STAC elsewhere that is open to everybody, as far as it says where its pixels lie; what came is kept by its hash."
    ),
    categories=("cubes", "import"),
    parameters=(
        Parameter(
            "url",
            {"type": "string", "format": "uri", "subtype": "uri", "pattern": "^https?://"},
            "Address of the collection or item.",
            is_plain=True,
        ),
        *EXTENTS,
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
        "PropertiesUnsupported": "The address leads to results of a job, which have no items with properties.",
    },
    is_experimental=True,
)
