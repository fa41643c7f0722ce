"""Who is at the other end: the peer itself, or whom a trusted proxy speaks for."""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from starlette.types import Scope

from twinlake.core.errors import InvalidInputError

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
UNIX = "unix"


class TrustedProxies:
    """Knows whose ``X-Forwarded-For``, ``X-Forwarded-Proto`` and ``X-Request-Id`` are believed."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Take addresses and networks (``10.0.0.0/8``, ``::1``), or ``unix`` for whoever comes by the Unix socket.

        Raises
        ------
        InvalidInputError
            One of them is neither.
        """
        names = set(networks)
        self._unix = UNIX in names
        try:
            self._networks: list[_Network] = [ipaddress.ip_network(name, strict=False) for name in names - {UNIX}]
        except ValueError as error:
            raise InvalidInputError(f"A trusted proxy must be an address or a network: {error}.") from error

    def client_of(self, scope: Scope) -> tuple[str, bool]:
        """Return the client's address and whether the peer is trusted; set the scope's scheme as the proxy saw it."""
        peer = scope["client"][0] if scope.get("client") else ""
        peer = peer or UNIX
        if not (self._unix if peer == UNIX else self._networks and self._is_trusted(peer)):
            return peer, False
        headers = scope["headers"]
        scheme = _last_header(headers, b"x-forwarded-proto")
        if scheme in {b"http", b"https"}:
            scope["scheme"] = scheme.decode()
        return self._nearest_stranger(peer, headers), True

    def _nearest_stranger(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Walk the forwarded chain from us outwards to the first address that no trusted proxy vouches for."""
        chain = b",".join(value for name, value in headers if name == b"x-forwarded-for")
        for hop in reversed([part.strip() for part in chain.decode("latin-1").split(",") if part.strip()]):
            address = _parse_address(hop)
            if address is None:
                break
            peer = str(address)
            if not self._is_trusted(peer):
                break
        return peer

    def _is_trusted(self, text: str) -> bool:
        address = _parse_address(text)
        return address is not None and any(address in network for network in self._networks)


@lru_cache(maxsize=4096)
def _parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address in *text*, if it is one; few proxies send many requests."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def find_request_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the ``X-Request-Id`` that a trusted proxy gave, if it is one that may stand in a log."""
    value = _last_header(headers, b"x-request-id")
    return value.decode() if _SANE_REQUEST_ID.fullmatch(value) else None


def _last_header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    found = b""
    for name, value in headers:
        if name == wanted:
            found = value
    return found
