"""Subscriptions and deliveries in the site's database."""

from collections.abc import Sequence
from typing import Any

import orjson

from twinlake.engines.database import Connection
from twinlake.events.models import EventFilter
from twinlake.identity.principals import Principal
from twinlake.notification.webhooks.models import Delivery, Webhook

_KEPT_DELIVERIES = 100
_COLUMNS = "id, owner_issuer, owner_subject, url, filter, state, reason, cursor, failures, next_attempt_at, created_at"


def insert(tx: Connection, webhook: Webhook) -> None:
    """Keep a new subscription."""
    tx.execute(
        f"insert into webhook({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            webhook.id,
            webhook.owner.issuer,
            webhook.owner.subject,
            webhook.url,
            _filter_to_json(webhook.filter),
            webhook.state,
            webhook.reason,
            webhook.cursor,
            webhook.failures,
            webhook.next_attempt_at,
            webhook.created_at,
        ),
    )


def find(tx: Connection, webhook: str, owner: Principal) -> Webhook | None:
    """Return the subscription if *owner* has it."""
    rows = tx.execute(
        f"select {_COLUMNS} from webhook where id = ? and owner_issuer = ? and owner_subject = ?",
        (webhook, owner.issuer, owner.subject),
    ).fetchall()
    return _read(rows[0]) if rows else None


def list_of(tx: Connection, owner: Principal) -> list[Webhook]:
    """Return the subscriptions of *owner*, oldest first."""
    rows = tx.execute(
        f"select {_COLUMNS} from webhook where owner_issuer = ? and owner_subject = ? order by id",
        (owner.issuer, owner.subject),
    ).fetchall()
    return [_read(row) for row in rows]


def list_active(tx: Connection) -> list[Webhook]:
    """Return every subscription that is served."""
    return [_read(row) for row in tx.execute(f"select {_COLUMNS} from webhook where state = 'active' order by id").fetchall()]


def delete(tx: Connection, webhook: str, owner: Principal) -> bool:
    """Forget a subscription and its deliveries; tell whether *owner* had it."""
    changed = tx.execute(
        "delete from webhook where id = ? and owner_issuer = ? and owner_subject = ?", (webhook, owner.issuer, owner.subject)
    )
    return changed.rowcount > 0


def move_cursor(tx: Connection, webhook: str, cursor: int) -> bool:
    """Note that nothing up to *cursor* is left to deliver; tell whether the subscription is still there."""
    changed = tx.execute("update webhook set cursor = ?, failures = 0, next_attempt_at = 0 where id = ?", (cursor, webhook))
    return changed.rowcount > 0


def put_state(tx: Connection, webhook: Webhook) -> bool:
    """Keep everything that a failure changes; tell whether the subscription is still there."""
    changed = tx.execute(
        "update webhook set state = ?, reason = ?, failures = ?, next_attempt_at = ? where id = ?",
        (webhook.state, webhook.reason, webhook.failures, webhook.next_attempt_at, webhook.id),
    )
    return changed.rowcount > 0


def add_delivery(tx: Connection, webhook: str, delivery: Delivery) -> None:
    """Keep an attempt, and forget the oldest beyond the last hundred."""
    tx.execute(
        "insert into webhook_delivery(webhook, message, attempt, at, seconds, status, error) values (?, ?, ?, ?, ?, ?, ?)",
        (webhook, delivery.message, delivery.attempt, delivery.at, delivery.seconds, delivery.status, delivery.error),
    )
    tx.execute(
        "delete from webhook_delivery where id in"
        " (select id from webhook_delivery where webhook = ? order by id desc limit -1 offset ?)",
        (webhook, _KEPT_DELIVERIES),
    )


def list_deliveries(tx: Connection, webhook: str) -> list[Delivery]:
    """Return the last attempts, newest first."""
    rows = tx.execute(
        "select message, attempt, at, seconds, status, error from webhook_delivery where webhook = ? order by id desc", (webhook,)
    ).fetchall()
    return [
        Delivery(message=message, attempt=attempt, at=at, seconds=seconds, status=status, error=error)
        for message, attempt, at, seconds, status, error in rows
    ]


def _read(row: Sequence[Any]) -> Webhook:
    id_, issuer, subject, url, filter_, state, reason, cursor, failures, next_attempt_at, created_at = row
    return Webhook(
        id=id_,
        owner=Principal(issuer, subject),
        url=url,
        filter=_filter_from_json(filter_),
        state=state,
        reason=reason,
        cursor=cursor,
        failures=failures,
        next_attempt_at=next_attempt_at,
        created_at=created_at,
    )


def _filter_to_json(asked: EventFilter) -> str:
    names = {name: None if values is None else sorted(values) for name, values in _sets(asked).items()}
    return orjson.dumps(names | {"bbox": asked.bbox}).decode()


def _filter_from_json(text: str) -> EventFilter:
    parts = orjson.loads(text)
    types, collections, bbox = parts["types"], parts["collections"], parts["bbox"]
    return EventFilter(
        types=None if types is None else frozenset(types),
        collections=None if collections is None else frozenset(collections),
        bbox=None if bbox is None else tuple(bbox),
    )


def _sets(asked: EventFilter) -> dict[str, frozenset[str] | None]:
    return {"types": asked.types, "collections": asked.collections}
