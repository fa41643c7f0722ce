"""Where a site keeps what: the files under its folder."""

import asyncio
import fcntl
import hashlib
import hmac
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from twinlake.core.errors import ConflictError, InvalidInputError

_KEY_BYTES = 32
SECOND_FACTORS = "second factors"
"""Purpose of the key that seals the secrets of second factors."""


@dataclass(frozen=True, slots=True)
class SiteFolder:
    """The folder of one site."""

    path: Path
    """Absolute: children have a working directory of their own."""

    @classmethod
    def of(cls, config: Path) -> "SiteFolder":
        """Return the folder whose settings are in *config*."""
        return cls(config.absolute().parent)

    @property
    def config(self) -> Path:
        """The settings."""
        return self.path / "site.toml"

    @property
    def key(self) -> Path:
        """The site's secret, from which every other key is derived."""
        return self.path / "site.key"

    @property
    def database(self) -> Path:
        """The one database."""
        return self.path / "state" / "site.db"

    @property
    def objects(self) -> Path:
        """Bytes that the site manages."""
        return self.path / "objects"

    @property
    def staging(self) -> Path:
        """Uploads and scratch folders; on the same file system as the objects."""
        return self.path / "staging"

    @property
    def admin_token(self) -> Path:
        """The first administrator's token."""
        return self.path / "admin.token"

    @property
    def socket(self) -> Path:
        """The Unix socket of the children."""
        return self.path / "state" / "gateway.sock"

    def derive_key(self, purpose: str) -> bytes:
        """Return the site's 32-byte key for *purpose*, derived from ``site.key``.

        Raises
        ------
        InvalidInputError
            The key file is missing or damaged.
        """
        try:
            master = self.key.read_bytes()
        except FileNotFoundError:
            master = b""
        if len(master) != _KEY_BYTES:
            raise InvalidInputError(
                f"{self.key} is missing or damaged.", remedy="Restore it from the backup, or make a new site."
            )
        return hmac.new(master, purpose.encode(), hashlib.sha256).digest()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the site alone: a gateway while it runs, an admin command while it is stopped.

        Raises
        ------
        ConflictError
            Another process holds it.
        """
        with self._try_lock("lock", fcntl.LOCK_EX) as held:
            if not held:
                raise ConflictError(
                    f"The site in {self.path} is running, or another command works on it.", remedy="Stop it first."
                )
            yield

    @asynccontextmanager
    async def keep_objects(self) -> AsyncGenerator[None]:
        """Keep objects from being swept: a backup copies its database first, then what that cites.

        While they are being swept, it waits for the end of that.
        """
        with self._open("sweep.lock") as file:
            await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_SH)
            yield

    def sweeping(self) -> AbstractContextManager[bool]:
        """Yield whether objects may be swept now, and keep backups from beginning meanwhile."""
        return self._try_lock("sweep.lock", fcntl.LOCK_EX)

    @contextmanager
    def _try_lock(self, name: str, kind: int) -> Iterator[bool]:
        with self._open(name) as file:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                held = False
            else:
                held = True
            yield held

    def _open(self, name: str) -> TextIO:
        self.database.parent.mkdir(parents=True, exist_ok=True)
        return (self.database.parent / name).open("a")


def write_secret(path: Path, content: bytes) -> None:
    """Write *content* to a new file that only this user may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
