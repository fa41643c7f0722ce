"""Passwords: hashed slowly (scrypt, RFC 7914), outside of the event loop, and at the same cost for whoever is not there."""

import asyncio
import base64
import hashlib
import hmac
import re

from twinlake.core.errors import InvalidInputError, OverloadedError
from twinlake.core.randomness import Randomness

_LOG2_N, _R, _P = 14, 8, 1
"""16 MiB and some 40 ms for each guess, whose number is limited."""
_MEMORY_BYTES = 64 << 20
_AT_ONCE = 2
_WAITING = 64
_LEAST, _MOST = 12, 200
_PHC = re.compile(r"\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)")


class PasswordHasher:
    """Hashes and checks passwords, few at once: each holds a core and 16 MiB."""

    def __init__(self, *, randomness: Randomness) -> None:
        self._randomness = randomness
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._nobodys = _to_phc(b"\0" * 16, b"\0" * 32)

    async def hash(self, password: str) -> str:
        """Return *password* hashed, with salt and parameters (PHC string format).

        Raises
        ------
        InvalidInputError
            It is too short or too long.
        """
        if not _LEAST <= len(password) <= _MOST:
            raise InvalidInputError(f"A password has {_LEAST} to {_MOST} characters.")
        salt = self._randomness(16)
        return _to_phc(salt, await self._run(password, salt, _LOG2_N, _R, _P))

    async def check(self, password: str, hashed: str | None) -> bool:
        """Tell whether *password* is what was hashed; where there is None, work as long and say no.

        Raises
        ------
        OverloadedError
            Too many wait to be checked.
        """
        log2_n, r, p, salt, digest = _from_phc(hashed or self._nobodys)
        found = await self._run(password[: _MOST + 1], salt, log2_n, r, p)
        return hmac.compare_digest(found, digest) and hashed is not None

    async def _run(self, password: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
        if self._waiting >= _WAITING:
            raise OverloadedError("Too many sign in at once.", remedy="Try again in a moment.")
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(
                    hashlib.scrypt,
                    password.encode("utf-8", "surrogatepass"),
                    salt=salt,
                    n=1 << log2_n,
                    r=r,
                    p=p,
                    maxmem=_MEMORY_BYTES,
                    dklen=32,
                )
        finally:
            self._waiting -= 1


def new_password(randomness: Randomness) -> str:
    """Make a password of 120 bits in groups that can be read out."""
    text = base64.b32encode(randomness(15)).decode().lower()
    return "-".join(text[start : start + 6] for start in range(0, len(text), 6))


def _to_phc(salt: bytes, digest: bytes) -> str:
    return f"$scrypt$ln={_LOG2_N},r={_R},p={_P}${_to_base64(salt)}${_to_base64(digest)}"


def _from_phc(text: str) -> tuple[int, int, int, bytes, bytes]:
    match = _PHC.fullmatch(text)
    if match is None:
        raise InvalidInputError("A password in the database is damaged.", remedy="Set it anew: twinlake admin accounts password.")
    return int(match[1]), int(match[2]), int(match[3]), _from_base64(match[4]), _from_base64(match[5])


def _to_base64(value: bytes) -> str:
    return base64.b64encode(value).rstrip(b"=").decode()


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
