"""The fields extension: which members of a document are sent.

Semantics of https://github.com/stac-api-extensions/fields as stac-api-validator holds them: included paths alone are all
that is sent, beside what tells what the document is; excluded paths alone are taken from the whole document; an `include`
that is there but empty stands for the default set; where paths of both kinds meet, the longer one decides, and a path in
both is included.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError

_MOST_PATHS = 200
ITEM_DEFAULTS = ("type", "stac_version", "id", "collection", "geometry", "bbox", "links", "assets", "properties.datetime")
COLLECTION_DEFAULTS = ("type", "stac_version", "id", "title", "description", "license", "extent", "links")
_ALWAYS = ("type", "stac_version", "id", "collection")
"""Sent unless excluded, so that what is sent can be recognised."""

_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """What was asked for; paths are written with dots."""

    include: tuple[str, ...] | None
    """None sends everything but *exclude*; empty stands for the default set."""
    exclude: tuple[str, ...]


def parse_fields(text: str) -> Fields:
    """Read the GET form: a comma list in which ``-`` excludes."""
    parts = [part.strip() for part in text.split(",")]
    exclude = tuple(part[1:] for part in parts if part.startswith("-"))
    include = tuple(part.removeprefix("+") for part in parts if part and not part.startswith("-"))
    return _bounded(Fields(None if exclude and not include else include, exclude))


def read_fields(value: Any) -> Fields:
    """Read the POST form: an object of `include` and `exclude`."""
    if not isinstance(value, dict) or not value.keys() <= {"include", "exclude"}:
        raise InvalidInputError("'fields' must be an object with the members 'include' and 'exclude'.")
    exclude = _read_paths(value.get("exclude"))
    include = _read_paths(value.get("include"))
    return _bounded(Fields(None if exclude and "include" not in value else include, exclude))


def select_fields(bodies: list[bytes], fields: Fields, defaults: tuple[str, ...]) -> list[bytes]:
    """Return JSON documents with nothing but what *fields* asks for."""
    return [orjson.dumps(_select(orjson.loads(body), fields, defaults)) for body in bodies]


def _read_paths(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise InvalidInputError("'include' and 'exclude' of 'fields' must be lists of names.")
    return tuple(value)


def _bounded(fields: Fields) -> Fields:
    if len(fields.include or ()) + len(fields.exclude) > _MOST_PATHS:
        raise InvalidInputError(f"'fields' names more than {_MOST_PATHS} paths.")
    return fields


def _select(document: JsonObject, fields: Fields, defaults: tuple[str, ...]) -> JsonObject:
    excluded = [path for name in fields.exclude if (path := _resolve(document, name))]
    if fields.include is None:
        return _without(document, excluded, ())
    included = set(_resolve_all(document, fields.include))
    selected: JsonObject = {}
    for path in _resolve_all(document, (*_ALWAYS, *(fields.include or defaults))):
        hidden = any(path[: len(other)] == other for other in excluded)
        if hidden and path not in included:
            continue
        _copy(document, selected, path, [other for other in excluded if len(other) > len(path)])
    return selected


def _resolve_all(document: JsonObject, names: tuple[str, ...]) -> Iterator[_Path]:
    for name in names:
        path = _resolve(document, name)
        if path is not None:
            yield path


def _resolve(document: JsonObject, name: str) -> _Path | None:
    """Find the member that a dotted *name* means; a bare name may mean a property."""
    path = _find(document, name)
    if path is None and isinstance(properties := document.get("properties"), dict):
        path = _find(properties, name)
        return None if path is None else ("properties", *path)
    return path


def _find(document: JsonObject, name: str) -> _Path | None:
    if name in document:
        return (name,)
    dot = name.find(".")
    while dot >= 0:
        inner = document.get(name[:dot])
        if isinstance(inner, dict) and (path := _find(inner, name[dot + 1 :])) is not None:
            return (name[:dot], *path)
        dot = name.find(".", dot + 1)
    return None


def _copy(source: JsonObject, target: JsonObject, path: _Path, excluded: list[_Path]) -> None:
    for key in path[:-1]:
        source, target = source[key], target.setdefault(key, {})
    value = source[path[-1]]
    target[path[-1]] = _without(value, excluded, path) if isinstance(value, dict) else value


def _without(document: JsonObject, excluded: list[_Path], at: _Path) -> JsonObject:
    """Copy *document*, which stands at the path *at*, without what is excluded below it."""
    below = [path for path in excluded if path[: len(at)] == at and len(path) > len(at)]
    if not below:
        return document
    gone = {path[len(at)] for path in below if len(path) == len(at) + 1}
    return {
        key: _without(value, below, (*at, key)) if isinstance(value, dict) else value
        for key, value in document.items()
        if key not in gone
    }
