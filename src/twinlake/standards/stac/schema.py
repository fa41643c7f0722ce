"""The JSON schemas of STAC 1.1.0 that the `pystac` wheel carries, compiled."""

import json
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Literal

import fastjsonschema

from twinlake.core.documents import JsonObject
from twinlake.standards.problems import Problem


def find_schema_fault(kind: Literal["item", "collection"], document: JsonObject) -> Problem | None:
    """Return the first problem that the schema finds in a STAC 1.1.0 document; formats are not looked at."""
    try:
        _compiled(kind)(document)
    except fastjsonschema.JsonSchemaValueException as error:
        return Problem(".".join(str(part) for part in error.path[1:]), error.message.removeprefix(error.name or "").strip())
    return None


@cache
def _compiled(kind: str) -> Callable[[JsonObject], object]:
    """Compile a schema once per process: it never changes."""
    uri = f"https://schemas.stacspec.org/v1.1.0/{kind}-spec/json-schema/{kind}.json"
    handlers = {"https": _packaged, "http": lambda _: {}}  # the draft-07 meta-schema of summaries is not looked into
    validate: Callable[[JsonObject], object] = fastjsonschema.compile(
        _packaged(uri), handlers=handlers, use_default=False, use_formats=False
    )
    return validate


def _packaged(uri: str) -> JsonObject:
    folder = "geojson" if uri.startswith("https://geojson.org/") else "stac-spec/v1.1.0"
    name = uri.partition("#")[0].rpartition("/")[2]
    file = resources.files("pystac.validation.jsonschemas") / folder / name
    schema: JsonObject = json.loads(file.read_text(encoding="utf-8"))
    return schema
