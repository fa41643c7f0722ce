"""The audit log: what was refused, what was permitted of what matters, what was changed in accounts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from twinlake.core.clock import Clock, from_microseconds, to_microseconds, to_text
from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.engines.database import Connection, Database
from twinlake.identity.policy.models import Decision
from twinlake.identity.principals import Caller

_DISTINCT_LIMIT = 5000
_OTHERS = "(others)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One kind of thing that happened."""

    principal: str | None
    """``issuer|subject``; None is anonymous."""
    action: str
    """An action of the policy, or a change: ``create_token``, ``revoke_token``, ``grant``, ``set_access``."""
    resource: str
    """``site``, ``collections/ID``, ``tokens/KEY``, ``principals/ISSUER|SUBJECT``."""
    rule: str
    """The rule that decided; empty for a change."""
    allowed: bool


class AuditLog:
    """Keeps entries: a change's in its transaction, a decision's in batches.

    Decisions that are equal but for their request within a batch are one row with a count, so that a
    flood of refused requests does not fill the disk; its request id is that of the first.
    """

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: dict[AuditEntry, list[Any]] = {}

    def append(self, tx: Connection, entry: AuditEntry, *, request_id: str) -> None:
        """Write *entry* in the transaction of its change."""
        _insert(tx, [(entry, to_microseconds(self._clock.now()), request_id, 1)])

    def note_decision(self, caller: Caller, action: str, resource: str, decision: Decision) -> None:
        """Keep a decision; it is durable after the next `flush`. The policy's listener."""
        if len(self._waiting) >= _DISTINCT_LIMIT:
            resource = _OTHERS
        principal = None if caller.principal is None else str(caller.principal)
        entry = AuditEntry(principal=principal, action=action, resource=resource, rule=decision.rule, allowed=decision.allowed)
        known = self._waiting.get(entry)
        if known is None:
            self._waiting[entry] = [to_microseconds(self._clock.now()), caller.request_id, 1]
        else:
            known[2] += 1

    async def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            waiting, self._waiting = self._waiting, {}
            rows = [(entry, *rest) for entry, rest in waiting.items()]
            try:
                await self._database.write(lambda tx: _insert(tx, rows))
            except TwinlakeError:
                self._waiting = {**self._waiting, **waiting}
                raise

    def drop_before(self, tx: Connection, instant: datetime, *, limit: int) -> int:
        """Drop at most *limit* entries that are older than *instant*; return how many."""
        return tx.execute(
            "delete from identity_audit where seq in (select seq from identity_audit where at < ? order by at limit ?)",
            (to_microseconds(instant), limit),
        ).rowcount

    async def list_entries(self, *, before: int | None, limit: int) -> list[JsonObject]:
        """Return the newest entries first, those with a ``seq`` lower than *before*."""

        def work(tx: Connection) -> list[JsonObject]:
            rows = tx.execute(
                "select seq, at, request_id, principal, action, resource, rule, allowed, count from identity_audit"
                " where seq < ? order by seq desc limit ?",
                (before if before is not None else 1 << 62, limit),
            )
            return [_to_json(row) for row in rows]

        return await self._database.read(work)


def _insert(tx: Connection, rows: Iterable[tuple[AuditEntry, int, str, int]]) -> None:
    tx.executemany(
        "insert into identity_audit(at, request_id, principal, action, resource, rule, allowed, count)"
        " values (:at, :request_id, :principal, :action, :resource, :rule, :allowed, :count)",
        [{**asdict(entry), "at": at, "request_id": request_id, "count": count} for entry, at, request_id, count in rows],
    )


def _to_json(row: tuple[Any, ...]) -> JsonObject:
    names = ("seq", "at", "request_id", "principal", "action", "resource", "rule", "allowed", "count")
    entry = dict(zip(names, row, strict=True))
    return {**entry, "at": to_text(from_microseconds(entry["at"])), "allowed": bool(entry["allowed"])}
