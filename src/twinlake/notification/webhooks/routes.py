"""``/webhooks`` over HTTP."""

from typing import Annotated

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.core.clock import from_microseconds, to_text
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.engines.web.openapi import OPERATIONS_DOCUMENT
from twinlake.events.rendering import EventIds
from twinlake.identity.web import guarded
from twinlake.notification.asking import parse_filter
from twinlake.notification.webhooks.models import Delivery, Webhook
from twinlake.notification.webhooks.service import Webhooks

_MAX_BODY_BYTES = 64 << 10
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Names = Annotated[list[_Name], msgspec.Meta(max_length=100)]


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /webhooks``; the filters are those of the stream."""

    url: str
    types: _Names | None = None
    collections: _Names | None = None
    bbox: list[float] | None = None
    from_id: str | None = None


def routes(webhooks: Webhooks, ids: EventIds) -> list[BaseRoute]:
    """Declare the webhooks; everybody sees only their own."""
    endpoints = _Endpoints(webhooks, ids)
    return [
        guarded("/webhooks", endpoints.subscribe, methods=["POST"], action="subscribe", max_body_bytes=_MAX_BODY_BYTES),
        guarded("/webhooks", endpoints.list_webhooks, methods=["GET"], action="subscribe"),
        guarded("/webhooks/{webhook}", endpoints.get_webhook, methods=["GET"], action="subscribe"),
        guarded("/webhooks/{webhook}", endpoints.delete_webhook, methods=["DELETE"], action="subscribe"),
    ]


class _Endpoints:
    def __init__(self, webhooks: Webhooks, ids: EventIds) -> None:
        self._webhooks = webhooks
        self._ids = ids

    async def subscribe(self, request: Request) -> Response:
        """Answer with the subscription and, once, its secret."""
        try:
            asked = msgspec.json.decode(await request.body(), type=Subscription)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidInputError(f"The subscription does not fit: {error}.") from None
        wanted = parse_filter(types=asked.types, collections=asked.collections, bbox=asked.bbox)
        webhook, secret = await self._webhooks.subscribe(request.state.caller, asked.url, wanted, from_id=asked.from_id)
        return _json(self._to_json(webhook) | {"secret": secret}, status=201, headers={"location": f"/webhooks/{webhook.id}"})

    async def list_webhooks(self, request: Request) -> Response:
        """Answer with the caller's subscriptions."""
        found = await self._webhooks.list_webhooks(request.state.caller)
        document = {"webhooks": [self._to_json(webhook) for webhook in found]}
        return _json(document, headers={"link": f'<{OPERATIONS_DOCUMENT}>; rel="service-desc"'})

    async def get_webhook(self, request: Request) -> Response:
        """Answer with one subscription and its last deliveries."""
        webhook, deliveries = await self._webhooks.get_webhook(request.state.caller, request.path_params["webhook"])
        return _json(self._to_json(webhook) | {"deliveries": [_delivery_to_json(delivery) for delivery in deliveries]})

    async def delete_webhook(self, request: Request) -> Response:
        """End a subscription."""
        await self._webhooks.delete_webhook(request.state.caller, request.path_params["webhook"])
        return Response(status_code=204)

    def _to_json(self, webhook: Webhook) -> JsonObject:
        types, collections = webhook.filter.types, webhook.filter.collections
        return {
            "id": webhook.id,
            "url": webhook.url,
            "types": None if types is None else sorted(types),
            "collections": None if collections is None else sorted(collections),
            "bbox": webhook.filter.bbox,
            "state": webhook.state,
            "reason": webhook.reason,
            "failures": webhook.failures,
            "next_attempt_at": _instant(webhook.next_attempt_at) if webhook.next_attempt_at else None,
            "created_at": _instant(webhook.created_at),
            "continue_from_id": self._ids.position(webhook.cursor),
        }


def _delivery_to_json(delivery: Delivery) -> JsonObject:
    return {
        "message": delivery.message,
        "attempt": delivery.attempt,
        "at": _instant(delivery.at),
        "seconds": round(delivery.seconds, 3),
        "status": delivery.status,
        "error": delivery.error,
    }


def _instant(microseconds: int) -> str:
    return to_text(from_microseconds(microseconds))


def _json(document: JsonObject, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(document),
        status_code=status,
        headers={"cache-control": "no-store"} | (headers or {}),
        media_type="application/json",
    )
