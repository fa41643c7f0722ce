"""`rename_labels`."""

from collections.abc import Sequence

import msgspec

from twinlake.core.counting import count
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import CUBE, TEXT, Schema
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.dimensions import Label
from twinlake.standards.openeo.errors import ProcessError

_LABELS: Schema = {"type": "array", "uniqueItems": True, "items": {"type": ["number", "string"]}}


def _rename(data: Cube, dimension: str, target: Sequence[Label], source: Sequence[Label] = ()) -> Cube:
    number = data.place(dimension)
    own = data.dimensions[number]
    if source:
        if len(source) != len(target):
            raise ProcessError(
                "LabelMismatch", f"{count(len(source), 'label')} to rename, but {count(len(target), 'new label')}."
            )
        places = [own.place(each) for each in source]
    else:
        if not own.is_enumerated:
            raise ProcessError("LabelsNotEnumerated", f"The labels of dimension {dimension!r} have names: say which in 'source'.")
        if len(target) > len(own.labels):
            raise ProcessError("LabelMismatch", f"{count(len(own.labels), 'label')}, but {count(len(target), 'new label')}.")
        places = list(range(len(target)))
    labels = list(own.labels)
    for place, label in zip(places, target, strict=True):
        labels[place] = label
    taken = [label for label in target if labels.count(label) > 1]
    if taken:
        raise ProcessError("LabelExists", f"Dimension {dimension!r} has a label {taken[0]!r} already.")
    renamed = msgspec.structs.replace(own, labels=tuple(labels), is_enumerated=False)
    return Cube(values=data.values, dimensions=data.with_dimension(number, renamed))


PROCESS = Process(
    id="rename_labels",
    summary="Other labels for a dimension",
    description=(
        "Renames labels of a dimension. Labels that are mere numbers from 0 are renamed in their order; of others `source` says"
        " which are meant. Their order and the values stay."
    ),
    categories=("cubes",),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter("dimension", TEXT, "The dimension.", is_plain=True),
        Parameter("target", _LABELS, "The new labels. None may be that of another label which stays.", is_plain=True),
        Parameter(
            "source",
            _LABELS,
            "The labels to rename, as many as new ones. Empty: those from 0, if the labels are mere numbers.",
            default=[],
            is_plain=True,
        ),
    ),
    returns=CUBE,
    returned="The cube with the new labels.",
    work=Opaque(),
    kernel=_rename,
    keeps=Keeps(),
    exceptions={
        "LabelsNotEnumerated": "The labels have names, and none of them is given.",
        "LabelMismatch": "There are not as many labels to rename as new ones.",
        "LabelNotAvailable": "The dimension has no label of this name.",
        "LabelExists": "The dimension has a label of a new name already.",
    },
)
