"""The console's pages."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from twinlake.console.explore import Asked, Explorer
from twinlake.console.farewells import Farewells
from twinlake.console.holdings import Shelves
from twinlake.console.negotiation import HtmlRoute
from twinlake.console.news import NewsDesk
from twinlake.console.pages import Pages
from twinlake.console.pictures import PictureDesk
from twinlake.console.processing.batches import BatchPages
from twinlake.console.processing.maps import MapPages
from twinlake.console.processing.processes import ProcessPages
from twinlake.console.signing import SigningPages
from twinlake.console.sites import SitesPage, describe_health
from twinlake.console.snippets import Snippets
from twinlake.console.tiles import TileDesk, read_bands
from twinlake.console.tokens import TokenPages
from twinlake.console.work import WorkBench
from twinlake.discovery.data.reach import BACKENDS
from twinlake.discovery.services.service import ServiceDiscovery
from twinlake.events.models import Audience
from twinlake.identity.principals import Caller
from twinlake.identity.relying import CALLBACK
from twinlake.identity.sessions import require_form_token
from twinlake.identity.web import guarded

_HOME_COLLECTIONS = 6
_HOME_PICTURE_BYTES = 27_000
"""Leaves the whole page below 50 kB."""
_COLLECTIONS = 24
_SAMPLE = 10
_SEE_OTHER = 303


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleServices:
    """What the pages read from."""

    pages: Pages
    explorer: Explorer
    shelves: Shelves
    news: NewsDesk
    work: WorkBench
    signing: SigningPages
    tokens: TokenPages
    sites: SitesPage
    processes: ProcessPages
    batches: BatchPages
    maps: MapPages
    tiles: TileDesk
    pictures: PictureDesk
    audience_of: Callable[[Caller], Awaitable[Audience]]
    services: ServiceDiscovery
    farewells: Farewells


def routes(services: ConsoleServices) -> list[BaseRoute]:
    """Return the console's routes; where an API has the same address, a page is for who asks for HTML."""
    console, signing, tokens = _Console(services), services.signing, services.tokens
    return [
        guarded("/static/{version}/{path:path}", services.pages.static.send, methods=["GET"], action="public"),
        HtmlRoute(guarded("/", console.home, methods=["GET"], action="discover")),
        guarded("/explore", console.explore, methods=["GET"], action="discover"),
        guarded("/collections", console.collections, methods=["GET"], action="discover"),
        guarded("/collections/{collection}", console.collection, methods=["GET"], action="discover"),
        guarded("/collections/{collection}/items/{item}", console.item, methods=["GET"], action="discover"),
        guarded("/preview/{collection}/{item}/{asset}/{z:int}/{x:int}/{y:int}.png", console.tile, methods=["GET"], action="read"),
        guarded("/thumbnail/{backend}/{collection}/{item}/{asset}", services.pictures.send, methods=["GET"], action="read"),
        guarded("/sign-in", signing.show, methods=["GET"], action="public"),
        guarded(CALLBACK, signing.come_back, methods=["GET"], action="public"),
        guarded("/sign-in/at/{home}", signing.go_home, methods=["GET"], action="public"),
        guarded("/sign-in", signing.sign_in, methods=["POST"], action="public"),
        guarded("/sign-out", signing.sign_out, methods=["POST"], action="public"),
        guarded("/tokens", tokens.show, methods=["GET"], action="administer", on="resource", name="show_tokens"),
        guarded("/tokens", tokens.create, methods=["POST"], action="administer", on="resource", name="make_token"),
        guarded("/tokens/{key}/revoke", tokens.revoke, methods=["POST"], action="administer", on="resource"),
        guarded("/sites", services.sites.show, methods=["GET"], action="public", name="show_sites"),
        HtmlRoute(guarded("/services", services.sites.show, methods=["GET"], action="public", name="show_services")),
        *services.processes.routes(),
        *services.batches.routes(),
        *services.maps.routes(),
        HtmlRoute(guarded("/jobs", console.jobs, methods=["GET"], action="run")),
        HtmlRoute(guarded("/jobs/{job}", console.job, methods=["GET"], action="run")),
        guarded("/jobs/{job}/cancel", console.cancel_job, methods=["POST"], action="run"),
    ]


