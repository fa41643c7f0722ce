"""STAC 1.1.0 and its extensions checked by their JSON schemas, without the network."""

import json
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pystac.validation
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

_PYSTAC = Path(pystac.validation.__file__).parent / "jsonschemas"
_CORE = "https://schemas.stacspec.org/v1.1.0/{0}-spec/json-schema/{0}.json"


class SchemaCheck:
    """Checks documents against the schemas in *folder* (by host and path) and those that pystac carries."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._registry = Registry(retrieve=self._retrieve)

    def problems(self, document: dict) -> list[str]:
        kind = "collection" if document["type"] == "Collection" else "item"
        document = document | {"links": [*document["links"], {"rel": "collection", "href": "./collection.json"}]}
        uris = [_CORE.format(kind), *document.get("stac_extensions", [])]
        return [
            f"{uri.split('/')[3]}: {'/'.join(map(str, error.path))}: {error.message[:200]}"
            for uri in uris
            for error in self._validator(uri).iter_errors(document)
        ]

    @cache  # noqa: B019  # one instance per session
    def _validator(self, uri: str) -> Draft7Validator:
        return Draft7Validator(self._retrieve(uri).contents, registry=self._registry)

    def _retrieve(self, uri: str) -> Resource:
        parts = urlsplit(uri)
        here = self._folder / parts.netloc / parts.path.lstrip("/")
        if here.is_file():
            return DRAFT7.create_resource(json.loads(here.read_text()))
        for name in ("stac-spec/v1.1.0", "geojson"):
            if (found := _PYSTAC / name / Path(parts.path).name).is_file():
                return DRAFT7.create_resource(json.loads(found.read_text()))
        if parts.netloc in {"proj.org", "json-schema.org"}:
            return DRAFT7.create_resource({"type": "object"})
        raise AssertionError(f"no schema for {uri}")
