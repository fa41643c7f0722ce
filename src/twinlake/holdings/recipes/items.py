"""From plans to item drafts: the files are read now. Runs in a child."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.holdings.catalogue.interfaces import ItemDraft, ItemText
from twinlake.holdings.readers import times
from twinlake.holdings.readers.describe import describe, file_fields, thumbnail
from twinlake.holdings.readers.description import DATACUBE, EO, FILE, PROCESSING, PROJECTION, Description, Interval
from twinlake.holdings.readers.documents import StacDocument, read_documents
from twinlake.holdings.readers.errors import RecipeNeededError, UnreadableFileError
from twinlake.holdings.readers.footprints import cover
from twinlake.holdings.recipes.models import Recipe
from twinlake.holdings.recipes.plans import AssetPlan, CollectionPlan, DocumentPlan, DocumentsPlan, ItemPlan, Refusal, SourceFile
from twinlake.holdings.recipes.thumbnails import draw_item
from twinlake.standards.stac.bands import list_bands, shared_fields

_REMOTE = ("https://", "http://")
_SHARED = ("proj:code", "proj:wkt2", "proj:bbox", "proj:shape", "proj:transform")
_LONE = ("cube:dimensions", "cube:variables", "table:columns", "table:row_count", "table:primary_geometry")
_NAVIGATION = {"self", "root", "parent", "collection", "item", "child", "next", "prev"}
THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltItem:
    """An item ready to be put, once its files are held."""

    draft: ItemDraft
    """Its holdings are for the ingest run to fill."""
    files: Mapping[str, SourceFile]
    """By asset key: the files whose bytes the site is to hold."""
    members: Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    """By asset key: the manifest of a directory asset."""
    thumbnail: bytes | None = None
    """WebP, for the asset ``thumbnail``, which the document has if this is not None."""
    notes: tuple[str, ...] = ()
    """What the report should say of assets that are not there."""


def build_item(plan: ItemPlan | DocumentPlan, *, collection: str, recipe: Recipe) -> BuiltItem:
    """Read the files of *plan* and write its item.

    Raises
    ------
    UnreadableFileError
        One of its files is damaged, or the item lacks something that a recipe can state.
    """
    if isinstance(plan, DocumentPlan):
        return _build_document(plan, collection)
    described = {each.key: _describe(each) for each in plan.assets if not each.is_sidecar}
    time = plan.time or times.union(each.time for each in described.values())
    if time is None:
        raise RecipeNeededError(
            f"Nothing says when the data of item {plan.id!r} were taken.",
            'Put `datetime = "2020-01-01T00:00:00Z"` into a file such as recipe.toml and add --recipe recipe.toml; '
            "docs/recipes.md tells what else a recipe can say.",
        )
    assets = {each.key: _asset(each, described.get(each.key), recipe) for each in plan.assets}
    picture = draw_item(plan, described, assets)
    footprint = cover([each.footprint for each in described.values() if each.footprint is not None])
    extensions = {uri for each in described.values() for uri in each.extensions} | {FILE, PROCESSING}
    document: JsonObject = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": sorted(extensions | _stated_extensions(plan.properties, assets)),
        "id": plan.id,
        "geometry": footprint.geometry if footprint else None,
        **({"bbox": list(footprint.bbox)} if footprint else {}),
        "properties": _properties(plan, time, described),
        "links": [],
        "assets": _lift(assets, described) | ({THUMBNAIL: _thumbnail_asset()} if picture else {}),
        "collection": collection,
    }
    document["properties"] |= _lifted(assets, described)
    return BuiltItem(
        draft=ItemDraft(document=document),
        files={each.key: each.file for each in plan.assets},
        members={key: each.members for key, each in described.items() if each.members},
        thumbnail=picture,
    )


def _describe(asset: AssetPlan) -> Description:
    """Describe the file of *asset*; errors name it, and a directory must hold what was sent and nothing else."""
    try:
        described = describe(asset.file.path, hints=asset.hints)
    except UnreadableFileError as error:
        raise type(error)(f"{asset.file.name}: {error.reason}", error.remedy or "") from error
    sent = tuple(name.removeprefix(f"{asset.file.name}/") for name in asset.file.members)
    if described.members and tuple(each["path"] for each in described.members) != tuple(sorted(sent)):
        raise UnreadableFileError(f"{asset.file.name}: its files are not those that were sent.", "Send all files of the store.")
    return described


def _asset(plan: AssetPlan, described: Description | None, recipe: Recipe) -> JsonObject:
    """Write the asset: what the file says, then what the recipe says of its key."""
    asset: JsonObject = {"href": f"./{plan.file.name}", "roles": list(plan.roles)}
    if described is None:
        return asset | {"type": _sidecar_type(plan.file.name)} | file_fields(plan.file.path)
    asset |= {"type": described.media_type} | described.asset
    if "bands" in asset:
        asset["bands"] = _named(asset["bands"], plan.key)
    stated = recipe.assets.get(plan.key)
    if stated is not None:
        if stated.bands:
            asset["bands"] = _merge_bands(asset.get("bands", []), stated.bands)
        asset |= {name: value for name in ("title", "description") if (value := getattr(stated, name))}
        asset |= {"roles": list(stated.roles)} if stated.roles else {}
    return asset


def _sidecar_type(name: str) -> str:
    return {"xml": "application/xml", "json": "application/json", "txt": "text/plain", "nc": "application/netcdf"}.get(
        name.rsplit(".", 1)[-1].lower(), "application/octet-stream"
    )


def _merge_bands(read: list[JsonObject], stated: tuple[JsonObject, ...]) -> list[JsonObject]:
    longest = max(len(read), len(stated))
    return [
        {**(read[index] if index < len(read) else {}), **(stated[index] if index < len(stated) else {})}
        for index in range(longest)
    ]


def _stated_extensions(properties: Mapping[str, Any], assets: Mapping[str, JsonObject]) -> set[str]:
    """Return the extensions that the recipe's own fields speak."""
    names = set(properties)
    for asset in assets.values():
        names.update(*(band for band in asset.get("bands", [])))
    return {EO} if any(name.startswith("eo:") for name in names) else set()


