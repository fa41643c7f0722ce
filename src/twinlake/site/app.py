"""The HTTP application of a site: every capability's routes behind one stack of middleware."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp, Scope

from twinlake import __version__
from twinlake.access.delivery import peer_routes as delivery_peer_routes
from twinlake.access.delivery import routes as delivery_routes
from twinlake.console.explore import Explorer
from twinlake.console.farewells import Farewells
from twinlake.console.holdings import Shelves
from twinlake.console.news import NewsDesk
from twinlake.console.pages import Pages, SiteFacts
from twinlake.console.pictures import PictureDesk
from twinlake.console.problems import ProblemPages
from twinlake.console.processing.batches import BatchPages
from twinlake.console.processing.maps import MapPages
from twinlake.console.processing.processes import ProcessPages
from twinlake.console.processing.results import ResultDesk
from twinlake.console.processing.trying import Trials
from twinlake.console.routes import ConsoleServices
from twinlake.console.routes import routes as console_routes
from twinlake.console.signing import SigningPages
from twinlake.console.sites import SitesPage
from twinlake.console.tiles import TileDesk
from twinlake.console.tokens import TokenPages
from twinlake.console.work import WorkBench
from twinlake.discovery.data.app import API_PATH
from twinlake.discovery.data.app import mount as mount_stac
from twinlake.discovery.data.errors import render_stac_error
from twinlake.discovery.services.routes import routes as service_routes
from twinlake.engines.web.api import new_api
from twinlake.engines.web.openapi import OPERATIONS_DOCUMENT
from twinlake.engines.web.problems import Problem, Render
from twinlake.engines.web.stack import wrap_site
from twinlake.federation.search.routes import routes as peer_routes
from twinlake.federation.sites.api import declare_routes as declare_federation_routes
from twinlake.federation.sites.routes import routes as site_routes
from twinlake.holdings.ingest import child_routes, upload_routes
from twinlake.holdings.ingest.kind import INGEST
from twinlake.holdings.ingest.spec import IngestSpec
from twinlake.identity.answering import AuditBeforeAnswer
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.authenticator import Authenticator
from twinlake.identity.issuer.clients import EXCHANGE_CLIENT
from twinlake.identity.issuer.door import RealmDoor
from twinlake.identity.issuer.models import Realm
from twinlake.identity.routes import declare_routes as declare_account_routes
from twinlake.identity.trust.routes import routes as trust_routes
from twinlake.identity.visitors import ConsoleVisitors
from twinlake.identity.web import guarded_api
from twinlake.jobs import openapi as job_openapi
from twinlake.jobs import routes as job_routes
from twinlake.jobs.internal import internal_app
from twinlake.management.access.routes import declare_routes as declare_access_routes
from twinlake.notification import routes as event_routes
from twinlake.notification.webhooks import openapi as webhook_openapi
from twinlake.notification.webhooks.routes import routes as webhook_routes
from twinlake.processing.openeo.api.app import ALL_VERSIONS as OPENEO_PATH
from twinlake.processing.openeo.api.app import API_PATH as OPENEO_1_2
from twinlake.processing.openeo.api.app import mount as mount_openeo
from twinlake.processing.openeo.api.app import mount_other_versions as mount_other_openeo_versions
from twinlake.processing.openeo.api.app import proves_itself
from twinlake.processing.openeo.api.app import well_known as openeo_well_known
from twinlake.processing.openeo.api.bodies import SentGraphs
from twinlake.processing.openeo.api.collections import CollectionsApi
from twinlake.processing.openeo.api.computed import ComputedApi
from twinlake.processing.openeo.api.credentials import CredentialsApi
from twinlake.processing.openeo.api.described import ApiFacts
from twinlake.processing.openeo.api.errors import render_openeo_error
from twinlake.processing.openeo.api.files import FilesApi
from twinlake.processing.openeo.api.jobs import JobsApi
from twinlake.processing.openeo.api.me import MeApi
from twinlake.processing.openeo.api.services import ServicesApi
from twinlake.processing.openeo.jobs import child_routes as openeo_child_routes
from twinlake.processing.openeo.services.addresses import ServiceAddresses
from twinlake.site.choices import tariff
from twinlake.site.health_routes import routes as health_routes
from twinlake.site.operations_api import OperationsDocument
from twinlake.site.services import Services


def build_app(services: Services) -> ASGIApp:
    """Return what the public listener serves; hot routes come first, for they are matched in order."""
    settings = services.settings
    facts = SiteFacts(id=settings.id, role=settings.role, title=settings.title, url=settings.base_url)
    pages = Pages(facts, find_home=services.federation.sign_in.find_home)
    site = wrap_site(
        Router([*_hot_routes(services), *_console(services, pages), *_cold_routes(services)], redirect_slashes=False),
        authenticate=lambda app: RealmDoor(
            Authenticator(
                app,
                credentials=services.federation.credentials,
                sessions=services.sessions,
                policy=services.policy,
                public_url=settings.base_url,
            ),
            inside=app,
            policy=services.policy,
            proves_itself=proves_itself,
        ),
        clock=services.clock,
        randomness=services.randomness,
        log=services.log,
        metrics=services.metrics,
        trusted_proxies=settings.server.trusted_proxies,
        cors_origins=settings.server.cors_origins,
        max_body_bytes=settings.server.max_body_bytes,
        on_finished=services.usage.note_request,
        render=_error_form(ProblemPages(pages)),
    )
    return AuditBeforeAnswer(site, audit=services.audit)


def _error_form(pages: ProblemPages) -> Render:
    """Return what writes errors that arise before a sub-app is reached: each API's in its own form, too."""
    forms: dict[str, Render] = {API_PATH: render_stac_error, f"{OPENEO_PATH}/": render_openeo_error}

    def render(scope: Scope, problem: Problem) -> Response:
        form = next((each for path, each in forms.items() if scope["path"].startswith(path)), pages)
        return form(scope, problem)

    return render


