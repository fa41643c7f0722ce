"""GeoJSON, whole or line by line, streamed feature by feature."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers import footprints, times
from twinlake.holdings.readers.attributes import clean_text
from twinlake.holdings.readers.crs import code_of, read_crs, to_degrees
from twinlake.holdings.readers.description import TABLE, Description, Footprint, Interval
from twinlake.holdings.readers.errors import ForeignReferenceError, TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.formats import GEOJSON_LINES, Format, open_regular
from twinlake.holdings.readers.hints import Hints
from twinlake.holdings.readers.json_stream import JsonStream, parse
from twinlake.holdings.readers.limits import MAX_COLUMNS, MAX_DOCUMENT_BYTES
from twinlake.holdings.readers.tables import find_time_columns, parse_cell

_GEOMETRY = "geometry"
_GEOMETRY_ARRAYS = {"coordinates", "geometries"}
_MAX_DRAWN = 20_000
_REMEDY = "Check it against RFC 7946 and send it again."


@dataclass(slots=True)
class _Summary:
    """What a pass over the features gathers."""

    rows: int = 0
    kinds: dict[str, str] = field(default_factory=dict)
    geometry_types: Counter[str] = field(default_factory=Counter)
    west: float = float("inf")
    south: float = float("inf")
    east: float = float("-inf")
    north: float = float("-inf")
    times: Interval | None = None


def describe(path: Path, found: Format, hints: Hints) -> Description:
    """Describe the GeoJSON at *path*.

    Raises
    ------
    UnreadableFileError
        It is no valid GeoJSON, or its CRS is a link to somewhere else.
    """
    summary = _Summary()
    with open_regular(path) as file:
        crs = _Crs(hints.crs)
        for feature in _features(file, found, crs):
            _add(summary, feature, hints)
    columns = [{"name": name, "type": kind} for name, kind in summary.kinds.items()]
    geometry_types = ", ".join(sorted(summary.geometry_types)) or "none"
    columns.insert(0, {"name": _GEOMETRY, "type": "geometry", "description": f"GeoJSON: {geometry_types}"})
    return Description(
        format="geojson",
        media_type=found.media_type,
        footprint=_footprint(summary, hints, crs),
        time=summary.times,
        asset={"table:columns": columns, "table:row_count": summary.rows, "table:primary_geometry": _GEOMETRY},
        extensions=frozenset({TABLE}),
    )


class _Crs:
    """The CRS of the coordinates: degrees, unless an old ``crs`` member or the recipe says otherwise."""

    def __init__(self, stated: str | None) -> None:
        self.definition = stated

    def read_member(self, member: Any) -> None:
        """Read the ``crs`` member of GeoJSON 2008; links are never followed."""
        if not isinstance(member, dict):
            return
        if member.get("type") == "link":
            raise ForeignReferenceError("The CRS of the GeoJSON is a link to another file.", "Write it in WGS 84 (RFC 7946).")
        name = member.get("properties", {}).get("name") if isinstance(member.get("properties"), dict) else None
        if isinstance(name, str) and self.definition is None:
            self.definition = name

    def to_degrees(self) -> Any:
        """Return the transformation of an extent, or None for degrees."""
        if self.definition is None:
            return None
        crs = read_crs(self.definition)
        return None if code_of(crs) in {"EPSG:4326", "OGC:CRS84"} else to_degrees(crs)


def _features(file: BinaryIO, found: Format, crs: _Crs) -> Iterator[JsonObject]:
    if found is GEOJSON_LINES:
        yield from read_lines(file)
        return
    stream = JsonStream(file)
    whole: JsonObject = {}
    for name, text in stream.members():
        if name == "features" and text is None:
            for element in stream.elements():
                yield _object(parse(element))
        elif text is None:
            whole[name] = [parse(element) for element in stream.elements()] if name in _GEOMETRY_ARRAYS else None
        elif name == "crs":
            crs.read_member(parse(text))
        else:
            whole[name] = parse(text)
    if whole.get("type") == "Feature":
        yield whole
    elif whole.get("type") != "FeatureCollection":
        yield {"type": "Feature", "geometry": whole, "properties": None}


def read_lines(file: BinaryIO) -> Iterator[JsonObject]:
    """Yield the JSON object on each line (RFC 8142's record separators are skipped)."""
    while line := file.readline(MAX_DOCUMENT_BYTES):
        if len(line) >= MAX_DOCUMENT_BYTES:
            raise TooLargeToReadError("A line of the file is too long.", "Write one document per line.")
        if text := line.strip().lstrip(b"\x1e"):
            yield _object(parse(text))


def _object(value: Any) -> JsonObject:
    if not isinstance(value, dict):
        raise UnreadableFileError("A feature of the GeoJSON is no object.", _REMEDY)
    return value


def _add(summary: _Summary, feature: JsonObject, hints: Hints) -> None:
    summary.rows += 1
    if geometry := feature.get("geometry"):
        _add_geometry(summary, read_geometry(geometry))
    properties = feature.get("properties")
    if properties is not None and not isinstance(properties, dict):
        raise UnreadableFileError("The properties of a feature are no object.", _REMEDY)
    for name, value in (properties or {}).items():
        _add_kind(summary.kinds, clean_text(name), value)
    summary.times = times.union([summary.times, *_feature_times(properties or {}, hints)])


def _feature_times(properties: JsonObject, hints: Hints) -> list[Interval | None]:
    names = hints.time_columns or find_time_columns(tuple(properties))
    return [parse_cell(str(properties[name])) for name in names if properties.get(name) is not None]


def _add_kind(kinds: dict[str, str], name: str, value: Any) -> None:
    if value is None:
        kinds.setdefault(name, "null")
        return
    match value:
        case bool():
            kind = "boolean"
        case int():
            kind = "integer"
        case float():
            kind = "number"
        case str():
            kind = "string"
        case list():
            kind = "array"
        case _:
            kind = "object"
    known = kinds.get(name, "null")
    if known == "null":
        kinds[name] = kind
    elif known != kind:
        kinds[name] = "number" if {known, kind} == {"integer", "number"} else "string"
    if len(kinds) > MAX_COLUMNS:
        raise TooLargeToReadError(f"The features have more than {MAX_COLUMNS} properties.", "Split the file.")


def read_geometry(geometry: Any) -> BaseGeometry:
    """Return a GeoJSON geometry as a shapely geometry.

    Raises
    ------
    UnreadableFileError
        It is no valid GeoJSON geometry.
    """
    try:
        shape = shapely.geometry.shape(geometry)
        shape.bounds  # noqa: B018  # evaluates the coordinates
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise UnreadableFileError(f"A geometry of the GeoJSON is broken: {str(error)[:100]}.", _REMEDY) from None
    return shape


def _add_geometry(summary: _Summary, shape: BaseGeometry) -> None:
    summary.geometry_types[shape.geom_type] += 1
    if shape.is_empty:
        return
    west, south, east, north = shape.bounds
    summary.west, summary.south = min(summary.west, west), min(summary.south, south)
    summary.east, summary.north = max(summary.east, east), max(summary.north, north)


def _footprint(summary: _Summary, hints: Hints, crs: _Crs) -> Footprint | None:
    if hints.bbox:
        return footprints.extent(*hints.bbox)
    if summary.west == float("inf"):
        return None
    bounds = (summary.west, summary.south, summary.east, summary.north)
    transformer = crs.to_degrees()
    if transformer is not None:
        bounds = transformer.transform_bounds(*bounds, densify_pts=21)
    return footprints.extent(*bounds)


def geometries(path: Path, found: Format, hints: Hints) -> list[BaseGeometry]:
    """Return the first geometries of the file at *path*, in degrees, to be drawn."""
    drawn: list[BaseGeometry] = []
    with open_regular(path) as file:
        crs = _Crs(hints.crs)
        for feature in _features(file, found, crs):
            if feature.get("geometry"):
                drawn.append(read_geometry(feature["geometry"]))
            if len(drawn) >= _MAX_DRAWN:
                break
    transformer = crs.to_degrees()
    if transformer is None:
        return drawn
    return [shapely.transform(each, lambda xy: _moved(transformer, xy)) for each in drawn]


def _moved(transformer: Any, xy: Any) -> Any:
    return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))
