"""The one address that a confined child may reach: a process beside it connects, and hands the connection over.

Landlock tells ports apart, and no hosts. So the child has no network at all, and asks a small process that stands beside it from
before, knows one address, and does nothing else: ``python -I -m twinlake.engines.sandbox.dialing JSON``. It is asked with a word,
and answers with a connected socket, or with why there is none.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from twinlake.engines.sandbox.confining import die_with_parent
from twinlake.engines.sandbox.destination import Destination

_DOOR = "SANDBOX_DIALER"
"""Variable of the environment in which a child finds its dialer."""
_CONNECT_SECONDS = 5.0
_DIAL, _CONNECTED = b"dial", b"connected"
_ANSWER_BYTES = 512


@contextmanager
def dialer_of_child(destination: Mapping[str, Any]) -> Generator[None]:
    """Start the dialer of a child that will be confined; `Dialer.beside_child` finds it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    order = {"parent": os.getpid(), "host": destination["host"], "port": destination["port"]}
    with ours, theirs, subprocess.Popen([sys.executable, "-I", "-m", __name__, json.dumps(order)], stdin=theirs.fileno()):
        theirs.close()
        os.environ[_DOOR] = json.dumps({"door": ours.fileno(), "destination": dict(destination)})
        try:
            yield
        finally:
            ours.shutdown(socket.SHUT_RDWR)


class Dialer:
    """The child's side.

    Parameters
    ----------
    door
        Where the process beside it is asked.
    """

    def __init__(self, door: socket.socket, destination: Destination) -> None:
        self.destination = destination
        self._door = door
        self._turn = threading.Lock()

    @classmethod
    def beside_child(cls) -> Self | None:
        """Return that of the child that this is; None if it was started without a `Destination`."""
        if _DOOR not in os.environ:
            return None
        told = json.loads(os.environ[_DOOR])
        return cls(socket.socket(fileno=os.dup(told["door"])), Destination(**told["destination"]))

    def dial(self) -> socket.socket:
        """Return a new connection.

        Raises
        ------
        ConnectionError
            There is none.
        """
        with self._turn:
            self._door.send(_DIAL)
            answer, descriptors, _, _ = socket.recv_fds(self._door, _ANSWER_BYTES, 1)
        if answer != _CONNECTED:
            raise ConnectionError(answer.decode(errors="replace") or "The process that connects has ended.")
        return socket.socket(fileno=descriptors[0])


def _answer(door: socket.socket, address: tuple[str, int]) -> None:
    """Connect as often as it is asked for, until the child has gone."""
    while door.recv(len(_DIAL)):
        try:
            with socket.create_connection(address, timeout=_CONNECT_SECONDS) as made:
                made.settimeout(None)
                socket.send_fds(door, [_CONNECTED], [made.fileno()])
        except OSError as error:
            door.send(str(error).encode()[:_ANSWER_BYTES])


def main() -> None:
    """Serve the child that started this process."""
    order = json.loads(sys.argv[1])
    die_with_parent(order["parent"])
    with socket.socket(fileno=0) as door, contextlib.suppress(ConnectionError):
        _answer(door, (order["host"], order["port"]))


if __name__ == "__main__":
    main()
