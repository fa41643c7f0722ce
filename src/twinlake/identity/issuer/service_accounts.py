"""Service accounts: keys with which programs act for an account, with some of its roles."""

import hmac
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from twinlake.core.clock import Clock, from_microseconds, to_microseconds
from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.actions import SCOPES
from twinlake.identity.grants import check_roles
from twinlake.identity.issuer.accounts import AccountStore
from twinlake.identity.issuer.errors import invalid_client
from twinlake.identity.principals import Caller
from twinlake.identity.secrets import hash_secret, new_secret

_COLUMNS = "client, owner, name, roles, scopes, created_at, revoked_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """What a site knows of a service account."""

    client: str
    """Its client id, a UUID."""
    owner: str
    """Subject of the account that it acts for."""
    name: str
    roles: frozenset[str]
    """That it carries; one that its owner does not have, or loses, counts for nothing."""
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None


class ServiceAccounts:
    """Makes, checks and revokes service accounts; of their secrets only hashes are kept.

    Parameters
    ----------
    on_end
        Called after sessions of a service account were ended.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        randomness: Randomness,
        accounts: AccountStore,
        on_end: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness
        self._accounts = accounts
        self._on_end = on_end

    async def create(
        self, owner: str, name: str, *, roles: frozenset[str], scopes: frozenset[str], by: Caller
    ) -> tuple[str, ServiceAccount]:
        """Make a service account of the account *owner*; return its secret, which is not kept.

        Raises
        ------
        NotFoundError
            There is no such account.
        InvalidInputError
            A role or scope is unknown, or the name is empty or long.
        """
        await self._accounts.get(owner)
        check_roles(roles)
        if unknown := sorted(scopes - SCOPES):
            raise InvalidInputError(f"There is no scope {unknown[0][:80]!r}.", remedy=f"Scopes are: {', '.join(sorted(SCOPES))}.")
        if not name.strip() or len(name) > 200:
            raise InvalidInputError("A service account's name has 1 to 200 characters.")
        client, secret = str(uuid.UUID(bytes=self._randomness(16), version=4)), new_secret(self._randomness)
        created_at = to_microseconds(self._clock.now())
        lists = (json.dumps(sorted(roles)), json.dumps(sorted(scopes)))

        def work(tx: Connection) -> ServiceAccount:
            tx.execute(
                "insert into issuer_service_account(client, secret_sha256, owner, name, roles, scopes, created_at)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (client, hash_secret(secret), owner, name, *lists, created_at),
            )
            self._accounts.append_audit(tx, "create_service_account", owner, by)
            return _get(tx, client)

        return secret, await self._database.write(work)

    async def list_of(self, owner: str) -> list[ServiceAccount]:
        """Return the service accounts of an account, oldest first."""

        def work(tx: Connection) -> list[ServiceAccount]:
            query = f"select {_COLUMNS} from issuer_service_account where owner = ? order by created_at, client"
            return [_read(row) for row in tx.execute(query, (owner,))]

        return await self._database.read(work)

    async def revoke(self, client: str, *, by: Caller) -> ServiceAccount:
        """End a service account and the sessions that were opened with it.

        Raises
        ------
        NotFoundError
            There is none of this id.
        """
        now = to_microseconds(self._clock.now())

        def work(tx: Connection) -> ServiceAccount:
            owner = _get(tx, client).owner
            tx.execute("update issuer_service_account set revoked_at = ? where client = ? and revoked_at is null", (now, client))
            tx.execute("update issuer_session set ended_at = ? where client = ? and ended_at is null", (now, client))
            self._accounts.append_audit(tx, "revoke_service_account", owner, by)
            return _get(tx, client)

        revoked = await self._database.write(work)
        self._on_end()
        return revoked

    async def authenticate(self, client: str, secret: str) -> ServiceAccount:
        """Return the service account of these credentials.

        Raises
        ------
        OAuthError
            They are not good, or it was revoked.
        """

        def work(tx: Connection) -> tuple[bytes, ServiceAccount] | None:
            row = tx.execute(
                f"select secret_sha256, {_COLUMNS} from issuer_service_account where client = ? and revoked_at is null", (client,)
            ).fetchone()
            return None if row is None else (row[0], _read(row[1:]))

        found = await self._database.read(work)
        if found is None or not hmac.compare_digest(found[0], hash_secret(secret)):
            raise invalid_client()
        return found[1]


def _get(tx: Connection, client: str) -> ServiceAccount:
    row = tx.execute(f"select {_COLUMNS} from issuer_service_account where client = ?", (client,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no service account {client[:80]!r}.")
    return _read(row)


def _read(row: tuple[str, str, str, str, str, int, int | None]) -> ServiceAccount:
    client, owner, name, roles, scopes, created_at, revoked_at = row
    return ServiceAccount(
        client=client,
        owner=owner,
        name=name,
        roles=frozenset(json.loads(roles)),
        scopes=frozenset(json.loads(scopes)),
        created_at=from_microseconds(created_at),
        revoked_at=None if revoked_at is None else from_microseconds(revoked_at),
    )