class _Console:
    """One method per page: read, then render."""

    def __init__(self, services: ConsoleServices) -> None:
        self._services = services
        self._pages = services.pages

    async def home(self, request: Request) -> Response:
        services, caller = self._services, request.state.caller
        shelf = await services.shelves.list_collections(caller, limit=_HOME_COLLECTIONS, picture_bytes=_HOME_PICTURE_BYTES)
        farewell = services.farewells.read(request)
        page = self._pages.render(
            request,
            "home.html",
            shelf=shelf,
            health=describe_health(await services.services.list_sites(), shelf.missing),
            changes=await services.news.list_changes(await services.audience_of(caller)),
            codes=self._snippets(request).list_collections(),
            farewell=farewell,
        )
        if farewell is not None:
            services.farewells.forget(page)
        return page

    async def explore(self, request: Request) -> Response:
        caller = request.state.caller
        asked, explorer = Asked.read(request.query_params), self._services.explorer
        choices = await explorer.list_choices(caller)
        answer = await explorer.answer(asked, choices, caller)
        snippets = self._snippets(request)
        if answer.problem is not None:
            codes = []
        else:
            codes = snippets.list_collections(asked.q) if answer.body is None else snippets.search(answer.body)
        example = await explorer.find_example(caller)
        return self._pages.render(
            request, "explore.html", asked=asked, choices=choices, answer=answer, example=example, codes=codes
        )

    async def collections(self, request: Request) -> Response:
        q, skip = request.query_params.get("q", "").strip(), _read_skip(request)
        shelf = await self._services.shelves.list_collections(request.state.caller, q=q, skip=skip, limit=_COLLECTIONS)
        return self._pages.render(
            request,
            "collections.html",
            shelf=shelf,
            q=q,
            skip=skip,
            page_size=_COLLECTIONS,
            codes=self._snippets(request).list_collections(q),
        )

    async def collection(self, request: Request) -> Response:
        name = request.path_params["collection"]
        shown = await self._services.shelves.show_collection(name, request.state.caller, _read_sites(request))
        backends = {BACKENDS: shown["backends"]} if shown["backends"] else {}
        codes = self._snippets(request).search({"limit": _SAMPLE, "collections": [name], **backends})
        return self._pages.render(request, "collection.html", codes=codes, **shown)

    async def item(self, request: Request) -> Response:
        collection, item = request.path_params["collection"], request.path_params["item"]
        sites = _read_sites(request)
        shown = await self._services.shelves.show_item(collection, item, request.state.caller, sites)
        codes = self._snippets(request).show_item(collection, item, _main_asset(shown.pop("document")["assets"]), sites)
        return self._pages.render(request, "item.html", codes=codes, **shown)

    async def jobs(self, request: Request) -> Response:
        listed = await self._services.work.list_jobs(request.state.caller, request.query_params.get("before"))
        return self._pages.render(request, "jobs.html", codes=self._snippets(request).list_jobs(), **listed)

    async def job(self, request: Request) -> Response:
        shown = await self._services.work.show(request.state.caller, request.path_params["job"])
        return self._pages.render(request, "job.html", job=shown, codes=self._snippets(request).show_job(shown["id"]))

    async def cancel_job(self, request: Request) -> Response:
        require_form_token(request.state.form_token, dict(await request.form()))
        job = request.path_params["job"]
        await self._services.work.cancel(request.state.caller, job)
        return RedirectResponse(f"{self._pages.addresses.root}/jobs/{job}", _SEE_OTHER)

    async def tile(self, request: Request) -> Response:
        names = request.path_params
        asset = await self._services.tiles.find(request.state.caller, names["collection"], names["item"], names["asset"])
        bands = read_bands(request.query_params)
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=asset.headers)
        picture = await self._services.tiles.draw(asset, names["z"], names["x"], names["y"], bands)
        return Response(picture, media_type="image/png", headers=asset.headers)

    def _snippets(self, request: Request) -> Snippets:
        return Snippets(self._pages.site.url, with_token=request.state.caller.principal is not None)


def _read_sites(request: Request) -> list[str]:
    """Return the sites whose collection or item is wanted, where several have one of its id."""
    return [site for site in dict.fromkeys(request.query_params.getlist("site")) if site]


def _read_skip(request: Request) -> int:
    """Return how many collections come before the page; what is no number is none."""
    text = request.query_params.get("skip", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _main_asset(assets: dict[str, dict[str, object]]) -> str | None:
    """Return the key of the asset that code should get: the first one of data, else the first one."""
    data = (key for key, asset in assets.items() if "data" in (asset.get("roles") or ()))  # type: ignore[operator]  # a list
    return next(data, next(iter(assets), None))
