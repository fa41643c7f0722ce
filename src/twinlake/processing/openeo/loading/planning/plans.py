"""From the documents of a search to a plan of a cube. Pure."""

from collections.abc import Sequence

import orjson

from twinlake.processing.openeo.loading.planning.arrays import ArrayPlan, plan_arrays
from twinlake.processing.openeo.loading.planning.items import Unloadable
from twinlake.processing.openeo.loading.planning.rasters import RasterPlan, plan_rasters
from twinlake.processing.openeo.loading.planning.vectors import VectorPlan, plan_vectors
from twinlake.processing.openeo.loading.requests import LoadRequest

Plan = RasterPlan | ArrayPlan | VectorPlan


def plan_cube(request: LoadRequest, items: Sequence[bytes], collection: bytes) -> Plan:
    """Return the plan of what *request* asks for of *items*, in the order of time and ids, of a *collection*, all JSON.

    Items that have images are loaded as those, else as arrays if they have any on a grid, else as vectors or tables.

    Raises
    ------
    OpenEoError
        As `plan_rasters`, `plan_arrays` and `plan_vectors`.
    """
    documents, described = [orjson.loads(each) for each in items], orjson.loads(collection)
    plan: Plan | None = plan_rasters(request, documents, described) or plan_arrays(request, documents, described)
    plan = plan or plan_vectors(request, documents)
    if plan is None:
        raise Unloadable("The items have neither images nor arrays on a grid, nor vectors or tables.")
    return plan
