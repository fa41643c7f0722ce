"""Sessions of the issuer: opened by signing in, used by clients, ended by logout, revocation, replay or time."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Protocol

from starlette.responses import Response

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.audit import AuditEntry, AuditLog
from twinlake.identity.issuer.session_rows import (
    Session,
    end_other_sessions,
    end_session,
    find_browser_session,
    find_session,
    insert_session,
    list_sessions_of,
    use_session,
)
from twinlake.identity.principals import Principal
from twinlake.identity.secrets import hash_secret, new_secret

BROWSER_IDLE = timedelta(hours=12)
BROWSER_LONGEST = timedelta(days=7)
CLIENT_IDLE = timedelta(hours=12)
"""Longer than any access token lives."""
CLIENT_LONGEST = timedelta(days=7)
OFFLINE_IDLE = timedelta(days=90)
_REMEMBERED_SECONDS = 60.0
_REMEMBERED = 20_000
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")

OnEnd = Callable[[Sequence[Session]], Awaitable[None]]


class SessionRegistry(Protocol):
    """Tells whether the session of a token still counts; whoever verifies bearers asks."""

    async def is_alive(self, sid: str) -> bool:
        """Tell whether the session *sid* of this site has not ended.

        One that is ended in this process counts no more at once; one that another process ended, within a minute.
        """
        ...


class IssuerSessions:
    """Opens, finds and ends sessions; a `SessionRegistry`.

    Parameters
    ----------
    issuer
        Of the site's own principals: `site_issuer`. Others are visitors, who signed in over another site.
    on_end
        Told of the sessions that somebody ended, after that is durable.
    """

    def __init__(
        self, *, database: Database, clock: Clock, randomness: Randomness, audit: AuditLog, issuer: str, on_end: OnEnd
    ) -> None:
        self._database = database
        self._issuer = issuer
        self._clock = clock
        self._randomness = randomness
        self._audit = audit
        self._on_end = on_end
        # sid to (microseconds at which it ends, monotonic seconds until which that is believed).
        self._alive: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._generation = 0

    def now(self) -> int:
        """Return the present instant as rows have it."""
        return to_microseconds(self._clock.now())

    async def is_alive(self, sid: str) -> bool:
        known = self._alive.get(sid)
        if known is not None and self._clock.monotonic() < known[1]:
            return self.now() < known[0]
        while True:
            generation = self._generation
            session = await self._database.read(lambda tx: find_session(tx, sid))
            # What was read before something was ended must not be remembered after it.
            if generation == self._generation:
                break
        if session is None or not session.is_alive(self.now()):
            return False
        self._alive[sid] = (session.ends_at, self._clock.monotonic() + _REMEMBERED_SECONDS)
        if len(self._alive) > _REMEMBERED:
            self._alive.popitem(last=False)
        return True

    def forget(self) -> None:
        """Ask the database again for every session: some were ended."""
        self._alive.clear()
        self._generation += 1

    async def open_browser(
        self, principal: Principal, *, realm: str, site: str, request_id: str, program: str
    ) -> tuple[str, Session]:
        """Open a session of a browser in which *principal* has just signed in; return its cookie's secret, too."""
        now, secret = self.now(), new_secret(self._randomness)
        session = Session(
            sid=self.new_sid(),
            parent=None,
            principal=principal,
            realm=realm,
            client="",
            scope=frozenset(),
            site=site,
            offline=False,
            signed_in_at=now,
            opened_at=now,
            used_at=now,
            ends_at=now + microseconds(BROWSER_IDLE),
            program=program,
        )

        def work(tx: Connection) -> None:
            insert_session(tx, session, secret_sha256=hash_secret(secret))
            self.append_audit(tx, "sign_in", session, request_id=request_id)

        await self._database.write(work)
        return secret, session

    async def find_browser(self, secret: str) -> Session | None:
        """Return the session of a cookie if it is alive; it lives on for a while then."""
        digest, now = hash_secret(secret), self.now()
        session = await self._database.read(lambda tx: find_browser_session(tx, digest))
        if session is None or not session.is_alive(now):
            return None
        ends_at = min(now + microseconds(BROWSER_IDLE), session.opened_at + microseconds(BROWSER_LONGEST))
        await self._database.write(lambda tx: use_session(tx, session.sid, now=now, ends_at=ends_at))
        return session

    def new_client_session(
        self,
        principal: Principal,
        *,
        realm: str,
        client: str,
        scope: frozenset[str],
        site: str,
        parent: Session | None = None,
        lives: timedelta = CLIENT_IDLE,
    ) -> Session:
        """Make, not yet written, what a client is given: an offline one if *scope* says so.

        What a visitor's client is given ends with the sign-in within which it began, an offline one, too.
        """
        now, offline = self.now(), "offline_access" in scope
        within = None if parent is None or offline else parent.sid
        ends_at = now + microseconds(OFFLINE_IDLE if offline else lives)
        if parent is not None and self._is_visitors(parent):
            within, ends_at = parent.sid, parent.ends_at
        return Session(
            sid=self.new_sid(),
            parent=within,
            principal=principal,
            realm=realm,
            client=client,
            scope=scope,
            site=site,
            offline=offline,
            signed_in_at=now if parent is None else parent.signed_in_at,
            opened_at=now,
            used_at=now,
            ends_at=ends_at,
        )

    def end_if_used(self, session: Session, now: int) -> int:
        """Return when the session of a client ends that is used *now*; a visitor's does not live on by that."""
        if self._is_visitors(session):
            return session.ends_at
        if session.offline:
            return now + microseconds(OFFLINE_IDLE)
        return min(now + microseconds(CLIENT_IDLE), session.opened_at + microseconds(CLIENT_LONGEST))

    def _is_visitors(self, session: Session) -> bool:
        return session.principal.issuer != self._issuer

    async def find(self, sid: str) -> Session | None:
        """Return a session if it is alive."""
        session = await self._database.read(lambda tx: find_session(tx, sid))
        return session if session is not None and session.is_alive(self.now()) else None

    async def list_of(self, principal: Principal) -> list[Session]:
        """Return somebody's sessions that are alive, latest first."""
        return await self._database.read(lambda tx: list_sessions_of(tx, principal, self.now()))

    def knows(self, tx: Connection, principal: Principal) -> bool:
        """Tell, within a transaction, whether *principal* is signed in here somewhere."""
        return bool(list_sessions_of(tx, principal, self.now()))

    async def end(self, sid: str, *, request_id: str, of: Principal | None = None) -> None:
        """End a session and those within it; where *of* is given, only if it is theirs."""
        now = self.now()

        def work(tx: Connection) -> list[Session]:
            session = find_session(tx, sid)
            if session is None or (of is not None and session.principal != of):
                return []
            return self._note_signed_out(tx, end_session(tx, sid, now), request_id)

        await self.note_ended(await self._database.write(work))

    async def end_others(self, kept: Session, *, request_id: str) -> None:
        """End all sessions of the owner of *kept*, but that and those within it."""
        now = self.now()

        def work(tx: Connection) -> list[Session]:
            return self._note_signed_out(tx, end_other_sessions(tx, kept, now), request_id)

        await self.note_ended(await self._database.write(work))

    def _note_signed_out(self, tx: Connection, ended: list[Session], request_id: str) -> list[Session]:
        """Note the sign-ins among *ended*; sessions within them end with them, as a client may end its own."""
        for session in ended:
            if session.parent is None:
                self.append_audit(tx, "sign_out", session, request_id=request_id)
        return ended

    async def sign_out(self, sid: str, *, request_id: str) -> None:
        """End a session with the browser's within which it began, and all that began there."""
        session = await self._database.read(lambda tx: find_session(tx, sid))
        if session is not None:
            await self.end(session.parent or sid, request_id=request_id)

    def end_stolen(self, tx: Connection, sid: str, *, request_id: str) -> list[Session]:
        """End a session of which something was used twice, in the transaction that found out; `note_ended` is to be told."""
        ended = end_session(tx, sid, self.now())
        for session in ended:
            self.append_audit(tx, "replay", session, request_id=request_id, allowed=False)
        return ended

    def append_audit(
        self, tx: Connection, action: str, session: Session, *, request_id: str, client: str | None = None, allowed: bool = True
    ) -> None:
        """Note in its transaction what happens to a session, or within it to *client*."""
        resource = f"sessions/{session.sid}" if client is None else f"clients/{client}"
        entry = AuditEntry(principal=str(session.principal), action=action, resource=resource, rule="", allowed=allowed)
        self._audit.append(tx, entry, request_id=request_id)

    async def note_ended(self, ended: Sequence[Session]) -> None:
        """Let what was ended in somebody's transaction count at once."""
        self.forget()
        if ended:
            await self._on_end(ended)

    def new_sid(self) -> str:
        """Make a session's name: no secret, but not to be guessed either."""
        return self._randomness(16).hex()


