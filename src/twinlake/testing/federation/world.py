"""Sites in memory that know each other, with items, callers and questions drawn by a seed."""

import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from io import BytesIO

from twinlake.core.documents import JsonObject
from twinlake.core.paging import TokenSeal
from twinlake.engines.database import MemoryDatabase
from twinlake.engines.web.logs import new_logger
from twinlake.events import schema as events_schema
from twinlake.events.log import EventLog
from twinlake.federation.search.answering import PeerAnswers
from twinlake.federation.search.hrefs import data_root
from twinlake.federation.search.interfaces import Budget, PeerSet
from twinlake.federation.search.service import FederatedSearch
from twinlake.federation.search.sources import LocalSource, PeerSource
from twinlake.federation.search.versions import Versions
from twinlake.holdings.catalogue import schema as catalogue_schema
from twinlake.holdings.catalogue.interfaces import ItemDraft, Visibility
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.identity.principals import ANONYMOUS, Caller, Principal
from twinlake.standards import cql2
from twinlake.testing.clock import HandClock
from twinlake.testing.federation.network import Network
from twinlake.testing.odd_items import ODD_COLLECTIONS, odd_collection, odd_item

OWN = Budget(seconds=20.0, size_bytes=1 << 30)
"""What a site gives its own catalogue, in seconds of the machine."""
REMOTE = Budget(seconds=2.0, size_bytes=1 << 20)
"""What a peer gets, in simulated seconds."""
USERS = tuple(Caller(principal=Principal("urn:twinlake:site:home", name)) for name in ("ada", "bob"))
CALLERS = (ANONYMOUS, *USERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSite:
    """One site."""

    id: str
    documents: list[JsonObject]
    catalogue: SqlCatalogue
    visible: Mapping[str, Visibility]
    """What each caller may discover, by their key."""
    search: FederatedSearch

    async def change(self, chance: random.Random) -> tuple[str, str] | None:
        """Delete an item, or move it in time; return its collection and id."""
        if not self.documents:
            return None
        document = self.documents.pop(chance.randrange(len(self.documents)))
        name = document["collection"], document["id"]
        if chance.random() < 0.5:
            await self.catalogue.delete_item(*name)
        else:
            times = {"datetime": f"2020-01-{chance.randint(1, 28):02d}T00:00:00Z", "start_datetime": None, "end_datetime": None}
            moved = {**document, "properties": {**document["properties"], **times}}
            await self.catalogue.put_items([ItemDraft(document=moved)])
            self.documents.append(moved)
        return name


@dataclass(frozen=True, slots=True)
class World:
    """All sites, and the network between them."""

    sites: Mapping[str, SimulatedSite]
    network: Network
    collections: Sequence[str]


class _FixedPeers:
    """The peers never change; implements `Peers`."""

    def __init__(self, peers: PeerSet) -> None:
        self._peers = peers

    def current(self) -> PeerSet:
        return self._peers

    def judge(self, peer: str, *, believed: bool) -> None:
        """Ask on: here no peer is left alone."""


@asynccontextmanager
async def open_world(
    chance: random.Random, *, fault_rate: float, search: type[FederatedSearch] = FederatedSearch
) -> AsyncGenerator[World]:
    """Make a world of two to five sites.

    Parameters
    ----------
    search
        What every site merges with; a test plants mistakes in it.
    """
    names = [f"site-{number}" for number in range(chance.randint(2, 5))]
    network = Network(chance=chance, fault_rate=fault_rate)
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(PreparingProcesses())
        holdings = {name: _draw_documents(chance) for name in names}
        visible = {name: {caller.key: _draw_visibility(chance, caller) for caller in CALLERS} for name in names}
        catalogues = {name: await _open_catalogue(stack, name, holdings[name], processes) for name in names}
        sees = {name: _seeing(visible[name]) for name in names}
        local = {name: LocalSource(site_id=name, catalogue=catalogues[name], visibility_of=sees[name]) for name in names}
        for name in names:
            budget = _own_budget(chance)
            versions = Versions(catalogue=catalogues[name], visibility_of=sees[name], budget=budget)
            network.sites[name] = PeerAnswers(
                local=local[name], versions=versions, budget=budget, closed=_nothing, data_root=_data_root(name, name)
            )
        sites = {
            name: SimulatedSite(
                id=name,
                documents=holdings[name],
                catalogue=catalogues[name],
                visible=visible[name],
                search=search(
                    local=local[name],
                    peers=_FixedPeers(_peers_of(name, names, visible, network)),
                    seal=TokenSeal(name.encode()),
                    own=OWN,
                    remote=REMOTE,
                    log=new_logger(BytesIO(), site=name),
                ),
            )
            for name in names
        }
        yield World(sites, network, ODD_COLLECTIONS)


def _peers_of(name: str, names: Sequence[str], visible: Mapping[str, Mapping[str, Visibility]], network: Network) -> PeerSet:
    peers = tuple(
        PeerSource(
            peer=peer,
            asker=name,
            collections=visible[peer][ANONYMOUS.key].collections,
            calls=network,
            stac_root=_root(peer),
            own_stac_root=_root(name),
            data_root=_data_root(peer, peer),
            own_data_root=_data_root(name, peer),
        )
        for peer in names
        if peer != name
    )
    return PeerSet(version="1", sources=peers)


def _root(site: str) -> str:
    return f"https://{site}.example/stac/v2"


def _data_root(site: str, backend: str) -> str:
    return data_root(f"https://{site}.example", backend)


async def _nothing() -> frozenset[str]:
    return frozenset()


def _own_budget(chance: random.Random) -> Budget:
    """Return what a site's answer to a peer may cost: some send a few items at a time only."""
    return Budget(seconds=OWN.seconds, size_bytes=chance.choice((1 << 20, 1 << 20, 4000)))


def _draw_documents(chance: random.Random) -> list[JsonObject]:
    """Draw items, of which some stand at other sites too, and others have their id and collection."""
    numbers = chance.sample(range(90), chance.randint(0, 30))
    return list({(item["collection"], item["id"]): item for item in map(odd_item, numbers)}.values())


def _draw_visibility(chance: random.Random, caller: Caller) -> Visibility:
    share = 0.6 if caller.principal is None else 0.9
    return Visibility(collections=frozenset(name for name in ODD_COLLECTIONS if chance.random() < share))


def _seeing(visible: Mapping[str, Visibility]) -> Callable[[Caller], Awaitable[Visibility]]:
    async def visibility_of(caller: Caller) -> Visibility:
        return visible[caller.key]

    return visibility_of


async def _open_catalogue(
    stack: AsyncExitStack, name: str, documents: Sequence[JsonObject], processes: PreparingProcesses
) -> SqlCatalogue:
    clock = HandClock()
    database = await stack.enter_async_context(
        MemoryDatabase(
            migrations=(*events_schema.MIGRATIONS, *catalogue_schema.MIGRATIONS),
            prepare=(*cql2.PREPARE, *catalogue_schema.PREPARE),
        )
    )
    catalogue = SqlCatalogue(
        database=database,
        events=EventLog(clock=clock),
        clock=clock,
        processes=processes,
        site_id=name,
        public_url=f"https://{name}.example",
    )
    for collection in ODD_COLLECTIONS:
        await catalogue.put_collection(odd_collection(collection))
    for start in range(0, len(documents), 20):
        await catalogue.put_items([ItemDraft(document=document) for document in documents[start : start + 20]])
    return catalogue
