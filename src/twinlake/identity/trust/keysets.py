"""The key sets of external issuers: fetched again when a key is new, and good for a day while the issuer is away."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.engines.network.client import GuardedClient
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys.jwt import PublicKey, read_keys
from twinlake.identity.trust.models import TrustedIssuer

Fetch = Callable[[str], Awaitable[bytes]]
"""Get a URL of an issuer that the settings name; a `TwinlakeError` where it does not answer well."""
_FRESH_SECONDS = 600.0
_LEAST_SECONDS = 30.0
"""Between two fetches, whatever comes: a flood of unknown keys must not become a flood of fetches."""
_KEPT_SECONDS = 86_400.0
DISCOVERY = "/.well-known/openid-configuration"


@dataclass(slots=True)
class _Known:
    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    fetched: float = float("-inf")
    tried: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeySets:
    """Knows the keys of trusted issuers by ``kid``."""

    def __init__(self, *, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def keys_of(self, issuer: TrustedIssuer, *, kid: object) -> Mapping[str, PublicKey]:
        """Return the keys of *issuer*, fetched anew if *kid* is not among those known.

        Raises
        ------
        InvalidTokenError
            There are none: it has not answered for a day.
        """
        if issuer.keys is not None:
            return read_keys(issuer.keys, algorithms=issuer.algorithms)
        known = self._known.setdefault(issuer.url, _Known())
        async with known.lock:
            if self._is_due(known, kid):
                known.tried = self._clock.monotonic()
                try:
                    known.keys = await self._fetch_keys(issuer)
                except TwinlakeError:
                    pass  # the last good ones are used below, while they may be
                else:
                    known.fetched = self._clock.monotonic()
        if self._clock.monotonic() - known.fetched > _KEPT_SECONDS:
            raise InvalidTokenError(f"The issuer {issuer.alias!r} does not answer.", remedy="Try again later.")
        return known.keys

    def _is_due(self, known: _Known, kid: object) -> bool:
        now = self._clock.monotonic()
        return now - known.tried >= _LEAST_SECONDS and (kid not in known.keys or now - known.fetched >= _FRESH_SECONDS)

    async def _fetch_keys(self, issuer: TrustedIssuer) -> Mapping[str, PublicKey]:
        described = _read_object(await self._fetch(issuer.url + DISCOVERY))
        address = described.get("jwks_uri")
        if described.get("issuer") != issuer.url or not isinstance(address, str) or _host(address) != _host(issuer.url):
            raise _KeysUnreadableError("The issuer describes another one, or has its keys at another host.")
        keys = _read_object(await self._fetch(address)).get("keys")
        if not isinstance(keys, list):
            raise _KeysUnreadableError("The issuer's keys are no key set.")
        return read_keys([key for key in keys if isinstance(key, dict)], algorithms=issuer.algorithms)


class IssuerPages:
    """Gets what issuers publish, from exactly the hosts that the settings name."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    async def fetch(self, url: str) -> bytes:
        """Return the body at *url* (a `Fetch`)."""
        answer = await self._client.get(url)
        if answer.status != 200:
            raise _KeysUnreadableError(f"The issuer answered {answer.status}.")
        return answer.body


class _KeysUnreadableError(TwinlakeError):
    """An issuer answered, but not with keys."""


def _read_object(text: bytes) -> JsonObject:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _KeysUnreadableError("The issuer's answer is no JSON object.")
    return found


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
