"""Accounts without a running site: what the ``admin accounts`` commands do to its database."""

from dataclasses import dataclass

from twinlake.core.clock import Clock
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Database
from twinlake.identity.audit import AuditLog
from twinlake.identity.issuer.accounts import Account, AccountStore, NewAccount
from twinlake.identity.issuer.passwords import PasswordHasher, new_password
from twinlake.identity.issuer.second_factor import SecondFactors
from twinlake.identity.issuer.service_accounts import ServiceAccount, ServiceAccounts
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import Caller, Principal

_COMMAND = "command-line"


@dataclass(frozen=True, slots=True)
class NewServiceKey:
    """A service account with the only copy of its secret."""

    service: ServiceAccount
    secret: str


class OfflineAccounts:
    """Makes and changes accounts on behalf of whoever holds the site's files.

    Parameters
    ----------
    issuer
        Of the site's own accounts: `site_issuer`.
    sealer
        Of the secrets of second factors.
    title
        Of the site, as authenticator apps show it.
    """

    def __init__(
        self, database: Database, *, clock: Clock, randomness: Randomness, issuer: str, sealer: Sealer, title: str
    ) -> None:
        self._randomness = randomness
        self._by = Caller(principal=Principal(issuer, _COMMAND), request_id=_COMMAND)
        self._accounts = AccountStore(
            database=database,
            clock=clock,
            randomness=randomness,
            audit=AuditLog(database=database, clock=clock),
            passwords=PasswordHasher(randomness=randomness),
            issuer=issuer,
            on_end=_nothing,
        )
        self._factors = SecondFactors(
            database=database, clock=clock, randomness=randomness, sealer=sealer, accounts=self._accounts, title=title
        )
        self._services = ServiceAccounts(
            database=database, clock=clock, randomness=randomness, accounts=self._accounts, on_end=_nothing
        )

    async def add(self, new: NewAccount) -> tuple[Account, str]:
        """Make an account; return its password, too, of which only a hash is kept; raises as `AccountStore.add` does."""
        password = new_password(self._randomness)
        return await self._accounts.add(new, password, by=self._by), password

    async def list_accounts(self) -> list[Account]:
        """Return all accounts by name."""
        return await self._accounts.list_accounts()

    async def set_enabled(self, username: str, *, enabled: bool) -> Account:
        """Let somebody sign in, or no longer; raises as `AccountStore.get_named` does."""
        account = await self._accounts.get_named(username)
        return await self._accounts.set_enabled(account.subject, enabled=enabled, by=self._by)

    async def new_password(self, username: str) -> str:
        """Give an account a new password and return it; raises as `AccountStore.get_named` does."""
        account, password = await self._accounts.get_named(username), new_password(self._randomness)
        await self._accounts.set_password(account.subject, password, by=self._by)
        return password

    async def new_second_factor(self, username: str) -> str:
        """Ask for a new second factor from now on; return its address for an app; raises as `AccountStore.get_named` does."""
        account, secret = await self._accounts.get_named(username), self._factors.new_secret()
        await self._factors.set_secret(account.subject, secret, by=self._by)
        return self._factors.address_of(secret, account.username)

    async def remove_second_factor(self, username: str) -> None:
        """Ask for no second factor any more; raises as `AccountStore.get_named` does."""
        account = await self._accounts.get_named(username)
        await self._factors.remove(account.subject, by=self._by)

    async def new_key(self, username: str, name: str, *, roles: frozenset[str], scopes: frozenset[str]) -> NewServiceKey:
        """Make a service account; raises as `ServiceAccounts.create` does."""
        account = await self._accounts.get_named(username)
        secret, service = await self._services.create(account.subject, name, roles=roles, scopes=scopes, by=self._by)
        return NewServiceKey(service, secret)

    async def revoke_key(self, client: str) -> ServiceAccount:
        """End a service account; raises as `ServiceAccounts.revoke` does."""
        return await self._services.revoke(client, by=self._by)


def _nothing() -> None:
    """Nobody here remembers sessions; a running site looks again within a minute."""
