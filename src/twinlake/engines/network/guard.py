"""Decides where the site may send what a user asks it to send, and pins the address.

A name is resolved once, every address it has is checked, and the connection goes to one of those: a name server
that answers differently a moment later changes nothing. Redirects are not followed, so there is nothing to check again.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from yarl import URL

from twinlake.core.errors import InvalidInputError
from twinlake.engines.network.addresses import is_public
from twinlake.engines.network.errors import DestinationRefusedError, DestinationUnreachableError

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[Address]]]
"""Return the addresses of a host name, for a port; `OSError` where it has none."""
_MAX_URL = 2048
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
"""As it is sent: international names are encoded by then."""


async def resolve_by_system(host: str, port: int) -> list[Address]:
    """Ask the machine's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [ip_address(socket_address[0]) for *_, socket_address in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A URL that may be sent to, at these addresses and no others."""

    url: URL
    addresses: tuple[Address, ...]


class DestinationGuard:
    """Lets URLs of the public internet pass, by https, and what the operator allows.

    Parameters
    ----------
    allow
        Receivers that are exempt, each as exact ``scheme://host:port``.
    is_closed
        Tells whether nothing is sent to a URL in any case, public or exempt.

    Raises
    ------
    InvalidInputError
        An entry of *allow* is not of this form.
    """

    def __init__(
        self,
        *,
        resolve: Resolve = resolve_by_system,
        allow: Collection[str] = (),
        is_closed: Callable[[URL], bool] = lambda _: False,
    ) -> None:
        self._resolve = resolve
        self._is_closed = is_closed
        self._allowed = frozenset(map(_parse_allowed, allow))

    def parse(self, text: str) -> URL:
        """Check everything about a URL that can be checked without the network.

        Raises
        ------
        DestinationRefusedError
            It is no URL to send to.
        """
        if len(text) > _MAX_URL or not text.isprintable() or any(c in text for c in " \\"):
            raise DestinationRefusedError("The URL is too long, or contains spaces, backslashes or control characters.")
        try:
            url = URL(text)
            host, port = url.host, url.port
        except ValueError:
            raise DestinationRefusedError(f"{text!r} is no URL.") from None
        if url.scheme not in {"http", "https"} or not host or not port:
            raise DestinationRefusedError(f"{text!r} is no https URL with a host.")
        if ":" not in host and not _HOST_NAME.fullmatch(host):
            raise DestinationRefusedError(f"{host[:80]!r} is no host name.")
        if url.user is not None or url.password is not None:
            raise DestinationRefusedError("The URL contains a user name or password.", remedy="Leave them out.")
        if self._is_closed(url):
            raise DestinationRefusedError(f"Nothing is sent to {host!r}: it is a site of the federation.")
        if _key(url) in self._allowed:
            return url
        if url.scheme != "https":
            raise DestinationRefusedError(f"{text!r} is not https.", remedy="Use https.")
        address = _parse_address(host)
        if address is not None:
            _require_public(host, [address])
        return url

    async def check(self, text: str) -> Destination:
        """Resolve *text* once and return where to connect.

        Raises
        ------
        DestinationRefusedError
            It is no URL to send to, or one of its addresses is not public.
        DestinationUnreachableError
            The host's name has no address.
        """
        url = self.parse(text)
        host, port = url.host or "", url.port or 0
        address = _parse_address(host)
        try:
            addresses = [address] if address is not None else await self._resolve(host, port)
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise DestinationUnreachableError(f"The host {host!r} has no address.")
        if _key(url) not in self._allowed:
            _require_public(host, addresses)
        return Destination(url=url, addresses=tuple(addresses))


def origin_of(text: str) -> str:
    """Return the ``scheme://host:port`` of a URL, as *allow* wants it."""
    url = URL(text)
    return f"{url.scheme}://{url.host_subcomponent}:{url.port}"


def _parse_allowed(text: str) -> tuple[str, str, int]:
    try:
        url = URL(text)
        key = _key(url)
    except ValueError:
        key = ("", "", 0)
    if key[0] not in {"http", "https"} or origin_of(text) != text.lower():
        raise InvalidInputError(f"{text!r} is not of the form scheme://host:port.", remedy="Write it like http://127.0.0.1:9000.")
    return key


def _key(url: URL) -> tuple[str, str, int]:
    return url.scheme, url.host or "", url.port or 0


def _require_public(host: str, addresses: list[Address]) -> None:
    if not all(map(is_public, addresses)):
        # Which address it is stays unsaid: it would tell of the inside of the site's network.
        raise DestinationRefusedError(
            f"The host {host!r} is not on the public internet.", remedy="Ask the operator to allow this receiver."
        )


def _parse_address(host: str) -> Address | None:
    """Return the address that *host* spells out; None if it is a name.

    A host whose last label is a number is an IPv4 address (https://url.spec.whatwg.org/#ends-in-a-number-checker),
    and has one spelling here: ``127.1``, ``0x7f.1``, ``2130706433`` and ``0177.0.0.1`` are refused.
    """
    try:
        return ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        is_number = last.isdecimal() or (last.startswith("0x") and all(c in "0123456789abcdef" for c in last[2:]))
        if is_number or ":" in host:
            raise DestinationRefusedError(f"{host!r} is no plain address.", remedy="Use the host's name.") from None
        return None
