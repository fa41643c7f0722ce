"""The tokens with which people of other sites signed in here: their home vouches for them only against these."""

from dataclasses import dataclass, field
from datetime import datetime

from twinlake.core.clock import Clock, from_microseconds, to_microseconds
from twinlake.engines.database import Connection, Database
from twinlake.identity.issuer.session_rows import find_session
from twinlake.identity.issuer.sessions import CLIENT_IDLE, microseconds
from twinlake.identity.keys.jwt import peek
from twinlake.identity.keys.sealing import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptToken:
    """A token with which somebody signed in here."""

    sid: str
    """The sign-in here that it began."""
    token: str = field(repr=False)
    confirmed_at: datetime
    """When their home last said that they are signed in."""


class SubjectVault:
    """Keeps such tokens, sealed, by the sign-in here that each began."""

    def __init__(self, *, database: Database, clock: Clock, sealer: Sealer) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer

    async def keep(self, sid: str, token: str) -> None:
        """Keep *token*, which was verified, for the sign-in *sid* as long as that can last; home has just confirmed it."""
        now = to_microseconds(self._clock.now())
        sealed = self._sealer.seal(token.encode(), binding=f"subject|{sid}")
        claims = peek(token)[1]
        begun_by = _name_sign_in(str(claims.get("iss")), str(claims.get("sid")))
        row = (sid, sealed, now + microseconds(CLIENT_IDLE), now, begun_by)

        def work(tx: Connection) -> None:
            tx.execute("delete from identity_subject_token where until < ?", (now,))
            tx.execute(
                "insert or replace into identity_subject_token(sid, sealed, until, confirmed_at, begun_by)"
                " values (?, ?, ?, ?, ?)",
                row,
            )

        await self._database.write(work)

    async def find(self, sid: str) -> KeptToken | None:
        """Return the token that the sign-in *sid*, or the one within which it is, began with.

        None where that was with an account of this site, or is over.
        """
        now = to_microseconds(self._clock.now())

        def work(tx: Connection) -> tuple[str, bytes, int] | None:
            session = find_session(tx, sid)
            began = sid if session is None or session.parent is None else session.parent
            query = "select sid, sealed, confirmed_at from identity_subject_token where sid = ? and until > ?"
            return tx.execute(query, (began, now)).fetchone()  # type: ignore[no-any-return]  # three columns

        row = await self._database.read(work)
        if row is None:
            return None
        began, sealed, confirmed_at = row
        token = self._sealer.open(sealed, binding=f"subject|{began}").decode()
        return KeptToken(sid=began, token=token, confirmed_at=from_microseconds(confirmed_at))

    async def list_begun_by(self, realm_url: str, sid: str) -> list[str]:
        """Return the sign-ins here that began with the sign-in *sid* at a realm of another site."""
        asked = (_name_sign_in(realm_url, sid),)
        query = "select sid from identity_subject_token where begun_by = ?"
        return [row[0] for row in await self._database.read(lambda tx: tx.execute(query, asked).fetchall())]

    async def note_confirmed(self, sid: str) -> None:
        """Note that home has just said that the sign-in lasts."""
        row = (to_microseconds(self._clock.now()), sid)

        def work(tx: Connection) -> None:
            tx.execute("update identity_subject_token set confirmed_at = ? where sid = ?", row)

        await self._database.write(work)


def _name_sign_in(realm_url: str, sid: str) -> str:
    return f"{realm_url} {sid}"
