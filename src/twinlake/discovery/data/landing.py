"""The landing page: what the API is and where its parts are."""

from collections.abc import Sequence

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.conformance import CONFORMANCE
from twinlake.discovery.data.links import GEOJSON, HTML, JSON, OPENAPI_JSON, QUERYABLES_REL, SCHEMA_JSON, Urls, link


def landing_page(urls: Urls, *, site_id: str, title: str, collections: Sequence[tuple[str, str]]) -> JsonObject:
    """Return the landing page with a child link per collection that the caller may discover.

    Parameters
    ----------
    collections
        Id and title of each.
    """
    root = urls.root
    return {
        "type": "Catalog",
        "stac_version": "1.1.0",
        "id": site_id,
        "title": title,
        "description": f"The catalogue of {title}: search Earth observation and digital twin data in space, time and content.",
        "conformsTo": CONFORMANCE,
        "links": [
            link("self", root, JSON),
            urls.root_link(),
            link("conformance", f"{root}/conformance", JSON, title="What this API conforms to"),
            link("service-desc", f"{root}/api", OPENAPI_JSON, title="The OpenAPI definition of this API"),
            link("service-doc", f"{root}/api.html", HTML, title="The documentation of this API"),
            link("data", urls.collections, JSON, title="Collections"),
            link("search", urls.search, GEOJSON, method="GET", title="Search items"),
            link("search", urls.search, GEOJSON, method="POST", title="Search items"),
            link(QUERYABLES_REL, f"{root}/queryables", SCHEMA_JSON, title="What items can be filtered by"),
            link("aggregate", f"{root}/aggregate", JSON, method="GET", title="Count items"),
            link("aggregate", f"{root}/aggregate", JSON, method="POST", title="Count items"),
            link("aggregations", f"{root}/aggregations", JSON, title="What items can be counted by"),
            *(link("child", urls.collection(key), JSON, title=name) for key, name in collections),
        ],
    }
