"""Tokens without a running site: what the ``admin token`` commands do to its database."""

from twinlake.core.clock import Clock
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.audit import AuditLog
from twinlake.identity.grants import Grants, add_grants, check_roles
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.tokens import NewToken, TokenRecord, TokenStore

_COMMAND = "command-line"


class OfflineTokens:
    """Makes, ends and lists tokens on behalf of whoever holds the site's files.

    Parameters
    ----------
    issuer
        Of the site's own accounts: `site_issuer`.
    """

    def __init__(self, database: Database, *, clock: Clock, randomness: Randomness, issuer: str) -> None:
        self._database = database
        audit = AuditLog(database=database, clock=clock)
        self._tokens = TokenStore(database=database, clock=clock, randomness=randomness, audit=audit)
        self._by = Caller(principal=Principal(issuer, _COMMAND), request_id=_COMMAND)

    async def create(self, new: NewToken) -> tuple[str, TokenRecord]:
        """Make a token and let its owner have its roles; raises as `TokenStore.create` does."""
        check_roles(new.roles)
        created = await self._tokens.create(new, by=self._by)

        def grant(tx: Connection) -> None:
            add_grants(tx, new.owner, Grants(roles=new.roles))

        await self._database.write(grant)
        return created

    async def revoke(self, key: str) -> TokenRecord:
        """End a token; raises as `TokenStore.revoke` does."""
        return await self._tokens.revoke(key, by=self._by)

    async def list_tokens(self) -> list[TokenRecord]:
        """Return everybody's tokens, oldest first."""
        return await self._tokens.list_tokens(None)
