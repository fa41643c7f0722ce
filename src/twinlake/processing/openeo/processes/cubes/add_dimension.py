"""`add_dimension`."""

from dataclasses import replace

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import CUBE, LABEL, TEXT
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.dimensions import Axis, Dimension, Kind, Label
from twinlake.standards.openeo.errors import ProcessError

_AXES: tuple[Axis, ...] = ("x", "y", "z")
_KINDS = ["bands", "geometry", "spatial", "temporal", "other"]


def _add(data: Cube, name: str, label: Label, type: Kind = "other") -> Cube:
    if name in [each.name for each in data.dimensions]:
        raise ProcessError("DimensionExists", f"The cube has a dimension {name!r} already.")
    axis: Axis | None = None
    if type == "spatial":
        taken = {each.axis for each in data.dimensions}
        axis = next((each for each in _AXES if each not in taken), None)
        if axis is None:
            raise ProcessError("DimensionExists", "The cube has spatial dimensions along x, y and z already.")
    valid = None if data.values.valid is None else data.values.valid[None]
    added = Dimension(name=name, kind=type, labels=(label,), axis=axis)
    return Cube(values=replace(data.values, data=data.values.data[None], valid=valid), dimensions=(added, *data.dimensions))


PROCESS = Process(
    id="add_dimension",
    summary="A new dimension with one label",
    description="Adds a dimension, of which the only label is the one given, in front of all others.",
    categories=("cubes",),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter("name", TEXT, "What the dimension is called.", is_plain=True),
        Parameter("label", LABEL, "Its only label.", is_plain=True),
        Parameter(
            "type",
            {"type": "string", "enum": _KINDS},
            "What kind of dimension it is. A spatial one lies along the first of x, y and z that the cube does not have.",
            default="other",
            is_plain=True,
        ),
    ),
    returns=CUBE,
    returned="The cube with one dimension more; all others are as before.",
    work=Opaque(),
    kernel=_add,
    keeps=Keeps(),
    exceptions={"DimensionExists": "The cube has a dimension of this name, or along each axis, already."},
)
