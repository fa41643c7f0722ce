"""Signing keys for tests: realms' are made once per process and name, for making RSA keys takes longer than most tests."""

import json

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import Connection, Database
from twinlake.identity.keys.ring import KeyRing, KeyUse, SigningKey
from twinlake.identity.keys.sealing import Sealer

_REALMS: tuple[KeyUse, ...] = ("desp", "dedl")
_MADE: dict[str, dict[KeyUse, SigningKey]] = {}


async def open_ring(database: Database, clock: Clock, *, name: str = "test", sealer: Sealer | None = None) -> KeyRing:
    """Return the keys of the site *name*, put into its *database*, which has none; what proves which site it is, is new."""
    sealer = sealer or Sealer(name.encode().ljust(32), randomness=SYSTEM_RANDOMNESS)
    signs_from = to_microseconds(clock.now())
    rows = [(made.kid, use, made.algorithm, _seal(sealer, use, made), signs_from) for use, made in _MADE.get(name, {}).items()]

    def put(tx: Connection) -> None:
        tx.executemany("insert into identity_key(kid, use, algorithm, sealed, signs_from) values (?, ?, ?, ?, ?)", rows)

    await database.write(put)
    ring = KeyRing(database=database, clock=clock, sealer=sealer)
    await ring.keep_up()
    _MADE[name] = {use: ring.signing_key(use) for use in _REALMS}
    return ring


def _seal(sealer: Sealer, use: KeyUse, made: SigningKey) -> bytes:
    return sealer.seal(json.dumps(made.key.as_dict(private=True)).encode(), binding=f"{use}|{made.kid}")
