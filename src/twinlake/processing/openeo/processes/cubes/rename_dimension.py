"""`rename_dimension`."""

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import CUBE, TEXT
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.standards.openeo.errors import ProcessError


def _rename(data: Cube, source: str, target: str) -> Cube:
    number = data.place(source)
    if target in [each.name for each in data.dimensions]:
        raise ProcessError("DimensionExists", f"The cube has a dimension {target!r} already.")
    return Cube(values=data.values, dimensions=data.with_dimension(number, data.dimensions[number].rename(target)))


PROCESS = Process(
    id="rename_dimension",
    summary="Another name for a dimension",
    description="Renames a dimension and changes nothing else.",
    categories=("cubes",),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter("source", TEXT, "What the dimension is called.", is_plain=True),
        Parameter("target", TEXT, "What it will be called.", is_plain=True),
    ),
    returns=CUBE,
    returned="The cube, in which the dimension has its new name alone.",
    work=Opaque(),
    kernel=_rename,
    keeps=Keeps(),
    exceptions={
        "DimensionNotAvailable": "The cube has no dimension of this name.",
        "DimensionExists": "The cube has a dimension of the new name already.",
    },
)
