"""Brings events to webhooks: in order per subscription, at least once, through restarts of either side."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import timedelta

from structlog.typing import FilteringBoundLogger

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.errors import TwinlakeError
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.engines.network import GuardedClient
from twinlake.events.interfaces import NewEvent
from twinlake.events.log import EventLog
from twinlake.events.rendering import EventIds, EventRenderer
from twinlake.notification.interfaces import AudienceOf
from twinlake.notification.webhooks import store
from twinlake.notification.webhooks.models import CallerOf, Delivery, Webhook
from twinlake.notification.webhooks.signing import WebhookSigner

DISABLED_TYPE = "eu.twinlake.webhook.disabled"
RETRY_AFTER = tuple(
    timedelta(**step)
    for step in (
        {"seconds": 5}, {"minutes": 5}, {"minutes": 30}, {"hours": 2}, {"hours": 5}, {"hours": 10}, {"hours": 14}, {"hours": 20},
        {"hours": 24},
    )
)  # fmt: skip
"""What Standard Webhooks recommends, some three days in all; then the subscription is disabled."""
_JITTER = 0.2
_GONE = 410
_AT_ONCE = 50
_AT_A_TIME = 32
_PAUSE_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 60.0
_CURSOR_LAG = 1000
"""A cursor that moves over events which do not concern it is kept this rarely."""


class WebhookDispatcher:
    """Delivers until the site is closing."""

    def __init__(
        self,
        *,
        database: Database,
        log: EventLog,
        ids: EventIds,
        renderer: EventRenderer,
        client: GuardedClient,
        signer: WebhookSigner,
        audience_of: AudienceOf,
        caller_of: CallerOf,
        clock: Clock,
        randomness: Randomness,
        closing: asyncio.Event,
        logger: FilteringBoundLogger,
    ) -> None:
        self._database = database
        self._log = log
        self._ids = ids
        self._renderer = renderer
        self._client = client
        self._signer = signer
        self._audience_of = audience_of
        self._caller_of = caller_of
        self._clock = clock
        self._randomness = randomness
        self._closing = closing
        self._logger = logger
        self._resting_until = 0.0
        self._wake = asyncio.Event()
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        self._passed: dict[str, int] = {}
        """How far each subscription has come without anything for it, where that is beyond its cursor."""

    async def run(self) -> None:
        """Deliver what is committed and what is due, until the site is closing."""
        stop = self._database.on_commit(self._wake.set)
        closing = asyncio.create_task(self._closing.wait())
        closing.add_done_callback(lambda _: self._wake.set())
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            while not self._closing.is_set():
                wait_seconds = await self._start_due(tasks)
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_seconds):
                        await self._wake.wait()
                self._wake.clear()
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            stop()
            closing.cancel()
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    def wake(self) -> None:
        """Look again what is due."""
        self._wake.set()

    async def _start_due(self, tasks: dict[str, asyncio.Task[None]]) -> float:
        """Start serving every subscription that has something to get now; return when to look again, in seconds."""
        for done in [webhook for webhook, task in tasks.items() if task.done()]:
            self._look_at(tasks.pop(done))
        if (rest := self._resting_until - self._clock.monotonic()) > 0:
            return rest
        latest, webhooks = await self._database.read(lambda tx: (self._log.latest_seq(tx), store.list_active(tx)))
        now = to_microseconds(self._clock.now())
        wait_seconds = _LONGEST_WAIT_SECONDS
        for webhook in webhooks:
            if webhook.id in tasks or self._position(webhook) == latest:
                continue
            if webhook.next_attempt_at > now:
                wait_seconds = min(wait_seconds, (webhook.next_attempt_at - now) / 1e6)
                continue
            task = tasks[webhook.id] = asyncio.create_task(self._serve(webhook))
            task.add_done_callback(lambda _: self._wake.set())
        for ended in self._passed.keys() - {webhook.id for webhook in webhooks}:
            del self._passed[ended]
        return wait_seconds

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """Rest for a while if the site could not keep what was delivered: sending it again at once helps nobody."""
        error = task.exception()
        if error is not None:
            if not isinstance(error, TwinlakeError):
                raise error
            self._logger.error("webhooks rest", reason=error.message)
            self._resting_until = self._clock.monotonic() + _LONGEST_WAIT_SECONDS

    def _position(self, webhook: Webhook) -> int:
        return max(webhook.cursor, self._passed.get(webhook.id, 0))

    async def _serve(self, webhook: Webhook) -> None:
        """Deliver what there is, one message after the other, up to the first that is not accepted."""
        async with self._turns, aclosing(self._messages(webhook)) as messages:
            async for message, body, seq in messages:
                attempted = await self._attempt(webhook, message, body, seq)
                if attempted is None or attempted.failures or attempted.state == "disabled":
                    return
                webhook = attempted

    async def _messages(self, webhook: Webhook) -> AsyncGenerator[tuple[str, bytes, int], None]:
        """Yield id, body and number of each event for *webhook* that its owner may know of at that moment."""
        position = self._position(webhook)
        while True:
            caller = await self._caller_of(webhook.owner)
            if caller is None:
                await self._disable(webhook, "its owner may no longer be told anything")
                return
            after, audience = position, await self._audience_of(caller)
            page = await self._database.read(
                lambda tx, after=after, audience=audience: self._log.read(  # type: ignore[misc]  # mypy cannot infer the defaults
                    tx, after_seq=after, limit=_AT_ONCE, filter=webhook.filter, audience=audience
                )
            )
            if page.gap is not None:
                body = self._renderer.gap_to_json(page.gap, now=self._clock.now())
                yield f"gap-{self._ids.of(page.gap.through)}", body, page.gap.through
            for event in page.events:
                audience = await self._audience_of(caller)
                if audience.may_read(event):
                    body = self._renderer.to_json(event, counted=audience.may_count(event.domain))
                    yield self._ids.of(event.seq), body, event.seq
            if page.through == position:
                return
            position = page.through
            await self._pass(webhook, position)

    async def _pass(self, webhook: Webhook, position: int) -> None:
        """Remember that there is nothing for *webhook* up to *position*; on disk only once in a while."""
        kept = self._passed.get(webhook.id, webhook.cursor)
        self._passed[webhook.id] = position
        if position // _CURSOR_LAG != kept // _CURSOR_LAG:
            await self._database.write(lambda tx: store.move_cursor(tx, webhook.id, position))

    async def _attempt(self, webhook: Webhook, message: str, body: bytes, seq: int) -> Webhook | None:
        """Send one message; return the subscription as it is then, None if it was deleted."""
        now, started = self._clock.now(), self._clock.monotonic()
        headers = self._signer.headers(webhook.id, message=message, body=body, now=now)
        status, error = None, None
        try:
            answer = await self._client.post(webhook.url, headers=headers, body=body)
        except TwinlakeError as failure:
            error = failure.message
        else:
            status = answer.status
            error = None if 200 <= status < 300 else f"The receiver answered {status}."
        delivery = Delivery(
            message=message,
            attempt=webhook.failures + 1,
            at=to_microseconds(now),
            seconds=self._clock.monotonic() - started,
            status=status,
            error=error,
        )
        after = replace(webhook, cursor=seq, failures=0) if error is None else self._after_failure(webhook, delivery)
        is_there = await self._database.write(lambda tx: self._keep(tx, after, delivery))
        if error is None:
            self._passed.pop(webhook.id, None)
        return after if is_there else None

    def _after_failure(self, webhook: Webhook, delivery: Delivery) -> Webhook:
        failures = webhook.failures + 1
        if delivery.status == _GONE:
            return replace(webhook, failures=failures, state="disabled", reason="the receiver answered that it is gone")
        if failures > len(RETRY_AFTER):
            return replace(webhook, failures=failures, state="disabled", reason=f"{failures} attempts failed; {delivery.error}")
        chance = int.from_bytes(self._randomness(4), "big") / (1 << 32)
        delay = RETRY_AFTER[failures - 1] * (1 + _JITTER * chance)
        return replace(webhook, failures=failures, next_attempt_at=to_microseconds(self._clock.now() + delay))

    async def _disable(self, webhook: Webhook, reason: str) -> None:
        disabled = replace(webhook, state="disabled", reason=reason)
        await self._database.write(lambda tx: self._keep_failure(tx, disabled))

    def _keep(self, tx: Connection, webhook: Webhook, delivery: Delivery) -> bool:
        """Write what became of an attempt; tell whether the subscription is still there."""
        accepted = delivery.error is None
        is_there = store.move_cursor(tx, webhook.id, webhook.cursor) if accepted else self._keep_failure(tx, webhook)
        if is_there:
            store.add_delivery(tx, webhook.id, delivery)
        return is_there

    def _keep_failure(self, tx: Connection, webhook: Webhook) -> bool:
        """Write a failure, and tell the owner by other ways if it was the last."""
        is_there = store.put_state(tx, webhook)
        if is_there and webhook.state == "disabled":
            told = NewEvent(
                type=DISABLED_TYPE,
                subject=f"webhooks/{webhook.id}",
                domain=f"principal:{webhook.owner}",
                data={"url": webhook.url, "reason": webhook.reason},
            )
            self._log.append(tx, [told])
        return is_there
