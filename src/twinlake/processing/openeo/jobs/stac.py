"""Results as a STAC Collection, or an Item.

Source: https://api.openeo.org/1.2.0/#tag/Batch-Jobs/operation/list-results, STAC 1.1.0
"""

from collections.abc import Sequence
from datetime import datetime

from twinlake.core.clock import to_text
from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.formats.facts import without_queries, without_secrets
from twinlake.processing.openeo.jobs.models import Asset, SeenJob
from twinlake.processing.openeo.jobs.signing import ResultSigner
from twinlake.processing.openeo.jobs.wire import status_of, usage_of

_STAC_VERSION = "1.1.0"
_EXTENSIONS = (
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
)
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
    return {
        "type": "Collection",
        **_write_shared(seen, assets, signer=signer, until=until),
        **_write_about(seen, process, lineage, until),
        **_write_cube(assets),
        "extent": {"spatial": {"bbox": [_find_bbox(assets) or _WHOLE_EARTH]}, "temporal": {"interval": [interval]}},
    }


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
    properties = {"datetime": None, **_write_about(seen, process, lineage, until)}
    if interval is not None:
        properties |= {"start_datetime": interval[0], "end_datetime": interval[1]}
    item = {"type": "Feature", **_write_shared(seen, assets, signer=signer, until=until), "properties": properties}
    if bbox is None:
        return {**item, "geometry": None}
    west, south, east, north = bbox
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {**item, "bbox": bbox, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def _write_shared(seen: SeenJob, assets: Sequence[Asset], *, signer: ResultSigner, until: datetime) -> JsonObject:
    job = seen.batch.id
    return {
        "stac_version": _STAC_VERSION,
        "stac_extensions": list(_EXTENSIONS),
        "id": job,
        "links": [{"rel": "canonical", "href": signer.sign_metadata(job, until), "type": "application/json"}],
        "assets": {each.name: _write_asset(job, each, signer=signer, until=until) for each in assets},
    }


def _write_about(seen: SeenJob, process: JsonObject, lineage: Sequence[JsonObject], until: datetime) -> JsonObject:
    batch, status = seen.batch, status_of(seen)
    graph = without_secrets(without_queries(process["process_graph"]))
    return {
        "title": batch.document.get("title", f"Results of job {batch.id}"),
        "description": batch.document.get("description") or "Results of a batch job.",
        "license": "other",
        "openeo:status": "running" if status == "queued" else status,
        "processing:expression": {"format": "openeo", "expression": graph},
        "twinlake:lineage": lineage,
        "expires": to_text(until),
        "usage": usage_of(seen),
    }


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
    return [min(wests), min(souths), max(easts), max(norths)]


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
