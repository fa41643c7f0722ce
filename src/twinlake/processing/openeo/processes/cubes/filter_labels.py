"""`filter_labels`."""

from typing import Any

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, CUBE, LABEL, TEXT, TRUTH, callback, passed
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.values import from_json, to_plain


def _filter(data: Cube, condition: Callback, dimension: str, context: Any = None) -> Cube:
    number = data.place(dimension)
    met = [to_plain(condition(value=from_json(label), context=context)) is True for label in data.dimensions[number].labels]
    return data.take(number, [place for place, is_met in enumerate(met) if is_met])


PROCESS = Process(
    id="filter_labels",
    summary="Keeps labels that meet a condition",
    description="Keeps the labels of a dimension for which a condition is true, with all that lies there.",
    categories=("cubes", "filter"),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter(
            "condition",
            callback(
                passed("value", "The label: of a temporal dimension a text.", LABEL),
                passed("context", "What the user passes on.", default=None),
                returns=TRUTH,
            ),
            "Tells of each label whether it stays: where this is true.",
        ),
        Parameter("dimension", TEXT, "The dimension.", is_plain=True),
        Parameter("context", ANYTHING, "Passed on to the condition.", default=None, is_plain=True),
    ),
    returns=CUBE,
    returned="The cube with the labels that meet the condition.",
    work=Opaque(),
    kernel=_filter,
    keeps=Keeps(),
    exceptions={"DimensionNotAvailable": "The cube has no dimension of this name."},
)
