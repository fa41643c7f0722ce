"""Refresh tokens: each renewal replaces them (RFC 9700, section 4.14.2), but for offline ones.

A client that lost the answer, or does not keep the new token, may use the old one for half a minute more. After that its
use means that somebody has a copy, and the whole session ends.
"""

from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.issuer.errors import invalid_grant
from twinlake.identity.issuer.models import Client, Realm
from twinlake.identity.issuer.session_rows import Session, find_session, use_session
from twinlake.identity.issuer.sessions import IssuerSessions
from twinlake.identity.secrets import hash_secret, new_secret

_GRACE_MICROSECONDS = 30_000_000


class RefreshTokens:
    """Issues, renews and finds refresh tokens."""

    def __init__(self, *, database: Database, randomness: Randomness, sessions: IssuerSessions) -> None:
        self._database = database
        self._randomness = randomness
        self._sessions = sessions

    def issue(self, tx: Connection, sid: str) -> str:
        """Make a refresh token of a session, in the transaction that opened it."""
        secret = new_secret(self._randomness)
        tx.execute("insert into issuer_refresh_token(secret_sha256, sid) values (?, ?)", (hash_secret(secret), sid))
        return secret

    async def renew(self, token: str, *, realm: Realm, client: Client, request_id: str) -> tuple[Session, str]:
        """Return the session of *token*, which lives on, and what replaces the token: itself if it is an offline one.

        Raises
        ------
        OAuthError
            It is not known, another client's, over, or was replaced long since: then its session has ended now.
        """
        digest, now = hash_secret(token), self._sessions.now()

        def work(tx: Connection) -> tuple[Session, str] | list[Session] | None:
            row = tx.execute("select sid, replaced_at from issuer_refresh_token where secret_sha256 = ?", (digest,)).fetchone()
            session = None if row is None else find_session(tx, row[0])
            if session is None or not session.is_alive(now) or (session.realm, session.client) != (realm.name, client.id):
                return None
            replaced_at = row[1]
            if replaced_at is not None and now - replaced_at > _GRACE_MICROSECONDS:
                return self._sessions.end_stolen(tx, session.sid, request_id=request_id)
            use_session(tx, session.sid, now=now, ends_at=self._sessions.end_if_used(session, now))
            if session.offline:
                return session, token
            if replaced_at is None:
                tx.execute("update issuer_refresh_token set replaced_at = ? where secret_sha256 = ?", (now, digest))
            return session, self.issue(tx, session.sid)

        outcome = await self._database.write(work)
        if isinstance(outcome, list):
            await self._sessions.note_ended(outcome)
            raise invalid_grant("The refresh token was used before; its session has ended.")
        if outcome is None:
            raise invalid_grant("The refresh token is not good, or its session has ended.")
        session, renewed = outcome
        return (await self._sessions.find(session.sid)) or session, renewed

    async def find_session(self, token: str) -> Session | None:
        """Return the session of *token*, replaced or not."""
        digest = hash_secret(token)

        def work(tx: Connection) -> Session | None:
            row = tx.execute("select sid from issuer_refresh_token where secret_sha256 = ?", (digest,)).fetchone()
            return None if row is None else find_session(tx, row[0])

        return await self._database.read(work)
