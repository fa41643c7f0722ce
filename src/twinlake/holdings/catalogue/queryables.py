"""Queryables: the JSON Schema of what items can be filtered by, from the notes (OGC 19-079r2, section 7)."""

from collections.abc import Iterable

from twinlake.core.documents import JsonObject
from twinlake.holdings.catalogue.notes import SeenProperty
from twinlake.holdings.catalogue.properties import ValueType
from twinlake.standards.cql2.columns import TIMESTAMP_PROPERTIES

_OF_EVERY_ITEM: JsonObject = {
    "id": {"title": "Item id", "type": "string"},
    "collection": {"title": "Collection id", "type": "string"},
    "geometry": {"title": "Geometry", "$ref": "https://geojson.org/schema/Geometry.json"},
    "datetime": {"title": "Date and time", "type": "string", "format": "date-time"},
}
_JSON_TYPES = (
    (ValueType.STRING, "string"),
    (ValueType.BOOLEAN, "boolean"),
    (ValueType.ARRAY, "array"),
    (ValueType.OBJECT, "object"),
)


def to_queryables(seen: Iterable[Iterable[SeenProperty]]) -> JsonObject:
    """Return the schema of the properties of one or several collections; what they share is united."""
    by_name: dict[str, list[SeenProperty]] = {}
    for properties in seen:
        for one in properties:
            by_name.setdefault(one.name, []).append(one)
    return {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "type": "object",
        "title": "Queryables",
        "properties": {
            **_OF_EVERY_ITEM,
            **{name: _schema(by_name[name]) for name in sorted(by_name) if name not in _OF_EVERY_ITEM},
        },
        "additionalProperties": True,
    }


def _schema(seen: list[SeenProperty]) -> JsonObject:
    name = seen[0].name
    if name in TIMESTAMP_PROPERTIES:
        return {"title": name, "type": "string", "format": "date-time"}
    types = ValueType(0)
    for one in seen:
        types |= one.types
    names = [text for flag, text in _JSON_TYPES if types & flag]
    if types & ValueType.NUMBER:
        names.append("number")
    elif types & ValueType.INTEGER:
        names.append("integer")
    schema: JsonObject = {"title": name, "type": names[0] if len(names) == 1 else names}
    if types == ValueType.STRING and all(one.values for one in seen):
        schema["enum"] = sorted({value for one in seen for value in one.values})
    elif types == ValueType.ARRAY and all(one.values for one in seen):
        schema["items"] = {"type": "string", "enum": sorted({value for one in seen for value in one.values})}
    elif types & (ValueType.NUMBER | ValueType.INTEGER) and all(one.low is not None for one in seen):
        number = float if types & ValueType.NUMBER else int
        schema["minimum"] = number(min(one.low for one in seen if one.low is not None))
        schema["maximum"] = number(max(one.high for one in seen if one.high is not None))
    return schema
