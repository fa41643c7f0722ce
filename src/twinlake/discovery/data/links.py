"""URLs of the API and the links that its documents carry."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from twinlake.core.documents import JsonObject

JSON = "application/json"
GEOJSON = "application/geo+json"
SCHEMA_JSON = "application/schema+json"
OPENAPI_JSON = "application/vnd.oai.openapi+json;version=3.0"
HTML = "text/html"
QUERYABLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
"""OGC API - Features - Part 3, clause 7.4."""


def link(rel: str, href: str, media_type: str, **members: object) -> JsonObject:
    """Return a STAC link object."""
    return {"rel": rel, "href": href, "type": media_type, **members}


@dataclass(frozen=True, slots=True)
class Urls:
    """Where things are found below *root*, the absolute URL of the landing page without a trailing slash."""

    root: str

    @property
    def collections(self) -> str:
        return f"{self.root}/collections"

    @property
    def search(self) -> str:
        return f"{self.root}/search"

    def collection(self, collection: str) -> str:
        return f"{self.root}/collections/{quote(collection, safe='')}"

    def items(self, collection: str) -> str:
        return f"{self.collection(collection)}/items"

    def item(self, collection: str, item: str) -> str:
        return f"{self.items(collection)}/{quote(item, safe='')}"

    def root_link(self) -> JsonObject:
        return link("root", self.root, JSON)


def with_parameters(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Append query parameters to *url*."""
    query = urlencode(list(pairs), safe=",:/")
    return f"{url}?{query}" if query else url


def next_by_get(url: str, pairs: Iterable[tuple[str, str]], token: str, media_type: str) -> JsonObject:
    """Return the link to the next page of a GET listing: the same parameters and a token."""
    kept = [pair for pair in pairs if pair[0] not in {"token", "page"}]
    return link("next", with_parameters(url, [*kept, ("token", token)]), media_type, method="GET")


def next_by_post(url: str, body: JsonObject, token: str, media_type: str) -> JsonObject:
    """Return the link to the next page of a POST search: its body is whole, so that clients need not merge."""
    kept = {name: value for name, value in body.items() if name not in {"token", "page"}}
    return link("next", url, media_type, method="POST", merge=False, body={**kept, "token": token})
