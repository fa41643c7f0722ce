"""What descriptions of processes say in schemas and kinds, said in words."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from twinlake.processing.openeo.json_schemas import Schema
from twinlake.processing.openeo.process import Along, Everywhere, Opaque, Pointwise, Process, Reducer, SamePlace

_SCALARS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "number": ("number", "numbers"),
        "integer": ("whole number", "whole numbers"),
        "boolean": ("true or false", "truths"),
        "string": ("text", "texts"),
        "null": ("null", "null"),
        "array": ("array", "arrays"),
        "object": ("object", "objects"),
    }
)
"""JSON's types, of one value and of several."""
_SUBTYPES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "band-name": ("name of a band", "names of bands"),
        "bounding-box": ("bounding box", "bounding boxes"),
        "date": ("date", "dates"),
        "date-time": ("date and time", "dates and times"),
        "epsg-code": ("EPSG code", "EPSG codes"),
        "geojson": ("GeoJSON", "GeoJSON"),
        "process-graph": ("process", "processes"),
        "temporal-interval": ("interval of time (start, end)", "intervals of time (start, end)"),
        "time": ("time of day", "times of day"),
        "wkt2-definition": ("WKT2 text", "WKT2 texts"),
        "year": ("year", "years"),
    }
)
_DIMENSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"bands": "bands", "temporal": "time", "geometry": "geometries", "other": "another dimension"}
)
_BOUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "minimum": "at least {}",
        "minimumExclusive": "more than {}",
        "maximum": "at most {}",
        "maximumExclusive": "less than {}",
    }
)
_REDUCTIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "distributive": (
            "Reducer, distributive",
            "An array becomes one value. Its parts can be reduced apart, and what comes of them is reduced again.",
        ),
        "algebraic": (
            "Reducer, algebraic",
            "An array becomes one value. Its parts can be reduced apart to small states, which are put together at the end.",
        ),
        "holistic": ("Reducer, holistic", "An array becomes one value, for which all elements are needed at once."),
    }
)


_BY_LABELS = "A cell of the result comes of the cells that have its labels, of all cells along dimensions that the result has not"


def write_type(schema: Schema | Sequence[Schema], *, several: bool = False) -> str:
    """Return what a schema allows; of *several* values, as the elements of an array are."""
    listed = [schema] if isinstance(schema, Mapping) else schema
    return " or ".join(dict.fromkeys(word for each in listed for word in _write_types(each, several=several)))


def _write_types(schema: Schema, *, several: bool) -> Iterator[str]:
    """Yield the types that one schema allows."""
    if "anyOf" in schema:
        yield write_type(schema["anyOf"], several=several)
    elif "enum" in schema:
        yield "one of " + ", ".join(f"`{_write_constant(each)}`" for each in schema["enum"])
    elif "const" in schema:
        yield f"`{_write_constant(schema['const'])}`"
    elif schema.get("subtype") == "datacube":
        yield ("cubes" if several else "cube") + _write_dimensions(schema.get("dimensions", ()))
    elif "type" not in schema:
        yield "anything"
    elif schema["type"] == "array" and schema.get("subtype") != "temporal-interval":
        yield _write_array(schema, several=several)
    else:
        names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        bounds = " and ".join(words.format(schema[name]) for name, words in _BOUNDS.items() if name in schema)
        for name in sorted(names, key="null".__eq__):  # null stands last
            word = _SUBTYPES.get(schema.get("subtype", ""), _SCALARS[name])[several]
            yield f"{word} ({bounds})" if bounds and name != "null" else word


def _write_array(schema: Schema, *, several: bool) -> str:
    size, most = schema.get("minItems"), schema.get("maxItems")
    count = f"{size} " if size is not None and size == most else ""
    elements = write_type(schema["items"], several=True) if "items" in schema else "anything"
    labels = " with labels" if schema.get("subtype") == "labeled-array" else ""
    return f"{'arrays' if several else 'array'}{labels} of {count}{elements}"


def _write_dimensions(dimensions: Sequence[Mapping[str, Any]]) -> str:
    words: list[str] = []
    for each in dimensions:
        words += each.get("axis", ["space"]) if each["type"] == "spatial" else [_DIMENSIONS[each["type"]]]
    return "" if not words else " with " + (" and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}")


def _write_constant(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def explain_work(process: Process) -> tuple[str, str]:
    """Return how a process works on arrays, or on its cubes: the name of that, and what it means."""
    match process.work:
        case Pointwise():
            return "Pointwise", "Each element by itself; on cubes it runs on all pixels of a tile at once."
        case Reducer(kind):
            return _REDUCTIONS[kind]
        case Along():
            return "Along", "An array becomes another one, and every element may count for each."
        case Opaque() if any(each.is_cube for each in process.parameters):
            return _explain_reach(process.reach)
        case Opaque():
            return "Whole", "It takes what it is given whole, as its description says."


def _explain_reach(reach: object) -> tuple[str, str]:
    match reach:
        case SamePlace(crosses=None):
            return "On cubes, by labels", f"{_BY_LABELS}."
        case SamePlace():
            return "On cubes, by labels", f"{_BY_LABELS}, and along those that it is told to work along."
        case Everywhere(is_shape_in_data=is_shape_in_data):
            told = " Which labels the result has only the data tell." if is_shape_in_data else ""
            return "On cubes, whole", f"A cell of the result comes of all cells.{told}"
        case _:
            return "On cubes, by places", "A pixel of the result comes of those that lie where it does, and of some around them."
