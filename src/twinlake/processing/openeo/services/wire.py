"""Services as JSON, in and out.

Source: https://api.openeo.org/1.2.0/#tag/Secondary-Services
"""

from collections.abc import Mapping
from typing import Any, Final

import fastjsonschema

from twinlake.core.clock import from_microseconds, to_text
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.processing.openeo.graphs import read_graph_of
from twinlake.processing.openeo.json_schemas import Schema
from twinlake.processing.openeo.quotas.models import Amount
from twinlake.processing.openeo.quotas.tariff import Tariff, read_budget
from twinlake.processing.openeo.services.store import Service
from twinlake.standards.openeo.errors import (
    ProcessInvalidError,
    PropertyNotEditableError,
    ServiceConfigInvalidError,
    ServiceConfigUnsupportedError,
    ServiceUnsupportedError,
)

TYPE: Final = "XYZ"
_COLOUR: Final = r"\A#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\Z"
CONFIGURATION: Final[Mapping[str, Schema]] = {
    "minimum": {
        "type": ["number", "null"],
        "description": "What is darkest; null for the 2nd percentile of the whole map.",
        "default": None,
    },
    "maximum": {
        "type": ["number", "null"],
        "description": "What is brightest; null for the 98th percentile of the whole map.",
        "default": None,
    },
    "palette": {
        "type": ["array", "null"],
        "description": "Colours from the minimum to the maximum, as `#rrggbb` or `#rrggbbaa`, for a map of one band.",
        "items": {"type": "string", "pattern": _COLOUR},
        "minItems": 2,
        "maxItems": 256,
        "default": None,
    },
}
SERVICE_TYPES: Final[JsonObject] = {
    TYPE: {
        "title": "XYZ tiles",
        "description": "Pictures of 256 x 256 pixels in Web Mercator, each computed when somebody looks at it.",
        "configuration": dict(CONFIGURATION),
        "process_parameters": [],
        "links": [{"rel": "about", "href": "https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames"}],
    }
}
_KEPT = ("title", "description", "process", "enabled", "configuration", "plan", "budget", "log_level")
_OURS = frozenset({"id", "url", "created", "costs", "usage", "attributes", "type"})
_check = fastjsonschema.compile({"type": "object", "properties": dict(CONFIGURATION)}, use_formats=False)


def read_new(body: JsonObject) -> JsonObject:
    """Return the document of a service that was sent in.

    Raises
    ------
    ServiceUnsupportedError
        It is of another type.
    ProcessInvalidError, ProcessGraphMissingError, ServiceConfigInvalidError, ServiceConfigUnsupportedError, BudgetInvalidError,
    InvalidInputError
        Something in it is wrong.
    """
    kind = body.get("type")
    if not isinstance(kind, str) or kind.upper() != TYPE:
        raise ServiceUnsupportedError(f"There are services of type {TYPE}, and not of {str(kind)[:40]!r}.")
    return _checked({"enabled": True, "configuration": {}, **{name: body[name] for name in _KEPT if name in body}})


def change(document: JsonObject, body: JsonObject) -> JsonObject:
    """Return a document with what *body* changes; raises as `read_new` does.

    Raises
    ------
    PropertyNotEditableError
        It is not for clients to change.
    """
    if ours := sorted(_OURS & body.keys()):
        raise PropertyNotEditableError(f"{ours[0]!r} cannot be changed.")
    return _checked({**document, **{name: body[name] for name in _KEPT if name in body}})


def write_service(service: Service, *, url: str, is_full: bool, taken: Amount, tariff: Tariff | None) -> JsonObject:
    """Return a service as clients get it; without its process and usage where many are listed.

    Parameters
    ----------
    taken
        By its tiles, so far.
    """
    kept = {name: value for name, value in service.document.items() if is_full or name not in {"process", "configuration"}}
    written = {
        **{name: value for name, value in kept.items() if value is not None},
        "id": service.id,
        "type": TYPE,
        "url": url,
        "created": to_text(from_microseconds(service.created_at)),
    }
    if not is_full:
        return written
    usage = {
        "cpu": {"value": round(taken.cpu / 1e6, 3), "unit": "cpu-seconds"},
        "network": {"value": taken.size_bytes, "unit": "b"},
    }
    costs = {} if tariff is None else {"costs": tariff.price(taken.cpu / 1e6)}
    return {**written, "attributes": {}, "usage": usage, **costs}


def read_style(configuration: Mapping[str, Any]) -> JsonObject:
    """Return all settings of a service, those that are not given as they are by default."""
    return {name: configuration.get(name, schema["default"]) for name, schema in CONFIGURATION.items()}


def _checked(document: JsonObject) -> JsonObject:
    if not isinstance(document.get("process"), dict):
        raise ProcessInvalidError("A service needs a 'process'.")
    read_graph_of(document["process"])
    if not isinstance(document["enabled"], bool):
        raise InvalidInputError("'enabled' is true or false.")
    for name in ("title", "description"):
        if not isinstance(document.get(name), str | None):
            raise InvalidInputError(f"'{name}' is a text.")
    read_budget(document)
    configuration = document["configuration"]
    if not isinstance(configuration, dict):
        raise ServiceConfigInvalidError("'configuration' is no object.")
    for name in configuration.keys() - CONFIGURATION.keys():
        raise ServiceConfigUnsupportedError(f"There is no setting {name[:80]!r}; there is {', '.join(CONFIGURATION)}.")
    try:
        _check(configuration)
    except fastjsonschema.JsonSchemaValueException as error:
        raise ServiceConfigInvalidError(f"The configuration: {error.message.replace('data.', '')}.") from None
    lowest, highest = configuration.get("minimum"), configuration.get("maximum")
    if lowest is not None and highest is not None and lowest >= highest:
        raise ServiceConfigInvalidError(f"The configuration: the minimum, {lowest:g}, must be below the maximum, {highest:g}.")
    return document
