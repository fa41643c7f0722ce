"""The usage ledger: who used what, by the hour; quotas, reports and cost read it."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from twinlake.core.clock import Clock, to_text
from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.engines.database import Connection, Database
from twinlake.engines.web.trace import RequestTrace

_HOUR = 3600
_DISTINCT_LIMIT = 20_000
_UPSERT = """
insert into identity_usage(hour, principal, collection, service, requests, bytes_out, bytes_stored, cpu_seconds, errors)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict do update set
    requests = requests + excluded.requests, bytes_out = bytes_out + excluded.bytes_out,
    bytes_stored = bytes_stored + excluded.bytes_stored, cpu_seconds = cpu_seconds + excluded.cpu_seconds,
    errors = errors + excluded.errors
"""


class UsageKey(NamedTuple):
    """What usage is added up by."""

    hour: int
    """Start of the hour, seconds since 1970 UTC."""
    principal: str
    collection: str
    service: str

    def to_bytes(self) -> bytes:
        """Write the key as the payload of a page token."""
        return orjson.dumps(list(self))

    @classmethod
    def parse(cls, payload: bytes) -> "UsageKey":
        """Read what `to_bytes` wrote."""
        return cls(*orjson.loads(payload))


@dataclass(slots=True, kw_only=True)
class Usage:
    """What was used."""

    requests: int = 0
    bytes_out: int = 0
    bytes_stored: int = 0
    cpu_seconds: float = 0.0
    errors: int = 0
    """Answers that were the site's fault (status 500 and above)."""

    def add(self, other: "Usage") -> None:
        """Add *other* to this."""
        self.requests += other.requests
        self.bytes_out += other.bytes_out
        self.bytes_stored += other.bytes_stored
        self.cpu_seconds += other.cpu_seconds
        self.errors += other.errors


class UsageLedger:
    """Adds up in memory and writes in batches; work that has a transaction of its own records in it."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: dict[UsageKey, Usage] = {}

    def note_request(self, trace: RequestTrace) -> None:
        """Take a finished request into account; the observer's listener."""
        # A name that nothing was found under is the client's invention, not a collection.
        collection = trace.collection if trace.collection is not None and trace.status < 400 else None
        used = Usage(requests=1, bytes_out=trace.bytes_out, cpu_seconds=trace.cpu_seconds, errors=int(trace.status >= 500))
        key = self._key(trace.principal, collection, _service_of(trace.route))
        if len(self._waiting) >= _DISTINCT_LIMIT:
            key = key._replace(collection="")
        self._waiting.setdefault(key, Usage()).add(used)

    def record(self, tx: Connection, used: Usage, *, principal: str | None, collection: str | None, service: str) -> None:
        """Write *used* in the transaction of the work that used it."""
        _upsert(tx, {self._key(principal, collection, service): used})

    async def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            waiting, self._waiting = self._waiting, {}
            try:
                await self._database.write(lambda tx: _upsert(tx, waiting))
            except TwinlakeError:
                for key, used in waiting.items():
                    self._waiting.setdefault(key, Usage()).add(used)
                raise

    def drop_before(self, tx: Connection, instant: datetime, *, limit: int) -> int:
        """Drop at most *limit* rows of hours that ended by *instant*; return how many."""
        return tx.execute(
            "delete from identity_usage where (hour, principal, collection, service) in"
            " (select hour, principal, collection, service from identity_usage where hour <= ? order by hour limit ?)",
            (int(instant.timestamp()) - _HOUR, limit),
        ).rowcount

    async def list_usage(
        self, *, principal: str | None, start: datetime, end: datetime, after: UsageKey | None, limit: int
    ) -> list[tuple[UsageKey, JsonObject]]:
        """Return the hours that begin in [start, end), of one principal (``issuer|subject``) or of all, in order of key."""
        low = after or UsageKey(math.ceil(start.timestamp()), "", "", "")
        comparison = ">=" if after is None else ">"
        whose = "" if principal is None else " and principal = :whose"

        def work(tx: Connection) -> list[tuple[UsageKey, JsonObject]]:
            rows = tx.execute(
                "select hour, principal, collection, service, requests, bytes_out, bytes_stored, cpu_seconds, errors"
                f" from identity_usage where (hour, principal, collection, service) {comparison}"
                f" (:hour, :principal, :collection, :service) and hour < :end{whose}"
                " order by hour, principal, collection, service limit :limit",
                {**low._asdict(), "end": end.timestamp(), "whose": principal, "limit": limit},
            )
            return [(UsageKey(*row[:4]), _to_json(row)) for row in rows]

        return await self._database.read(work)

    def _key(self, principal: str | None, collection: str | None, service: str) -> UsageKey:
        now = int(self._clock.now().timestamp())
        return UsageKey(now - now % _HOUR, principal or "", collection or "", service)


def _service_of(route: str) -> str:
    """Name the service of a route by the first part of its path; the console has all that is nobody else's."""
    first = route.lstrip("/").split("/", 1)[0]
    return first if first in _SERVICES else "console"


_SERVICES = frozenset({"stac", "data", "bytes", "events", "webhooks", "jobs", "uploads", "api", "internal", "health", "metrics"})


def _upsert(tx: Connection, rows: dict[UsageKey, Usage]) -> None:
    tx.executemany(
        _UPSERT,
        [(*key, used.requests, used.bytes_out, used.bytes_stored, used.cpu_seconds, used.errors) for key, used in rows.items()],
    )


def _to_json(row: tuple[object, ...]) -> JsonObject:
    names = ("hour", "principal", "collection", "service", "requests", "bytes_out", "bytes_stored", "cpu_seconds", "errors")
    entry: JsonObject = dict(zip(names, row, strict=True))
    return {
        **entry,
        "hour": to_text(datetime.fromtimestamp(entry["hour"], UTC)),
        "principal": entry["principal"] or None,
        "collection": entry["collection"] or None,
    }
