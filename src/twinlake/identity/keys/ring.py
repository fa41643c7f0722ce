"""A site's own signing keys: made when first needed, kept sealed, followed by others before they are old."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers
from joserfc.jwk import OKPKey, RSAKey
from joserfc.util import base64_to_int

from twinlake.core.clock import Clock, from_microseconds, to_microseconds
from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection, Database
from twinlake.identity.keys.sealing import Sealer

KeyUse = Literal["site", "desp", "dedl"]
"""``site`` signs what sites tell each other (Ed25519, RFC 9864); a realm signs its own tokens (RS256: clients require it)."""
KEY_USES: tuple[KeyUse, ...] = ("site", "desp", "dedl")

PUBLISHED_BEFORE = timedelta(minutes=15)
"""A new key is published this long before it signs: who keeps a key set for ten minutes knows it by then."""
VERIFIES_AFTER = timedelta(hours=25)
"""A key verifies this long after another took over: longer than what it signed lives."""
_LIFE = timedelta(days=90)
_RSA_BITS = 2048

Key = OKPKey | RSAKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name."""

    kid: str
    """Its thumbprint (RFC 7638)."""
    algorithm: str
    key: Key


@dataclass(frozen=True, slots=True)
class _Kept:
    signing: SigningKey
    signs_from: datetime


class KeyRing:
    """Keeps the keys of one site. Private halves are sealed, so that a copy of the database alone signs nothing."""

    def __init__(self, *, database: Database, clock: Clock, sealer: Sealer) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._kept: dict[KeyUse, list[_Kept]] = {}

    async def keep_up(self) -> None:
        """Read the keys, make those that are missing, let others follow those that are old; at the start and then daily."""
        await self._read()
        for use in KEY_USES:
            kept = self._kept.get(use)
            if not kept:
                await self._add(use, signs_from=self._clock.now())
            elif self._clock.now() - kept[-1].signs_from > _LIFE:
                await self.rotate(use)

    async def rotate(self, use: KeyUse) -> None:
        """Let a new key follow: published now, it signs in a quarter of an hour; the one before verifies for a day more."""
        await self._add(use, signs_from=self._clock.now() + PUBLISHED_BEFORE)

    def signing_key(self, use: KeyUse) -> SigningKey:
        """Return the key to sign with now."""
        now = self._clock.now()
        return next(kept.signing for kept in reversed(self._kept[use]) if kept.signs_from <= now)

    def public_keys(self, use: KeyUse) -> list[JsonObject]:
        """Return the JSON Web Keys (RFC 7517) that verify now or soon, newest first, with ``kid``, ``use`` and ``alg``."""
        return [
            {**each.key.as_dict(private=False), "kid": each.kid, "use": "sig", "alg": each.algorithm}
            for each in self.published_keys(use)
        ]

    def verifying_keys(self, use: KeyUse) -> dict[str, Key]:
        """Return the same keys by their ``kid``, for verifying what this site signed itself."""
        return {each.kid: each.key for each in self.published_keys(use)}

    def published_keys(self, use: KeyUse) -> list[SigningKey]:
        """Return the keys whose public halves `public_keys` gives: to sign what tells of a rotation with both."""
        kept, now = self._kept[use], self._clock.now()
        ends = [later.signs_from + VERIFIES_AFTER for later in kept[1:]]
        valid = [each.signing for each, end in zip(kept, [*ends, None], strict=True) if end is None or now < end]
        return valid[::-1]

    async def _add(self, use: KeyUse, *, signs_from: datetime) -> None:
        made = await asyncio.to_thread(_make, use)
        private = json.dumps(made.key.as_dict(private=True)).encode()
        sealed = self._sealer.seal(private, binding=f"{use}|{made.kid}")
        row = (made.kid, use, made.algorithm, sealed, to_microseconds(signs_from))
        ended = to_microseconds(self._clock.now() - VERIFIES_AFTER)

        def work(tx: Connection) -> None:
            tx.execute("insert into identity_key(kid, use, algorithm, sealed, signs_from) values (?, ?, ?, ?, ?)", row)
            tx.execute(
                "delete from identity_key where use = ? and exists (select 1 from identity_key as later where"
                " later.use = identity_key.use and later.signs_from > identity_key.signs_from and later.signs_from <= ?)",
                (use, ended),
            )

        await self._database.write(work)
        await self._read()

    async def _read(self) -> None:
        rows = await self._database.read(_list_rows)
        kept: dict[KeyUse, list[_Kept]] = {}
        for kid, use, algorithm, sealed, signs_from in rows:
            private = json.loads(self._sealer.open(sealed, binding=f"{use}|{kid}"))
            key = OKPKey.import_key(private) if algorithm == "Ed25519" else _import_rsa(private)
            kept.setdefault(use, []).append(_Kept(SigningKey(kid, algorithm, key), from_microseconds(signs_from)))
        self._kept = kept


def _make(use: KeyUse) -> SigningKey:
    if use == "site":
        pair = OKPKey.generate_key("Ed25519")
        return SigningKey(pair.thumbprint(), "Ed25519", pair)
    rsa = RSAKey.generate_key(_RSA_BITS)
    return SigningKey(rsa.thumbprint(), "RS256", rsa)


def _import_rsa(private: Mapping[str, str]) -> RSAKey:
    """Import a key that this site made and sealed: to look for mistakes in its primes again would take longer than all else."""
    value = {name: base64_to_int(text) for name, text in private.items() if name != "kty"}
    numbers = RSAPrivateNumbers(
        p=value["p"],
        q=value["q"],
        d=value["d"],
        dmp1=value["dp"],
        dmq1=value["dq"],
        iqmp=value["qi"],
        public_numbers=RSAPublicNumbers(e=value["e"], n=value["n"]),
    )
    return RSAKey.import_key(numbers.private_key(unsafe_skip_rsa_key_validation=True))


def _list_rows(tx: Connection) -> list[tuple[str, KeyUse, str, bytes, int]]:
    query = "select kid, use, algorithm, sealed, signs_from from identity_key order by signs_from, kid"
    return tx.execute(query).fetchall()
