"""The use cases: one answer from this site and its peers."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson
from structlog.typing import FilteringBoundLogger

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, TwinlakeError
from twinlake.core.paging import TokenSeal
from twinlake.federation.search.combining import combine_collections, combine_counts, combine_queryables
from twinlake.federation.search.errors import (
    FederationIncompleteError,
    FederationTimeoutError,
    HolderMissingError,
    InvalidAnswerError,
    UnsupportedQueryError,
)
from twinlake.federation.search.interfaces import Budget, Peers, PeerSet, SearchSource
from twinlake.federation.search.keys import Key, KeyOrder, key_order
from twinlake.federation.search.merging import CheckedPage, MergedPage, Position, check_page, merge
from twinlake.federation.search.models import EVERYWHERE, Completeness, FederatedPage, Scope
from twinlake.federation.search.needing import widen_fields
from twinlake.federation.search.wire import MAX_LIMIT, write_query
from twinlake.holdings.catalogue.errors import CollectionNotFoundError
from twinlake.holdings.catalogue.interfaces import ItemQuery
from twinlake.identity.principals import Caller
from twinlake.standards.stac.selecting import Fields

T = TypeVar("T")
TIMEOUT = "timeout"
"""The reason of a peer that took too long."""
_KIND = b"federated items\0"
_LONGEST_TOKEN = 16_384


@dataclass(frozen=True, slots=True)
class _Asked:
    sources: Sequence[SearchSource]
    wanted: Mapping[str, tuple[str, ...] | None]
    """Collections to ask each for."""


class FederatedSearch:
    """Asks this site and its peers, each within its budget, and makes one answer of theirs.

    Parameters
    ----------
    local
        This site; when it fails, there is no answer.
    own
        What a question may cost here.
    remote
        What it may cost at each peer.
    log
        Is told what peers answered that was not believed.
    """

    def __init__(
        self,
        *,
        local: SearchSource,
        peers: Peers,
        seal: TokenSeal,
        own: Budget,
        remote: Budget,
        log: FilteringBoundLogger,
    ) -> None:
        self._local = local
        self._peers = peers
        self._seal = seal
        self._own = own
        self._remote = remote
        self._log = log

    @property
    def has_peers(self) -> bool:
        """Whether there is anybody else to ask."""
        return bool(self._peers.current().sources)

    async def search(
        self,
        caller: Caller,
        query: ItemQuery,
        *,
        fields: Fields | None = None,
        scope: Scope = EVERYWHERE,
        token: str | None = None,
    ) -> FederatedPage:
        """Find items; the bodies have at least *fields*.

        Raises
        ------
        InvalidInputError
            The token is of another query, caller or set of peers, or a site of the scope is not known.
        FederationIncompleteError
            The scope is strict, and a site is missing.
        """
        query = replace(query, limit=min(query.limit, MAX_LIMIT))
        peers, order = self._peers.current(), key_order(query.sortby)
        bound = _binding(caller, query, scope, peers)
        start, missed = self._open(token, bound, order)
        asked = await self._choose(caller, query.collections, peers, scope)
        needed = widen_fields(fields, order)

        async def ask(source: SearchSource) -> CheckedPage:
            mine = replace(
                query,
                collections=asked.wanted[source.id],
                after=start.after_for(source.id),
                count=query.count and token is None,
            )
            if (lack := source.abilities.lacks(mine)) is not None:
                raise UnsupportedQueryError(f"It cannot {lack}.")
            page = await source.search(mine, fields=needed, caller=caller, budget=self._budget(source))
            return check_page(page, mine, order)

        sources = [source for source in asked.sources if source.id not in missed]
        pages, failed = await self._ask_all(sources, ask)
        merged = self._merge(pages, start, order, query.limit)
        bodies, liars = self._settle(merged.taken, pages, sources, are_whole=needed is None)
        while liars:
            failed |= liars
            pages = {site: page for site, page in pages.items() if site not in liars}
            merged = self._merge(pages, start, order, query.limit)
            bodies, liars = self._settle(merged.taken, pages, sources, are_whole=needed is None)
        missing = {**missed, **failed}
        completeness = self._complete(pages, missing, scope)
        told = [page.matched for page in pages.values() if page.matched is not None]
        counted = query.count and token is None
        return FederatedPage(
            bodies=bodies,
            token=None if merged.next is None else self._write(merged.next, missing, bound),
            matched=sum(told) if counted and not missing and len(told) == len(pages) else None,
            partial=sum(told) if counted else None,
            completeness=completeness,
        )

    async def collections(
        self, caller: Caller, *, only: str | None = None, scope: Scope = EVERYWHERE
    ) -> tuple[list[JsonObject], Completeness]:
        """Return the documents of all collections, or of *only* one id; ids that several sites hold stand there for each."""
        wanted = None if only is None else (only,)

        async def ask(source: SearchSource) -> Sequence[JsonObject]:
            documents = await source.collections(caller=caller, budget=self._budget(source))
            return [document for document in documents if only in {None, document["id"]}]

        found, completeness = await self._ask_everybody(caller, wanted, scope, ask)
        return combine_collections(found), completeness

    async def knows(self, caller: Caller, collection: str) -> bool:
        """Tell whether some site is known, without asking it, to hold *collection* for *caller*."""
        for source in (self._local, *self._peers.current().sources):
            if collection in await source.list_ids(caller):
                return True
        return False

    async def queryables(
        self, caller: Caller, collection: str | None, *, scope: Scope = EVERYWHERE
    ) -> tuple[JsonObject, Completeness]:
        """Return the JSON Schema of what can be queried at any site.

        Raises
        ------
        CollectionNotFoundError
            No site has it.
        HolderMissingError
            None that answered has it.
        """
        wanted = None if collection is None else (collection,)

        async def ask(source: SearchSource) -> JsonObject | None:
            try:
                return await source.queryables(collection, caller=caller, budget=self._budget(source))
            except CollectionNotFoundError:
                return None

        found, completeness = await self._ask_everybody(caller, wanted, scope, ask)
        schemas = [schema for schema in found.values() if schema is not None]
        if collection is not None and not schemas:
            raise HolderMissingError(completeness.missing) if completeness.missing else CollectionNotFoundError(collection)
        return combine_queryables(schemas), completeness

    async def aggregate(
        self, caller: Caller, query: ItemQuery, by: Sequence[str], *, scope: Scope = EVERYWHERE
    ) -> tuple[JsonObject, Completeness]:
        """Count over all sites, as `Catalogue.aggregate_counts` does; what is missing is not counted."""
        asked = await self._choose(caller, query.collections, self._peers.current(), scope)

        async def ask(source: SearchSource) -> JsonObject:
            mine = replace(query, collections=asked.wanted[source.id])
            if (lack := source.abilities.lacks(mine)) is not None or not source.abilities.counts:
                raise UnsupportedQueryError(f"It cannot {lack or 'count'}.")
            return await source.aggregate(mine, by, caller=caller, budget=self._budget(source))

        found, missing = await self._ask_all(asked.sources, ask)
        return combine_counts(found.values(), by), self._complete(found, missing, scope)

    def _merge(self, pages: Mapping[str, CheckedPage], start: Position, order: KeyOrder, limit: int) -> MergedPage:
        return merge(pages, start, order, limit=limit)

    def _settle(
        self,
        taken: Sequence[tuple[str, bytes]],
        pages: Mapping[str, CheckedPage],
        sources: Sequence[SearchSource],
        *,
        are_whole: bool,
    ) -> tuple[list[bytes], dict[str, str]]:
        """Return what is *taken* as it is passed on; or else the peers of which some is no item, with the reason that is told."""
        settled: dict[str, Iterator[bytes]] = {}
        liars: dict[str, str] = {}
        for source in sources:
            bodies = [body for site, body in taken if site == source.id]
            try:
                if bodies:
                    settled[source.id] = iter(source.settle(bodies, closed=pages[source.id].closed, are_whole=are_whole))
            except InvalidAnswerError as error:
                liars[source.id] = self._disbelieve(source.id, error)
        return [] if liars else [_marked(next(settled[site]), site) for site, _ in taken], liars

    def _budget(self, source: SearchSource) -> Budget:
        return self._own if source is self._local else self._remote

    async def _ask_everybody(
        self,
        caller: Caller,
        collections: tuple[str, ...] | None,
        scope: Scope,
        ask: Callable[[SearchSource], Awaitable[T]],
    ) -> tuple[dict[str, T], Completeness]:
        asked = await self._choose(caller, collections, self._peers.current(), scope)
        found, missing = await self._ask_all(asked.sources, ask)
        return found, self._complete(found, missing, scope)

    async def _choose(self, caller: Caller, collections: tuple[str, ...] | None, peers: PeerSet, scope: Scope) -> _Asked:
        """Choose whom to ask: who is known to hold what is asked for; all for what nobody tells of: new or hidden."""
        everybody = [self._local, *peers.sources]
        if scope.backends is not None:
            if unknown := scope.backends - {source.id for source in everybody}:
                raise InvalidInputError(
                    f"No site {min(unknown)[:80]!r} is known here.",
                    remedy=f"Known are: {', '.join(sorted(source.id for source in everybody))}.",
                )
            everybody = [source for source in everybody if source.id in scope.backends]
        if collections is None:
            return _Asked(everybody, dict.fromkeys((source.id for source in everybody), None))
        held = {source.id: await source.list_ids(caller) for source in (self._local, *peers.sources)}
        unheard = set(collections).difference(*held.values())
        wanted: dict[str, tuple[str, ...] | None] = {
            source.id: tuple(name for name in collections if name in held[source.id] or name in unheard or not source.is_listed)
            for source in everybody
        }
        return _Asked([source for source in everybody if wanted[source.id]], wanted)

    async def _ask_all(
        self, sources: Sequence[SearchSource], ask: Callable[[SearchSource], Awaitable[T]]
    ) -> tuple[dict[str, T], dict[str, str]]:
        """Ask all at once; return answers and reasons by site. What this site itself cannot do is raised."""
        remote = [source for source in sources if source is not self._local]
        tasks = {source.id: asyncio.create_task(self._within_budget(source, ask)) for source in remote}
        try:
            found: dict[str, T] = {}
            missing: dict[str, str] = {}
            for source in sources:
                if source is self._local:
                    found[source.id] = await ask(source)
            for site, task in tasks.items():
                answer = await task
                if isinstance(answer, _Failure):
                    missing[site] = answer.reason
                else:
                    found[site] = answer
            return found, missing
        finally:
            for task in tasks.values():
                task.cancel()

    async def _within_budget(self, source: SearchSource, ask: Callable[[SearchSource], Awaitable[T]]) -> "T | _Failure":
        try:
            async with asyncio.timeout(self._remote.seconds):
                return await ask(source)
        except TimeoutError:
            return _Failure(TIMEOUT)
        except InvalidAnswerError as error:
            return _Failure(self._disbelieve(source.id, error))
        except TwinlakeError as error:
            return _Failure(error.code)

    def _disbelieve(self, peer: str, error: InvalidAnswerError) -> str:
        """Log what is wrong with an answer and count it against the peer; return the reason that is told."""
        self._peers.judge(peer, believed=False)
        self._log.warning("an answer of a peer was not believed", peer=peer, reason=error.message)
        return error.code

    def _complete(self, found: Mapping[str, object], missing: Mapping[str, str], scope: Scope) -> Completeness:
        for site in found.keys() - {self._local.id}:
            self._peers.judge(site, believed=True)
        if missing and scope.strict:
            if TIMEOUT in missing.values():
                raise FederationTimeoutError(missing)
            raise FederationIncompleteError(missing)
        return Completeness(backends=tuple(sorted(found)), missing=missing)

    def _open(self, token: str | None, bound: bytes, order: KeyOrder) -> tuple[Position, dict[str, str]]:
        if token is None:
            return Position(), {}
        if len(token) > _LONGEST_TOKEN:
            raise InvalidInputError("The page token is too long to be one of this site.")
        after, apart, missed = orjson.loads(self._seal.open(token, bound))
        return Position(_read_key(after, order), {site: _read_key(key, order) for site, key in apart.items()}), missed

    def _write(self, position: Position, missing: Mapping[str, str], bound: bytes) -> str:
        return self._seal.seal(orjson.dumps((position.after, position.apart, missing)), bound)


def _read_key(key: list[Any] | None, order: KeyOrder) -> Key | None:
    return None if key is None else order.check(key)


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str


def _marked(body: bytes, site: str) -> bytes:
    """Write into *body* the site that it is from: last, where it counts whatever a peer wrote before."""
    return b'%b,"federation:backends":%b}' % (body[:-1], orjson.dumps([site]))


def _binding(caller: Caller, query: ItemQuery, scope: Scope, peers: PeerSet) -> bytes:
    """Return what a page token is bound to: what the query selects and its order, the caller, who is asked."""
    selection = write_query(replace(query, limit=1, after=None, count=True))
    backends = None if scope.backends is None else sorted(scope.backends)
    whole = (selection, caller.key, peers.version, backends, scope.strict)
    return _KIND + hashlib.sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).digest()
