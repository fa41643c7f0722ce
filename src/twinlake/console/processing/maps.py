"""The pages on maps: services of openEO that draw tiles of what a graph makes."""

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from twinlake.console.describe import write_features
from twinlake.console.pages import Pages
from twinlake.console.processing.costs import write_cost
from twinlake.console.processing.steps import read_steps
from twinlake.console.snippets import Snippets
from twinlake.core.clock import from_microseconds
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, TwinlakeError
from twinlake.core.sizes import write_size
from twinlake.identity.accounts import require_somebody
from twinlake.identity.sessions import require_form_token
from twinlake.identity.web import guarded
from twinlake.processing.openeo.services.addresses import ServiceAddresses
from twinlake.processing.openeo.services.renderer import Scale
from twinlake.processing.openeo.services.service import TileServices
from twinlake.processing.openeo.services.store import MOST, Service
from twinlake.processing.openeo.services.wire import read_style

_GREYS = ("#000000", "#ffffff")
_SEE_OTHER = 303


class MapPages:
    """The list, a page for each map, and its buttons."""

    def __init__(self, *, pages: Pages, services: TileServices, addresses: ServiceAddresses) -> None:
        self._pages = pages
        self._services = services
        self._addresses = addresses

    def routes(self) -> list[BaseRoute]:
        """Declare them."""
        one = "/processing/maps/{map}"
        return [
            guarded("/processing/maps", self.list_all, methods=["GET"], action="run", name="list_maps"),
            guarded(one, self.show, methods=["GET"], action="run", name="show_map"),
            guarded(f"{one}/switch", self.switch, methods=["POST"], action="run", name="switch_map"),
            guarded(f"{one}/delete", self.delete, methods=["POST"], action="run", name="delete_map"),
        ]

    async def list_all(self, request: Request) -> Response:
        """Answer with the caller's maps, newest first."""
        found = await self._services.store.list_page(require_somebody(request.state.caller), limit=MOST, before=None)
        codes = self._snippets().list_maps(is_none=not found)
        return self._pages.render(request, "processing/maps.html", maps=[self._describe(each) for each in found], codes=codes)

    async def show(self, request: Request) -> Response:
        """Answer with a map, and all about it."""
        return await self._render(request, await self._see(request))

    async def switch(self, request: Request) -> Response:
        """Let a map answer, or not any more; where it cannot be switched on, say why on its page."""
        form = dict(await request.form())
        require_form_token(request.state.form_token, form)
        if form.get("enabled") not in {"true", "false"}:
            raise InvalidInputError("A map is switched on or off.", remedy="Load the page again.")
        caller, service = request.state.caller, request.path_params["map"]
        try:
            await self._services.edit(caller, require_somebody(caller), service, {"enabled": form["enabled"] == "true"})
        except TwinlakeError as error:
            return await self._render(request, await self._see(request), problem=error)
        return RedirectResponse(f"{self._address()}/{quote(service, safe='')}", _SEE_OTHER)

    async def delete(self, request: Request) -> Response:
        """Forget a map."""
        require_form_token(request.state.form_token, dict(await request.form()))
        await self._services.delete(require_somebody(request.state.caller), request.path_params["map"])
        return RedirectResponse(self._address(), _SEE_OTHER)

    async def _render(self, request: Request, service: Service, *, problem: TwinlakeError | None = None) -> Response:
        scale, undrawn = None, ""
        if service.is_enabled:
            try:
                scale = await self._services.find_scale(request.state.caller, service)
            except TwinlakeError as error:
                undrawn = error.message
        steps = await asyncio.to_thread(read_steps, orjson.dumps(service.document["process"]))
        return self._pages.render(
            request,
            "processing/map.html",
            status=200 if problem is None else problem.status,
            map=self._describe(service, scale),
            problem=None if problem is None else f"{problem.message} {problem.remedy or ''}".strip(),
            undrawn=undrawn,
            footprints=None if scale is None else write_features([_frame(scale.bbox)]),
            taken=self._list_taken(service),
            log=self._services.list_log(service),
            graph=steps,
            codes=self._snippets().show_map(service.id, steps.text),
        )

    def _describe(self, service: Service, scale: Scale | None = None) -> JsonObject:
        style, url = read_style(service.document["configuration"]), self._addresses.tiles_of(service.id)
        lowest, highest = (style["minimum"], style["maximum"]) if scale is None else (scale.lowest, scale.highest)
        is_coloured = style["palette"] is not None and (scale is None or scale.bands == 1)
        return {
            "id": service.id,
            "title": service.document.get("title") or "Without a title",
            "description": service.document.get("description") or "",
            "is_enabled": service.is_enabled,
            "when": f"{from_microseconds(service.created_at):%Y-%m-%d %H:%M} UTC",
            "url": url,
            "tiles": self._pages.addresses.own(url),
            "is_known": scale is not None,
            "is_composite": scale is not None and scale.bands > 1,
            "lowest": "2nd percentile" if lowest is None else f"{lowest:.4g}",
            "highest": "98th percentile" if highest is None else f"{highest:.4g}",
            "unit": "" if scale is None else scale.unit or "",
            "colours": style["palette"] if is_coloured else _GREYS,
        }

    def _list_taken(self, service: Service) -> list[tuple[str, str]]:
        """Return what the tiles have taken, as names and texts."""
        taken, tariff = self._services.taken_by(service), self._services.tariff
        cost, budget = write_cost(tariff, taken.cpu / 1e6), service.document.get("budget")
        most = "" if tariff is None or budget is None else f", of {budget:.4g} {tariff.currency} at most"
        return [
            ("CPU", f"{taken.cpu / 1e6:.1f} s"),
            ("Pictures", write_size(taken.size_bytes)),
            ("Cost", f"{cost}{most}"),
        ]

    async def _see(self, request: Request) -> Service:
        return await self._services.store.get(request.path_params["map"], owner=require_somebody(request.state.caller))

    def _snippets(self) -> Snippets:
        return Snippets(self._pages.site.url, with_token=True)

    def _address(self) -> str:
        return f"{self._pages.addresses.root}/processing/maps"


def _frame(bbox: Sequence[float]) -> JsonObject:
    """Return a feature that a map is turned to, and that it does not draw: data need not fill the box."""
    return {"type": "Feature", "bbox": list(bbox), "geometry": None, "properties": {}}
