"""Principals as callers when they are not there: what is sent to them later is decided by what they have then."""

from collections.abc import Callable

from twinlake.core.clock import Clock, to_microseconds
from twinlake.engines.database import Connection, Database
from twinlake.identity.grants import read_grants
from twinlake.identity.principals import Caller, Principal

_SCOPES = frozenset({"search", "read"})
_IS_KNOWN = """
select exists(select 1 from identity_token where issuer = ? and subject = ? and revoked_at is null
              and (expires_at is null or expires_at > ?))
"""


KnowsAccount = Callable[[Connection, Principal], bool]
"""Tells whether a principal has an account that may sign in."""


class Standing:
    """Looks up what a principal may be told of now.

    Parameters
    ----------
    knows_account
        Asked about those who have no token.
    """

    def __init__(self, *, database: Database, clock: Clock, knows_account: KnowsAccount) -> None:
        self._database = database
        self._clock = clock
        self._knows_account = knows_account

    async def caller_of(self, principal: Principal) -> Caller | None:
        """Return *principal* with its present grants, for reading only; None once its last token and its account have ended."""
        now = to_microseconds(self._clock.now())

        def work(tx: Connection) -> Caller | None:
            [(is_known,)] = tx.execute(_IS_KNOWN, (principal.issuer, principal.subject, now)).fetchall()
            if not is_known and not self._knows_account(tx, principal):
                return None
            grants = read_grants(tx, principal)
            return Caller(
                principal=principal, roles=grants.roles, scopes=_SCOPES, projects=grants.projects, licences=grants.licences
            )

        return await self._database.read(work)
