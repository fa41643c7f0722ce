"""The console's pages."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from twinlake.console.describe import Paths
from twinlake.console.explore import Asked, Explorer
from twinlake.console.holdings import Shelves
from twinlake.console.news import NewsDesk
from twinlake.console.pages import Pages
from twinlake.console.previews import find_preview
from twinlake.console.signing import SigningPages
from twinlake.console.snippets import home_codes, item_codes, job_codes, search_codes
from twinlake.console.tiles import TileDesk
from twinlake.console.work import WorkBench
from twinlake.core.documents import JsonObject
from twinlake.core.errors import NotFoundError, TwinlakeError
from twinlake.events.models import Audience
from twinlake.holdings.catalogue.interfaces import Visibility
from twinlake.identity.principals import Caller
from twinlake.identity.web import GuardedRoute, guarded

_STATIC = Path(__file__).parent / "static"
_HOME_COLLECTIONS = 6
_MEDIA_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".geojson": "application/geo+json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleServices:
    """What the pages read from."""

    pages: Pages
    explorer: Explorer
    shelves: Shelves
    news: NewsDesk
    work: WorkBench
    signing: SigningPages
    tiles: TileDesk
    visibility_of: Callable[[Caller], Awaitable[Visibility]]
    audience_of: Callable[[Caller], Awaitable[Audience]]
    is_healthy: Callable[[], Awaitable[bool]]


def routes(services: ConsoleServices) -> list[BaseRoute]:
    """Return the console's routes; where an API has the same address, a page is for who asks for HTML."""
    console = _Console(services)
    return [
        guarded("/static/{path:path}", _send_static, methods=["GET"], action="public"),
        guarded("/", console.home, methods=["GET"], action="discover"),
        guarded("/explore", console.explore, methods=["GET"], action="discover"),
        guarded("/collections", console.collections, methods=["GET"], action="discover"),
        guarded("/collections/{collection}", console.collection, methods=["GET"], action="discover"),
        guarded("/collections/{collection}/items/{item}", console.item, methods=["GET"], action="discover"),
        guarded("/preview/{collection}/{item}/{asset}/{z:int}/{x:int}/{y:int}.png", console.tile, methods=["GET"], action="read"),
        guarded("/sign-in", services.signing.show, methods=["GET"], action="public"),
        guarded("/sign-in", services.signing.sign_in, methods=["POST"], action="public"),
        guarded("/sign-out", services.signing.sign_out, methods=["POST"], action="public"),
        _only_for_html(guarded("/jobs", console.jobs, methods=["GET"], action="run")),
        _only_for_html(guarded("/jobs/{job}", console.job, methods=["GET"], action="run")),
    ]


class _HtmlRoute(GuardedRoute):
    """A page at an address that an API has too."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if "text/html" not in Headers(scope=scope).get("accept", ""):
            return Match.NONE, {}
        return super().matches(scope)


def _only_for_html(route: GuardedRoute) -> GuardedRoute:
    route.__class__ = _HtmlRoute
    return route


async def _send_static(request: Request) -> Response:
    path = (_STATIC / request.path_params["path"]).resolve()
    if not path.is_relative_to(_STATIC) or not path.is_file():
        raise NotFoundError("There is no such file.")
    return FileResponse(path, media_type=_MEDIA_TYPES.get(path.suffix), headers={"Cache-Control": "public, max-age=300"})


class _Console:
    """One method per page: read, then render."""

    def __init__(self, services: ConsoleServices) -> None:
        self._services = services
        self._pages = services.pages
        self._url = services.pages.site.url

    async def home(self, request: Request) -> Response:
        visibility, paths = await self._look(request)
        shelves = self._services.shelves
        collections, items = await shelves.count(visibility)
        audience = await self._services.audience_of(request.state.caller)
        figures = {"collections": collections, "items": items, "healthy": await self._services.is_healthy()}
        return self._pages.render(
            request,
            "home.html",
            figures=figures,
            collections=await shelves.list_collections(visibility, paths, limit=_HOME_COLLECTIONS),
            changes=await self._services.news.list_changes(audience, paths),
            codes=home_codes(self._url),
        )

    async def explore(self, request: Request) -> Response:
        visibility, paths = await self._look(request)
        asked = Asked.read(request.query_params)
        explorer = self._services.explorer
        choices = await explorer.list_choices(visibility, paths)
        binding = f"explore|{request.state.caller.key}".encode()
        problem: str | None = None
        body: JsonObject = {}
        try:
            answer, body = await explorer.answer(asked, choices, visibility, paths, binding)
        except TwinlakeError as error:
            problem = f"{error.message} {error.remedy or ''}".strip()
            answer = {"headline": "The search cannot be made", "items": [], "footprints": "", "more": None}
        return self._pages.render(
            request,
            "explore.html",
            status=200,
            asked=asked,
            choices=choices,
            answer=answer,
            problem=problem,
            codes=search_codes(self._url, body),
        )

    async def collections(self, request: Request) -> Response:
        visibility, paths = await self._look(request)
        found = await self._services.shelves.list_collections(visibility, paths)
        return self._pages.render(request, "collections.html", collections=found, codes=home_codes(self._url))

    async def collection(self, request: Request) -> Response:
        visibility, paths = await self._look(request)
        name = request.path_params["collection"]
        shown = await self._services.shelves.show_collection(name, visibility, paths)
        codes = search_codes(self._url, {"limit": 10, "collections": [name]})
        return self._pages.render(request, "collection.html", codes=codes, **shown)

    async def item(self, request: Request) -> Response:
        visibility, paths = await self._look(request)
        collection, item = request.path_params["collection"], request.path_params["item"]
        shown = await self._services.shelves.show_item(collection, item, visibility, paths)
        document = shown.pop("document")
        codes = item_codes(self._url, collection, item, next(iter(document["assets"]), None))
        tiles = find_preview(document, paths.root)
        return self._pages.render(request, "item.html", codes=codes, tiles=tiles, **shown)

    async def jobs(self, request: Request) -> Response:
        listed = await self._services.work.list_jobs(request.state.caller, request.query_params.get("before"), request.url.path)
        return self._pages.render(request, "jobs.html", codes=job_codes(self._url, None), **listed)

    async def job(self, request: Request) -> Response:
        shown = await self._services.work.show(request.state.caller, request.path_params["job"])
        return self._pages.render(request, "job.html", job=shown, codes=job_codes(self._url, shown["id"]))

    async def tile(self, request: Request) -> Response:
        names = request.path_params
        asset = await self._services.tiles.find(request.state.caller, names["collection"], names["item"], names["asset"])
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=asset.headers)
        picture = await self._services.tiles.draw(asset, names["z"], names["x"], names["y"])
        return Response(picture, media_type="image/png", headers=asset.headers)

    async def _look(self, request: Request) -> tuple[Visibility, Paths]:
        visibility = await self._services.visibility_of(request.state.caller)
        return visibility, Paths(request.scope.get("root_path", ""))
