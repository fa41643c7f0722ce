"""The one composition root: settings in, services out."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import BinaryIO

from prometheus_client import CollectorRegistry

from twinlake.access.delivery.sender import DirectSender
from twinlake.access.delivery.service import Delivery
from twinlake.core.clock import Clock, SystemClock
from twinlake.core.paging import TokenSeal
from twinlake.core.randomness import SYSTEM_RANDOMNESS, Randomness
from twinlake.discovery.data.editing import DataEditing
from twinlake.discovery.data.service import DataDiscovery
from twinlake.discovery.refusals import Refusals
from twinlake.discovery.services.service import ServiceDiscovery
from twinlake.engines.database.reserve import DiskReserve
from twinlake.engines.network.client import GuardedClient
from twinlake.engines.network.guard import DestinationGuard
from twinlake.engines.objectstore import LinkedFiles
from twinlake.engines.web.logs import new_logger
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.signed_urls import UrlSigner
from twinlake.events.log import EventLog
from twinlake.events.rendering import EventIds, EventRenderer
from twinlake.holdings.audiences import Audiences
from twinlake.holdings.catalogue.announcing import EXPANDERS
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.holdings.ingest.intake import Intake
from twinlake.holdings.ingest.service import IngestService
from twinlake.holdings.ingest.uploads import Uploads
from twinlake.holdings.previews import PreviewRenderer
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.accounts import Accounts
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.audit import AuditLog
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.keys.sealing import Sealer
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
from twinlake.processing.openeo.jobs.results import ResultStore
from twinlake.processing.openeo.jobs.service import BatchJobs, SeenJobs
from twinlake.processing.openeo.jobs.store import JobStore
from twinlake.processing.openeo.loading.resolving.peers import PeerReader
from twinlake.processing.openeo.loading.resolving.urls import FetchedFiles
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import PERIOD
from twinlake.site.choices import (
    choose_sender,
    cluster_of,
    data_signer,
    job_kinds,
    quota,
    read_rules,
    result_signer,
    tariff,
    upload_limits,
)
from twinlake.site.federation.build import open_federation
from twinlake.site.health import HealthWatch
from twinlake.site.layout import SiteFolder
from twinlake.site.neighbourhood import Neighbourhood
from twinlake.site.processing import open_processing
from twinlake.site.services import Services
from twinlake.site.settings import SiteSettings
from twinlake.site.storage import open_database, open_objects
from twinlake.site.upkeep import Upkeep

_RESERVE_BYTES = 16 << 20


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
        ring = KeyRing(database=database, clock=clock, sealer=Sealer(folder.derive_key("signing keys"), randomness=randomness))
        await ring.keep_up()
        audit = AuditLog(database=database, clock=clock)
        usage = UsageLedger(database=database, clock=clock)
        policy = Policy(rules=read_rules(settings, folder), listener=audit.note_decision)
        collections = CollectionPolicy(policy=policy, catalogue=catalogue, clock=clock)
        audiences = Audiences(collections=collections)
        tokens = TokenStore(database=database, clock=clock, randomness=randomness, audit=audit)
        seal = TokenSeal(folder.derive_key("page tokens"))
        health = HealthWatch(database=database, folder=folder, clock=clock)
        refusals = Refusals(site_id=settings.id, clock=clock)
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
            sealer=Sealer(folder.derive_key("sessions"), randomness=randomness),
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
            limits=upload_limits(settings),
        )
        ingest = IngestService(catalogue=catalogue, uploads=uploads, policy=policy, collections=collections)
        guard = DestinationGuard(allow=settings.webhooks.allow, is_closed=federation.sites.directory.is_at_peer)
        client = GuardedClient(guard=guard)
        journal = RequestJournal(database=database, events=events, clock=clock, randomness=randomness)
        job_store = JobStore(database=database, clock=clock, randomness=randomness)
        seen_jobs = SeenJobs(store=job_store, results=ResultStore(database=database), journal=journal)
        ledger = QuotaLedger(database=database, clock=clock, quota=quota(settings))
        standing = Standing(database=database, clock=clock, knows=federation.issuer.knows)
        peer_reader = PeerReader(
            directory=federation.sites.directory, client=federation.sites.reader, tokens=federation.tokens, clock=clock
        )
        processing = await stack.enter_async_context(
            open_processing(
                settings,
                folder,
                database=database,
                objects=objects,
                links=links,
                catalogue=catalogue,
                collections=collections,
                client=client,
                peers=peer_reader,
                seen_jobs=seen_jobs,
                caller_of=standing.caller_of,
                ledger=ledger,
                clock=clock,
                randomness=randomness,
                log=log,
            )
        )
        kinds = job_kinds(
            settings,
            ingest=ingest,
            preparing=processing.preparing,
            ledger=ledger,
            user_program=processing.user_code.program,
            cluster=cluster_of(settings, folder),
        )
        run_journal = RunJournal(database=database, events=events, clock=clock)
        jobs = Jobs(journal=journal, kinds=kinds)
        batch_jobs = BatchJobs(
            store=job_store,
            results=seen_jobs.results,
            jobs=jobs,
            journal=journal,
            preparing=processing.preparing,
            ledger=ledger,
            tariff=tariff(settings),
        )
        supervisor = Supervisor(
            journal=run_journal,
            database=database,
            kinds=kinds,
            clock=clock,
            randomness=randomness,
            socket=folder.socket,
            scratch=folder.staging / "children",
            kept=folder.staging / "runs",
            log=log,
        )
        webhook_signer = WebhookSigner(key=folder.derive_key("webhook secrets"))
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
                    refusals=refusals,
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
            accounts=Accounts(tokens=tokens, grants=federation.grants, policy=policy, may_write=collections.may_write),
            catalogue=catalogue,
            collections=collections,
            audiences=audiences,
            discovery=DataDiscovery(
                catalogue=catalogue,
                visibility_of=collections.visibility_of,
                seal=seal,
                deadline_seconds=settings.catalogue.deadline_seconds,
                federation=federation.search,
                refusals=refusals,
            ),
            editing=DataEditing(catalogue=catalogue, collections=collections),
            delivery=Delivery(backend=settings.id, catalogue=catalogue, collections=collections),
            direct=direct,
            sender=choose_sender(settings, direct=direct, objects=objects, links=links, signer=signer),
            signer=signer,
            data_signer=data_signer(settings, signer),
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
                caller_of=standing.caller_of,
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
                    (batch_jobs.results, timedelta(days=settings.jobs.retention_days)),
                    (batch_jobs.store, timedelta(days=settings.jobs.retention_days)),
                    (audit, timedelta(days=settings.audit.retention_days)),
                    (ledger, PERIOD),
                    (usage, timedelta(days=settings.usage.retention_days)),
                    (FetchedFiles(), FetchedFiles.RETENTION),
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
            processing=processing,
            peer_reader=peer_reader,
            quotas=ledger,
            batch_jobs=batch_jobs,
            result_signer=result_signer(settings, folder, clock),
        )
