"""`filter_vector`."""

from typing import Any, Final

import shapely

from twinlake.processing.openeo.cubes import Cube, read_vectors
from twinlake.processing.openeo.json_schemas import VECTORS
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.geometries import crs_of, find_geometries, read_shapes
from twinlake.processing.openeo.shapes.projecting import move

_RELATIONS: Final = ("intersects", "disjoint", "equals", "touches", "crosses", "overlaps", "contains", "within")


def _filter(data: Cube, geometries: Cube, relation: str = "intersects") -> Cube:
    number = find_geometries(data.dimensions)
    own, other = data.dimensions[number], read_vectors(geometries)
    base = shapely.union_all(shapely.make_valid(list(move(read_shapes(other), crs_of(other), crs_of(own)))))
    shapely.prepare(base)
    compare: Any = getattr(shapely, {"contains": "within", "within": "contains"}.get(relation, relation))
    holds = [not each.is_empty and bool(compare(base, shapely.make_valid(each))) for each in read_shapes(own)]
    return data.take(number, [place for place, is_kept in enumerate(holds) if is_kept])


PROCESS = Process(
    id="filter_vector",
    summary="Keeps geometries by how they lie to others",
    description=(
        "Keeps the geometries that stand in a relation of Simple Features to the union of others: with `within` those that lie"
        " within the others, with `contains` those that contain them. Empty geometries are left out. The others are taken over"
        " into the reference system of the cube, vertex by vertex."
    ),
    categories=("cubes", "filter", "vector"),
    parameters=(
        Parameter("data", VECTORS, "The vector cube of which geometries are kept."),
        Parameter("geometries", VECTORS, "A vector cube with the geometries to compare with."),
        Parameter(
            "relation",
            {"type": "string", "enum": list(_RELATIONS)},
            "What must hold between a geometry of the cube and the union of the others.",
            default="intersects",
            is_plain=True,
        ),
    ),
    returns=VECTORS,
    returned="The vector cube with the geometries that are kept; all else is as before.",
    work=Opaque(),
    kernel=_filter,
    keeps=Keeps(),
    is_experimental=True,
)
