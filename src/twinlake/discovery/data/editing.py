"""The use cases of changing data: the transaction extensions for items and collections."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import orjson

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.drafts import merge_patch, read_collection_document, read_item_draft
from twinlake.discovery.data.errors import ConditionFailedError
from twinlake.discovery.data.responses import names_etag
from twinlake.holdings.catalogue.errors import EtagMismatchError
from twinlake.holdings.catalogue.interfaces import Catalogue, CollectionAccess, ItemDraft, StoredCollection, StoredItem
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.principals import Caller

T = TypeVar("T")
_PATCH_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Conditions:
    """The preconditions of a request (RFC 9110, section 13.1)."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, what: str, etag: str) -> str | None:
        """Return the ETag that the change must still find, None for any.

        Raises
        ------
        ConditionFailedError
            The document with *etag* is not what the request is about.
        """
        if self.if_none_match is not None and names_etag(self.if_none_match, etag):
            raise ConditionFailedError(what, "If-None-Match")
        if self.if_match is None:
            return None
        if not names_etag(self.if_match, etag):
            raise ConditionFailedError(what, "If-Match")
        return etag


class DataEditing:
    """Changes items and collections for callers who may, each change one transaction with its event.

    Whether a caller may create a collection at all is decided where the route is guarded: it is a question of the site.
    """

    def __init__(self, *, catalogue: Catalogue, collections: CollectionPolicy) -> None:
        self._catalogue = catalogue
        self._collections = collections

    async def create_items(self, caller: Caller, collection: str, drafts: Sequence[ItemDraft]) -> None:
        """Add items that are not there yet, all or none."""
        await self._collections.require(caller, "write", collection)
        await self._catalogue.put_items(drafts, create=True)

    async def create_item(self, caller: Caller, collection: str, draft: ItemDraft) -> StoredItem:
        """Add an item that is not there yet."""
        await self.create_items(caller, collection, [draft])
        return await self._get_item(caller, collection, draft.document["id"])

    async def replace_item(self, caller: Caller, draft: ItemDraft, conditions: Conditions) -> StoredItem:
        """Replace an item that is there."""
        collection, item = draft.document["collection"], draft.document["id"]
        await self._collections.require(caller, "write", collection)
        current = await self._get_item(caller, collection, item)
        await self._catalogue.put_items([draft], if_match=conditions.check(f"Item {item!r}", current.etag))
        return await self._get_item(caller, collection, item)

    async def patch_item(self, caller: Caller, path: tuple[str, str], patch: JsonObject, conditions: Conditions) -> StoredItem:
        """Change parts of the item at *path* (collection, item) by a JSON merge patch."""
        collection, item = path
        await self._collections.require(caller, "write", collection)

        async def attempt() -> None:
            current = await self._get_item(caller, collection, item)
            conditions.check(f"Item {item!r}", current.etag)
            draft = read_item_draft(merge_patch(orjson.loads(current.body), patch), collection=collection, item=item)
            await self._catalogue.put_items([draft], if_match=current.etag)

        await _retry(attempt)
        return await self._get_item(caller, collection, item)

    async def delete_item(self, caller: Caller, collection: str, item: str, conditions: Conditions) -> None:
        """Remove an item; its versions and a tombstone stay."""
        await self._collections.require(caller, "delete", collection)
        current = await self._get_item(caller, collection, item)
        await self._catalogue.delete_item(collection, item, if_match=conditions.check(f"Item {item!r}", current.etag))

    async def create_collection(self, caller: Caller, document: JsonObject) -> StoredCollection:
        """Add a collection that is not there yet; it is open and owned by *caller*."""
        access = CollectionAccess(owner=None if caller.principal is None else str(caller.principal))
        return await self._catalogue.put_collection(document, access=access, create=True)

    async def replace_collection(self, caller: Caller, document: JsonObject, conditions: Conditions) -> StoredCollection:
        """Replace the description of a collection that is there."""
        collection = document["id"]
        await self._collections.require(caller, "write", collection)
        visibility = await self._collections.visibility_of(caller)
        current = await self._catalogue.get_collection(collection, visibility)
        expected = conditions.check(f"Collection {collection!r}", current.etag)
        return await self._catalogue.put_collection(document, if_match=expected, visibility=visibility)

    async def patch_collection(
        self, caller: Caller, collection: str, patch: JsonObject, conditions: Conditions
    ) -> StoredCollection:
        """Change parts of the description of a collection by a JSON merge patch."""

        async def attempt() -> StoredCollection:
            await self._collections.require(caller, "write", collection)
            visibility = await self._collections.visibility_of(caller)
            current = await self._catalogue.get_collection(collection, visibility)
            conditions.check(f"Collection {collection!r}", current.etag)
            merged = read_collection_document(merge_patch(orjson.loads(current.body), patch), collection)
            return await self._catalogue.put_collection(merged, if_match=current.etag, visibility=visibility)

        return await _retry(attempt)

    async def delete_collection(self, caller: Caller, collection: str, conditions: Conditions) -> None:
        """Remove a collection and its items."""
        await self._collections.require(caller, "delete", collection)
        visibility = await self._collections.visibility_of(caller)
        current = await self._catalogue.get_collection(collection, visibility)
        expected = conditions.check(f"Collection {collection!r}", current.etag)
        await self._catalogue.delete_collection(collection, if_match=expected, visibility=visibility)

    async def _get_item(self, caller: Caller, collection: str, item: str) -> StoredItem:
        return await self._catalogue.get_item(collection, item, await self._collections.visibility_of(caller))


async def _retry(attempt: Callable[[], Awaitable[T]]) -> T:
    """Repeat a read and its change while others change the same document in between."""
    for _ in range(_PATCH_ATTEMPTS - 1):
        try:
            return await attempt()
        except EtagMismatchError:
            continue
    return await attempt()
