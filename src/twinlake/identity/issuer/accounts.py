"""Accounts of a site: who may sign in, and with what."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from twinlake.core.clock import Clock, from_microseconds, to_microseconds
from twinlake.core.errors import ConflictError, InvalidInputError, NotFoundError
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.audit import AuditEntry, AuditLog
from twinlake.identity.grants import Grants, add_grants, check_roles
from twinlake.identity.issuer.passwords import PasswordHasher
from twinlake.identity.issuer.session_rows import end_sessions_of
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.tokens import revoke_tokens_of

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
_TEXT_LENGTH = 200
_COLUMNS = "subject, username, email, name, enabled, created_at, terms_at, otp_sealed is not null"
DEFAULT_ROLES = frozenset({"hda-public-data-access", "hda-low"})
"""What everybody has with an account (Data Lake documentation, "My DataLake Services")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who can sign in here."""

    subject: str
    username: str
    email: str | None
    name: str | None
    is_enabled: bool
    created_at: datetime
    terms_accepted_at: datetime | None
    has_second_factor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account to be made."""

    username: str
    email: str | None = None
    name: str | None = None
    roles: frozenset[str] = DEFAULT_ROLES


class AccountStore:
    """Keeps accounts.

    Parameters
    ----------
    issuer
        Of the site's own principals: `site_issuer`.
    on_end
        Called after sessions of an account were ended.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        randomness: Randomness,
        audit: AuditLog,
        passwords: PasswordHasher,
        issuer: str,
        on_end: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness
        self._audit = audit
        self._passwords = passwords
        self._issuer = issuer
        self._on_end = on_end

    def principal_of(self, subject: str) -> Principal:
        """Return the principal of an account."""
        return Principal(self._issuer, subject)

    async def add(self, new: NewAccount, password: str, *, by: Caller) -> Account:
        """Make an account.

        Raises
        ------
        InvalidInputError
            The name, the password or a role is not as it must be.
        ConflictError
            The name is taken.
        """
        username = new.username.lower()
        if not _USERNAME.fullmatch(username):
            raise InvalidInputError(
                f"The name {new.username[:80]!r} cannot be an account's.",
                remedy="Take 1 to 100 of a-z, 0-9 and . _ @ + -, with a letter or digit first.",
            )
        for text in (new.email, new.name):
            if text is not None and not (0 < len(text) <= _TEXT_LENGTH and text.isprintable()):
                raise InvalidInputError(f"An e-mail address or a name has 1 to {_TEXT_LENGTH} printable characters.")
        check_roles(new.roles)
        hashed = await self._passwords.hash(password)
        subject = str(uuid.UUID(bytes=self._randomness(16), version=4))
        row = (subject, username, new.email, new.name, hashed, to_microseconds(self._clock.now()))

        def work(tx: Connection) -> Account:
            if tx.execute("select 1 from issuer_account where username = ?", (username,)).fetchone():
                raise ConflictError(f"There is an account {username!r} already.")
            tx.execute(
                "insert into issuer_account(subject, username, email, name, password, created_at) values (?, ?, ?, ?, ?, ?)", row
            )
            add_grants(tx, self.principal_of(subject), Grants(roles=new.roles))
            self.append_audit(tx, "add_account", subject, by)
            return _get(tx, "subject", subject)

        return await self._database.write(work)

    async def get(self, subject: str) -> Account:
        """Return an account.

        Raises
        ------
        NotFoundError
            There is none of this subject.
        """
        return await self._database.read(lambda tx: _get(tx, "subject", subject))

    async def get_named(self, username: str) -> Account:
        """Return the account of this name; raises as `get` does."""
        return await self._database.read(lambda tx: _get(tx, "username", username.lower()))

    async def find_principal(self, username: str) -> Principal | None:
        """Return whose account has this name, enabled or not."""
        query = "select subject from issuer_account where username = ?"
        row = await self._database.read(lambda tx: tx.execute(query, (username,)).fetchone())
        return None if row is None else self.principal_of(row[0])

    def knows(self, tx: Connection, principal: Principal) -> bool:
        """Tell, within a transaction, whether *principal* has an account here that is enabled."""
        query = "select 1 from issuer_account where subject = ? and enabled = 1"
        return principal.issuer == self._issuer and tx.execute(query, (principal.subject,)).fetchone() is not None

    async def list_accounts(self) -> list[Account]:
        """Return all accounts by name."""

        def work(tx: Connection) -> list[Account]:
            return [_read(row) for row in tx.execute(f"select {_COLUMNS} from issuer_account order by username")]

        return await self._database.read(work)

    async def authenticate(self, username: str, password: str) -> Account | None:
        """Return the account that these belong to, if it is enabled; takes as long where it is not there."""

        def work(tx: Connection) -> tuple[str, str] | None:
            query = "select subject, password from issuer_account where username = ? and enabled = 1"
            row: tuple[str, str] | None = tx.execute(query, (username.strip().lower(),)).fetchone()
            return row

        found = await self._database.read(work)
        good = await self._passwords.check(password, found and found[1])
        return await self.get(found[0]) if good and found else None

    async def set_password(self, subject: str, password: str, *, by: Caller) -> None:
        """Change a password and end all sessions of the account; raises as `add` and `get` do."""
        hashed = await self._passwords.hash(password)

        def work(tx: Connection) -> None:
            _get(tx, "subject", subject)
            tx.execute("update issuer_account set password = ? where subject = ?", (hashed, subject))
            self._end_sessions(tx, subject)
            self.append_audit(tx, "set_password", subject, by)

        await self._database.write(work)
        self._on_end()

    async def set_enabled(self, subject: str, *, enabled: bool, by: Caller) -> Account:
        """Let somebody sign in, or no longer: their sessions and tokens end, too; raises as `get` does."""

        def work(tx: Connection) -> Account:
            _get(tx, "subject", subject)
            tx.execute("update issuer_account set enabled = ? where subject = ?", (int(enabled), subject))
            if not enabled:
                self._end_sessions(tx, subject)
                revoke_tokens_of(tx, self.principal_of(subject), to_microseconds(self._clock.now()))
            self.append_audit(tx, "enable_account" if enabled else "disable_account", subject, by)
            return _get(tx, "subject", subject)

        account = await self._database.write(work)
        self._on_end()
        return account

    async def accept_terms(self, subject: str, *, by: Caller) -> None:
        """Note that the account's owner accepts the terms of use."""

        def work(tx: Connection) -> None:
            now = to_microseconds(self._clock.now())
            tx.execute("update issuer_account set terms_at = ? where subject = ?", (now, subject))
            self.append_audit(tx, "accept_terms", subject, by)

        await self._database.write(work)

    def append_audit(self, tx: Connection, action: str, subject: str, by: Caller) -> None:
        """Note a change of an account in its transaction."""
        principal = None if by.principal is None else str(by.principal)
        resource = f"principals/{self.principal_of(subject)}"
        entry = AuditEntry(principal=principal, action=action, resource=resource, rule="", allowed=True)
        self._audit.append(tx, entry, request_id=by.request_id)

    def _end_sessions(self, tx: Connection, subject: str) -> None:
        end_sessions_of(tx, self.principal_of(subject), to_microseconds(self._clock.now()))


def _get(tx: Connection, column: str, value: str) -> Account:
    row = tx.execute(f"select {_COLUMNS} from issuer_account where {column} = ?", (value,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no account {value[:80]!r}.", remedy="twinlake admin accounts list shows all.")
    return _read(row)


def _read(row: tuple[str, str, str | None, str | None, int, int, int | None, int]) -> Account:
    subject, username, email, name, enabled, created_at, terms_at, has_otp = row
    return Account(
        subject=subject,
        username=username,
        email=email,
        name=name,
        is_enabled=bool(enabled),
        created_at=from_microseconds(created_at),
        terms_accepted_at=None if terms_at is None else from_microseconds(terms_at),
        has_second_factor=bool(has_otp),
    )