def _properties(plan: ItemPlan, time: Interval, described: Mapping[str, Description]) -> JsonObject:
    title = plan.title or (next(iter(described.values())).title if len(described) == 1 else None)
    properties: JsonObject = {"title": title} if title else {}
    if time.start == time.end:
        properties["datetime"] = times.to_text(time.start)
    else:
        properties |= {"datetime": None, "start_datetime": times.to_text(time.start), "end_datetime": times.to_text(time.end)}
    properties["processing:software"] = {"twinlake": version("twinlake")}
    return properties | dict(plan.properties)


def _lifted(assets: Mapping[str, JsonObject], described: Mapping[str, Description]) -> JsonObject:
    """Return the fields that belong to the item as a whole: projections that all its files share, the one cube or table."""
    read = [assets[key] for key in described]
    names = [name for name in _SHARED if name in read[0] and all(_same(each.get(name), read[0][name]) for each in read)]
    if len(read) == 1:
        names += [name for name in _LONE if name in read[0]]
    return {name: read[0][name] for name in names}


def _same(value: Any, other: Any) -> bool:
    if isinstance(other, list) and isinstance(value, list) and len(value) == len(other):
        return bool(np.allclose(value, other, rtol=1e-12, atol=1e-12))
    return bool(value == other)


def _lift(assets: Mapping[str, JsonObject], described: Mapping[str, Description]) -> dict[str, JsonObject]:
    """Return the assets without what the item says for all of them."""
    lifted = _lifted(assets, described)
    return {
        key: {name: value for name, value in asset.items() if name not in lifted} if key in described else asset
        for key, asset in assets.items()
    }


def _thumbnail_asset() -> JsonObject:
    return {"href": "./thumbnail.webp", "type": "image/webp", "roles": ["thumbnail"], "title": "Thumbnail"}


def _build_document(plan: DocumentPlan, collection: str) -> BuiltItem:
    """Write a STAC item that came with its files: its own document, with sizes and checksums of what is here."""
    found = next(read_documents(plan.file.path))
    document, notes = _adopt(found, collection, plan.assets)
    notes += tuple(f"Asset {key!r} is left out: {href} is not among the files." for key, href in sorted(plan.missing.items()))
    picture: bytes | None = None
    for key, file in plan.assets.items():
        fields, drawn = _check_asset(file)
        asset = document["assets"][key]
        asset |= {"href": f"./{file.name}"} | _complete(key, asset, document.get("properties") or {}, fields)
        picture = picture or drawn
    if plan.assets:
        _declare_extensions(document)
    has_thumbnail = any("thumbnail" in (asset.get("roles") or []) for asset in document["assets"].values())
    if picture and not has_thumbnail and THUMBNAIL not in document["assets"]:
        document["assets"][THUMBNAIL] = _thumbnail_asset()
    else:
        picture = None
    return BuiltItem(
        draft=ItemDraft(document=document, original=found.original), files=dict(plan.assets), thumbnail=picture, notes=notes
    )


