"""What is known of one request while it is answered."""

import hashlib
from dataclasses import dataclass, field

from starlette.types import Scope
from structlog.typing import FilteringBoundLogger

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no letter that is taken for a digit
_TICKET_LENGTH = 8


@dataclass(slots=True, kw_only=True)
class RequestTrace:
    """One request; parts of the site write into it what they learn, and the access log, metrics and usage read it."""

    request_id: str
    client: str
    """Address of the client, behind trusted proxies; ``unix`` on the Unix socket."""
    log: FilteringBoundLogger = field(repr=False)
    max_body_bytes: int
    """Largest body that may be read; a route with a limit of its own sets it."""
    method: str = ""
    path: str = ""
    route: str = "unmatched"
    """Template of the route, such as ``/data/{backend}/{collection}/{item}/{asset}``."""
    principal: str | None = None
    """``issuer|subject`` of who asks; None is anonymous."""
    collection: str | None = None
    """The collection that was asked for, for the usage ledger."""
    status: int = 0
    """HTTP status of the answer; 499 where the client went away before it began."""
    bytes_out: int = 0
    """Bytes of the answer's body handed to the server."""
    seconds: float = 0.0
    """Wall time until the answer was finished."""
    cpu_seconds: float = 0.0
    """CPU time of the event loop's thread spent on this request; work in other threads or processes is not in it."""

    @property
    def ticket(self) -> str:
        """The request's name for people, to be read out on the telephone: ``7K3M-Q2XA``."""
        number = int.from_bytes(hashlib.sha256(self.request_id.encode()).digest()[:5], "big")
        text = "".join(_LETTERS[number >> (5 * place) & 31] for place in reversed(range(_TICKET_LENGTH)))
        return f"{text[:4]}-{text[4:]}"


def trace_of(scope: Scope) -> RequestTrace:
    """Return the trace of the request *scope*."""
    trace: RequestTrace = scope["state"]["trace"]
    return trace
