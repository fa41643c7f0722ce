"""Items and collections as they are sent to be put, checked."""

from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.discovery.data.errors import TooManyItemsError
from twinlake.holdings.catalogue.interfaces import ItemDraft
from twinlake.standards.stac import read_collection, read_item

_MOST_ITEMS = 1000
"""Items in one FeatureCollection: they are one transaction, and the writer is not to be held for long."""


def read_item_draft(document: Any, *, collection: str, item: str | None = None, original: bytes | None = None) -> ItemDraft:
    """Check an item that is to be put under *collection*, and with the id *item* where it is given.

    Parameters
    ----------
    original
        The document as it was sent; kept where it had to be migrated.

    Raises
    ------
    InvalidInputError
        It is not an item, or its ids are not those of the URL.
    """
    if not isinstance(document, dict):
        raise InvalidInputError("An item must be a JSON object.")
    given = _placed(document, "collection", collection)
    if item is not None:
        given = _placed(given, "id", item)
    checked = read_item(given)
    return ItemDraft(document=checked, original=original if checked != given else None)


def read_item_drafts(document: JsonObject, *, collection: str) -> list[ItemDraft]:
    """Check the items of a FeatureCollection."""
    features = document.get("features")
    if not isinstance(features, list) or not features:
        raise InvalidInputError("The FeatureCollection has no list of features.")
    if len(features) > _MOST_ITEMS:
        raise TooManyItemsError(
            f"The FeatureCollection has {len(features)} items; one request takes {_MOST_ITEMS}.",
            remedy="Send several requests, or ingest a file of newline-delimited items.",
        )
    return [read_item_draft(feature, collection=collection) for feature in features]


def read_collection_document(document: JsonObject, collection: str | None = None) -> JsonObject:
    """Check a collection that is to be put, with the id *collection* where it is given."""
    return read_collection(document if collection is None else _placed(document, "id", collection))


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _placed(document: JsonObject, member: str, expected: str) -> JsonObject:
    """Return *document* with its *member* as the URL has it."""
    given = document.get(member, expected)
    if given != expected:
        raise InvalidInputError(
            f"The document's {member} is {str(given)[:80]!r} and the URL's is {expected!r}.",
            remedy=f"Send it to the URL of its {member}, or leave the member out.",
        )
    return document if member in document else {**document, member: expected}
