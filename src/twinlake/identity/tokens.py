"""Tokens: ``tl_<key>.<secret>``, of which only the key and the secret's hash stay at the site."""

import hmac
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twinlake.core.clock import Clock, from_microseconds, to_microseconds
from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.actions import SCOPES
from twinlake.identity.audit import AuditEntry, AuditLog
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.grants import check_roles, read_grants
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.secrets import hash_secret, join_token, new_secret, new_token_key, split_token

_REMEMBERED_SECONDS = 60.0
_REMEMBERED_TOKENS = 10_000
_NAME_LENGTH = 200
_COLUMNS = "key, issuer, subject, name, roles, scopes, created_at, expires_at, used_at, revoked_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token to be made."""

    owner: Principal
    name: str
    """What people call it."""
    roles: frozenset[str] = frozenset()
    """Those of the owner's roles that it carries; one that the owner does not have, or loses, counts for nothing."""
    scopes: frozenset[str]
    """What it may be used for."""
    expires_at: datetime | None = None
    """None never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """What a site knows of a token."""

    key: str
    owner: Principal
    name: str
    roles: frozenset[str]
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    """Last use, within some minutes."""
    revoked_at: datetime | None


@dataclass(slots=True)
class _Remembered:
    secret_sha256: bytes
    caller: Caller
    expires_at: int | None
    until: float
    """Monotonic seconds at which the database is asked again."""


class TokenStore:
    """Makes, checks and revokes tokens.

    A token that was found good is remembered for at most a minute, so that a request costs no query;
    revoking it, or changing its owner's grants, counts at once in this process.
    """

    def __init__(self, *, database: Database, clock: Clock, randomness: Randomness, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness
        self._audit = audit
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._generation = 0
        self._used: dict[str, int] = {}

    async def create(self, new: NewToken, *, by: Caller) -> tuple[str, TokenRecord]:
        """Make a token; the text returned is the only copy of its secret.

        Raises
        ------
        InvalidInputError
            A scope or role is unknown, the name is empty or long, or it would end before it begins.
        """
        _check(new, self._clock)
        key, secret = new_token_key(self._randomness), new_secret(self._randomness)
        created_at = to_microseconds(self._clock.now())

        def work(tx: Connection) -> TokenRecord:
            tx.execute(
                "insert into identity_token(key, secret_sha256, issuer, subject, name, roles, scopes, created_at, expires_at)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(key, hash_secret(secret), new.owner.issuer, new.owner.subject, new.name),
                    *(_to_text(new.roles), _to_text(new.scopes), created_at),
                    None if new.expires_at is None else to_microseconds(new.expires_at),
                ),
            )
            self._append_audit(tx, "create_token", key, by)
            return _read_record(tx, key)

        return join_token(key, secret), await self._database.write(work)

    async def verify(self, token: str) -> tuple[str, Caller]:
        """Return the key of *token* and whom it speaks for.

        Raises
        ------
        InvalidTokenError
            It is not a token of this site, or is revoked or expired; the message says which of the three.
        """
        parts = split_token(token)
        if parts is None:
            raise InvalidTokenError("The token is not of the form tl_KEY.SECRET, or is cut short.", remedy="Send all of it.")
        key, digest = parts[0], hash_secret(parts[1])
        known = await self._find(key)
        if not hmac.compare_digest(known.secret_sha256, digest):
            raise _unknown_token()
        return key, self._use(key, known)

    async def caller_of(self, key: str) -> Caller:
        """Return whom the token *key* speaks for, on behalf of a session that stands on it; raises as `verify` does."""
        return self._use(key, await self._find(key))

    async def get(self, key: str) -> TokenRecord:
        """Return what is known of a token.

        Raises
        ------
        NotFoundError
            There is none of this key.
        """
        return await self._database.read(lambda tx: _read_record(tx, key))

    async def list_tokens(self, owner: Principal | None) -> list[TokenRecord]:
        """Return the tokens of *owner*, or of everybody, oldest first; revoked ones too."""
        whose, values = ("", ()) if owner is None else ("where issuer = ? and subject = ?", (owner.issuer, owner.subject))

        def work(tx: Connection) -> list[TokenRecord]:
            rows = tx.execute(f"select {_COLUMNS} from identity_token {whose} order by created_at, key", values)
            return [_to_record(row) for row in rows]

        return await self._database.read(work)

    async def revoke(self, key: str, *, by: Caller) -> TokenRecord:
        """End a token now, and the sessions that stand on it; a revoked one stays so.

        Raises
        ------
        NotFoundError
            There is none of this key.
        """

        def work(tx: Connection) -> TokenRecord:
            _read_record(tx, key)
            now = to_microseconds(self._clock.now())
            tx.execute("update identity_token set revoked_at = ? where key = ? and revoked_at is null", (now, key))
            tx.execute("delete from identity_session where token_key = ?", (key,))
            self._append_audit(tx, "revoke_token", key, by)
            return _read_record(tx, key)

        record = await self._database.write(work)
        self.forget()
        return record

    def forget(self) -> None:
        """Ask the database again for every token: one was revoked, or somebody's grants changed."""
        self._remembered.clear()
        self._generation += 1

    async def flush(self) -> None:
        """Write when tokens were last used."""
        if self._used:
            used, self._used = self._used, {}
            rows = [(at, key) for key, at in used.items()]
            await self._database.write(_executor("update identity_token set used_at = ? where key = ?", rows))

    async def _find(self, key: str) -> _Remembered:
        known = self._remembered.get(key)
        if known is not None and self._clock.monotonic() < known.until:
            return known
        while True:
            generation = self._generation
            known = await self._database.read(lambda tx: self._look_up(tx, key))
            # What was read before a revocation that is answered by now must not be remembered after it.
            if generation == self._generation:
                self._remember(key, known)
                return known

    def _look_up(self, tx: Connection, key: str) -> _Remembered:
        row = tx.execute(
            "select secret_sha256, issuer, subject, roles, scopes, expires_at, revoked_at from identity_token where key = ?",
            (key,),
        ).fetchone()
        if row is None:
            raise _unknown_token()
        secret_sha256, issuer, subject, roles, scopes, expires_at, revoked_at = row
        if revoked_at is not None:
            raise InvalidTokenError("The token has been revoked.", remedy="Use another, or ask for a new one.")
        owner = Principal(issuer, subject)
        grants = read_grants(tx, owner)
        caller = Caller(
            principal=owner,
            roles=grants.roles & frozenset(json.loads(roles)),
            scopes=frozenset(json.loads(scopes)),
            projects=grants.projects,
            licences=grants.licences,
        )
        return _Remembered(secret_sha256, caller, expires_at, self._clock.monotonic() + _REMEMBERED_SECONDS)

    def _remember(self, key: str, known: _Remembered) -> None:
        self._remembered[key] = known
        if len(self._remembered) > _REMEMBERED_TOKENS:
            self._remembered.popitem(last=False)

    def _use(self, key: str, known: _Remembered) -> Caller:
        now = to_microseconds(self._clock.now())
        if known.expires_at is not None and now >= known.expires_at:
            raise InvalidTokenError("The token has expired.", remedy="Ask for a new one.")
        self._used[key] = now
        return known.caller

    def _append_audit(self, tx: Connection, action: str, key: str, by: Caller) -> None:
        principal = None if by.principal is None else str(by.principal)
        entry = AuditEntry(principal=principal, action=action, resource=f"tokens/{key}", rule="", allowed=True)
        self._audit.append(tx, entry, request_id=by.request_id)


