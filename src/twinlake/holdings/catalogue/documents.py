"""Item and collection documents: what of them is their origin's, and the body that is sent out.

A version is keyed by the SHA-256 of the canonical document (`twinlake.standards.stac.canonical`) of what is the origin's:
without what the site that serves it adds, which is navigation links, hrefs of assets that it holds, the asset that is the
whole product, default states, its own name.
So a document that was read here and put back is recognised as unchanged, and a replica carries its origin's hash.

Bodies carry `PUBLIC_URL` where the address of the site goes. It is a control character, which JSON text never contains
unescaped, so that one `bytes.replace` finishes a body.
"""

import hashlib
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from urllib.parse import quote

import orjson

from twinlake.core.documents import JsonObject
from twinlake.holdings.catalogue.interfaces import Holding
from twinlake.standards.datalake import BACKENDS, DOWNLOAD
from twinlake.standards.stac.canonical import NAVIGATION, join_members

PUBLIC_URL = b"\x01"
"""Stands where the site's public URL goes in a compiled body."""
ORDER_EXTENSION = "https://stac-extensions.github.io/order/v1.1.0/schema.json"
FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
_ADDED_EXTENSIONS = (ORDER_EXTENSION, FILE_EXTENSION)
# The storage extension, whose version 1 has `storage:tier`, is not among them: pystac warns of every item that declares it.
_HERE = {"storage:tier": "online", "order:status": "succeeded"}
_TO_BE_ORDERED = {"storage:tier": "offline", "order:status": "orderable"}
_SHA256_MULTIHASH = "1220"
_UNRESERVED = re.compile(r"[\w.~-]+", re.ASCII)
_ITEM_MEDIA_TYPE = "application/geo+json"


def segment(text: str) -> str:
    """Percent-encode *text* as one segment of a URL path."""
    return text if _UNRESERVED.fullmatch(text) is not None else quote(text, safe="")


def item_path(collection: str, item: str) -> str:
    """Return the path of an item below the STAC API's root."""
    return f"/collections/{segment(collection)}/items/{segment(item)}"


def data_path(site_id: str, collection: str, item: str, asset: str) -> str:
    """Return the path at which a site serves the bytes of one asset."""
    return f"/data/{segment(site_id)}/{segment(collection)}/{segment(item)}/{segment(asset)}"


def origin_item(document: JsonObject, holdings: Mapping[str, Holding], *, data_prefix: str) -> JsonObject:
    """Return what of an item is its origin's, completed by what is known of held bytes.

    Parameters
    ----------
    data_prefix
        How the data URLs of the site begin that may have served the document.
    """
    origin = _origin(document)
    assets = dict(origin.get("assets") or {})
    if DOWNLOAD not in holdings and has_made_download(document, data_prefix):
        del assets[DOWNLOAD]
    origin["assets"] = assets
    properties = dict(origin.get("properties") or {})
    properties.pop(BACKENDS, None)
    for name, value in default_states(origin).items():
        if properties.get(name) == value:
            del properties[name]
    origin["properties"] = properties
    for key, holding in holdings.items():
        assets[key] = {**{name: value for name, value in assets[key].items() if name != "href"}, **_file_members(holding)}
    return origin


def has_made_download(document: JsonObject, data_prefix: str) -> bool:
    """Return whether an item has its whole product at the very address at which the site of *data_prefix* serves that."""
    download = (document.get("assets") or {}).get(DOWNLOAD) or {}
    own = f"{data_prefix}{segment(document['collection'])}/{segment(document['id'])}/{DOWNLOAD}"
    return bool(download.get("href") == own)


def origin_collection(document: JsonObject) -> JsonObject:
    """Return what of a collection is its origin's."""
    return _origin(document)


def _origin(document: JsonObject) -> JsonObject:
    origin = {name: value for name, value in document.items() if name not in {"links", "stac_extensions"}}
    if links := [link for link in document.get("links") or () if link.get("rel") not in NAVIGATION]:
        origin["links"] = links
    if extensions := [uri for uri in document.get("stac_extensions") or () if uri not in _ADDED_EXTENSIONS]:
        origin["stac_extensions"] = extensions
    return origin


def _file_members(holding: Holding) -> JsonObject:
    members: JsonObject = {"file:size": holding.size_bytes}
    if holding.sha256 is not None:
        members["file:checksum"] = _SHA256_MULTIHASH + holding.sha256
    return members


