"""Parts of OpenAPI 3.1 documents for routes that are declared without FastAPI."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from twinlake.core.documents import JsonObject

OPERATIONS_DOCUMENT = "/api/openapi.json"
"""Where a site has the document that all parts go into."""
SCHEMAS = "#/components/schemas/"
JSON = "application/json"
PROBLEM = "Problem"
"""Name of the schema of errors, which who puts the parts together defines."""
TEXT: JsonObject = {"type": "string"}
INSTANT: JsonObject = {"type": "string", "format": "date-time"}
COUNT: JsonObject = {"type": "integer", "minimum": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPart:
    """What one capability adds to a document."""

    paths: JsonObject
    schemas: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request that succeeds is answered with."""

    description: str
    schema: str | None = None
    """Name of the schema of its body; None without one."""
    media_type: str = JSON
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Descriptions by name."""

    def describe(self) -> JsonObject:
        """Write it as a Response Object."""
        described: JsonObject = {"description": self.description}
        if self.headers:
            described["headers"] = {name: {"description": text, "schema": TEXT} for name, text in self.headers.items()}
        if self.schema is not None:
            described["content"] = {self.media_type: {"schema": reference(self.schema)}}
        return described


def operation(
    name: str, summary: str, answer: Answer, *, tag: str, body: str | None = None, parameters: Sequence[JsonObject] = ()
) -> JsonObject:
    """Describe an operation; *body* names the schema of the JSON that it takes."""
    described: JsonObject = {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "responses": {
            str(answer.status): answer.describe(),
            "default": {
                "description": "What is wrong and what to do next",
                "content": {"application/problem+json": {"schema": reference(PROBLEM)}},
            },
        },
    }
    if parameters:
        described["parameters"] = list(parameters)
    if body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": reference(body)}}}
    return described


def parameter(name: str, description: str, *, where: str = "query", schema: JsonObject = TEXT) -> JsonObject:
    """Describe a parameter; those in the path are required."""
    return {"name": name, "in": where, "required": where == "path", "description": description, "schema": schema}


def reference(schema: str) -> JsonObject:
    """Point at a schema of the document."""
    return {"$ref": SCHEMAS + schema}


def exactly(properties: Mapping[str, JsonObject], *, optional: Sequence[str] = ()) -> JsonObject:
    """Describe an object with these members and no other; all but the *optional* are always there."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}


def list_of(items: JsonObject) -> JsonObject:
    """Describe an array."""
    return {"type": "array", "items": items}


def or_null(schema: JsonObject) -> JsonObject:
    """Describe a member that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def schemas_of(*types: type) -> JsonObject:
    """Return the schemas of structs, which bodies are read as, and of what they hold, by name."""
    _, found = msgspec.json.schema_components(types, ref_template=SCHEMAS + "{name}")
    return dict(found)
