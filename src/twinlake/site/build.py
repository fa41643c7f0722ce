"""The one composition root: settings in, services out."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO

from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from twinlake.access.delivery.elsewhere import Elsewhere
from twinlake.access.delivery.nginx import NginxSender
from twinlake.access.delivery.redirects import PresignedSender, SignedSender
from twinlake.access.delivery.sender import DirectSender, Sender
from twinlake.access.delivery.service import Delivery
from twinlake.access.delivery.signing import DataSigner
from twinlake.core.clock import Clock, SystemClock
from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal
from twinlake.core.randomness import SYSTEM_RANDOMNESS, Randomness
from twinlake.discovery.data.editing import DataEditing
from twinlake.discovery.data.service import DataDiscovery
from twinlake.discovery.services.service import ServiceDiscovery
from twinlake.engines.database import Database, SqliteDatabase
from twinlake.engines.database.reserve import DiskReserve
from twinlake.engines.network.client import GuardedClient
from twinlake.engines.network.guard import DestinationGuard
from twinlake.engines.objectstore import BucketObjectStore, LinkedFiles, LocalObjectStore, ObjectStore
from twinlake.engines.sandbox import Limits
from twinlake.engines.web.logs import new_logger
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.signed_urls import UrlSigner
from twinlake.events.log import EventLog
from twinlake.events.rendering import EventIds, EventRenderer
from twinlake.holdings.audiences import Audiences
from twinlake.holdings.catalogue import schema as catalogue_schema
from twinlake.holdings.catalogue.announcing import EXPANDERS
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.holdings.ingest.intake import Intake
from twinlake.holdings.ingest.kind import ingest_kind
from twinlake.holdings.ingest.models import UploadLimits
from twinlake.holdings.ingest.service import IngestService
from twinlake.holdings.ingest.uploads import Uploads
from twinlake.holdings.previews import PreviewRenderer
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.accounts import Accounts
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.audit import AuditLog
from twinlake.identity.flushing import flushing
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.policy.cedar import CedarRules, read_schema
from twinlake.identity.policy.service import Policy
from twinlake.identity.sessions import SessionStore
from twinlake.identity.standing import Standing
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
from twinlake.notification.webhooks.signing import WebhookSigner
from twinlake.site.federation import Federation, open_federation
from twinlake.site.health import HealthWatch
from twinlake.site.layout import SiteFolder
from twinlake.site.neighbourhood import Neighbourhood
from twinlake.site.schema import MIGRATIONS
from twinlake.site.settings import LocalObjectsSettings, S3ObjectsSettings, SiteSettings
from twinlake.site.upkeep import Upkeep
from twinlake.standards import cql2

PREPARE = (*cql2.PREPARE, *catalogue_schema.PREPARE)
_FLUSH_SECONDS = 5.0
_CHILD_FILE_BYTES = 1 << 30
_RESERVE_BYTES = 16 << 20


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
    elsewhere: Elsewhere
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

    async def is_healthy(self) -> bool:
        """Tell whether the site can read and write."""
        return (await self.health.examine()).ok

    @asynccontextmanager
    async def loops(self) -> AsyncGenerator[None]:
        """Run what a serving site does besides answering: children, the event tail, batches to be written."""
        async with AsyncExitStack() as stack:
            await self.catalogue.finish_deletions()
            parts = (self.audit, self.usage, self.tokens, self.sessions)
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


@asynccontextmanager
async def open_services(
    settings: SiteSettings,
    folder: SiteFolder,
    *,
    clock: Clock | None = None,
    randomness: Randomness = SYSTEM_RANDOMNESS,
    log_stream: BinaryIO | None = None,
) -> AsyncGenerator[Services]:
    """Build every service that *settings* asks for; close them all on exit.

    Raises
    ------
    InvalidInputError
        A key is damaged, or a policy is wrong.
    ConflictError
        The database was written by a newer version.
    """
    clock = clock or SystemClock()
    log = new_logger(log_stream or sys.stderr.buffer, site=settings.id, level=settings.logging.level)
    closing = asyncio.Event()
    async with AsyncExitStack() as stack:
        folder.database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = await stack.enter_async_context(open_database(settings, folder))
        objects = open_objects(settings, folder)
        links = LinkedFiles(settings.ingest.link_roots)
        events = EventLog(clock=clock)
        for source, expand in EXPANDERS.items():
            events.register_expander(source, expand)
        catalogue = SqlCatalogue(
            database=database,
            events=events,
            clock=clock,
            processes=await stack.enter_async_context(PreparingProcesses()),
            site_id=settings.id,
            public_url=settings.base_url,
        )
        ring = KeyRing(database=database, clock=clock, sealer=_sealer(folder, "signing keys", randomness))
        await ring.keep_up()
        audit = AuditLog(database=database, clock=clock)
        usage = UsageLedger(database=database, clock=clock)
        policy = Policy(rules=_read_rules(settings, folder), listener=audit.note_decision)
        collections = CollectionPolicy(policy=policy, catalogue=catalogue, clock=clock)
        audiences = Audiences(collections=collections)
        tokens = TokenStore(database=database, clock=clock, randomness=randomness, audit=audit)
        seal = TokenSeal(folder.derive_key("page tokens"))
        health = HealthWatch(database=database, folder=folder, clock=clock)
        federation = await stack.enter_async_context(
            open_federation(
                settings,
                folder,
                ring=ring,
                database=database,
                catalogue=catalogue,
                collections=collections,
                tokens=tokens,
                audit=audit,
                seal=seal,
                clock=clock,
                randomness=randomness,
                closing=closing,
                log=log,
            )
        )
        sessions = SessionStore(
            database=database,
            clock=clock,
            randomness=randomness,
            tokens=tokens,
            bearers=federation.bearers,
            sealer=_sealer(folder, "sessions", randomness),
            attempts=AttemptLimit(clock=clock),
            site_id=settings.id,
            secure=settings.base_url.startswith("https://"),
        )
        ids = EventIds(key=folder.derive_key("event ids"), randomness=randomness)
        renderer = EventRenderer(source=settings.base_url, ids=ids)
        tail = EventTail(database=database, log=events, renderer=renderer, ids=ids, closing=closing)
        signer = UrlSigner(key=folder.derive_key("signed urls"), clock=clock)
        direct = DirectSender(objects=objects, links=links)
        uploads = Uploads(
            database=database,
            objects=objects,
            clock=clock,
            randomness=randomness,
            folder=folder.staging / "uploads",
            limits=UploadLimits(
                file_bytes=settings.ingest.max_upload_bytes,
                owner_bytes=settings.ingest.quota_bytes,
                lifetime=timedelta(hours=settings.ingest.upload_hours),
            ),
        )
        ingest = IngestService(catalogue=catalogue, uploads=uploads, policy=policy, collections=collections)
        limits = Limits(
            memory_bytes=settings.jobs.memory_bytes, cpu_seconds=settings.jobs.cpu_seconds, file_bytes=_CHILD_FILE_BYTES
        )
        kind = ingest_kind(
            service=ingest,
            limits=limits,
            concurrent=settings.jobs.concurrent_runs,
            stall=timedelta(seconds=settings.jobs.stall_seconds),
            link_roots=settings.ingest.link_roots,
        )
        kinds = {kind.name: kind}
        journal = RequestJournal(database=database, events=events, clock=clock, randomness=randomness)
        run_journal = RunJournal(database=database, events=events, clock=clock)
        jobs = Jobs(journal=journal, kinds=kinds)
        supervisor = Supervisor(
            journal=run_journal,
            database=database,
            kinds=kinds,
            clock=clock,
            randomness=randomness,
            socket=folder.socket,
            scratch=folder.staging / "children",
            log=log,
        )
        webhook_signer = WebhookSigner(key=folder.derive_key("webhook secrets"))
        guard = DestinationGuard(allow=settings.webhooks.allow, is_closed=federation.sites.directory.is_at_peer)
        client = GuardedClient(guard=guard)
        yield Services(
            settings=settings,
            folder=folder,
            clock=clock,
            randomness=randomness,
            log=log,
            metrics=RequestMetrics(CollectorRegistry()),
            closing=closing,
            database=database,
            health=health,
            ring=ring,
            federation=federation,
            services=ServiceDiscovery(
                Neighbourhood(
                    settings=settings,
                    health=health,
                    collections=collections,
                    directory=federation.sites.directory,
                    client=federation.sites.client,
                    clock=clock,
                )
            ),
            objects=objects,
            links=links,
            events=events,
            tail=tail,
            streams=EventStreams(
                database=database,
                log=events,
                renderer=renderer,
                ids=ids,
                tail=tail,
                audience_of=audiences.audience_of,
                clock=clock,
            ),
            policy=policy,
            audit=audit,
            usage=usage,
            tokens=tokens,
            sessions=sessions,
            accounts=Accounts(tokens=tokens, grants=federation.grants, policy=policy),
            catalogue=catalogue,
            collections=collections,
            audiences=audiences,
            discovery=DataDiscovery(
                catalogue=catalogue,
                visibility_of=collections.visibility_of,
                seal=seal,
                deadline_seconds=settings.catalogue.deadline_seconds,
                federation=federation.search,
            ),
            editing=DataEditing(catalogue=catalogue, collections=collections),
            delivery=Delivery(backend=settings.id, catalogue=catalogue, collections=collections),
            elsewhere=Elsewhere(
                site_id=settings.id,
                directory=federation.sites.directory,
                client=federation.sites.client,
                tokens=federation.tokens,
                clock=clock,
                seconds=settings.federation.peer_seconds,
            ),
            direct=direct,
            sender=_choose_sender(settings, direct=direct, objects=objects, links=links, signer=signer),
            signer=signer,
            data_signer=DataSigner(
                signer=signer,
                public_url=settings.base_url,
                backend=settings.id,
                lifetime=timedelta(seconds=settings.delivery.signed_seconds),
            ),
            seal=seal,
            journal=journal,
            run_journal=run_journal,
            jobs=jobs,
            watcher=JobWatcher(jobs=jobs, database=database, closing=closing),
            uploads=uploads,
            ingest=ingest,
            intake=Intake(
                journal=run_journal,
                catalogue=catalogue,
                objects=objects,
                uploads=uploads,
                links=links,
                folder_of=supervisor.folder_of,
            ),
            supervisor=supervisor,
            webhooks=Webhooks(
                database=database,
                log=events,
                ids=ids,
                renderer=renderer,
                client=client,
                signer=webhook_signer,
                clock=clock,
                randomness=randomness,
            ),
            event_ids=ids,
            dispatcher=WebhookDispatcher(
                database=database,
                log=events,
                ids=ids,
                renderer=renderer,
                client=client,
                signer=webhook_signer,
                audience_of=audiences.audience_of,
                caller_of=Standing(database=database, clock=clock, knows_account=federation.issuer.accounts.knows).caller_of,
                clock=clock,
                randomness=randomness,
                closing=closing,
                logger=log,
            ),
            upkeep=Upkeep(
                folder=folder,
                database=database,
                retention=(
                    (events, timedelta(days=settings.events.retention_days)),
                    (journal, timedelta(days=settings.jobs.retention_days)),
                    (audit, timedelta(days=settings.audit.retention_days)),
                    (usage, timedelta(days=settings.usage.retention_days)),
                ),
                catalogue=catalogue,
                objects=objects,
                uploads=uploads,
                keys=ring,
                clock=clock,
                log=log,
                reserve=DiskReserve(folder.database.parent / "reserve", size_bytes=_RESERVE_BYTES),
                closing=closing,
            ),
            previews=await stack.enter_async_context(
                PreviewRenderer(folder=folder.staging / "previews", readable=settings.ingest.link_roots)
            ),
        )


def _sealer(folder: SiteFolder, purpose: str, randomness: Randomness) -> Sealer:
    return Sealer(folder.derive_key(purpose), randomness=randomness)


def open_database(settings: SiteSettings, folder: SiteFolder) -> SqliteDatabase:
    """Open the site's database, its schema brought up to date."""
    return SqliteDatabase(folder.database, migrations=MIGRATIONS, prepare=PREPARE, readers=settings.database.readers)


