"""The audit log: what was refused, what was permitted of what matters, what was changed in accounts, who signed in and out."""

from dataclasses import asdict, dataclass, replace
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
    """An action of the policy, or what was done: ``create_token``, ``grant``, ``sign_in``, ``sign_out``, ``allow_device``."""
    resource: str
    """``site``, ``collections/ID``, ``tokens/KEY``, ``principals/ISSUER|SUBJECT``, ``sessions/SID``, ``clients/ID``."""
    rule: str
    """The rule that decided; empty for a change."""
    allowed: bool


@dataclass(slots=True, kw_only=True)
class _Noted:
    """Equal decisions of a moment."""

    at: int
    request_id: str
    """Of the first."""
    unwritten: int = 0
    seq: int | None = None
    """Of their row, once that is durable."""

    def take(self) -> int:
        """Return how many are to be written now."""
        taken, self.unwritten = self.unwritten, 0
        return taken


class AuditLog:
    """Keeps entries: a change's in its transaction, a decision's before the request that asked for it is answered.

    Decisions that are equal but for their request within a few seconds are one row with a count, so that a flood of
    refused requests does not fill the disk; its request id is that of the first. The first is durable before its
    answer (`make_durable`), the others are counted in batches (`flush`).
    """

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[AuditEntry, _Noted] = {}
        self._new: list[tuple[AuditEntry, _Noted]] = []
        self._awaited: set[str] = set()
        """Requests with a decision that is not durable yet."""

    def append(self, tx: Connection, entry: AuditEntry, *, request_id: str) -> None:
        """Write *entry* in the transaction of its change."""
        _insert(tx, entry, to_microseconds(self._clock.now()), request_id, 1)

    def note_decision(self, caller: Caller, action: str, resource: str, decision: Decision) -> None:
        """Keep a decision; it is durable after `make_durable` or the next `flush`. The policy's listener."""
        principal = None if caller.principal is None else str(caller.principal)
        entry = AuditEntry(principal=principal, action=action, resource=resource, rule=decision.rule, allowed=decision.allowed)
        if self._note(entry, caller.request_id).seq is None:
            self._awaited.add(caller.request_id)

    def note_failure(self, action: str, resource: str, *, request_id: str) -> None:
        """Count a proof that somebody failed at; it is durable after the next `flush`.

        No answer waits for it: how long one takes would tell whether another of the same account came before, and so
        whether there is such an account.
        """
        self._note(AuditEntry(principal=None, action=action, resource=resource, rule="", allowed=False), request_id)

    def _note(self, entry: AuditEntry, request_id: str) -> _Noted:
        if len(self._noted) >= _DISTINCT_LIMIT:
            entry = replace(entry, resource=_OTHERS)
        noted = self._noted.get(entry)
        if noted is None:
            noted = self._noted[entry] = _Noted(at=to_microseconds(self._clock.now()), request_id=request_id)
            self._new.append((entry, noted))
        noted.unwritten += 1
        return noted

    async def make_durable(self, request_id: str) -> None:
        """Return once a row tells of every decision on this request; at once where there was none."""
        if request_id in self._awaited:
            self._awaited.discard(request_id)
            await self._write_new()

    async def flush(self) -> None:
        """Write what waits, and begin to count anew."""
        awaited = set(self._awaited)
        if self._new:
            await self._write_new()
        self._awaited -= awaited
        noted, self._noted = self._noted, {}
        again = [(entry, each, each.take()) for entry, each in noted.items() if each.unwritten]
        if not again:
            return

        def work(tx: Connection) -> None:
            for entry, each, count in again:
                if each.seq is None:
                    _insert(tx, entry, each.at, each.request_id, count)
                else:
                    tx.execute("update identity_audit set count = count + ? where seq = ?", (count, each.seq))

        try:
            await self._database.write(work)
        except TwinlakeError:
            for entry, each, count in again:
                self._noted.setdefault(entry, each).unwritten += count
            raise

    async def _write_new(self) -> None:
        """Write the rows of decisions that have none. Where another call is about to, wait until it has.

        Changes are committed in the order in which they were handed over, so an empty one is durable after those before.
        """
        new, self._new = self._new, []
        counts = [noted.take() for _, noted in new]

        def work(tx: Connection) -> list[int]:
            rows = zip(new, counts, strict=True)
            return [_insert(tx, entry, noted.at, noted.request_id, count) for (entry, noted), count in rows]

        try:
            written = await self._database.write(work)
        except TwinlakeError:
            self._new = new + self._new
            for (_, noted), count in zip(new, counts, strict=True):
                noted.unwritten += count
            raise
        for (_, noted), seq in zip(new, written, strict=True):
            noted.seq = seq

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


def _insert(tx: Connection, entry: AuditEntry, at: int, request_id: str, count: int) -> int:
    """Write a row; return its number."""
    [(seq,)] = tx.execute(
        "insert into identity_audit(at, request_id, principal, action, resource, rule, allowed, count)"
        " values (:at, :request_id, :principal, :action, :resource, :rule, :allowed, :count) returning seq",
        {**asdict(entry), "at": at, "request_id": request_id, "count": count},
    ).fetchall()
    return int(seq)


def _to_json(row: tuple[Any, ...]) -> JsonObject:
    names = ("seq", "at", "request_id", "principal", "action", "resource", "rule", "allowed", "count")
    entry = dict(zip(names, row, strict=True))
    return {**entry, "at": to_text(from_microseconds(entry["at"])), "allowed": bool(entry["allowed"])}
