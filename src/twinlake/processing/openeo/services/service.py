"""Services as their owners make them, and as everybody with their address looks at them."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from twinlake.core.clock import Clock, to_text
from twinlake.core.documents import JsonObject
from twinlake.identity.principals import Caller, Principal
from twinlake.processing.openeo.answers import require_found
from twinlake.processing.openeo.computing import Computing
from twinlake.processing.openeo.cost.steps import MOST_STEPS
from twinlake.processing.openeo.definition_store import DefinitionStore
from twinlake.processing.openeo.graphs import GraphFailedError, read_graph_of
from twinlake.processing.openeo.inputs import Inputs
from twinlake.processing.openeo.loading.pins import read_pinned, write_pinned
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import Amount
from twinlake.processing.openeo.quotas.tariff import Tariff
from twinlake.processing.openeo.services.mercator import Tile
from twinlake.processing.openeo.services.renderer import Charge, Picture, Scale, TileRenderer
from twinlake.processing.openeo.services.store import Service, ServiceStore
from twinlake.processing.openeo.services.wire import change, read_new, read_style
from twinlake.standards.openeo.errors import OpenEoError, PaymentRequiredError, ServiceNotFoundError

_MOST_ENTRIES = 100
_DEFINITIONS = "twinlake:definitions"
"""Member of a document: the user-defined processes that its graph calls, as they were."""

_HORIZONTAL, _BANDS = ("y", "x"), frozenset({1, 3, 4})

CallerOf = Callable[[Principal], Awaitable[Caller | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TileServices:
    """The use cases of services.

    Parameters
    ----------
    caller_of
        Tells what an owner may do now, who need not be there.
    """

    store: ServiceStore
    computing: Computing
    defined: DefinitionStore
    inputs: Inputs
    renderer: TileRenderer
    ledger: QuotaLedger
    tariff: Tariff | None
    """None where nothing costs anything: budgets mean nothing there."""
    caller_of: CallerOf
    clock: Clock
    logs: dict[str, deque[JsonObject]] = field(default_factory=dict)
    """Of what went wrong since the site began, by service."""

    async def create(self, caller: Caller, owner: Principal, body: JsonObject) -> str:
        """Make a service; return its id.

        Raises
        ------
        OpenEoError
            Something is wrong with it (`wire.read_new`), its graph, or what that loads.
        """
        document = read_new(body)
        return await self.store.create(owner, *await self._prepare(caller, owner, document))

    async def edit(self, caller: Caller, owner: Principal, service: str, body: JsonObject) -> None:
        """Change a service; what its graph loads is looked for anew. Raises as `create` does, and ServiceNotFoundError."""
        seen = await self.store.get(service, owner=owner)
        document = change({name: each for name, each in seen.document.items() if name != _DEFINITIONS}, body)
        await self.store.put(seen, *await self._prepare(caller, owner, document))

    async def delete(self, owner: Principal, service: str) -> None:
        """Forget a service; raises ServiceNotFoundError."""
        await self.store.delete(await self.store.get(service, owner=owner))
        self.logs.pop(service, None)

    async def draw(self, service: str, tile: Tile) -> bytes:
        """Return a tile as PNG: for whoever has the address, as long as the owner may read what is loaded.

        Raises
        ------
        ServiceNotFoundError
            There is no such service, it is disabled, or its owner is gone.
        SignInRequiredError, RefusedError
            Its owner may not read any more what it loads.
        PaymentRequiredError
            Its owner has nothing left to take, or the service has taken what its budget allows.
        OpenEoError
            As `TileRenderer.draw` raises it.
        """
        found = await self.store.get(service)
        owner = await self.caller_of(found.owner) if found.is_enabled else None
        if owner is None:
            raise ServiceNotFoundError("There is no such service, or it is not enabled.")
        await self.inputs.require_readable(read_pinned(found.pins), owner)
        try:
            await self._require_left(found)
        except OpenEoError as error:
            self._note(service, tile, error)
            raise PaymentRequiredError(
                "The owner of this map has nothing left to draw it with.", remedy="Ask its owner."
            ) from None
        try:
            made = await self.renderer.draw(tile, _picture_of(found), charge=self._charge(found))
            self.ledger.note(str(found.owner), Amount(size_bytes=len(made)), service=service)
            return made
        except OpenEoError as error:
            self._note(service, tile, error)
            raise

    async def find_scale(self, caller: Caller, service: Service) -> Scale:
        """Return from which values to which the colours of a service's tiles go.

        Raises
        ------
        SignInRequiredError, RefusedError
            *caller*, its owner, may not read any more what it loads.
        OpenEoError
            As `TileRenderer.draw` raises it, or nothing is left to take.
        """
        await self.inputs.require_readable(read_pinned(service.pins), caller)
        await self._require_left(service)
        return await self.renderer.find_scale(_picture_of(service), charge=self._charge(service))

    def list_log(self, service: Service) -> list[JsonObject]:
        """Return what went wrong with a service, the oldest first."""
        return list(self.logs.get(service.id, ()))

    def taken_by(self, service: Service) -> Amount:
        """Return what the tiles of a service have taken so far."""
        return service.taken.plus(self.ledger.waiting_for(service.id))

    async def _require_left(self, service: Service) -> None:
        if self.tariff is not None and self.taken_by(service).cpu >= self.tariff.cpu_for(service.document.get("budget")):
            raise PaymentRequiredError("The tiles have taken what the budget allows.", remedy="Raise the budget of the service.")
        await self.ledger.require_left(str(service.owner))

    def _charge(self, service: Service) -> Charge:
        return lambda cpu_seconds: self.ledger.note(str(service.owner), Amount.of(cpu_seconds=cpu_seconds), service=service.id)

    def _note(self, service: str, tile: Tile, error: OpenEoError) -> None:
        entries = self.logs.setdefault(service, deque(maxlen=_MOST_ENTRIES))
        number = int(entries[-1]["id"]) + 1 if entries else 1
        entry: Mapping[str, Any] = {
            "id": str(number),
            "code": error.members.get("code", error.code),
            "level": "error",
            "message": f"Tile {tile.z}/{tile.x}/{tile.y}: {error.message}",
            "time": to_text(self.clock.now()),
        }
        entries.append(dict(entry))

    async def _prepare(self, caller: Caller, owner: Principal, document: JsonObject) -> tuple[JsonObject, JsonObject]:
        graph = read_graph_of(document["process"])
        called = await self.defined.list_called(owner, graph)
        pinned = require_found(await self.computing.pin(graph, called, caller))
        told = await self.computing.estimate_pinned(graph, called, pinned.loads, caller)
        if isinstance(told, Mapping) and len(told["steps"]) < MOST_STEPS:  # else it is not known before a tile is drawn
            _require_map(told["steps"])
        kept = {**document, _DEFINITIONS: {name: orjson.loads(text) for name, text in called.items()}} if called else document
        return kept, write_pinned(pinned.loads)


def _require_map(steps: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what no tile could be drawn of, as far as it is known; `pictures.layers_of` says the same of each tile."""
    dimensions = steps[-1]["dimensions"] if steps else ()
    if sum(each["kind"] == "spatial" for each in dimensions) < len(_HORIZONTAL):
        raise GraphFailedError("FormatUnsuitable", "A map has dimensions y and x, and the result has not.")
    for each in dimensions:
        if each["kind"] == "bands" and each["count"] not in _BANDS:
            raise GraphFailedError(
                "FormatUnsuitable", f"A map has 1, 3 or 4 bands, and this has {each['count']}: choose with filter_bands."
            )
        if each["kind"] not in {"bands", "spatial"} and each["count"] != 1:
            raise GraphFailedError(
                "FormatUnsuitable",
                f"A map has no dimension {each['name']!r}, and this has {each['count']} labels along it, from {each['first']} to"
                f" {each['last']}: reduce it, or choose one label of it.",
            )


def _picture_of(service: Service) -> Picture:
    return Picture(
        graph=service.document["process"]["process_graph"],
        definitions=service.document.get(_DEFINITIONS, {}),
        pins=service.pins,
        style=read_style(service.document["configuration"]),
    )
