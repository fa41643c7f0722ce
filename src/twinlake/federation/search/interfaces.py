"""What federated search asks of a source of items, and of who makes calls to peers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from twinlake.core.documents import JsonObject
from twinlake.holdings.catalogue.interfaces import ItemQuery
from twinlake.identity.principals import Caller
from twinlake.standards.cql2 import operators_of
from twinlake.standards.stac.selecting import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one call of a peer may cost; a call is for one page, and no answer has more than one."""

    seconds: float
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a source can do with a query; None of a set means all."""

    operators: frozenset[str] | None = None
    """Of CQL2."""
    sortable: frozenset[str] | None = None
    """Properties; `id` and `collection`, which end every order, can always be sorted by."""
    counts: bool = True
    """Whether it tells how many items match."""

    def lacks(self, query: ItemQuery) -> str | None:
        """Return the first thing of *query* that the source cannot do, in words; None if there is none."""
        if self.operators is not None and query.filter is not None:
            for operator in sorted(operators_of(query.filter) - self.operators):
                return f"filter by {operator}"
        if self.sortable is not None:
            for key in query.sortby:
                if key.property not in self.sortable | {"id", "collection"}:
                    return f"sort by {key.property}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePage:
    """What one source has of a query: the first items after a key, in the query's order."""

    bodies: Sequence[bytes]
    """Features in JSON, at most the query's limit; fewer with *more* where their size was the limit."""
    more: bool
    """Whether other items follow."""
    matched: int | None
    """Exact number of all answers, or None where it was not counted."""
    closed: frozenset[str] = frozenset()
    """Collections of these items whose bytes not everybody may read, as far as a peer says so."""


class SearchSource(Protocol):
    """Holds items and collections and finds them for callers, each within what they may discover there.

    Every method raises `TwinlakeError` where it fails; the error's code is the reason that is told.
    """

    @property
    def id(self) -> str:
        """The backend that its items are said to be from."""
        ...

    @property
    def abilities(self) -> Abilities:
        """What it can do."""
        ...

    async def list_ids(self, caller: Caller) -> frozenset[str]:
        """Return the collections that are known, without asking anybody, to be there for *caller*."""
        ...

    @property
    def is_listed(self) -> bool:
        """Whether those are all that everybody may discover there, but what is newer than the list."""
        ...

    async def search(self, query: ItemQuery, *, fields: Fields | None, caller: Caller, budget: Budget) -> SourcePage:
        """Find items; *fields* tells what of them is needed at least."""
        ...

    def settle(self, bodies: Sequence[bytes], *, closed: Collection[str], are_whole: bool) -> Sequence[bytes]:
        """Return *bodies*, which it found, as this site passes them on.

        Parameters
        ----------
        closed
            As their page has it.
        are_whole
            Whether the asker chose no fields.

        Raises
        ------
        InvalidAnswerError
            One is no item. Nobody has looked at more of it than its key before.
        """
        ...

    async def collections(self, *, caller: Caller, budget: Budget) -> Sequence[JsonObject]:
        """Return the documents of all collections that *caller* may discover."""
        ...

    async def queryables(self, collection: str | None, *, caller: Caller, budget: Budget) -> JsonObject:
        """Return the JSON Schema of what can be queried: of one collection or of all."""
        ...

    async def aggregate(self, query: ItemQuery, by: Sequence[str], *, caller: Caller, budget: Budget) -> JsonObject:
        """Count as `Catalogue.aggregate_counts` does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSet:
    """The trusted peers at one time."""

    version: str
    """Changes whenever a peer comes or goes, and only then: page tokens hold for one version."""
    sources: tuple[SearchSource, ...]


class Peers(Protocol):
    """Knows the peers."""

    def current(self) -> PeerSet:
        """Return the peers of now; the order is of no importance."""
        ...

    def judge(self, peer: str, *, believed: bool) -> None:
        """Tell whether an answer of *peer*, which came as one does, was believed: who is not for long is asked no more."""
        ...


class PeerCalls(Protocol):
    """Calls peers: knows their addresses and speaks for callers."""

    async def call(self, peer: str, path: str, body: JsonObject, *, caller: Caller, budget: Budget) -> bytes:
        """POST *body* as JSON to *path* at *peer*, speaking for *caller*; return what it answered with 200.

        Raises
        ------
        PeerCallError
            The connection, the token or the peer failed, or the answer was larger than the budget. The caller of this watches
            the time, and cancels.
        """
        ...
