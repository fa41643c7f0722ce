"""From the documents of a search to a plan of a cube. Pure."""

from collections.abc import Sequence

import orjson

from twinlake.processing.openeo.loading.items import Unloadable
from twinlake.processing.openeo.loading.raster_planning import RasterPlan, plan_rasters
from twinlake.processing.openeo.loading.requests import LoadRequest

Plan = RasterPlan


def plan_cube(request: LoadRequest, items: Sequence[bytes], collection: bytes) -> Plan:
    """Return the plan of what *request* asks for of *items*, in the order of time and ids, of a *collection*, all JSON.

    Raises
    ------
    OpenEoError
        As `plan_rasters`.
    """
    documents = [orjson.loads(each) for each in items]
    plan = plan_rasters(request, documents, orjson.loads(collection))
    if plan is None:
        raise Unloadable("The items have no rasters and no grids of arrays.")
    return plan