def build_internal_app(services: Services) -> ASGIApp:
    """Return what only children reach, at the Unix socket."""
    return internal_app(
        services.run_journal,
        [
            *child_routes.routes(journal=services.run_journal, intake=services.intake),
            *openeo_child_routes.routes(
                journal=services.run_journal,
                database=services.database,
                objects=services.objects,
                ledger=services.quotas,
                folder_of=services.supervisor.folder_of,
            ),
            *openeo_child_routes.input_routes(
                journal=services.run_journal, inputs=services.processing.inputs, folder_of=services.supervisor.folder_of
            ),
        ],
    )


def _hot_routes(services: Services) -> list[BaseRoute]:
    settings = services.settings
    return [
        mount_stac(
            discovery=services.discovery,
            editing=services.editing,
            public_url=settings.base_url,
            site_id=settings.id,
            title=settings.title,
        ),
        *delivery_routes(
            delivery=services.delivery,
            elsewhere=services.federation.elsewhere,
            sender=services.sender,
            direct=services.direct,
            signer=services.signer,
            data_signer=services.data_signer,
        ),
        *event_routes.routes(services.streams),
        _openeo(services),
        *peer_routes(answers=services.federation.answers, is_peer=_is_peer),
        *delivery_peer_routes(delivery=services.delivery, direct=services.direct, signer=services.data_signer, is_peer=_is_peer),
    ]


def _openeo(services: Services) -> BaseRoute:
    settings, facts = services.settings, _openeo_facts(services)
    graphs = SentGraphs(code=services.processing.named_code)
    jobs = JobsApi(
        jobs=services.batch_jobs,
        signer=services.result_signer,
        sender=services.direct,
        seal=services.seal,
        root=facts.root,
        tariff=tariff(settings),
        estimating=services.processing.preparing,
        graphs=graphs,
    )
    maps = ServicesApi(
        services=services.processing.tile_services,
        addresses=_map_addresses(services),
        graphs=graphs,
        seal=services.seal,
        root=facts.root,
    )
    credentials = CredentialsApi(
        proof=services.federation.issuer.proof,
        grants=services.federation.grants,
        tokens=services.tokens,
        clock=services.clock,
        asks_for_terms=settings.identity.terms_url is not None,
    )
    offered = (
        ComputedApi(
            services.processing.computing,
            services.processing.defined,
            graphs,
            tariff(settings),
            seal=services.seal,
            root=facts.root,
        ),
        MeApi(
            ledger=services.quotas,
            files=services.processing.user_files,
            tariff=tariff(settings),
            parallel_jobs=settings.openeo.parallel_jobs or None,
        ),
        jobs,
        maps,
        credentials,
        CollectionsApi(services.discovery, root=facts.root, find_elsewhere=services.peer_reader.find_collection),
        FilesApi(services.processing.user_files, sender=services.direct, root=facts.root),
    )
    return mount_openeo(
        facts,
        offered=[route for api in offered for route in api.routes()],
        unlisted=[*maps.open_routes(), *jobs.signed_routes()],
    )


def _map_addresses(services: Services) -> ServiceAddresses:
    return ServiceAddresses(seal=services.seal, root=f"{services.settings.base_url}{OPENEO_1_2}")


