"""Geometries: of GeoJSON documents, and of vector cubes, which have them as labels of one dimension, in WKT.

A label is written so that it gives the same numbers when it is read; heights are left out. A feature without a geometry is a
label that is empty.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final

import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.shapes.dimensions import Dimension, Label, find_kind
from twinlake.processing.openeo.shapes.projecting import DEGREES, Crs, describe_crs, is_in_metres, move, project
from twinlake.standards.geojson import find_geometry_problems, to_shape
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

GEOMETRIES: Final = "geometries"
"""Name of the dimension that geometries of a document lie along."""
MOST_GEOMETRIES: Final = 100_000
MOST_VERTICES: Final = 5_000_000
MOST_PROPERTIES: Final = 200
_AREAL = frozenset({"Polygon", "MultiPolygon"})
_TAKEN = _AREAL | {"Point", "MultiPoint", "LineString", "MultiLineString"}
_NOWHERE = shapely.GeometryCollection()
_DECIMALS = 20
"""Decimal places after which no coordinate has a digit that matters: GEOS leaves out those that are not needed."""


def read_geojson(document: object) -> Dimension:
    """Return the dimension of the geometries in a GeoJSON document: one for each feature, or one.

    A ``crs`` member, which GeoJSON had before RFC 7946 and clients of openEO write, is understood. What features are besides
    their geometry is kept with the labels.

    Raises
    ------
    ProcessParameterInvalidError
        It is none, has geometries that are not taken, or too many.
    """
    if not isinstance(document, dict):
        raise ProcessParameterInvalidError("The geometries are no GeoJSON.")
    crs = _crs_of(document)
    listed = list(list_features(document))
    shapes = [_NOWHERE if (geometry := _geometry_of(each)) is None else _read_shape(geometry, crs) for each in listed]
    features = [_facts_of(each) for each in listed]
    return to_dimension(shapes, crs, features=features if any(features) else None)


def list_features(document: JsonObject) -> Iterator[JsonObject]:
    """Yield the features of a collection, or the only feature or geometry that the document is.

    Raises
    ------
    ProcessParameterInvalidError
        A collection has no list of features.
    """
    features: Any = document.get("features") if document.get("type") == "FeatureCollection" else [document]
    if not isinstance(features, list):
        raise ProcessParameterInvalidError("A collection of features has no list of them.")
    for each in features:
        if not isinstance(each, dict):
            raise ProcessParameterInvalidError("A member of the list of features is none.")
        yield each


def to_dimension(
    shapes: Sequence[BaseGeometry], crs: Crs, *, name: str = GEOMETRIES, features: Sequence[str | None] | None = None
) -> Dimension:
    """Return the dimension that has *shapes* as labels.

    Parameters
    ----------
    features
        As `Dimension.features`.

    Raises
    ------
    ProcessParameterInvalidError
        They are too many, or a coordinate is not finite.
    """
    _require_few(shapes)
    written = shapely.to_wkt(shapely.force_2d(list(shapes)), rounding_precision=_DECIMALS).tolist() if len(shapes) else []
    return Dimension(
        name=name, kind="geometry", crs=crs, labels=tuple(written), features=None if features is None else tuple(features)
    )


def find_geometries(dimensions: Sequence[Dimension]) -> int:
    """Return which of *dimensions* has geometries.

    Raises
    ------
    ProcessParameterInvalidError
        None has, or several have.
    """
    found = find_kind(dimensions, "geometry")
    if len(found) != 1:
        raise ProcessParameterInvalidError("The cube is no vector cube: it has not one dimension of geometries.")
    return found[0]


def read_shapes(dimension: Dimension) -> tuple[BaseGeometry, ...]:
    """Return the geometries of a dimension, in the CRS of it.

    Raises
    ------
    ProcessParameterInvalidError
        A label is no WKT of finite coordinates, or there are too many.
    """
    return _read_labels(dimension.labels)


def crs_of(dimension: Dimension) -> Crs:
    """Return the CRS of a dimension of geometries; where it says none, it is longitude and latitude."""
    return dimension.crs or DEGREES


def parts_near(
    dimension: Dimension, crs: Crs, *, within: BaseGeometry | None, only_areas: bool = False
) -> list[list[BaseGeometry]]:
    """Return the geometries of a dimension in another CRS, as far as they are near a cube, each as the parts that it has.

    Polygons that cross themselves are made valid. What is empty, or far away, has no part.

    Parameters
    ----------
    within
        Where the cube is; None where it is nowhere.

    Raises
    ------
    ProcessParameterInvalidError
        A geometry is not taken, or none is there.
    """
    shapes, own = read_shapes(dimension), crs_of(dimension)
    taken = _AREAL if only_areas else _TAKEN
    for each in shapes:
        if not each.is_empty and each.geom_type not in taken:
            raise _not_taken(each.geom_type, taken)
    if all(each.is_empty for each in shapes):
        raise ProcessParameterInvalidError("There is no polygon." if only_areas else "There is no geometry.")
    return [_parts(project(_repaired(each), own, crs, within=within), each) for each in shapes]


def read_areas(document: object, crs: Crs, *, within: BaseGeometry | None) -> list[BaseGeometry]:
    """Return the polygons of a GeoJSON document in another CRS; raises as `read_geojson` and `parts_near` do."""
    return list(chain(*parts_near(read_geojson(document), crs, within=within, only_areas=True)))


def without_id(feature: str | None) -> str | None:
    """Return what `Dimension.features` has of a feature, but for its id."""
    return None if feature is None else _write_facts(json.loads(feature)["properties"], None)


def name_shapes(dimension: Dimension) -> list[tuple[bytes, int]]:
    """Return what is the same for geometries that are equal, whatever order their vertices have; of equal ones each has its own.

    Equal are those of Simple Features: vertices within straight edges, and a collection of a single part, make no difference.
    """
    seen: Counter[bytes] = Counter()
    names = []
    for shape in read_shapes(dimension):
        parts = shapely.get_parts(shapely.normalize(shape))
        name = shapely.to_wkb(shapely.simplify(parts[0] if len(parts) == 1 else shapely.normalize(shape), 0))
        names.append((name, seen[name]))
        seen[name] += 1
    return names


def require_metres(dimension: Dimension) -> None:
    """Refuse geometries whose coordinates are not in metres.

    Raises
    ------
    ProcessError
        ``UnitMismatch``.
    """
    if not is_in_metres(crs_of(dimension)):
        raise ProcessError("UnitMismatch", "The geometries are not in metres: use vector_reproject before.")


def geometry_kinds(dimension: Dimension) -> set[str]:
    """Return of which base types the geometries are: ``Point``, ``LineString``, ``Polygon``; empty ones of none."""
    return {each.geom_type.removeprefix("Multi") for each in read_shapes(dimension) if not each.is_empty}


def write_features(dimension: Dimension) -> Iterator[JsonObject]:
    """Yield a GeoJSON feature for each label, in longitude and latitude, with what was kept of the feature that it came of.

    Raises
    ------
    ProcessParameterInvalidError
        A geometry has no place in longitude and latitude.
    """
    shapes = move(read_shapes(dimension), crs_of(dimension), DEGREES)
    for shape, facts in zip(shapes, dimension.features or [None] * len(shapes), strict=True):
        kept: JsonObject = {"properties": {}} if facts is None else json.loads(facts)
        yield {"type": "Feature", "geometry": None if shape.is_empty else json.loads(shapely.to_geojson(shape)), **kept}


def list_properties(dimension: Dimension) -> dict[str, list[Any]]:
    """Return what was kept of features by name, in JSON; None where one lacks it.

    Their ids are called ``id``, unless a property is. Of very many properties those beyond `MOST_PROPERTIES` are left out.
    """
    kept = [{} if each is None else json.loads(each) for each in dimension.features or ()]
    told = [({"id": each["id"]} if "id" in each else {}) | each.get("properties", {}) for each in kept]
    names = dict.fromkeys(chain.from_iterable(told))
    return {name: [each.get(name) for each in told] for name in islice(names, MOST_PROPERTIES)}


@lru_cache(maxsize=8)
def _read_labels(labels: tuple[Label, ...]) -> tuple[BaseGeometry, ...]:
    """Read labels; the tiles of a cube all ask for the same ones."""
    if not all(isinstance(each, str) for each in labels):
        raise ProcessParameterInvalidError("A label of the geometries is no WKT.")
    try:
        shapes = tuple(shapely.from_wkt(list(labels)).tolist())
    except (ShapelyError, ValueError) as error:
        raise ProcessParameterInvalidError(f"A label of the geometries is no WKT: {str(error)[:200]}.") from error
    _require_few(shapes)
    return shapes


def _require_few(shapes: Sequence[BaseGeometry]) -> None:
    if len(shapes) > MOST_GEOMETRIES:
        raise ProcessParameterInvalidError(f"There are {len(shapes)} geometries, and {MOST_GEOMETRIES} are the most.")
    points = shapely.get_coordinates(list(shapes))
    if len(points) > MOST_VERTICES:
        raise ProcessParameterInvalidError(f"The geometries have {len(points)} vertices, and {MOST_VERTICES} are the most.")
    # The sum is not finite where one is not.
    if not abs(points.sum()) < float("inf"):
        raise ProcessParameterInvalidError("A geometry is wrong: a coordinate is not finite.")


def _read_shape(geometry: JsonObject, crs: Crs) -> BaseGeometry:
    kind = geometry.get("type")
    if kind not in _TAKEN:
        raise _not_taken(kind, _TAKEN)
    if geometry.get("coordinates") == []:
        return shapely.from_wkt(f"{str(kind).upper()} EMPTY")
    if crs == DEGREES and (problems := find_geometry_problems(geometry)):
        raise ProcessParameterInvalidError(f"A geometry is wrong: {problems[0].path} {problems[0].message}.")
    try:
        return to_shape(geometry)
    except (ShapelyError, ValueError, TypeError) as error:
        raise ProcessParameterInvalidError(f"A geometry is wrong: {str(error)[:200]}.") from error


def _not_taken(kind: object, taken: frozenset[str]) -> ProcessParameterInvalidError:
    return ProcessParameterInvalidError(
        f"A geometry of type {str(kind)[:40]} is not taken here; there is {', '.join(sorted(taken))}."
    )


def _repaired(shape: BaseGeometry) -> BaseGeometry:
    if shape.geom_type not in _AREAL or shape.is_valid:
        return shape
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(shape)))
    return shapely.union_all([part for part in parts if part.geom_type == "Polygon"])


def _parts(moved: BaseGeometry, shape: BaseGeometry) -> list[BaseGeometry]:
    """Return the parts of what a geometry became; what merely touches the surroundings of a cube is less than it was."""
    size = shapely.get_dimensions(shape)
    return [part for part in shapely.get_parts(moved) if not part.is_empty and shapely.get_dimensions(part) == size]


def _geometry_of(member: JsonObject) -> JsonObject | None:
    if member.get("type") != "Feature":
        return member
    geometry = member.get("geometry")
    if geometry is not None and not isinstance(geometry, dict):
        raise ProcessParameterInvalidError("A geometry is wrong: it is no object.")
    return geometry


def _facts_of(member: JsonObject) -> str | None:
    """Return what a feature is besides its geometry, in JSON; None where there is nothing."""
    if member.get("type") != "Feature":
        return None
    properties, name = member.get("properties"), member.get("id")
    if not isinstance(properties, dict | None) or not isinstance(name, str | int | float | None):
        raise ProcessParameterInvalidError("A feature has properties that are no object, or an id that is no text or number.")
    return _write_facts(properties, name)


def _write_facts(properties: JsonObject | None, name: str | float | None) -> str | None:
    if not properties and name is None:
        return None
    return json.dumps({"properties": properties or {}} | ({} if name is None else {"id": name}), separators=(",", ":"))


def _crs_of(document: JsonObject) -> Crs:
    named = document.get("crs")
    if named is None:
        return DEGREES
    properties = named.get("properties") if isinstance(named, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise ProcessParameterInvalidError("The CRS of the geometries has no name.")
    return describe_crs(name)
