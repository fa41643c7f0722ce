"""What the child of an ingest run asks of the site, beside the child protocol."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.core.errors import InvalidInputError
from twinlake.holdings.catalogue.interfaces import ItemDraft, ItemText
from twinlake.holdings.ingest.intake import AssetSource, Intake
from twinlake.jobs.bodies import read_body
from twinlake.jobs.internal import RunRoutes
from twinlake.jobs.models import Run
from twinlake.jobs.runs import RunJournal


class NewItem(msgspec.Struct, forbid_unknown_fields=True):
    """An item as its child has read it."""

    document: dict[str, Any]
    sources: dict[str, AssetSource] = {}
    original: bytes | None = None
    """The foreign document it was made of; base64 in JSON."""


_read_texts = msgspec.msgpack.Decoder(list[ItemText]).decode


class _Collection(msgspec.Struct, forbid_unknown_fields=True):
    document: dict[str, Any]
    replace: bool


def routes(*, journal: RunJournal, intake: Intake) -> Sequence[BaseRoute]:
    """Declare the routes for children of ingest runs."""
    own, calls = RunRoutes(journal), _Calls(intake)
    return [
        own.route("/ingest/inputs", calls.inputs, methods=["POST"]),
        own.route("/ingest/collection", calls.collection, methods=["POST"]),
        own.route("/ingest/item", calls.item, methods=["POST"]),
        own.route("/ingest/items", calls.items, methods=["POST"]),
    ]


class _Calls:
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def inputs(self, _request: Request, run: Run, lease: str) -> Response:
        return _answer({"files": await self._intake.lay_out_inputs(run, lease)})

    async def collection(self, request: Request, run: Run, _lease: str) -> Response:
        body = await read_body(request, _Collection)
        return _answer({"outcome": await self._intake.put_collection(run, body.document, replace=body.replace)})

    async def item(self, request: Request, run: Run, lease: str) -> Response:
        new = await read_body(request, NewItem)
        draft = ItemDraft(document=new.document, original=new.original)
        outcome = await self._intake.put_item(run, lease, draft, new.sources)
        return _answer({"outcome": outcome})

    async def items(self, request: Request, run: Run, _lease: str) -> Response:
        try:
            texts = _read_texts(await request.body())
        except msgspec.MsgspecError as error:
            raise InvalidInputError(f"The body is not what this address takes: {error}.") from error
        return _answer(await self._intake.load_items(run, texts))


def _answer(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
