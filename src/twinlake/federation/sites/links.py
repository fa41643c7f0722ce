"""How fast the way to each peer was: this site's own measurements, the last hundred of each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from twinlake.core.clock import Clock, from_microseconds, to_microseconds, to_text
from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection, Database

_KEPT = 100
_COLUMNS = "peer, at, round_trip_microseconds, bytes_per_second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One measurement of the way to a peer."""

    peer: str
    at: datetime
    round_trip: timedelta
    """Of the smallest request, over a connection that was open."""
    bytes_per_second: int
    """From the peer to here."""

    def to_json(self, now: datetime) -> JsonObject:
        """Write it, with its age."""
        return {
            "peer": self.peer,
            "measured_at": to_text(self.at),
            "age_seconds": max(0, round((now - self.at).total_seconds())),
            "round_trip_seconds": self.round_trip.total_seconds(),
            "bytes_per_second": self.bytes_per_second,
        }


class LinkBook:
    """Keeps measurements."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, peer: str, *, round_trip_seconds: float, bytes_per_second: float) -> None:
        """Keep a measurement that was made now."""
        row = (peer, to_microseconds(self._clock.now()), round(round_trip_seconds * 1e6), round(bytes_per_second))

        def work(tx: Connection) -> None:
            tx.execute(f"insert or replace into federation_link({_COLUMNS}) values (?, ?, ?, ?)", row)
            tx.execute(
                "delete from federation_link where peer = :peer and at <="
                " (select at from federation_link where peer = :peer order by at desc limit 1 offset :kept)",
                {"peer": peer, "kept": _KEPT},
            )

        await self._database.write(work)

    async def list_latest(self) -> list[Link]:
        """Return the last measurement of each peer."""
        query = (
            f"select {_COLUMNS} from federation_link as f where at = (select max(at) from federation_link where peer = f.peer)"
        )
        return await self._database.read(lambda tx: [_read(row) for row in tx.execute(f"{query} order by peer")])

    async def list_of(self, peer: str) -> list[Link]:
        """Return what is kept of *peer*, newest first."""
        query = f"select {_COLUMNS} from federation_link where peer = ? order by at desc"
        return await self._database.read(lambda tx: [_read(row) for row in tx.execute(query, (peer,))])

    def to_json(self, links: list[Link]) -> list[JsonObject]:
        """Write *links*, with their age now."""
        now = self._clock.now()
        return [link.to_json(now) for link in links]


def _read(row: tuple[Any, ...]) -> Link:
    peer, at, round_trip, bytes_per_second = row
    return Link(
        peer=peer, at=from_microseconds(at), round_trip=timedelta(microseconds=round_trip), bytes_per_second=bytes_per_second
    )
