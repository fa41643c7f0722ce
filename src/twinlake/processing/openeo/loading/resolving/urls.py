"""Files and documents at addresses that a graph names: got by the gateway, behind its guard; files are kept by their SHA-256."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from twinlake.core.clock import Clock, to_microseconds
from twinlake.engines.database import Connection, Database
from twinlake.engines.network import DestinationRefusedError, DestinationUnreachableError, GuardedClient
from twinlake.engines.objectstore import ObjectStore, StoredObject
from twinlake.identity.principals import Caller
from twinlake.standards.openeo.errors import ProcessError

MOST_BYTES = 256 << 20


class NothingThereError(ProcessError):
    """There is nothing at an address."""


class Peers(Protocol):
    """Other sites of the federation, which the guard lets nobody reach."""

    async def read(self, url: str, caller: Caller, *, most_bytes: int) -> bytes | None:
        """Return what is at *url*; None where that is at no trusted peer. Raises as `UrlLoader.read` does."""
        ...

    def find_collection(self, collection: str) -> Sequence[str]:
        """Return the addresses of *collection* at those that tell everybody of it."""
        ...


class UrlLoader:
    """Gets files from elsewhere. What came is held for a time, so that a job that waits finds it."""

    def __init__(
        self,
        *,
        client: GuardedClient,
        objects: ObjectStore,
        database: Database,
        clock: Clock,
        most_bytes: int = MOST_BYTES,
        peers: Peers | None = None,
    ) -> None:
        self._client = client
        self._objects = objects
        self._database = database
        self._clock = clock
        self._most_bytes = most_bytes
        self._peers = peers

    async def fetch(self, url: str, caller: Caller | None = None) -> StoredObject:
        """Return the bytes that are at *url* now; as `read` does."""
        stored = await self._objects.put_bytes(await self.read(url, caller, most_bytes=self._most_bytes))
        now = to_microseconds(self._clock.now())
        query = "insert into openeo_fetched values (?, ?, ?) on conflict do update set fetched_at = excluded.fetched_at"
        await self._database.write(lambda tx: tx.execute(query, (stored.sha256, stored.size_bytes, now)).rowcount)
        return stored

    async def read(self, url: str, caller: Caller | None = None, *, most_bytes: int) -> bytes:
        """Return what is at *url* now.

        Parameters
        ----------
        caller
            By whose right other sites of the federation are asked; None asks none of them.

        Raises
        ------
        NothingThereError
            The answer is that there is nothing.
        ProcessError
            ``UrlUnsupported``: the address is not let pass, nothing came from there, or too much.
        """
        if caller is not None and self._peers is not None:
            at_peer = await self._peers.read(url, caller, most_bytes=most_bytes)
            if at_peer is not None:
                return at_peer
        if not url.startswith(("http://", "https://")):
            raise ProcessError("UrlUnsupported", "Files are got by HTTP and HTTPS alone.")
        try:
            answer = await self._client.get(url, most_bytes=most_bytes + 1)
        except (DestinationRefusedError, DestinationUnreachableError) as error:
            raise ProcessError("UrlUnsupported", f"Nothing can be got from {without_secrets(url)}: {error.message}") from error
        if answer.status in {404, 410}:
            raise NothingThereError("UrlUnsupported", f"There is nothing at {without_secrets(url)}.")
        if answer.status in {401, 403}:
            raise ProcessError(
                "UrlUnsupported",
                f"{without_secrets(url)} is not open to everybody, and nobody's rights are sent there: use a signed address.",
            )
        if answer.status != 200:
            raise ProcessError("UrlUnsupported", f"{without_secrets(url)} answered {answer.status}; redirects are not followed.")
        if len(answer.body) > most_bytes:
            raise ProcessError(
                "UrlUnsupported", f"{without_secrets(url)} has more than {most_bytes >> 20} MiB: upload the file instead."
            )
        return answer.body


class FetchedFiles:
    """What was got: held until it is dropped by age."""

    RETENTION = timedelta(days=30)

    def drop_before(self, tx: Connection, instant: datetime, *, limit: int) -> int:
        """Let go of at most *limit* files that were got before *instant*; return how many."""
        query = "delete from openeo_fetched where sha256 in (select sha256 from openeo_fetched where fetched_at < ? limit ?)"
        return tx.execute(query, (to_microseconds(instant), limit)).rowcount


def list_held_objects(tx: Connection) -> frozenset[str]:
    """Return the SHA-256 (hex) of every object that was got from elsewhere."""
    return frozenset(sha256 for (sha256,) in tx.execute("select sha256 from openeo_fetched"))


def without_secrets(url: str) -> str:
    """Return an address as far as it can have no secret."""
    return url.partition("?")[0].rpartition("@")[2][:200]
