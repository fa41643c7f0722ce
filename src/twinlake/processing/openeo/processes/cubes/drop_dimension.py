"""`drop_dimension`."""

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import CUBE, TEXT
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.standards.openeo.errors import ProcessError


def _drop(data: Cube, name: str) -> Cube:
    number = data.place(name)
    count = len(data.dimensions[number].labels)
    if count != 1:
        raise ProcessError(
            "DimensionLabelCountMismatch", f"Dimension {name!r} has {count} labels, and one that goes has one: reduce it."
        )
    return Cube(values=data.array_along(number).element(0), dimensions=data.without(number))


PROCESS = Process(
    id="drop_dimension",
    summary="Removes a dimension with one label",
    description="Removes a dimension of which a single label is left.",
    categories=("cubes",),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter("name", TEXT, "The dimension that goes.", is_plain=True),
    ),
    returns=CUBE,
    returned="The cube without the dimension; all others are as before.",
    work=Opaque(),
    kernel=_drop,
    keeps=Keeps(),
    exceptions={
        "DimensionLabelCountMismatch": "The dimension has more than one label, or none.",
        "DimensionNotAvailable": "The cube has no dimension of this name.",
    },
)
