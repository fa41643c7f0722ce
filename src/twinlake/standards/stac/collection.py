"""STAC Collections: read and checked (STAC 1.1.0, collection-spec)."""

from collections.abc import Iterator
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.standards.geojson import find_box_problems
from twinlake.standards.problems import InvalidDocumentError, Problem
from twinlake.standards.rfc3339 import parse_instant
from twinlake.standards.stac.documents import copy_document
from twinlake.standards.stac.fields import (
    asset_problems,
    common_problems,
    extension_problems,
    instant_fault,
    link_problems,
)
from twinlake.standards.stac.schema import find_schema_fault
from twinlake.standards.stac.versions import to_current


def read_collection(document: object) -> JsonObject:
    """Return a STAC Collection as 1.1.0, checked against specification and schema; *document* is not changed.

    Missing ``links`` are read as none.

    Raises
    ------
    InvalidDocumentError
        With all problems found.
    TooLargeError
        It is larger than 4 MiB.
    """
    collection = copy_document(document, "The STAC Collection")
    what = f"The STAC Collection {str(collection.get('id'))[:80]!r}"
    collection = to_current(collection, what)
    if collection.get("type") != "Collection":
        raise InvalidDocumentError(what, [Problem("type", "is not 'Collection'")])
    collection.setdefault("links", [])
    problems = list(_problems(collection)) or list(_schema_problems(collection))
    if problems:
        raise InvalidDocumentError(what, problems)
    return collection


def _problems(collection: JsonObject) -> Iterator[Problem]:
    try:
        check_id(collection.get("id"), "collection")
    except InvalidInputError as error:
        yield Problem("id", error.message.rstrip("."), error.remedy)
    for name in ("description", "license", "extent"):
        if name not in collection:
            yield Problem(name, "is missing")
    yield from common_problems(collection, "")
    yield from link_problems(collection["links"])
    if "assets" in collection:
        yield from asset_problems(collection["assets"])
    if "item_assets" in collection:
        yield from asset_problems(collection["item_assets"], path="item_assets", with_href=False)
    if "stac_extensions" in collection:
        yield from extension_problems(collection["stac_extensions"])
    extent = collection.get("extent", {})
    if not isinstance(extent, dict):
        yield Problem("extent", "is not an object")
        return
    yield from _spatial_problems(extent.get("spatial"))
    yield from _temporal_problems(extent.get("temporal"))


def _spatial_problems(spatial: Any) -> Iterator[Problem]:
    boxes = spatial.get("bbox") if isinstance(spatial, dict) else None
    if not isinstance(boxes, list) or len(boxes) in {0, 2}:
        yield Problem("extent.spatial.bbox", "is not a list of one box, or of one around all and at least two within")
        return
    for index, box in enumerate(boxes):
        yield from find_box_problems(box, f"extent.spatial.bbox[{index}]")


def _temporal_problems(temporal: Any) -> Iterator[Problem]:
    intervals = temporal.get("interval") if isinstance(temporal, dict) else None
    if not isinstance(intervals, list) or not intervals:
        yield Problem("extent.temporal.interval", "is not a list of at least one interval")
        return
    for index, interval in enumerate(intervals):
        path = f"extent.temporal.interval[{index}]"
        if not isinstance(interval, list) or len(interval) != 2:
            yield Problem(path, "is not a list of start and end", "Write null for an open side.")
            continue
        faults = [(side, instant_fault(value)) for side, value in enumerate(interval) if value is not None]
        yield from (Problem(f"{path}[{side}]", fault) for side, fault in faults if fault)
        if len(faults) == 2 and not any(fault for _, fault in faults) and parse_instant(interval[0]) > parse_instant(interval[1]):
            yield Problem(path, "ends before it starts", "Swap its sides.")


def _schema_problems(collection: JsonObject) -> Iterator[Problem]:
    """Look at what is left (summaries) by the schema itself, which stops at the first problem."""
    fault = find_schema_fault("collection", collection)
    if fault is not None:
        yield fault
