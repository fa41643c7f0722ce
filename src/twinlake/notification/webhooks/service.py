"""Subscribe, look after and end webhooks."""

import orjson

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.errors import UnauthenticatedError
from twinlake.core.ids import new_id
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.engines.network import DestinationUnreachableError, GuardedClient
from twinlake.events.log import EventLog
from twinlake.events.models import EventFilter
from twinlake.events.rendering import EventIds, EventRenderer
from twinlake.identity.principals import Caller, Principal
from twinlake.notification.webhooks import store
from twinlake.notification.webhooks.errors import ChallengeFailedError, TooManyWebhooksError, WebhookNotFoundError
from twinlake.notification.webhooks.models import Delivery, Webhook
from twinlake.notification.webhooks.signing import WebhookSigner
from twinlake.standards.cloudevents import to_cloud_event

MOST_PER_OWNER = 10
CHALLENGE_TYPE = "eu.twinlake.webhook.challenge"
_CHALLENGE_BYTES = 24


class Webhooks:
    """The subscriptions of a site."""

    def __init__(
        self,
        *,
        database: Database,
        log: EventLog,
        ids: EventIds,
        renderer: EventRenderer,
        client: GuardedClient,
        signer: WebhookSigner,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._database = database
        self._log = log
        self._ids = ids
        self._renderer = renderer
        self._client = client
        self._signer = signer
        self._clock = clock
        self._randomness = randomness

    async def subscribe(self, caller: Caller, url: str, asked: EventFilter, *, from_id: str | None) -> tuple[Webhook, str]:
        """Return a new subscription and its secret, which is told only here.

        Parameters
        ----------
        from_id
            Begin with what follows this event; None begins with what comes next.

        Raises
        ------
        DestinationRefusedError
            The site does not send there.
        ChallengeFailedError
            The receiver did not answer as it must.
        TooManyWebhooksError
            The caller has enough.
        """
        owner = _owner(caller)
        self._client.guard.parse(url)
        cursor = None if from_id is None else self._ids.open(from_id)
        await self._database.read(lambda tx: _require_room(tx, owner))
        webhook = new_id(self._clock, self._randomness)
        await self._challenge(webhook, url)

        def work(tx: Connection) -> Webhook:
            _require_room(tx, owner)
            created = Webhook(
                id=webhook,
                owner=owner,
                url=url,
                filter=asked,
                cursor=self._log.latest_seq(tx) if cursor is None else cursor,
                created_at=to_microseconds(self._clock.now()),
            )
            store.insert(tx, created)
            return created

        return await self._database.write(work), self._signer.secret(webhook)

    async def list_webhooks(self, caller: Caller) -> list[Webhook]:
        """Return the caller's subscriptions."""
        owner = _owner(caller)
        return await self._database.read(lambda tx: store.list_of(tx, owner))

    async def get_webhook(self, caller: Caller, webhook: str) -> tuple[Webhook, list[Delivery]]:
        """Return a subscription of the caller with its last deliveries, newest first."""
        owner = _owner(caller)
        found, deliveries = await self._database.read(
            lambda tx: (store.find(tx, webhook, owner), store.list_deliveries(tx, webhook))
        )
        if found is None:
            raise WebhookNotFoundError(webhook)
        return found, deliveries

    async def delete_webhook(self, caller: Caller, webhook: str) -> None:
        """End a subscription of the caller."""
        owner = _owner(caller)
        if not await self._database.write(lambda tx: store.delete(tx, webhook, owner)):
            raise WebhookNotFoundError(webhook)

    async def _challenge(self, webhook: str, url: str) -> None:
        """Ask the receiver to repeat a word, so that nobody subscribes somebody else."""
        word = self._randomness(_CHALLENGE_BYTES).hex()
        now = self._clock.now()
        message = f"challenge-{webhook}"
        event = to_cloud_event(id=message, source=self._renderer.source, type=CHALLENGE_TYPE, time=now, data={"challenge": word})
        body = orjson.dumps(event)
        headers = self._signer.headers(webhook, message=message, body=body, now=now)
        try:
            answer = await self._client.post(url, headers=headers, body=body)
        except DestinationUnreachableError as error:
            raise ChallengeFailedError(error.message) from error
        if answer.status != 200 or answer.body.decode("utf-8", "replace").strip() != word:
            raise ChallengeFailedError(f"its status was {answer.status}, or its body another")


def _owner(caller: Caller) -> Principal:
    if caller.principal is None:
        raise UnauthenticatedError("A webhook belongs to somebody.", remedy="Sign in or send a token.")
    return caller.principal


def _require_room(tx: Connection, owner: Principal) -> None:
    if len(store.list_of(tx, owner)) >= MOST_PER_OWNER:
        raise TooManyWebhooksError(f"You have {MOST_PER_OWNER} webhooks.", remedy="Delete one first.")