def open_objects(settings: SiteSettings, folder: SiteFolder) -> ObjectStore:
    """Open the site's object store."""
    match settings.objects:
        case LocalObjectsSettings():
            return LocalObjectStore(folder.objects)
        case S3ObjectsSettings(bucket=bucket, region=region, endpoint=endpoint, prefix=prefix):
            return BucketObjectStore.open_s3(bucket=bucket, region=region, endpoint=endpoint, prefix=prefix)


def _choose_sender(
    settings: SiteSettings, *, direct: DirectSender, objects: ObjectStore, links: LinkedFiles, signer: UrlSigner
) -> Sender:
    lifetime = timedelta(seconds=settings.delivery.signed_seconds)
    match settings.delivery.mode:
        case "direct":
            return direct
        case "signed":
            return SignedSender(direct=direct, signer=signer, public_url=settings.base_url, lifetime=lifetime)
        case "nginx":
            return NginxSender(direct=direct, links=links)
        case "presigned":
            return PresignedSender(direct=direct, objects=objects, lifetime=lifetime)


def _read_rules(settings: SiteSettings, folder: SiteFolder) -> CedarRules:
    if settings.policy.file is None:
        return CedarRules.built_in()
    file = folder.path / settings.policy.file
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The policy {file} cannot be read: {error}.", remedy="Check the setting policy.file.") from error
    return CedarRules(text, schema=read_schema(), origin=str(file))
