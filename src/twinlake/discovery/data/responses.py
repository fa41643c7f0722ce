"""Answers, joined from finished bytes."""

from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.links import GEOJSON, JSON
from twinlake.discovery.data.reach import MISSING
from twinlake.discovery.data.service import Found
from twinlake.federation.search.models import Completeness

_VARY = "Authorization, Cookie"


def json_response(content: object, *, media_type: str = JSON, status: int = 200) -> Response:
    """Return *content* as JSON."""
    return Response(orjson.dumps(content), status, media_type=media_type)


def item_page(found: Found, links: Sequence[JsonObject]) -> Response:
    """Return items as a GeoJSON FeatureCollection."""
    return Response(_page(b'{"type":"FeatureCollection","features":[', found, links), media_type=GEOJSON)


def collection_page(found: Found, links: Sequence[JsonObject]) -> Response:
    """Return collections."""
    return Response(_page(b'{"collections":[', found, links), media_type=JSON)


def _page(head: bytes, found: Found, links: Sequence[JsonObject]) -> bytes:
    matched = b"" if found.matched is None else b',"numberMatched":%d' % found.matched
    numbers = b',"numberReturned":%d%b' % (len(found.bodies), matched)
    told = b"}" if found.completeness is None else b"," + orjson.dumps(federation_members(found.completeness, found.partial))[1:]
    return b"".join((head, b",".join(found.bodies), b'],"links":', orjson.dumps(links), numbers, told))


def federation_members(completeness: Completeness, partial: int | None = None) -> JsonObject:
    """Return what an answer tells of the sites that it is from.

    Parameters
    ----------
    partial
        Matches at the sites that told, where the sum of all is not known.
    """
    missing = [{"id": site, "reason": reason} for site, reason in completeness.missing.items()]
    told: JsonObject = {"backends": completeness.backends, "missing": missing}
    if missing and partial is not None:
        told["partialMatched"] = partial
    return {**({MISSING: list(completeness.missing)} if missing else {}), "twinlake:federation": told}


def document_response(request: Request, body: bytes, etag: str, media_type: str) -> Response:
    """Return a document with its ETag, or 304 where the client has it (RFC 9110, section 13.1.2)."""
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": _VARY}
    condition = request.headers.get("if-none-match")
    if condition is not None and names_etag(condition, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def names_etag(header: str, etag: str) -> bool:
    """Tell whether an If-Match or If-None-Match header names *etag* or anything; weak tags compare like strong ones."""
    return any(part.strip().removeprefix("W/") in (etag, "*") for part in header.split(","))
