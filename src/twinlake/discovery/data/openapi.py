"""The OpenAPI 3.0 definition of the STAC API (``service-desc``)."""

from importlib.metadata import version

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.links import GEOJSON, HTML, JSON, OPENAPI_JSON, SCHEMA_JSON
from twinlake.discovery.data.reach import BACKENDS, LOCAL, STRICT
from twinlake.discovery.data.requests import LIMIT, MAX_LIMIT

_SELECTING = (
    "collections", "ids", "bbox", "intersects", "datetime", "query", "filter", "filter-lang", "filter-crs",
)  # fmt: skip
_PAGING = ("limit", "token", "sortby", "fields")
_REACH = (BACKENDS, STRICT, LOCAL)
_OF_ITEMS = tuple(name for name in _SELECTING if name != "collections")
_OF_COLLECTIONS = ("q", "bbox", "datetime", "query", "filter", "filter-lang", "filter-crs", *_PAGING, *_REACH)


def openapi_document(root: str, *, title: str) -> JsonObject:
    """Return the definition of the API at *root*."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": f"STAC API of {title}",
            "version": version("twinlake"),
            "description": "STAC API 1.0.0: items, collections, searches, counts and transactions.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": root}],
        "paths": {**_reading_paths(), **_collection_paths()},
        "components": {
            "parameters": _parameters(),
            "schemas": _schemas(),
            "responses": {"Error": _answer("What is wrong and what to do next", JSON, "Error")},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _reading_paths() -> JsonObject:
    return {
        "/": {"get": _operation("Landing page", "getLandingPage", _answer("The landing page", JSON))},
        "/conformance": {"get": _operation("Conformance classes", "getConformance", _answer("Class URIs", JSON))},
        "/api": {"get": _operation("This definition", "getApi", _answer("OpenAPI 3.0", OPENAPI_JSON))},
        "/api.html": {"get": _operation("This API, for people", "getApiPage", _answer("A page", HTML))},
        "/search": {
            "get": _operation(
                "Search items",
                "searchItems",
                _answer("A page of items", GEOJSON, "ItemCollection"),
                (*_SELECTING, *_PAGING, *_REACH),
            ),
            "post": _operation(
                "Search items", "searchItemsByPost", _answer("A page of items", GEOJSON, "ItemCollection"), body="Search"
            ),
        },
        "/queryables": {"get": _operation("What items can be filtered by", "getQueryables", _answer("JSON Schema", SCHEMA_JSON))},
        "/collection-queryables": {
            "get": _operation(
                "What collections can be filtered by", "getCollectionQueryables", _answer("JSON Schema", SCHEMA_JSON)
            )
        },
        "/aggregations": {"get": _operation("What items can be counted by", "getAggregations", _answer("Names", JSON))},
        "/aggregate": {
            "get": _operation("Count items", "countItems", _answer("Counts", JSON), ("aggregations", *_SELECTING, *_REACH)),
            "post": _operation("Count items", "countItemsByPost", _answer("Counts", JSON), body="Search"),
        },
    }


def _collection_paths() -> JsonObject:
    one, item = "/collections/{collection}", "/collections/{collection}/items/{item}"
    a_collection = _answer("The collection", JSON, "Collection")
    an_item = _answer("The item", GEOJSON, "Item")
    return {
        "/collections": {
            "get": _operation("Search collections", "getCollections", _answer("A page of collections", JSON), _OF_COLLECTIONS),
            "post": _operation("Add a collection", "addCollection", a_collection, body="Collection", status="201"),
        },
        one: {
            "parameters": [_reference("parameters", "collection")],
            "get": _operation("Get a collection", "getCollection", a_collection, _REACH),
            "put": _operation("Replace a collection", "replaceCollection", a_collection, ("If-Match",), body="Collection"),
            "patch": _operation("Change a collection", "patchCollection", a_collection, ("If-Match",), body="Patch"),
            "delete": _operation("Remove a collection and its items", "removeCollection", _EMPTY, ("If-Match",), status="204"),
        },
        f"{one}/items": {
            "parameters": [_reference("parameters", "collection")],
            "get": _operation(
                "Search the items of a collection",
                "getItems",
                _answer("A page of items", GEOJSON, "ItemCollection"),
                (*_OF_ITEMS, *_PAGING, *_REACH),
            ),
            "post": _operation("Add an item or a FeatureCollection of items", "addItems", an_item, body="Item", status="201"),
        },
        item: {
            "parameters": [_reference("parameters", "collection"), _reference("parameters", "item")],
            "get": _operation("Get an item", "getItem", an_item, ("version", *_REACH)),
            "put": _operation("Replace an item", "replaceItem", an_item, ("If-Match",), body="Item"),
            "patch": _operation("Change an item", "patchItem", an_item, ("If-Match",), body="Patch"),
            "delete": _operation("Remove an item", "removeItem", _EMPTY, ("If-Match",), status="204"),
        },
        f"{one}/queryables": {
            "parameters": [_reference("parameters", "collection")],
            "get": _operation("What the items can be filtered by", "getItemQueryables", _answer("JSON Schema", SCHEMA_JSON)),
        },
        f"{one}/aggregations": {
            "parameters": [_reference("parameters", "collection")],
            "get": _operation("What the items can be counted by", "getItemAggregations", _answer("Names", JSON)),
        },
        f"{one}/aggregate": {
            "parameters": [_reference("parameters", "collection")],
            "get": _operation(
                "Count the items", "countItemsOfCollection", _answer("Counts", JSON), ("aggregations", *_OF_ITEMS, *_REACH)
            ),
        },
    }


_EMPTY = {"description": "Done"}


def _operation(
    summary: str,
    operation_id: str,
    answer: JsonObject,
    parameters: tuple[str, ...] = (),
    *,
    body: str | None = None,
    status: str = "200",
) -> JsonObject:
    operation: JsonObject = {
        "summary": summary,
        "operationId": operation_id,
        "parameters": [_reference("parameters", name) for name in parameters],
        "responses": {status: answer, "default": _reference("responses", "Error")},
    }
    if body is not None:
        media_type = "application/merge-patch+json" if body == "Patch" else JSON
        operation["requestBody"] = {"required": True, "content": {media_type: {"schema": _reference("schemas", body)}}}
    return operation


def _reference(kind: str, name: str) -> JsonObject:
    return {"$ref": f"#/components/{kind}/{name}"}


def _answer(description: str, media_type: str, schema: str | None = None) -> JsonObject:
    inner: JsonObject = {"type": "string"} if media_type == HTML else {"type": "object"}
    return {
        "description": description,
        "content": {media_type: {"schema": inner if schema is None else _reference("schemas", schema)}},
    }


def _parameters() -> JsonObject:
    text: JsonObject = {"type": "string"}
    names: JsonObject = {"type": "array", "items": text}
    numbers = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
    parameters = {
        "collections": (names, "Ids of collections, comma-separated"),
        "ids": (names, "Ids of items, comma-separated"),
        "bbox": (numbers, "west,south,east,north in degrees; west > east crosses the antimeridian"),
        "intersects": (text, "A GeoJSON geometry"),
        "datetime": (text, "An RFC 3339 instant, or an interval start/end with .. for an open side"),
        "query": (text, "A JSON object of properties, operators and values (query extension)"),
        "filter": (text, "A CQL2 expression"),
        "filter-lang": ({"type": "string", "enum": ["cql2-text", "cql2-json"], "default": "cql2-text"}, "Language of the filter"),
        "filter-crs": (text, "CRS84, the only one"),
        "limit": (
            {"type": "integer", "minimum": 1, "default": LIMIT},
            f"Size of a page; more than {MAX_LIMIT} is taken for {MAX_LIMIT}",
        ),
        "token": (text, "Of a next link"),
        "sortby": (names, "Properties, with - for descending"),
        "fields": (names, "Members to send, with - for those not to send"),
        "q": (text, "Free text: commas mean or, words side by side a phrase"),
        "aggregations": (names, "Names of counts, comma-separated"),
        BACKENDS: (names, "Ids of the sites to ask, comma-separated; left out, all that are known"),
        STRICT: ({"type": "boolean", "default": False}, "Fail where one of the sites does not answer"),
        LOCAL: ({"type": "boolean", "default": False}, "Ask this site only"),
        "version": (text, "SHA-256 of an earlier version"),
    }
    described: JsonObject = {
        name: {
            "name": name,
            "in": "query",
            "required": False,
            "schema": schema,
            "description": description,
            **({"style": "form", "explode": False} if schema["type"] == "array" else {}),
        }
        for name, (schema, description) in parameters.items()
    }
    described["If-Match"] = {"name": "If-Match", "in": "header", "required": False, "schema": text, "description": "ETag"}
    for name in ("collection", "item"):
        described[name] = {"name": name, "in": "path", "required": True, "schema": text, "description": f"Id of the {name}"}
    return described


def _schemas() -> JsonObject:
    text: JsonObject = {"type": "string"}
    anything: JsonObject = {"type": "object", "additionalProperties": True}
    return {
        "Error": {
            "type": "object",
            "required": ["code", "description", "ticket", "request_id"],
            "properties": dict.fromkeys(("code", "description", "remedy", "ticket", "request_id"), text),
        },
        "Item": {**anything, "required": ["type", "id", "geometry", "properties", "assets", "links"]},
        "Collection": {**anything, "required": ["type", "id", "description", "license", "extent", "links"]},
        "ItemCollection": {
            "type": "object",
            "required": ["type", "features", "links"],
            "properties": {
                "type": {"type": "string", "enum": ["FeatureCollection"]},
                "features": {"type": "array", "items": _reference("schemas", "Item")},
                "links": {"type": "array", "items": anything},
                "numberReturned": {"type": "integer"},
                "numberMatched": {
                    "type": "integer",
                    "description": "Exact, of all sites; on the first page only, and absent where a site is missing",
                },
                "federation:missing": {"type": "array", "items": text},
                "twinlake:federation": anything,
            },
        },
        "Patch": {**anything, "description": "A JSON merge patch (RFC 7396)"},
        "Search": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "collections": {"type": "array", "items": text},
                "ids": {"type": "array", "items": text},
                "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
                "intersects": anything,
                "datetime": text,
                "query": anything,
                "filter": {"description": "CQL2 as JSON; as text with filter-lang cql2-text"},
                "filter-lang": {"type": "string", "enum": ["cql2-json", "cql2-text"], "default": "cql2-json"},
                "filter-crs": text,
                "limit": {"type": "integer", "minimum": 1, "default": LIMIT},
                "token": text,
                "page": {"type": "integer"},
                "conf": anything,
                "sortby": {"type": "array", "items": anything},
                "fields": anything,
                "aggregations": {"type": "array", "items": text},
                BACKENDS: {"type": "array", "items": text},
                STRICT: {"type": "boolean"},
                LOCAL: {"type": "boolean"},
            },
        },
    }