def revoke_tokens_of(tx: Connection, principal: Principal, now: int) -> None:
    """End all tokens of somebody, and the sessions that stand on them; a running site notices within a minute."""
    whose = (principal.issuer, principal.subject)
    own = "select key from identity_token where issuer = ? and subject = ?"
    tx.execute(f"delete from identity_session where token_key in ({own})", whose)
    tx.execute("update identity_token set revoked_at = ? where issuer = ? and subject = ? and revoked_at is null", (now, *whose))


def _check(new: NewToken, clock: Clock) -> None:
    if unknown := sorted(new.scopes - SCOPES):
        raise InvalidInputError(
            f"There is no scope {unknown[0][:80]!r}.", remedy="Scopes are: " + ", ".join(sorted(SCOPES)) + "."
        )
    check_roles(new.roles)
    if not new.name.strip() or len(new.name) > _NAME_LENGTH:
        raise InvalidInputError(f"A token's name has 1 to {_NAME_LENGTH} characters.")
    if new.expires_at is not None and new.expires_at <= clock.now():
        raise InvalidInputError("The token would end before it begins.", remedy="Give a time in the future.")


def _unknown_token() -> InvalidTokenError:
    return InvalidTokenError("This site does not know the token.", remedy="Check that it is whole and that it is of this site.")


def _read_record(tx: Connection, key: str) -> TokenRecord:
    row = tx.execute(f"select {_COLUMNS} from identity_token where key = ?", (key,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no token with the key {key[:40]!r}.")
    return _to_record(row)


def _to_record(row: tuple[Any, ...]) -> TokenRecord:
    key, issuer, subject, name, roles, scopes, created_at, *times = row
    expires_at, used_at, revoked_at = (None if time is None else from_microseconds(time) for time in times)
    return TokenRecord(
        key=key,
        owner=Principal(issuer, subject),
        name=name,
        roles=frozenset(json.loads(roles)),
        scopes=frozenset(json.loads(scopes)),
        created_at=from_microseconds(created_at),
        expires_at=expires_at,
        used_at=used_at,
        revoked_at=revoked_at,
    )


def _to_text(names: frozenset[str]) -> str:
    return json.dumps(sorted(names))


def _executor(sql: str, rows: list[tuple[Any, ...]]) -> Callable[[Connection], None]:
    def work(tx: Connection) -> None:
        tx.executemany(sql, rows)

    return work
