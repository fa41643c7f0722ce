"""What a site is made of once it is built, and what it does besides answering."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from twinlake.access.delivery.sender import DirectSender, Sender
from twinlake.access.delivery.service import Delivery
from twinlake.access.delivery.signing import DataSigner
from twinlake.core.clock import Clock
from twinlake.core.paging import TokenSeal
from twinlake.core.randomness import Randomness
from twinlake.discovery.data.editing import DataEditing
from twinlake.discovery.data.service import DataDiscovery
from twinlake.discovery.services.service import ServiceDiscovery
from twinlake.engines.database import Database
from twinlake.engines.objectstore import LinkedFiles, ObjectStore
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.signed_urls import UrlSigner
from twinlake.events.log import EventLog
from twinlake.events.rendering import EventIds
from twinlake.holdings.audiences import Audiences
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.holdings.ingest.intake import Intake
from twinlake.holdings.ingest.service import IngestService
from twinlake.holdings.ingest.uploads import Uploads
from twinlake.holdings.previews import PreviewRenderer
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.accounts import Accounts
from twinlake.identity.audit import AuditLog
from twinlake.identity.flushing import flushing
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.policy.service import Policy
from twinlake.identity.sessions import SessionStore
from twinlake.identity.tokens import TokenStore
from twinlake.identity.usage import UsageLedger
from twinlake.jobs.requests import RequestJournal
from twinlake.jobs.runs import RunJournal
from twinlake.jobs.service import Jobs
from twinlake.jobs.supervisor import Supervisor
from twinlake.jobs.watching import JobWatcher
from twinlake.notification.stream import EventStreams
from twinlake.notification.tail import EventTail
from twinlake.notification.webhooks.dispatcher import WebhookDispatcher
from twinlake.notification.webhooks.service import Webhooks
from twinlake.processing.openeo.jobs.service import BatchJobs
from twinlake.processing.openeo.jobs.signing import ResultSigner
from twinlake.processing.openeo.loading.resolving.peers import PeerReader
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.site.federation.build import Federation
from twinlake.site.health import HealthWatch
from twinlake.site.layout import SiteFolder
from twinlake.site.processing import Processing
from twinlake.site.settings import SiteSettings
from twinlake.site.upkeep import Upkeep

_FLUSH_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that a site offers, built and wired. A notebook may use it without HTTP."""

    settings: SiteSettings
    folder: SiteFolder
    clock: Clock
    randomness: Randomness
    log: FilteringBoundLogger
    metrics: RequestMetrics
    closing: asyncio.Event
    """Set when the site is about to stop: streams end then."""
    database: Database
    health: HealthWatch
    ring: KeyRing
    federation: Federation
    services: ServiceDiscovery
    objects: ObjectStore
    links: LinkedFiles
    events: EventLog
    tail: EventTail
    streams: EventStreams
    policy: Policy
    audit: AuditLog
    usage: UsageLedger
    tokens: TokenStore
    sessions: SessionStore
    accounts: Accounts
    catalogue: SqlCatalogue
    collections: CollectionPolicy
    audiences: Audiences
    discovery: DataDiscovery
    editing: DataEditing
    delivery: Delivery
    direct: DirectSender
    sender: Sender
    signer: UrlSigner
    data_signer: DataSigner
    seal: TokenSeal
    journal: RequestJournal
    run_journal: RunJournal
    jobs: Jobs
    watcher: JobWatcher
    uploads: Uploads
    ingest: IngestService
    intake: Intake
    supervisor: Supervisor
    webhooks: Webhooks
    event_ids: EventIds
    dispatcher: WebhookDispatcher
    upkeep: Upkeep
    previews: PreviewRenderer
    processing: Processing
    peer_reader: PeerReader
    quotas: QuotaLedger
    batch_jobs: BatchJobs
    result_signer: ResultSigner

    @asynccontextmanager
    async def loops(self) -> AsyncGenerator[None]:
        """Run what a serving site does besides answering: children, the event tail, batches to be written."""
        async with AsyncExitStack() as stack:
            await self.catalogue.finish_deletions()
            parts = (self.audit, self.usage, self.tokens, self.sessions, self.quotas)
            await stack.enter_async_context(flushing(parts, every_seconds=_FLUSH_SECONDS, log=self.log))
            for work in (self.tail.run(), self.dispatcher.run(), self.upkeep.run(), self.federation.watch.run()):
                await stack.enter_async_context(_background(work))
            await stack.enter_async_context(self.supervisor)
            yield


@asynccontextmanager
async def _background(work: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    """Run *work*, which ends by itself when the site is closing, beside the block; its failure is the block's."""
    async with asyncio.TaskGroup() as group:
        group.create_task(work)
        yield