def compile_item(
    origin: JsonObject, written: Mapping[str, bytes], held: Collection[str], *, site_id: str, api_path: str
) -> bytes:
    """Write the body of an item: states always present, links last, `PUBLIC_URL` where the address goes.

    Parameters
    ----------
    origin
        What `origin_item` returned.
    written
        The members of its canonical document; but its properties as they are.
    held
        Keys of the assets whose bytes this site serves.
    site_id
        The backend in data URLs.
    api_path
        Path of the STAC API below the public URL.
    """
    collection, item = origin["collection"], origin["id"]
    members = {
        **written,
        "properties": _with_states(origin, written["properties"], site_id),
        "stac_extensions": _write_extensions(tuple(origin.get("stac_extensions", ())), has_files=bool(held)),
    }
    if held:
        assets = dict(origin["assets"])
        for key in held:
            assets[key] = {**assets[key], "href": _fragment(data_path(site_id, collection, item, key))}
    else:
        assets = origin["assets"]
    if (whole := _describe_whole(origin, held)) is not None:
        assets = {**assets, DOWNLOAD: {**whole, "href": _fragment(data_path(site_id, collection, item, DOWNLOAD))}}
    if assets is not origin["assets"]:
        members["assets"] = orjson.dumps(assets)
    own = members.pop("links")[:-1]
    separator = b"," if len(own) > 1 else b""
    links = own + separator + _item_links(api_path, collection, item) + b"]"
    return join_members({name: members[name] for name in sorted(members)} | {"links": links})


def _describe_whole(origin: JsonObject, held: Collection[str]) -> JsonObject | None:
    """Describe what is downloaded as the whole product: the asset that there is, a ZIP of several that are held, or nothing.

    Clients take the asset for a sign that the product is there: none is made where the product waits for an order, or only
    its thumbnail is held.
    """
    assets: JsonObject = origin["assets"]
    if DOWNLOAD in assets or not (held or len(assets) == 1):
        return None
    if any(str(origin["properties"].get(name, state)).lower() != state for name, state in _HERE.items()):
        return None
    if len(held) < len(assets) and held and all("thumbnail" in (assets[key].get("roles") or ()) for key in held):
        return None
    if len(held) > 1:
        return {"title": "All files", "type": "application/zip", "roles": ["data"]}
    key = next(iter(held or assets))
    asset = assets[key]
    if not held and not str(asset.get("href")).startswith(("http://", "https://")):
        return None
    media_type = {"type": asset["type"]} if "type" in asset else {}
    return {"title": asset.get("title") or key, **media_type, "roles": ["data"]}


def _with_states(origin: JsonObject, properties: bytes, site_id: str) -> bytes:
    """Write where an item is, and its states unless these are stated otherwise, before its *properties*."""
    stated = origin["properties"]
    missing = tuple(state for state in default_states(origin).items() if state[0] not in stated)
    return _write_states(missing, site_id) + (b"," if stated else b"") + properties[1:]


@lru_cache(maxsize=16)
def _write_states(states: tuple[tuple[str, str], ...], site_id: str) -> bytes:
    return orjson.dumps({**dict(states), BACKENDS: [site_id]})[:-1]


def default_states(origin: JsonObject) -> Mapping[str, str]:
    """Return the states that go without saying: an item without assets that can be retrieved waits for an order."""
    if origin.get("assets"):
        return _HERE
    return _TO_BE_ORDERED if any(link.get("rel") == "retrieve" for link in origin.get("links", ())) else _HERE


@lru_cache(maxsize=256)
def _write_extensions(declared: tuple[str, ...], *, has_files: bool) -> bytes:
    needed = (ORDER_EXTENSION, FILE_EXTENSION) if has_files else (ORDER_EXTENSION,)
    missing = [uri for uri in needed if not any(other.startswith(f"{uri.split('/v')[0]}/") for other in declared)]
    return orjson.dumps([*declared, *missing])


def _fragment(path: str) -> orjson.Fragment:
    return orjson.Fragment(b'"' + PUBLIC_URL + path.encode() + b'"')


def _link(rel: str, path: str, media_type: str) -> JsonObject:
    return {"rel": rel, "type": media_type, "href": _fragment(path)}


def _item_links(api_path: str, collection: str, item: str) -> bytes:
    """Write the navigation links of an item, without the brackets of their list."""
    path = api_path + item_path(collection, item)
    return b'{"rel":"self","type":"%b","href":"%b%b"},%b' % (
        _ITEM_MEDIA_TYPE.encode(), PUBLIC_URL, path.encode(), _links_of_items(api_path, collection)
    )  # fmt: skip


@lru_cache(maxsize=256)
def _links_of_items(api_path: str, collection: str) -> bytes:
    parent = f"{api_path}/collections/{segment(collection)}"
    links = [
        _link("parent", parent, "application/json"),
        _link("collection", parent, "application/json"),
        _link("root", api_path, "application/json"),
    ]
    return orjson.dumps(links)[1:-1]


def collection_links(api_path: str, collection: str) -> list[JsonObject]:
    """Return the navigation links of a collection."""
    path = f"{api_path}/collections/{segment(collection)}"
    return [
        _link("self", path, "application/json"),
        _link("parent", api_path, "application/json"),
        _link("root", api_path, "application/json"),
        _link("items", f"{path}/items", _ITEM_MEDIA_TYPE),
        _link("http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{path}/queryables", "application/schema+json"),
        _link("aggregate", f"{path}/aggregate", "application/json"),
        _link("aggregations", f"{path}/aggregations", "application/json"),
    ]


def digest(body: bytes) -> bytes:
    """Return the 128 bits that an ETag is made of."""
    return hashlib.sha256(body).digest()[:16]
