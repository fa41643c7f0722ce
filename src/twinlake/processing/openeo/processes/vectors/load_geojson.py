"""`load_geojson`."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, from_cells
from twinlake.processing.openeo.json_schemas import TEXT, VECTORS
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.dimensions import Dimension, Label, enumerated
from twinlake.processing.openeo.shapes.geometries import read_geojson
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_PROPERTIES = "properties"
_MOST_CELLS = 20_000_000


def load(data: JsonObject, properties: Sequence[str] = ()) -> Cube:
    """Return the vector cube of a GeoJSON document; without *properties* it has no data.

    Raises
    ------
    ProcessParameterInvalidError
        As `read_geojson` does; or properties have what cannot be values of a cube.
    """
    vectors = read_geojson(data)
    if not properties:
        return Cube(values=Values(data=np.full(len(vectors.labels), np.nan), nan_is_nodata=True), dimensions=(vectors,))
    features = vectors.features or [None] * len(vectors.labels)
    told = [{} if each is None else json.loads(each)["properties"] for each in features]
    rows = [[each.get(name) for name in properties] for each in told]
    dimension = Dimension(name=_PROPERTIES, labels=tuple(properties))
    if len(properties) == 1 and any(isinstance(value, list) for (value,) in rows):
        rows = [value if isinstance(value, list) else [value] for (value,) in rows]
        dimension = enumerated(_PROPERTIES, max(map(len, rows)))
    if len(rows) * len(dimension.labels) > _MOST_CELLS:
        raise ProcessParameterInvalidError(f"The geometries have more than {_MOST_CELLS} values.")
    cells = np.full((len(rows), len(dimension.labels)), None, dtype=object)
    for number, row in enumerate(rows):
        for place, value in enumerate(row):
            cells[number, place] = _require_scalar(value, dimension.labels[place])
    return Cube(values=from_cells(cells), dimensions=(vectors, dimension))


def _require_scalar(value: Any, label: Label) -> Any:
    if isinstance(value, list | dict):
        raise ProcessParameterInvalidError(f"Property {label!r} has an array or an object, and one value is wanted.")
    return value


PROCESS = Process(
    id="load_geojson",
    summary="A vector cube of GeoJSON",
    description=(
        "Makes a vector cube of GeoJSON: a label of the dimension `geometries` for each feature, or the only geometry. Features"
        " keep their ids and properties in exports. Geometries are in longitude and latitude, unless a member `crs` names another"
        " reference system; heights are left out. A feature without a geometry has an empty one."
    ),
    categories=("import", "vector"),
    parameters=(
        Parameter(
            "data",
            {"type": "object", "subtype": "geojson"},
            "GeoJSON: a geometry, a feature or a collection of features, but no `GeometryCollection`.",
            is_plain=True,
        ),
        Parameter(
            "properties",
            {"type": "array", "uniqueItems": True, "items": TEXT},
            (
                "Properties of the features that become values of the cube, along a dimension `properties` with their names. If"
                " it is a single one, and an array, its elements lie along the dimension instead. What one lacks is no-data."
            ),
            default=[],
            is_plain=True,
        ),
    ),
    returns=VECTORS,
    returned="A vector cube with the geometries and, if some are asked for, their properties.",
    work=Opaque(),
    kernel=load,
    is_experimental=True,
)
