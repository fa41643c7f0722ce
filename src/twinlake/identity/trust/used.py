"""Ids of tokens that count once."""

from datetime import datetime

from twinlake.core.clock import Clock, to_microseconds
from twinlake.engines.database import Connection, Database
from twinlake.identity.errors import InvalidTokenError

_ID_LENGTH = 255


class UsedIds:
    """Remembers the ids (``jti``) of tokens that count once, until they would have expired anyway."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def consume(self, issuer: str, token_id: object, *, until: datetime) -> None:
        """Note durably that a token is used up.

        Raises
        ------
        InvalidTokenError
            It was used before, or has no id.
        """
        if not isinstance(token_id, str) or not 0 < len(token_id) <= _ID_LENGTH:
            raise InvalidTokenError("The token is not good: it has no id (jti).")
        now, end = to_microseconds(self._clock.now()), to_microseconds(until)

        def work(tx: Connection) -> bool:
            tx.execute("delete from identity_used_id where until < ?", (now,))
            added = tx.execute("insert into identity_used_id values (?, ?, ?) on conflict do nothing", (issuer, token_id, end))
            return added.rowcount == 1

        if not await self._database.write(work):
            raise InvalidTokenError("The token was used before; it counts once.")
