"""From the documents of a search to a plan of a cube. Pure."""

from collections.abc import Sequence

import orjson

from twinlake.processing.openeo.loading.planning.arrays import ArrayPlan, plan_arrays
from twinlake.processing.openeo.loading.planning.items import Unloadable
from twinlake.processing.openeo.loading.planning.rasters import RasterPlan, plan_rasters
from twinlake.processing.openeo.loading.requests import LoadRequest

Plan = RasterPlan | ArrayPlan


def plan_cube(request: LoadRequest, items: Sequence[bytes], collection: bytes) -> Plan:
    """Return the plan of what *request* asks for of *items*, in the order of time and ids, of a *collection*, all JSON.

    Items that have images are loaded as those, whatever else they have.

    Raises
    ------
    OpenEoError
        As `plan_rasters` and `plan_arrays`.
    """
    documents, described = [orjson.loads(each) for each in items], orjson.loads(collection)
    plan = plan_rasters(request, documents, described) or plan_arrays(request, documents, described)
    if plan is None:
        raise Unloadable(
            "The items have neither images nor arrays on a grid, of which a cube could be made. If they have vectors or tables,"
            " get their files, upload them to your own, and load them with load_uploaded_files; or give GeoJSON to load_geojson."
        )
    return plan
