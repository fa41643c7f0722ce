"""`/webhooks` in the site's OpenAPI document."""

from twinlake.engines.web.openapi import (
    COUNT,
    INSTANT,
    TEXT,
    Answer,
    ApiPart,
    exactly,
    list_of,
    operation,
    or_null,
    parameter,
    reference,
    schemas_of,
)
from twinlake.notification.webhooks.routes import Subscription

_TAG = "webhooks"
_NAMES = or_null(list_of(TEXT))
_WEBHOOK = {
    "id": TEXT,
    "url": {"type": "string", "format": "uri"},
    "types": _NAMES,
    "collections": _NAMES,
    "bbox": or_null({"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}),
    "state": {"enum": ["active", "disabled"]},
    "reason": or_null(TEXT),
    "failures": COUNT,
    "next_attempt_at": or_null(INSTANT),
    "created_at": INSTANT,
    "continue_from_id": TEXT,
}
_DELIVERY = {
    "message": TEXT,
    "attempt": {"type": "integer", "minimum": 1},
    "at": INSTANT,
    "seconds": {"type": "number"},
    "status": or_null({"type": "integer"}),
    "error": or_null(TEXT),
}


def describe() -> ApiPart:
    """Describe the routes."""
    one = [parameter("webhook", "Id of the subscription", where="path")]
    return ApiPart(
        paths={
            "/webhooks": {
                "post": operation(
                    "subscribe",
                    "Have events sent to a receiver",
                    Answer(
                        description="The subscription and, this once, the secret that its messages are signed with",
                        schema="NewWebhook",
                        status=201,
                        headers={"Location": "Address of the subscription"},
                    ),
                    tag=_TAG,
                    body=Subscription.__name__,
                ),
                "get": operation(
                    "listWebhooks",
                    "List one's own subscriptions",
                    Answer(description="The subscriptions", schema="WebhookList"),
                    tag=_TAG,
                ),
            },
            "/webhooks/{webhook}": {
                "parameters": one,
                "get": operation(
                    "getWebhook",
                    "Show a subscription",
                    Answer(description="The subscription with its last deliveries", schema="WebhookWithDeliveries"),
                    tag=_TAG,
                ),
                "delete": operation(
                    "deleteWebhook", "End a subscription", Answer(description="It has ended", status=204), tag=_TAG
                ),
            },
        },
        schemas={
            **schemas_of(Subscription),
            "Webhook": exactly(_WEBHOOK),
            "NewWebhook": exactly({**_WEBHOOK, "secret": TEXT}),
            "WebhookList": exactly({"webhooks": list_of(reference("Webhook"))}),
            "WebhookWithDeliveries": exactly({**_WEBHOOK, "deliveries": list_of(reference("Delivery"))}),
            "Delivery": exactly(_DELIVERY),
        },
    )
