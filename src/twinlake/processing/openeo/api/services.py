"""Services: maps of results, and their tiles."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from twinlake.core.documents import JsonObject
from twinlake.core.paging import TokenSeal
from twinlake.identity.web import guarded
from twinlake.processing.openeo.api.bodies import BODY_BYTES, SentGraphs, owner_of, to_json
from twinlake.processing.openeo.api.paging import read_page
from twinlake.processing.openeo.services.addresses import ServiceAddresses
from twinlake.processing.openeo.services.mercator import Tile
from twinlake.processing.openeo.services.service import TileServices
from twinlake.processing.openeo.services.store import Service
from twinlake.processing.openeo.services.wire import SERVICE_TYPES, write_service
from twinlake.standards.openeo.errors import NotFoundError

_FRESH: Final = {"cache-control": "private, max-age=60"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesApi:
    """Routes of services."""

    services: TileServices
    addresses: ServiceAddresses
    graphs: SentGraphs
    seal: TokenSeal
    root: str
    """URL of the API, without a slash at the end."""

    def routes(self) -> list[Route]:
        """Declare them."""
        one = "/services/{service_id}"
        return [
            guarded("/service_types", self.list_types, methods=["GET"], action="public"),
            guarded("/services", self.create, methods=["POST"], action="run", max_body_bytes=BODY_BYTES, name="create_service"),
            guarded("/services", self.list_all, methods=["GET"], action="run", name="list_services"),
            guarded(one, self.show, methods=["GET"], action="run"),
            guarded(one, self.edit, methods=["PATCH"], action="run", max_body_bytes=BODY_BYTES),
            guarded(one, self.delete, methods=["DELETE"], action="run"),
            guarded(f"{one}/logs", self.list_log, methods=["GET"], action="run"),
        ]

    def open_routes(self) -> list[Route]:
        """Declare those of which the address is the permission; they are no part of the standard."""
        path = "/services/tiles/{seal}/{z:int}/{x:int}/{y:int}.png"
        return [guarded(path, self.draw, methods=["GET"], action="public", name="draw_service_tile")]

    async def list_types(self, _request: Request) -> Response:
        """Answer with what services there can be."""
        return to_json(SERVICE_TYPES)

    async def create(self, request: Request) -> Response:
        """Make a service."""
        body = await self.graphs.read(request)
        service = await self.services.create(request.state.caller, owner_of(request), body)
        return Response(status_code=201, headers={"location": f"{self.root}/services/{service}", "openeo-identifier": service})

    async def list_all(self, request: Request) -> Response:
        """Answer with the caller's services, newest first."""
        page = read_page(request, f"{self.root}/services", self.seal)
        found = await self.services.store.list_page(owner_of(request), limit=page.limit + 1, before=page.after)
        shown, links = page.cut(found, lambda each: each.id)
        return to_json({"services": [self._write(each, is_full=False) for each in shown], "links": links})

    async def show(self, request: Request) -> Response:
        """Answer with all that is known of a service."""
        return to_json(self._write(await self._see(request), is_full=True))

    async def edit(self, request: Request) -> Response:
        """Change a service."""
        body = await self.graphs.read(request)
        await self.services.edit(request.state.caller, owner_of(request), request.path_params["service_id"], body)
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        """Forget a service."""
        await self.services.delete(owner_of(request), request.path_params["service_id"])
        return Response(status_code=204)

    async def list_log(self, request: Request) -> Response:
        """Answer with what went wrong."""
        return to_json({"logs": self.services.list_log(await self._see(request)), "links": []})

    async def draw(self, request: Request) -> Response:
        """Answer with a tile."""
        values = request.path_params
        service = self.addresses.open(values["seal"])
        tile = Tile(values["z"], values["x"], values["y"])
        if not tile.exists:
            raise NotFoundError(f"There is no tile {tile.z}/{tile.x}/{tile.y}.")
        return Response(await self.services.draw(service, tile), media_type="image/png", headers=_FRESH)

    async def _see(self, request: Request) -> Service:
        return await self.services.store.get(request.path_params["service_id"], owner=owner_of(request))

    def _write(self, service: Service, *, is_full: bool) -> JsonObject:
        written = write_service(
            service,
            url=self.addresses.tiles_of(service.id),
            is_full=is_full,
            taken=self.services.taken_by(service),
            tariff=self.services.tariff,
        )
        return {name: value for name, value in written.items() if not name.startswith("twinlake:")}
