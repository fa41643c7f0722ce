"""Results as a STAC Collection.

Source: https://api.openeo.org/1.2.0/#tag/Batch-Jobs/operation/list-results, STAC 1.1.0
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twinlake.core.clock import to_text
from twinlake.core.documents import JsonObject
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


def write_results(seen: SeenJob, assets: Sequence[Asset], *, signer: ResultSigner, until: datetime) -> JsonObject:
    """Write *assets*, with addresses that are good *until*."""
    batch, status = seen.batch, status_of(seen)
    graph = batch.document["process"]["process_graph"]
    return {
        "type": "Collection",
        "stac_version": _STAC_VERSION,
        "stac_extensions": list(_EXTENSIONS),
        "id": batch.id,
        "title": batch.document.get("title", f"Results of job {batch.id}"),
        "description": batch.document.get("description") or "Results of a batch job.",
        "license": "other",
        "extent": _write_extent(assets),
        "openeo:status": "running" if status == "queued" else status,
        "processing:expression": {"format": "openeo", "expression": _without_secrets(graph)},
        "expires": to_text(until),
        "usage": usage_of(seen),
        "links": [{"rel": "canonical", "href": signer.sign_metadata(batch.id, until), "type": "application/json"}],
        "assets": {each.name: _write_asset(batch.id, each, signer=signer, until=until) for each in assets},
    }


def _without_secrets(value: Any) -> Any:  # within the depth of a graph
    """Return JSON with URLs cut before their query and without names in front of hosts: results are passed on to others."""
    if isinstance(value, dict):
        return {name: _without_secrets(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _write_extent(assets: Sequence[Asset]) -> JsonObject:
    """Write where and when the results are, as far as they say it."""
    boxes = [each.document["bbox"] for each in assets if each.document.get("bbox")]
    intervals = [each.document["interval"] for each in assets if each.document.get("interval")]
    box = _WHOLE_EARTH
    if boxes:
        box = [
            min(box[0] for box in boxes),
            min(box[1] for box in boxes),
            max(box[2] for box in boxes),
            max(box[3] for box in boxes),
        ]
    interval = [None, None]
    if intervals:
        interval = [min(start for start, _ in intervals), max(end for _, end in intervals)]
    return {"spatial": {"bbox": [box]}, "temporal": {"interval": [interval]}}


def _write_asset(job: str, asset: Asset, *, signer: ResultSigner, until: datetime) -> JsonObject:
    described = {name: value for name, value in asset.document.items() if name not in _ABOUT_ALL}
    described["file:size"] = sum(file.size_bytes for file in asset.files.values())
    if asset.is_folder:
        return {"href": signer.sign_folder(job, asset.name, until), **described}
    described["file:checksum"] = _SHA256_MULTIHASH + asset.files[""].sha256
    return {"href": signer.sign_file(job, asset.name, until), **described}
