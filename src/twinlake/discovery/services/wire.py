"""The JSON of services, as the Data Lake writes it (captured responses of its ``/services``)."""

from collections.abc import Sequence

from twinlake.core.clock import to_text
from twinlake.core.documents import JsonObject
from twinlake.discovery.services.models import Site
from twinlake.discovery.services.service import Offered

_JSON = "application/json"


def to_root(root: str, *, title: str, documentation: str) -> JsonObject:
    """Return the landing page of a site for programs; its links are those that clients of the Data Lake follow."""
    return {
        "title": title,
        "description": "A site of the Destination Earth Data Lake: find data and services, and get what is found.",
        "links": [
            _link("self", f"{root}/"),
            _link("root", f"{root}/", title="Root endpoint"),
            _link("child", f"{root}/stac/v2", title="STAC API"),
            _link("child", f"{root}/", title="Web console", media_type="text/html"),
            _link(
                "service-desc", f"{root}/stac/v2/api", title="OpenAPI", media_type="application/vnd.oai.openapi+json;version=3.0"
            ),
            _link("service-doc", documentation, title="Documentation of the API", media_type="text/html"),
            _link("services", f"{root}/services", title="Services of all sites"),
        ],
    }


def to_collection(root: str, found: Sequence[Offered], *, query: str) -> JsonObject:
    """Return a page of services: all that were found."""
    return {
        "type": "FeatureCollection",
        "features": [to_feature(root, each) for each in found],
        "links": [_link("root", f"{root}/"), _link("self", f"{root}/services{query}")],
    }


def to_feature(root: str, offered: Offered) -> JsonObject:
    """Return one service with the sites that offer it."""
    service = offered.service
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": service.id,
        "geometry": None,
        "properties": {
            "title": service.title,
            "description": service.description,
            "twinlake:sites": [_to_site(site, service.id) for site in offered.sites],
            "twinlake:begin": offered.begin,
        },
        "assets": {},
        "links": [
            _link("collection", f"{root}/services"),
            _link("parent", f"{root}/services"),
            _link("root", f"{root}/"),
            _link("self", f"{root}/services/{service.id}", media_type="application/geo+json"),
            *(
                {"rel": "describes", "href": site.offers[service.id], "title": f"{service.title} at {site.title}"}
                for site in offered.sites
            ),
        ],
    }


def _to_site(site: Site, service: str) -> JsonObject:
    return {
        "id": site.id,
        "title": site.title,
        "url": site.offers[service],
        "status": site.status,
        "since": to_text(site.since),
    }


def _link(rel: str, href: str, *, title: str | None = None, media_type: str = _JSON) -> JsonObject:
    return {"rel": rel, "href": href, "type": media_type} | ({"title": title} if title else {})