class BrowserCookies:
    """The cookies of the issuer, whose names are this site's own: several sites may be on one host.

    Parameters
    ----------
    secure
        Whether users reach the site by https only.
    """

    def __init__(self, *, site_id: str, secure: bool, randomness: Randomness) -> None:
        name = hashlib.sha256(site_id.encode()).hexdigest()[:12]
        prefix = "__Host-" if secure else ""
        self.session = f"{prefix}twinlake-issuer-{name}"
        self.browser = f"{prefix}twinlake-browser-{name}"
        """Tells one browser from another while somebody signs in."""
        self._secure = secure
        self._randomness = randomness

    def browser_of(self, cookies: dict[str, str]) -> str:
        """Return the browser's own name for itself, or a new one."""
        given = cookies.get(self.browser, "")
        return given if _SECRET.fullmatch(given) else new_secret(self._randomness)

    def set(self, response: Response, name: str, value: str, *, lives: timedelta | None = None) -> None:
        """Give the browser a cookie that comes back when another site sends the browser here (``SameSite=Lax``)."""
        response.set_cookie(
            name,
            value,
            max_age=None if lives is None else int(lives.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def clear_session(self, response: Response) -> None:
        """Take the session from the browser."""
        response.delete_cookie(self.session, path="/", secure=self._secure, httponly=True, samesite="lax")


def microseconds(duration: timedelta) -> int:
    """Count a duration as rows have it."""
    return duration // timedelta(microseconds=1)