def _openeo_facts(services: Services) -> ApiFacts:
    settings = services.settings
    return ApiFacts(
        site_id=settings.id,
        title=settings.title,
        version=__version__,
        root=f"{settings.base_url}{OPENEO_1_2}",
        issuer=Realm("dedl", settings.base_url).url,
        client=EXCHANGE_CLIENT,
        currency=settings.openeo.currency,
        runs_user_code=services.processing.user_code.program is not None,
    )


def _is_peer(request: Request) -> bool:
    """Tell whether *request* came with a token that this site has given to a peer."""
    return request.state.caller.peer is not None


def _console(services: Services, pages: Pages) -> list[BaseRoute]:
    """The console stands before the job API: at addresses that both have, who asks for HTML gets the page."""
    sessions = services.sessions
    tiles = TileDesk(
        catalogue=services.catalogue,
        collections=services.collections,
        objects=services.objects,
        links=services.links,
        renderer=services.previews,
    )
    farewells = Farewells(session_cookie=sessions.cookie_name, secure=sessions.secure)
    console = ConsoleServices(
        pages=pages,
        explorer=Explorer(discovery=services.discovery, addresses=pages.addresses),
        shelves=Shelves(discovery=services.discovery, addresses=pages.addresses),
        news=NewsDesk(database=services.database, log=services.events, addresses=pages.addresses),
        work=WorkBench(jobs=services.jobs, batches=services.batch_jobs.store, addresses=pages.addresses),
        signing=SigningPages(pages=pages, sessions=sessions, sign_in=services.federation.sign_in, farewells=farewells),
        tokens=TokenPages(pages=pages, accounts=services.accounts, clock=services.clock, randomness=services.randomness),
        sites=SitesPage(
            pages=pages,
            services=services.services,
            list_links=services.federation.sites.links.list_latest,
            list_peers=services.federation.sites.directory.list_peers,
            clock=services.clock,
        ),
        processes=ProcessPages(
            pages=pages, trials=Trials(computing=services.processing.computing, defined=services.processing.defined)
        ),
        batches=BatchPages(
            pages=pages,
            jobs=services.batch_jobs,
            preparing=services.processing.preparing,
            ledger=services.quotas,
            results=ResultDesk(objects=services.objects, tiles=tiles, signer=services.result_signer, addresses=pages.addresses),
            tiles=tiles,
            tariff=tariff(services.settings),
        ),
        maps=MapPages(pages=pages, services=services.processing.tile_services, addresses=_map_addresses(services)),
        tiles=tiles,
        pictures=PictureDesk(elsewhere=services.federation.elsewhere),
        audience_of=services.audiences.audience_of,
        services=services.services,
        farewells=farewells,
    )
    return console_routes(console)


def _visitors(services: Services) -> ConsoleVisitors:
    settings, federation = services.settings, services.federation
    return ConsoleVisitors(
        site_id=settings.id,
        public_url=settings.base_url,
        sessions=services.sessions,
        sign_ins=federation.issuer.sessions,
        sign_in=federation.sign_in,
    )


def _cold_routes(services: Services) -> list[BaseRoute]:
    settings = services.settings
    api = new_api(title=f"{settings.title}: operations", version=__version__)
    declare_account_routes(
        api, accounts=services.accounts, policy=services.policy, audit=services.audit, usage=services.usage, seal=services.seal
    )
    declare_access_routes(api, catalogue=services.catalogue, collections=services.collections)
    declare_federation_routes(api, sites=services.federation.sites, watch=services.federation.watch, clock=services.clock)
    parts = (job_openapi.describe({INGEST: IngestSpec}), webhook_openapi.describe())
    document = OperationsDocument(api, parts=parts, public_url=settings.base_url)
    path = OPERATIONS_DOCUMENT.removeprefix("/api")
    guarded_api(api, path, document.get_openapi, methods=["GET"], action="public", include_in_schema=False)
    return [
        *service_routes(services.services, public_url=settings.base_url, title=settings.title),
        *job_routes.routes(jobs=services.jobs, watcher=services.watcher, seal=services.seal, public_url=settings.base_url),
        *upload_routes.routes(
            uploads=services.uploads,
            ingest=services.ingest,
            public_url=settings.base_url,
            max_upload_bytes=settings.ingest.max_upload_bytes,
        ),
        *services.federation.issuer.routes(_visitors(services)),
        *site_routes(services.federation.sites, attempts=AttemptLimit(clock=services.clock)),
        *trust_routes(services.federation.homes, attempts=AttemptLimit(clock=services.clock)),
        *webhook_routes(services.webhooks, services.event_ids),
        *health_routes(services),
        openeo_well_known(_openeo_facts(services)),
        mount_other_openeo_versions(),
        Mount("/api", api),
    ]
