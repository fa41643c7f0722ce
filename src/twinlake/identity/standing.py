"""Principals as callers when they are not there: what is sent to them later is decided by what they have then."""

from collections.abc import Callable, Sequence

from twinlake.core.clock import Clock, to_microseconds
from twinlake.engines.database import Connection, Database
from twinlake.identity.grants import read_grants
from twinlake.identity.principals import Caller, Principal

_SCOPES = frozenset({"search", "read"})
_IS_KNOWN = """
select exists(select 1 from identity_token where issuer = ? and subject = ? and revoked_at is null
              and (expires_at is null or expires_at > ?))
"""


Knows = Callable[[Connection, Principal], bool]
"""Tells of a principal whether they have an account that may sign in, or are signed in here with one of another site."""


class Standing:
    """Looks up what a principal may be told of now.

    Parameters
    ----------
    knows
        Any of these is asked about those who have no token.
    """

    def __init__(self, *, database: Database, clock: Clock, knows: Sequence[Knows]) -> None:
        self._database = database
        self._clock = clock
        self._knows = knows

    async def caller_of(self, principal: Principal) -> Caller | None:
        """Return *principal* with its present grants, for reading only; None once its tokens, account and sign-ins have ended."""
        now = to_microseconds(self._clock.now())

        def work(tx: Connection) -> Caller | None:
            [(is_known,)] = tx.execute(_IS_KNOWN, (principal.issuer, principal.subject, now)).fetchall()
            if not is_known and not any(knows(tx, principal) for knows in self._knows):
                return None
            grants = read_grants(tx, principal)
            return Caller(
                principal=principal, roles=grants.roles, scopes=_SCOPES, projects=grants.projects, licences=grants.licences
            )

        return await self._database.read(work)
