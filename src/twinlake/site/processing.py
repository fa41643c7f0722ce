"""What a site computes with: graphs of openEO, their inputs, maps, and the files that people keep for them."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from twinlake.core.clock import Clock
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Database
from twinlake.engines.network import GuardedClient
from twinlake.engines.objectstore import LinkedFiles, ObjectStore
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.processing.openeo.computing import Computing, open_computing
from twinlake.processing.openeo.definition_store import DefinitionStore
from twinlake.processing.openeo.files.store import FileStore
from twinlake.processing.openeo.inputs import Inputs
from twinlake.processing.openeo.jobs.kind import Preparing
from twinlake.processing.openeo.jobs.loading import JobResults
from twinlake.processing.openeo.jobs.service import SeenJobs
from twinlake.processing.openeo.loading.resolving.elsewhere import Elsewhere
from twinlake.processing.openeo.loading.resolving.files import FileResolver
from twinlake.processing.openeo.loading.resolving.laying_out import FileLayout
from twinlake.processing.openeo.loading.resolving.searches import Resolver
from twinlake.processing.openeo.loading.resolving.urls import Peers, UrlLoader
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.services.renderer import TileRenderer
from twinlake.processing.openeo.services.service import CallerOf, TileServices
from twinlake.processing.openeo.services.store import ServiceStore
from twinlake.processing.openeo.udf.named_code import NamedCode
from twinlake.site.choices import result_signer, tariff
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import SiteSettings
from twinlake.site.user_code import UserCodeChoice, choose_user_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """The services of processing, built and wired."""

    user_files: FileStore
    inputs: Inputs
    user_code: UserCodeChoice
    computing: Computing
    defined: DefinitionStore
    named_code: NamedCode
    preparing: Preparing
    tile_services: TileServices


@asynccontextmanager
async def open_processing(
    settings: SiteSettings,
    folder: SiteFolder,
    *,
    database: Database,
    objects: ObjectStore,
    links: LinkedFiles,
    catalogue: SqlCatalogue,
    collections: CollectionPolicy,
    client: GuardedClient,
    peers: Peers,
    seen_jobs: SeenJobs,
    caller_of: CallerOf,
    ledger: QuotaLedger,
    clock: Clock,
    randomness: Randomness,
    log: FilteringBoundLogger,
) -> AsyncGenerator[Processing]:
    """Build them; their children end on exit.

    Parameters
    ----------
    client
        Gets what lies elsewhere.
    peers
        Other sites of the federation.
    seen_jobs
        Of which the results can be loaded.
    caller_of
        Tells what somebody may do who is not there.
    """
    user_files = FileStore(
        database=database,
        objects=objects,
        clock=clock,
        randomness=randomness,
        folder=folder.staging / "openeo-files",
        most_bytes=settings.openeo.user_files_bytes,
    )
    user_files.prepare()
    results = JobResults(jobs=seen_jobs, signer=result_signer(settings, folder, clock))
    urls = UrlLoader(client=client, objects=objects, database=database, clock=clock, peers=peers)
    inputs = Inputs(
        resolver=Resolver(
            catalogue=catalogue,
            collections=collections,
            links=links,
            public_url=settings.base_url,
            results=results,
            elsewhere=Elsewhere(urls),
            find_elsewhere=peers.find_collection,
        ),
        files=FileResolver(files=user_files, urls=urls),
        layout=FileLayout(catalogue=catalogue, objects=objects, links=links),
        objects=objects,
    )
    readable = settings.ingest.link_roots
    user_code = await choose_user_code(settings, log)
    async with AsyncExitStack() as stack:
        computing = await stack.enter_async_context(
            open_computing(
                folder.staging / "openeo",
                inputs=inputs,
                ledger=ledger,
                readable=readable,
                inline_cubes=settings.openeo.inline_cubes,
                user_program=user_code.program,
            )
        )
        maps = await stack.enter_async_context(TileRenderer(folder=folder.staging / "maps", inputs=inputs, readable=readable))
        defined = DefinitionStore(database)
        yield Processing(
            user_files=user_files,
            inputs=inputs,
            user_code=user_code,
            computing=computing,
            defined=defined,
            named_code=NamedCode(files=user_files, objects=objects, urls=urls),
            preparing=Preparing(
                computing=computing,
                defined=defined,
                inline_cubes=settings.openeo.inline_cubes,
                memory_bytes=settings.openeo.job_memory_bytes,
            ),
            tile_services=TileServices(
                store=ServiceStore(database=database, clock=clock, randomness=randomness),
                computing=computing,
                defined=defined,
                inputs=inputs,
                renderer=maps,
                ledger=ledger,
                tariff=tariff(settings),
                caller_of=caller_of,
                clock=clock,
            ),
        )
