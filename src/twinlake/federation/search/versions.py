"""Which versions of items a site holds, and how large they are: what who copies or computes there must know."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
import orjson

from twinlake.federation.search.interfaces import Budget
from twinlake.federation.search.wire import VersionsMessage, read_query
from twinlake.holdings.catalogue.errors import ItemNotFoundError
from twinlake.holdings.catalogue.interfaces import Catalogue, Visibility
from twinlake.identity.principals import Caller

MAX_LIMIT = 200
"""Items told of at once."""


class _Asset(msgspec.Struct):
    size: int = msgspec.field(name="file:size", default=0)


class _Sized(msgspec.Struct):
    id: str
    collection: str
    assets: dict[str, _Asset]


_read_sizes = msgspec.json.Decoder(_Sized).decode


class ItemVersion(msgspec.Struct, frozen=True):
    """The current version of one item."""

    collection: str
    id: str
    version: str
    """SHA-256 of the canonical document, hex."""
    size_bytes: int
    """Of all its assets, as far as their sizes are known."""


class Versions:
    """Tells versions and sizes of what a caller may discover."""

    def __init__(self, *, catalogue: Catalogue, visibility_of: Callable[[Caller], Awaitable[Visibility]], budget: Budget) -> None:
        self._catalogue = catalogue
        self._visibility_of = visibility_of
        self._budget = budget

    async def tell(self, message: VersionsMessage, caller: Caller) -> bytes:
        """Return, as JSON, the versions of one page of a query, and the key after which the next begins.

        With a list of versions only those of them are told that are current.
        """
        visibility = await self._visibility_of(caller)
        query = read_query(message.query)
        query = replace(query, limit=min(query.limit, MAX_LIMIT), count=False)
        page = await self._catalogue.search(query, visibility, deadline_seconds=self._budget.seconds)
        wanted = None if message.versions is None else frozenset(message.versions)
        told = [
            version
            for body in page.bodies
            if (version := await self._version(body, visibility)) is not None and (wanted is None or version.version in wanted)
        ]
        return orjson.dumps({"items": msgspec.to_builtins(told), "after": page.after})

    async def _version(self, body: bytes, visibility: Visibility) -> ItemVersion | None:
        """Return the version of an item that was just found; None where it has been deleted since."""
        item = _read_sizes(body)
        try:
            stored = await self._catalogue.get_item(item.collection, item.id, visibility)
        except ItemNotFoundError:
            return None
        return ItemVersion(item.collection, item.id, stored.version, sum(asset.size for asset in item.assets.values()))
