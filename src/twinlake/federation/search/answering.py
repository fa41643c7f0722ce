"""What a site answers to a peer: of its own holdings only, as far as the caller for whom the peer speaks may discover them."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Protocol, TypeVar

import msgspec
import orjson

from twinlake.core.errors import InvalidInputError
from twinlake.federation.errors import ForwardingRefusedError
from twinlake.federation.search.hrefs import DataHrefs
from twinlake.federation.search.interfaces import Budget, SearchSource, SourcePage
from twinlake.federation.search.versions import Versions
from twinlake.federation.search.wire import (
    AggregateMessage,
    CollectionsMessage,
    QueryablesMessage,
    SearchMessage,
    VersionsMessage,
    read_fields,
    read_query,
    write_page,
)
from twinlake.holdings.catalogue.errors import CollectionNotFoundError
from twinlake.identity.principals import Caller
from twinlake.standards.stac.selecting import ITEM_DEFAULTS, select_fields


class _Message(Protocol):
    chain: list[str]


M = TypeVar("M", bound=_Message)


class PeerAnswers:
    """Answers the calls of peers; each takes a body of JSON and returns one.

    Parameters
    ----------
    local
        This site's own source.
    versions
        Tells which versions there are.
    budget
        What one answer may cost: a page ends before it is larger, and is told to have more.
    closed
        Tells of which collections not everybody may read all bytes.
    data_root
        How the addresses begin at which this site delivers, up to the collection.
    """

    def __init__(
        self,
        *,
        local: SearchSource,
        versions: Versions,
        budget: Budget,
        closed: Callable[[], Awaitable[Collection[str]]],
        data_root: str,
    ) -> None:
        self._local = local
        self._versions = versions
        self._budget = budget
        self._closed = closed
        self._hrefs = DataHrefs(data_root)

    async def search(self, body: bytes, caller: Caller) -> bytes:
        """Find items.

        Raises
        ------
        InvalidInputError
            The message is not of its form.
        ForwardingRefusedError
            It came through another site.
        DeadlineExceededError
            The query took too long.
        """
        message = self._read(body, SearchMessage)
        page = await self._local.search(read_query(message.query), fields=None, caller=caller, budget=self._budget)
        if (fields := read_fields(message.fields)) is not None:
            page = replace(page, bodies=select_fields(list(page.bodies), fields, ITEM_DEFAULTS))
        page = _within(page, self._budget.size_bytes)
        if closed := await self._closed():
            page = replace(page, closed=frozenset(self._hrefs.find_collections(page.bodies, closed)))
        return write_page(page)

    async def collections(self, body: bytes, caller: Caller) -> bytes:
        """Return all collections."""
        self._read(body, CollectionsMessage)
        content = orjson.dumps({"collections": list(await self._local.collections(caller=caller, budget=self._budget))})
        closed = self._hrefs.find_collections([content], await self._closed())
        return b'%b,"closed":%b}' % (content[:-1], orjson.dumps(closed))

    async def queryables(self, body: bytes, caller: Caller) -> bytes:
        """Return what can be queried; an empty object where there is no such collection."""
        message = self._read(body, QueryablesMessage)
        try:
            return orjson.dumps(await self._local.queryables(message.collection, caller=caller, budget=self._budget))
        except CollectionNotFoundError:
            return b"{}"

    async def aggregate(self, body: bytes, caller: Caller) -> bytes:
        """Count."""
        message = self._read(body, AggregateMessage)
        query = read_query(message.query)
        return orjson.dumps(await self._local.aggregate(query, message.by, caller=caller, budget=self._budget))

    async def versions(self, body: bytes, caller: Caller) -> bytes:
        """Return versions and sizes of items."""
        return await self._versions.tell(self._read(body, VersionsMessage), caller)

    def _read(self, body: bytes, kind: type[M]) -> M:
        return read_message(body, kind, site_id=self._local.id)


def read_message(body: bytes, kind: type[M], *, site_id: str) -> M:
    """Read what a peer asks of this site, whose id is *site_id*.

    Raises
    ------
    InvalidInputError
        It is not of its form.
    ForwardingRefusedError
        It came through another site.
    """
    try:
        message = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(f"The message is not of the form of such a message: {error}.") from error
    if len(message.chain) > 1 or site_id in message.chain:
        raise ForwardingRefusedError(
            "The call has come through another site.", remedy="Ask the site that holds the collections yourself."
        )
    return message


def _within(page: SourcePage, size_bytes: int) -> SourcePage:
    """Return as much of *page* as there is room for, one item at least."""
    room = size_bytes
    for number, body in enumerate(page.bodies):
        room -= len(body) + 1
        if room < 0 and number:
            return replace(page, bodies=page.bodies[:number], more=True)
    return page
