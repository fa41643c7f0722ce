"""The tokens with which people of other sites signed in here: their home vouches for them only against these."""

from datetime import datetime

from twinlake.core.clock import Clock, to_microseconds
from twinlake.engines.database import Connection, Database
from twinlake.identity.keys.sealing import Sealer


class SubjectVault:
    """Keeps such tokens, sealed, by the sign-in here that each began."""

    def __init__(self, *, database: Database, clock: Clock, sealer: Sealer) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer

    async def keep(self, sid: str, token: str, *, until: datetime) -> None:
        """Keep *token* for the sign-in *sid* as long as it is good."""
        row = (sid, self._sealer.seal(token.encode(), binding=f"subject|{sid}"), to_microseconds(until))
        now = to_microseconds(self._clock.now())

        def work(tx: Connection) -> None:
            tx.execute("delete from identity_subject_token where until < ?", (now,))
            tx.execute("insert or replace into identity_subject_token values (?, ?, ?)", row)

        await self._database.write(work)

    async def find_subject_token(self, sid: str) -> str | None:
        """Return the token that the sign-in *sid* began with; None where there is none that is still good."""

        def work(tx: Connection) -> tuple[bytes, int] | None:
            row: tuple[bytes, int] | None = tx.execute(
                "select sealed, until from identity_subject_token where sid = ?", (sid,)
            ).fetchone()
            return row

        found = await self._database.read(work)
        if found is None or found[1] <= to_microseconds(self._clock.now()):
            return None
        return self._sealer.open(found[0], binding=f"subject|{sid}").decode()
