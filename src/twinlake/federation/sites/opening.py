"""The parts of a site that have to do with its peers, put together."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from twinlake.core.clock import Clock
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Database
from twinlake.engines.network import Resolve, resolve_by_system
from twinlake.federation.sites.calls import PeerClient, PeerTransport
from twinlake.federation.sites.destinations import PeerDestinations
from twinlake.federation.sites.http_transport import HttpTransport
from twinlake.federation.sites.joining import Joining
from twinlake.federation.sites.links import LinkBook
from twinlake.federation.sites.own import Holdings, OwnDescriptor, SiteFacts, Visibilities
from twinlake.federation.sites.trust import PeerDirectory
from twinlake.identity.audit import AuditLog
from twinlake.identity.keys.ring import KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """A site among others. What gets tokens of peers is made of this, and `PeerWatch` of both."""

    own: OwnDescriptor
    directory: PeerDirectory
    client: PeerClient
    reader: PeerClient
    """Asks for what users name: that a peer fails there makes nobody leave it alone elsewhere."""
    joining: Joining
    links: LinkBook


@asynccontextmanager
async def open_sites(
    *,
    facts: SiteFacts,
    addresses: Mapping[str, str],
    keys: KeyRing,
    holdings: Holdings,
    visibilities: Visibilities,
    database: Database,
    audit: AuditLog,
    clock: Clock,
    randomness: Randomness,
    transport: PeerTransport | None = None,
    resolve: Resolve = resolve_by_system,
) -> AsyncGenerator[Sites]:
    """Open what a site needs to have peers; its connections are closed on exit.

    Parameters
    ----------
    addresses
        Where this site calls peers, by id, from its settings.
    transport
        In place of the network.

    Raises
    ------
    InvalidInputError
        One of *addresses* is no origin.
    """
    async with AsyncExitStack() as stack:
        destinations = PeerDestinations(addresses, resolve=resolve)
        if transport is None:
            transport = await stack.enter_async_context(HttpTransport())
        client, reader = (
            PeerClient(site_id=facts.id, transport=transport, destinations=destinations, clock=clock) for _ in range(2)
        )
        own = OwnDescriptor(facts=facts, keys=keys, holdings=holdings, visibilities=visibilities, database=database, clock=clock)
        directory = PeerDirectory(database=database, audit=audit, clock=clock, addresses=addresses)
        await directory.load()
        joining = Joining(
            own=own,
            keys=keys,
            directory=directory,
            client=client,
            destinations=destinations,
            database=database,
            audit=audit,
            clock=clock,
            randomness=randomness,
        )
        links = LinkBook(database=database, clock=clock)
        yield Sites(own=own, directory=directory, client=client, reader=reader, joining=joining, links=links)
