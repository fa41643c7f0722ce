"""Work that is shared by the workers of a Dask cluster, which see the same files under the same paths.

A worker that dies costs the windows that it was at: others do them. Once the scheduler is away nothing more is done; the attempt
ends, and the next one goes on with the windows that are missing.
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from twinlake.engines.sandbox.dialing import Dialer
from twinlake.processing.openeo.runner.failures import Told, raise_told, tell
from twinlake.processing.openeo.tiles.computing import Work
from twinlake.standards.openeo.errors import ProcessGraphComplexityError

_CONNECT_SECONDS = 20.0
_CLOSE_SECONDS = 2.0


class ClusterAwayError(Exception):
    """The cluster does not answer, or has forgotten what it was at: it is not the graph's fault."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Does what can be done side by side on a cluster: `client` is a `distributed.Client`."""

    client: Any

    def run(self, numbers: Sequence[int], work: Work, *, peak_bytes: int = 0) -> Iterator[int]:  # noqa: ARG002
        """Call *work* with each number; yield each when it is done, in any order.

        Raises
        ------
        OpenEoError
            As *work* raised it; `ProcessGraphComplexityError` if one worker after the other has died over a number.
        ClusterAwayError
            The cluster has gone.
        """
        from distributed import KilledWorker, as_completed
        from distributed.protocol.pickle import dumps

        if not numbers:
            return
        # The work is what a task makes, so that it is made again where all workers that have it are gone.
        shared = self.client.submit(bytes, dumps(work), pure=False)  # type: ignore[no-untyped-call]
        # A task that is started again writes the same part once more: nothing of it is seen before it is whole.
        tasks = [self.client.submit(_do, shared, number, pure=False) for number in numbers]
        try:
            for task in as_completed(tasks, loop=self.client.loop):  # type: ignore[no-untyped-call]
                number, told = task.result()
                raise_told(told)
                yield number
        except KilledWorker:
            raise ProcessGraphComplexityError(
                "Workers that computed a part of the graph have ended: it took too much memory or time."
            ) from None
        except (CancelledError, OSError) as error:
            raise ClusterAwayError(f"The cluster has gone while it computed: {error}") from error
        finally:
            if self.client.status == "running":
                self.client.cancel([*tasks, shared])


@contextmanager
def open_cluster(dialer: Dialer) -> Iterator[Cluster]:
    """Yield the cluster of which *dialer* reaches the scheduler: from here on it is all that this process reaches.

    Raises
    ------
    ClusterAwayError
        It does not answer.
    """
    from distributed import Client, Security
    from distributed.comm.tcp import BaseTCPConnector
    from tornado.iostream import IOStream

    class Dialing:
        """Connects for the library as its own `TCPClient` would, wherever it is asked to."""

        async def connect(self, _host: str, _port: int, *, max_buffer_size: int, ssl_options: Any = None) -> IOStream:
            stream = IOStream(await asyncio.to_thread(dialer.dial), max_buffer_size=max_buffer_size)
            return stream if ssl_options is None else await stream.start_tls(server_side=False, ssl_options=ssl_options)

    BaseTCPConnector.client = Dialing()  # type: ignore[assignment]
    to = dialer.destination
    scheme, security = "tcp", Security()  # type: ignore[no-untyped-call]
    if to.ca_file is not None:
        shown = {"tls_client_cert": to.certificate_file, "tls_client_key": to.certificate_file}
        scheme, security = "tls", Security(require_encryption=True, tls_ca_file=to.ca_file, **shown)  # type: ignore[no-untyped-call]
    address = f"{scheme}://{f'[{to.host}]' if ':' in to.host else to.host}:{to.port}"
    try:
        client = Client(address, security=security, set_as_default=False, timeout=_CONNECT_SECONDS)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ClusterAwayError(f"The cluster at {address} does not answer.") from error
    try:
        yield Cluster(client)
    finally:
        client.close(timeout=_CLOSE_SECONDS)  # type: ignore[no-untyped-call]


_TURN = Lock()


def _do(packed: bytes, number: int) -> tuple[int, Told | None]:
    """Do one part in a worker, which may have several threads: one at a time, for files are read by one alone."""
    with _TURN:
        work = _unpack(packed)
        told = tell(work, number)
        work.close()
    return number, told


@lru_cache(maxsize=1)
def _unpack(packed: bytes) -> Work:
    from distributed.protocol.pickle import loads

    work: Work = loads(packed)  # type: ignore[no-untyped-call]
    return work
