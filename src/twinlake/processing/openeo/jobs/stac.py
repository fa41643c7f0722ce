"""Results as a STAC Collection, or an Item.

Source: https://api.openeo.org/1.2.0/#tag/Batch-Jobs/operation/list-results, STAC 1.1.0
"""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from twinlake.core.clock import to_text
from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.description import DATACUBE, EO, FILE, PROCESSING, PROJECTION, RASTER, TABLE
from twinlake.processing.openeo.formats.facts import without_queries, without_secrets
from twinlake.processing.openeo.jobs.models import Asset, SeenJob
from twinlake.processing.openeo.jobs.signing import ResultSigner
from twinlake.processing.openeo.jobs.wire import status_of, usage_of

_STAC_VERSION = "1.1.0"
_EXTENSIONS = {
    "cube": DATACUBE,
    "eo": EO,
    "file": FILE,
    "processing": PROCESSING,
    "proj": PROJECTION,
    "raster": RASTER,
    "table": TABLE,
}
"""By the prefix of their fields."""
_SHA256_MULTIHASH = "1220"
_WHOLE_EARTH = [-180.0, -90.0, 180.0, 90.0]
_ABOUT_ALL = ("bbox", "interval")


def write_collection(
    seen: SeenJob,
    assets: Sequence[Asset],
    *,
    process: JsonObject,
    lineage: Sequence[JsonObject],
    signer: ResultSigner,
    until: datetime,
) -> JsonObject:
    """Write *assets*, which *process* has made of what *lineage* tells, with addresses that are good *until*."""
    interval: Sequence[str | None] = _find_interval(assets) or (None, None)
    # A Collection tells of its processing by who has done it (processing extension, "Provider Object").
    provider = {
        "name": urlsplit(signer.origin).netloc,
        "url": signer.origin,
        "roles": ["processor"],
        **_write_expression(process),
    }
    about = {
        **_write_about(seen, lineage, until),
        "providers": [provider],
        **_write_cube(assets),
        "extent": {"spatial": {"bbox": [_find_bbox(assets) or _WHOLE_EARTH]}, "temporal": {"interval": [interval]}},
    }
    return {"type": "Collection", **_write_shared(seen, assets, about, signer=signer, until=until), **about}


def write_item(
    seen: SeenJob,
    assets: Sequence[Asset],
    *,
    process: JsonObject,
    lineage: Sequence[JsonObject],
    signer: ResultSigner,
    until: datetime,
) -> JsonObject:
    """Write the same for clients that want GeoJSON: what is nowhere in particular has no geometry."""
    bbox, interval = _find_bbox(assets), _find_interval(assets)
    properties = {"datetime": None, **_write_about(seen, lineage, until), **_write_expression(process)}
    if interval is not None:
        properties |= {"start_datetime": interval[0], "end_datetime": interval[1]}
    shared = _write_shared(seen, assets, properties, signer=signer, until=until)
    item = {"type": "Feature", **shared, "properties": properties}
    if bbox is None:
        return {**item, "geometry": None}
    return {**item, "bbox": bbox, "geometry": _write_outline(*bbox)}


def _write_outline(west: float, south: float, east: float, north: float) -> JsonObject:
    """Write a box; one over the antimeridian is cut there (RFC 7946, section 3.1.9)."""
    if west > east:
        halves = [_write_outline(*each)["coordinates"] for each in ((west, south, 180.0, north), (-180.0, south, east, north))]
        return {"type": "MultiPolygon", "coordinates": halves}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _write_shared(
    seen: SeenJob, assets: Sequence[Asset], about: JsonObject, *, signer: ResultSigner, until: datetime
) -> JsonObject:
    job = seen.batch.id
    written = {each.name: _write_asset(job, each, signer=signer, until=until) for each in assets}
    return {
        "stac_version": _STAC_VERSION,
        "stac_extensions": _list_extensions(about, *written.values()),
        "id": job,
        "links": [{"rel": "canonical", "href": signer.sign_metadata(job, until), "type": "application/json"}],
        "assets": written,
    }


def _list_extensions(about: JsonObject, *assets: JsonObject) -> list[str]:
    """Return the extensions that have the fields of a document, of its providers and assets, and of the bands of these."""
    bands = (band for each in assets for band in each.get("bands", ()))  # those of the summaries are the same
    fields = set(about).union(*about.get("providers", ()), *assets, *bands)
    return sorted(_EXTENSIONS[prefix] for prefix in {name.partition(":")[0] for name in fields} & _EXTENSIONS.keys())


def _write_about(seen: SeenJob, lineage: Sequence[JsonObject], until: datetime) -> JsonObject:
    batch, status = seen.batch, status_of(seen)
    return {
        "title": batch.document.get("title", f"Results of job {batch.id}"),
        "description": batch.document.get("description") or "Results of a batch job.",
        "license": "other",
        "openeo:status": "running" if status == "queued" else status,
        "twinlake:lineage": lineage,
        "expires": to_text(until),
        "usage": usage_of(seen),
    }


def _write_expression(process: JsonObject) -> JsonObject:
    graph = without_secrets(without_queries(process["process_graph"]))
    return {"processing:expression": {"format": "openeo", "expression": graph}}


def _write_cube(assets: Sequence[Asset]) -> JsonObject:
    """Write what clients must know to load a cube of the results: bands, and dimensions if it is the only one."""
    bands = {each["name"]: each for asset in assets for each in asset.document.get("bands", ())}
    cubes = [asset.document["cube:dimensions"] for asset in assets if "cube:dimensions" in asset.document]
    written: JsonObject = {"summaries": {"bands": list(bands.values())}} if bands else {}
    return {**written, "cube:dimensions": cubes[0]} if len(cubes) == 1 else written


def _find_bbox(assets: Sequence[Asset]) -> list[float] | None:
    """Return where the results are, as far as they say it."""
    boxes = [each.document["bbox"] for each in assets if each.document.get("bbox")]
    if not boxes:
        return None
    wests, souths, easts, norths = zip(*boxes, strict=True)
    crosses = any(west > east for west, east in zip(wests, easts, strict=True))
    west, east = (-180.0, 180.0) if crosses and len({*zip(wests, easts, strict=True)}) > 1 else (min(wests), max(easts))
    return [west, min(souths), east, max(norths)]


def _find_interval(assets: Sequence[Asset]) -> tuple[str, str] | None:
    """Return when the results are, as far as they say it."""
    intervals = [each.document["interval"] for each in assets if each.document.get("interval")]
    if not intervals:
        return None
    return min(start for start, _ in intervals), max(end for _, end in intervals)


def _write_asset(job: str, asset: Asset, *, signer: ResultSigner, until: datetime) -> JsonObject:
    described = {name: value for name, value in asset.document.items() if name not in _ABOUT_ALL}
    if asset.document.get("interval"):
        described["start_datetime"], described["end_datetime"] = asset.document["interval"]
    described["file:size"] = sum(file.size_bytes for file in asset.files.values())
    if asset.is_folder:
        return {"href": signer.sign_folder(job, asset.name, until), **described}
    described["file:checksum"] = _SHA256_MULTIHASH + asset.files[""].sha256
    return {"href": signer.sign_file(job, asset.name, until), **described}
