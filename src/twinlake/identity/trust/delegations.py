"""Delegations: what a principal lets an actor do in its name for one job, longer than a token lives."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twinlake.core.clock import Clock, from_microseconds, to_microseconds
from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.audit import AuditEntry, AuditLog
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.trust.models import DELEGABLE_SCOPES

_COLUMNS = "id, issuer, subject, actor, audience, scopes, job, created_at, expires_at, revoked_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelegation:
    """A delegation to be made."""

    principal: Principal
    actor: str
    """Issuer id of the site that may act."""
    audience: str
    """Issuer id of the site at which it may act."""
    scopes: frozenset[str]
    job: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation(NewDelegation):
    """A delegation as home keeps it."""

    id: str
    created_at: datetime
    revoked_at: datetime | None


class Delegations:
    """Keeps the delegations of this site's own accounts: home alone redeems them."""

    def __init__(self, *, database: Database, clock: Clock, randomness: Randomness, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness
        self._audit = audit

    async def create(self, new: NewDelegation, *, by: Caller) -> Delegation:
        """Make a delegation.

        Raises
        ------
        InvalidInputError
            A scope cannot be delegated, or it would end before it begins.
        """
        if excess := sorted(new.scopes - DELEGABLE_SCOPES):
            raise InvalidInputError(f"The scope {excess[0][:80]!r} cannot be delegated.")
        if new.expires_at <= self._clock.now():
            raise InvalidInputError("The delegation would end before it begins.", remedy="Give a time in the future.")
        name = base64.urlsafe_b64encode(self._randomness(18)).decode()
        row = (
            *(name, new.principal.issuer, new.principal.subject, new.actor, new.audience, json.dumps(sorted(new.scopes))),
            *(new.job, to_microseconds(self._clock.now()), to_microseconds(new.expires_at), None),
        )

        def work(tx: Connection) -> Delegation:
            tx.execute("insert into identity_delegation values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            self._append_audit(tx, "delegate", name, by)
            return _to_delegation(row)

        return await self._database.write(work)

    async def list_delegations(self, principal: Principal) -> list[Delegation]:
        """Return those of *principal*, newest first, ended ones too."""

        def work(tx: Connection) -> list[Delegation]:
            query = f"select {_COLUMNS} from identity_delegation where issuer = ? and subject = ? order by created_at desc, id"
            return [_to_delegation(row) for row in tx.execute(query, (principal.issuer, principal.subject))]

        return await self._database.read(work)

    async def redeem(self, name: str, *, actor: str, audience: str) -> Delegation:
        """Return a delegation that *actor* may use at *audience* now.

        Raises
        ------
        NotFoundError
            There is none that is so, or it has ended or was revoked: which of these is not told.
        """

        def work(tx: Connection) -> Delegation | None:
            row = tx.execute(f"select {_COLUMNS} from identity_delegation where id = ?", (name,)).fetchone()
            return None if row is None else _to_delegation(row)

        found = await self._database.read(work)
        if (
            found is None
            or (found.actor, found.audience) != (actor, audience)
            or found.revoked_at is not None
            or found.expires_at <= self._clock.now()
        ):
            raise NotFoundError("There is no such delegation for this site.")
        return found

    async def revoke(self, name: str, *, principal: Principal, by: Caller) -> None:
        """End a delegation of *principal* now; an ended one stays so.

        Raises
        ------
        NotFoundError
            There is none of this id that is theirs.
        """

        def work(tx: Connection) -> bool:
            owned = "select 1 from identity_delegation where id = ? and issuer = ? and subject = ?"
            if tx.execute(owned, (name, principal.issuer, principal.subject)).fetchone() is None:
                return False
            now = to_microseconds(self._clock.now())
            tx.execute("update identity_delegation set revoked_at = ? where id = ? and revoked_at is null", (now, name))
            self._append_audit(tx, "revoke_delegation", name, by)
            return True

        if not await self._database.write(work):
            raise NotFoundError("There is no such delegation.")

    def _append_audit(self, tx: Connection, action: str, name: str, by: Caller) -> None:
        principal = None if by.principal is None else str(by.principal)
        entry = AuditEntry(principal=principal, action=action, resource=f"delegations/{name}", rule="", allowed=True)
        self._audit.append(tx, entry, request_id=by.request_id)


def _to_delegation(row: tuple[Any, ...]) -> Delegation:
    name, issuer, subject, actor, audience, scopes, job, created_at, expires_at, revoked_at = row
    return Delegation(
        id=name,
        principal=Principal(issuer, subject),
        actor=actor,
        audience=audience,
        scopes=frozenset(json.loads(scopes)),
        job=job,
        created_at=from_microseconds(created_at),
        expires_at=from_microseconds(expires_at),
        revoked_at=None if revoked_at is None else from_microseconds(revoked_at),
    )
