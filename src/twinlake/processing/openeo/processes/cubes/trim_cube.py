"""`trim_cube`. Which labels are left is told by the values: of a hollow cube all are, and the whole may have fewer."""

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import CUBE
from twinlake.processing.openeo.process import Everywhere, Keeps, Opaque, Parameter, Process


def _trim(data: Cube) -> Cube:
    if any(data.is_hollow_along(number) for number in range(len(data.dimensions))):
        return data
    there = data.values.where()
    kept = [there.any(axis=tuple(each for each in range(there.ndim) if each != number)) for number in range(there.ndim)]
    for number, has_data in enumerate(kept):
        places = np.flatnonzero(has_data)
        if data.dimensions[number].kind in {"spatial", "temporal"} and places.size:
            # What lies between others stays, so that pixels and times keep their distances.
            places = np.arange(places[0], places[-1] + 1)
        data = data.take(number, places.tolist())
    return data


PROCESS = Process(
    id="trim_cube",
    summary="Removes labels without any data",
    description=(
        "Removes the labels at which there is nothing but no-data: in space and time those at the ends alone, of other dimensions"
        " all."
    ),
    categories=("cubes",),
    parameters=(Parameter("data", CUBE, "A cube."),),
    returns=CUBE,
    returned="The cube with the labels that are left; its dimensions are as before.",
    work=Opaque(),
    kernel=_trim,
    reach=Everywhere(is_shape_in_data=True),
    keeps=Keeps(),
)
