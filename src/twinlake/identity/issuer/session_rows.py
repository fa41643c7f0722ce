"""Rows of sessions, read and written in the transaction of what they belong to."""

from dataclasses import dataclass
from typing import Any

from twinlake.engines.database import Connection
from twinlake.identity.principals import Principal

_COLUMNS = (
    "sid, parent, issuer, subject, realm, client, scope, site, offline, signed_in_at, opened_at, used_at, ends_at,"
    " ended_at, program"
)
_SWEPT = 50
_KEPT_MICROSECONDS = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser in which somebody signed in, or what a client was given then. Instants are microseconds since 1970 UTC."""

    sid: str
    parent: str | None
    """The session within which a client's began, with which it ends: a browser's, or the console's of who signed in over
    another site. None for what ends by itself."""
    principal: Principal
    realm: str
    client: str
    """Empty for a browser's."""
    scope: frozenset[str]
    site: str
    """The site that may exchange the session's desp tokens."""
    offline: bool
    """Its refresh token stays the same; without a `parent` it ends neither with the browser's session nor soon."""
    signed_in_at: int
    opened_at: int
    used_at: int
    ends_at: int
    ended_at: int | None = None
    program: str = ""
    """What somebody signed in with, as "Firefox on Linux"; empty where that is not known."""

    def is_alive(self, now: int) -> bool:
        """Tell whether it counts at *now*."""
        return self.ended_at is None and now < self.ends_at


def insert_session(tx: Connection, session: Session, *, secret_sha256: bytes | None = None) -> None:
    """Write a new session; some that ended long ago are dropped on the way."""
    tx.execute(
        "delete from issuer_session where sid in (select sid from issuer_session where ends_at < ? limit ?)",
        (session.opened_at - _KEPT_MICROSECONDS, _SWEPT),
    )
    tx.execute(
        f"insert into issuer_session({_COLUMNS}, secret_sha256) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(session.sid, session.parent, session.principal.issuer, session.principal.subject, session.realm, session.client),
            *(" ".join(sorted(session.scope)), session.site, int(session.offline), session.signed_in_at, session.opened_at),
            *(session.used_at, session.ends_at, session.ended_at, session.program, secret_sha256),
        ),
    )


def find_session(tx: Connection, sid: str) -> Session | None:
    """Return a session, ended or not."""
    return _read(tx.execute(f"select {_COLUMNS} from issuer_session where sid = ?", (sid,)).fetchone())


def find_browser_session(tx: Connection, secret_sha256: bytes) -> Session | None:
    """Return the session of a browser's cookie, ended or not."""
    return _read(tx.execute(f"select {_COLUMNS} from issuer_session where secret_sha256 = ?", (secret_sha256,)).fetchone())


def list_sessions_of(tx: Connection, principal: Principal, now: int) -> list[Session]:
    """Return somebody's sessions that are alive, latest first."""
    rows = tx.execute(
        f"select {_COLUMNS} from issuer_session where issuer = ? and subject = ? and ended_at is null and ends_at > ?"
        " order by opened_at desc, sid",
        (principal.issuer, principal.subject, now),
    )
    return [session for session in map(_read, rows) if session is not None]


def end_session(tx: Connection, sid: str, now: int) -> list[Session]:
    """End a session and those within it; return those that were alive."""
    rows = tx.execute(
        f"select {_COLUMNS} from issuer_session where (sid = :sid or parent = :sid) and ended_at is null and ends_at > :now",
        {"sid": sid, "now": now},
    ).fetchall()
    tx.execute("update issuer_session set ended_at = :now where (sid = :sid or parent = :sid) and ended_at is null",
               {"sid": sid, "now": now})  # fmt: skip
    return [session for session in map(_read, rows) if session is not None]


def end_other_sessions(tx: Connection, kept: Session, now: int) -> list[Session]:
    """End all sessions of the owner of *kept*, but that and those within it; return those that were alive."""
    others = [each for each in list_sessions_of(tx, kept.principal, now) if kept.sid not in {each.sid, each.parent}]
    return [ended for each in others for ended in end_session(tx, each.sid, now)]


def end_sessions_of(tx: Connection, principal: Principal, now: int) -> None:
    """End all sessions of somebody."""
    tx.execute(
        "update issuer_session set ended_at = ? where issuer = ? and subject = ? and ended_at is null",
        (now, principal.issuer, principal.subject),
    )


def use_session(tx: Connection, sid: str, *, now: int, ends_at: int) -> None:
    """Note that a session was used and lives on until *ends_at*."""
    tx.execute("update issuer_session set used_at = ?, ends_at = ? where sid = ?", (now, ends_at, sid))


def _read(row: tuple[Any, ...] | None) -> Session | None:
    if row is None:
        return None
    sid, parent, issuer, subject, realm, client, scope, site, offline, *times = row
    signed_in_at, opened_at, used_at, ends_at, ended_at, program = times
    return Session(
        sid=sid,
        parent=parent,
        principal=Principal(issuer, subject),
        realm=realm,
        client=client,
        scope=frozenset(scope.split()),
        site=site,
        offline=bool(offline),
        signed_in_at=signed_in_at,
        opened_at=opened_at,
        used_at=used_at,
        ends_at=ends_at,
        ended_at=ended_at,
        program=program,
    )
