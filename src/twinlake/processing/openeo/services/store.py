"""Keeps services; each belongs to whom it was made by."""

from dataclasses import dataclass
from typing import Any

import orjson

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.documents import JsonObject
from twinlake.core.ids import new_id
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.principals import Principal
from twinlake.processing.openeo.quotas.models import Amount
from twinlake.standards.openeo.errors import ServiceNotFoundError, StorageQuotaExceededError

MOST = 100
"""Services of one person."""
_COLUMNS = "id, owner_issuer, owner_subject, document, pins, created_at"
_ALL = f"{_COLUMNS}, cpu, bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service."""

    id: str
    owner: Principal
    document: JsonObject
    """As openEO describes it, without what the site adds."""
    pins: JsonObject
    """What its graph loads, as it was when the service was made (`loading.pins.read_pinned`)."""
    created_at: int
    """Microseconds since 1970 UTC."""
    taken: Amount
    """By its tiles, of what is written (`QuotaLedger.note`)."""

    @property
    def is_enabled(self) -> bool:
        """Whether it answers."""
        return bool(self.document.get("enabled", True))


class ServiceStore:
    """The services of a site."""

    def __init__(self, *, database: Database, clock: Clock, randomness: Randomness) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness

    async def create(self, owner: Principal, document: JsonObject, pins: JsonObject) -> str:
        """Keep a new service; return its id.

        Raises
        ------
        StorageQuotaExceededError
            *owner* has `MOST` already.
        """
        service = new_id(self._clock, self._randomness)
        row = (service, owner.issuer, owner.subject, _text(document), _text(pins), to_microseconds(self._clock.now()))

        def work(tx: Connection) -> None:
            query = "select count(*) from openeo_service where owner_issuer = ? and owner_subject = ?"
            [(others,)] = tx.execute(query, row[1:3]).fetchall()
            if others >= MOST:
                raise StorageQuotaExceededError(f"You have {MOST} services already.", remedy="Delete one that is not needed.")
            tx.execute(f"insert into openeo_service({_COLUMNS}) values (?, ?, ?, ?, ?, ?)", row)

        await self._database.write(work)
        return service

    async def get(self, service: str, *, owner: Principal | None = None) -> Service:
        """Return a service; *owner* None is who may see everybody's.

        Raises
        ------
        ServiceNotFoundError
            There is none, or it is another's.
        """
        query = f"select {_ALL} from openeo_service where id = ?"
        row = await self._database.read(lambda tx: tx.execute(query, (service,)).fetchone())
        found = None if row is None else _read(row)
        if found is None or owner not in {None, found.owner}:
            raise ServiceNotFoundError(f"You have no service {service[:80]!r}.")
        return found

    async def list_page(self, owner: Principal, *, limit: int, before: str | None) -> list[Service]:
        """Return up to *limit* services of *owner*, newest first, older than the service *before*."""
        query = (
            f"select {_ALL} from openeo_service where owner_issuer = :issuer and owner_subject = :subject"
            " and (:before is null or id < :before) order by id desc limit :limit"
        )
        values = {"issuer": owner.issuer, "subject": owner.subject, "before": before, "limit": limit}
        rows = await self._database.read(lambda tx: tx.execute(query, values).fetchall())
        return [_read(row) for row in rows]

    async def put(self, service: Service, document: JsonObject, pins: JsonObject) -> None:
        """Give a service another document; nothing happens to one that is gone."""
        query = "update openeo_service set document = ?, pins = ? where id = ?"
        await self._database.write(lambda tx: tx.execute(query, (_text(document), _text(pins), service.id)))

    async def delete(self, service: Service) -> None:
        """Forget a service."""
        await self._database.write(lambda tx: tx.execute("delete from openeo_service where id = ?", (service.id,)))


def _text(document: JsonObject) -> str:
    return orjson.dumps(document).decode()


def _read(row: tuple[Any, ...]) -> Service:
    return Service(
        id=row[0],
        owner=Principal(row[1], row[2]),
        document=orjson.loads(row[3]),
        pins=orjson.loads(row[4]),
        created_at=row[5],
        taken=Amount(cpu=row[6], size_bytes=row[7]),
    )
