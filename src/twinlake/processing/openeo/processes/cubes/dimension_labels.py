"""`dimension_labels`."""

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import CUBE, TEXT
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.values import Values, from_json


def _labels(data: Cube, dimension: str) -> Values:
    return from_json(list(data.dimensions[data.place(dimension)].labels))


PROCESS = Process(
    id="dimension_labels",
    summary="The labels of a dimension",
    description="Lists the labels of a dimension in their order.",
    categories=("cubes",),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter("dimension", TEXT, "The dimension.", is_plain=True),
    ),
    returns={"type": "array", "items": {"type": ["number", "string"]}},
    returned="The labels.",
    work=Opaque(),
    kernel=_labels,
    labels_only=frozenset({"data"}),
    exceptions={"DimensionNotAvailable": "The cube has no dimension of this name."},
)
