"""Signing keys for tests: made once per process and name, for making RSA keys takes longer than most tests."""

from typing import Any

from twinlake.core.clock import Clock
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import Connection, Database
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.keys.sealing import Sealer

_MADE: dict[str, list[tuple[Any, ...]]] = {}


async def open_ring(database: Database, clock: Clock, *, name: str = "test") -> KeyRing:
    """Return the keys of the site *name*, put into its *database*."""

    def put(tx: Connection) -> None:
        tx.executemany("insert into identity_key values (?, ?, ?, ?, ?)", _MADE.get(name, ()))

    def list_rows(tx: Connection) -> list[tuple[Any, ...]]:
        return tx.execute("select kid, use, algorithm, sealed, signs_from from identity_key").fetchall()

    await database.write(put)
    sealer = Sealer(name.encode().ljust(32), randomness=SYSTEM_RANDOMNESS)
    ring = KeyRing(database=database, clock=clock, sealer=sealer)
    await ring.keep_up()
    _MADE[name] = await database.read(list_rows)
    return ring