def _declare_extensions(document: JsonObject) -> None:
    """Name the extensions that what was added to a document speaks, where it does not name a version of them."""
    extensions: list[str] = document.setdefault("stac_extensions", [])
    added = {name.partition(":")[0] for asset in document["assets"].values() for name in asset}
    for prefix, uri in (("file", FILE), ("proj", PROJECTION), ("cube", DATACUBE)):
        if prefix in added and not any(each.startswith(uri[: uri.index("/v")]) for each in extensions):
            extensions.append(uri)


def _check_asset(file: SourceFile) -> tuple[JsonObject, bytes | None]:
    """Read a file that an item names, so that a damaged one is refused; what is no data is only hashed."""
    if file.format is None or file.format.documents:
        return file_fields(file.path), None
    try:
        described = describe(file.path)
        drawn = thumbnail(file.path, described)
    except RecipeNeededError:
        return file_fields(file.path), None
    except UnreadableFileError as error:
        raise type(error)(f"{file.name}: {error.reason}", error.remedy or "") from error
    return described.asset, drawn


def _complete(key: str, asset: JsonObject, properties: JsonObject, read: JsonObject) -> JsonObject:
    """Return what was *read* of a file and its document does not say, so that it can be loaded; its size and checksum, too."""
    stated = {**properties, **asset}
    names = [name for name in read if name.startswith(("cube:", "proj:", "file:"))]
    if "proj:epsg" in stated or "proj:wkt2" in stated:
        names = [name for name in names if name not in {"proj:code", "proj:wkt2"}]
    found = {name: read[name] for name in names if name not in stated or name.startswith("file:")}
    bands = list_bands(asset)
    if len(read.get("bands", ())) >= len(bands) and "bands" in read:
        # What a document says of all bands at once stands above them: where its file says otherwise, that shall be found out.
        shared = shared_fields(asset, properties)
        own = [{name: value for name, value in band.items() if name not in shared} for band in read["bands"]]
        found["bands"] = _merge_bands(_named(own, key), tuple(bands))
    return found


def _named(bands: list[JsonObject], key: str) -> list[JsonObject]:
    """Return the bands of a file; a single one without a name of its own has that of its asset."""
    return [{**bands[0], "name": key}] if len(bands) == 1 and bands[0]["name"] == "band1" and key != "data" else bands


def _adopt(found: StacDocument, collection: str, local: Mapping[str, SourceFile]) -> tuple[JsonObject, tuple[str, ...]]:
    """Make a foreign item one of *collection*: links and assets that lead nowhere from here are dropped.

    Raises
    ------
    UnreadableFileError
        Its id or its assets are not what STAC says.
    """
    document = dict(found.document)
    try:
        check_id(document.get("id"), "item")
    except InvalidInputError as error:
        raise UnreadableFileError(error.message, "Give the item another id.") from None
    assets = document.get("assets")
    if not isinstance(assets, dict) or not all(isinstance(each, dict) for each in assets.values()):
        raise UnreadableFileError(f"The assets of item {document['id']!r} are no objects.", "Check it with a STAC validator.")
    kept = {key: dict(each) for key, each in assets.items() if key in local or str(each.get("href", "")).startswith(_REMOTE)}
    notes = tuple(f"Asset {key!r} is left out: {each.get('href')} is no URL." for key, each in assets.items() if key not in kept)
    links = [each for each in document.get("links") or [] if _is_lasting(each)]
    return document | {"collection": collection, "assets": kept, "links": links}, () if local else notes


def _is_lasting(link: Any) -> bool:
    return isinstance(link, dict) and link.get("rel") not in _NAVIGATION and str(link.get("href", "")).startswith(_REMOTE)


def read_items(plan: DocumentsPlan, *, collection: str) -> Iterator[ItemText | Refusal]:
    """Yield the items of a file of many, in bounded memory, not yet checked against STAC; their assets must be URLs.

    Raises
    ------
    UnreadableFileError
        The file breaks off; what was yielded before stands.
    """
    for found in read_documents(plan.file.path):
        try:
            document, _ = _adopt(found, collection, {})
        except UnreadableFileError as error:
            yield Refusal(f"{plan.file.name}#{found.position}", error.reason, error.remedy or "", error.code)
        else:
            is_as_found = document == found.document
            yield ItemText(found.original) if is_as_found else ItemText(orjson.dumps(document), found.original)


def read_collection(plan: CollectionPlan) -> JsonObject:
    """Return the STAC collection in the file of *plan*, as `collection_document` takes it."""
    return next(read_documents(plan.file.path)).document
