"""What this site says of itself: issued anew when it has changed, and before it ends."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec
import orjson

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection, Database
from twinlake.federation.sites.descriptor import (
    LIFE,
    MAX_COLLECTIONS,
    MAX_SIGNATURES,
    MAX_TITLE,
    PROTOCOL,
    CollectionNotice,
    Descriptor,
    SiteKeys,
    sign_descriptor,
    to_document,
)
from twinlake.holdings.catalogue.aggregating import MOST_BUCKETS
from twinlake.holdings.catalogue.interfaces import ItemQuery, StoredCollection, Visibility
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.principals import ANONYMOUS, Caller, site_issuer

_LOOKED_AT_SECONDS = 10.0
"""What is said may be this much behind what is so."""
_COUNT_SECONDS = 5.0
_LIFE_SECONDS = int(LIFE.total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """What does not change while the site runs."""

    id: str
    role: Literal["central", "bridge"]
    operator: str
    place: str
    title: str = ""
    """Name shown to people."""
    url: str
    """Without a trailing slash."""
    token_url: str
    """Of the ``dedl`` realm, below *url*."""
    services: Mapping[str, str]
    """URLs by name."""
    signs_in_for_others: bool = False
    """Whether it has the realm ``desp``."""

    @property
    def issuer(self) -> str:
        """The stable id of who vouches for the site's accounts."""
        return site_issuer(self.id)


class Holdings(Protocol):
    """What is needed of a `Catalogue`."""

    async def list_collections(self, visibility: Visibility) -> list[StoredCollection]: ...

    async def aggregate_counts(
        self, query: ItemQuery, visibility: Visibility, *, by: Sequence[str], deadline_seconds: float
    ) -> JsonObject: ...


class Visibilities(Protocol):
    """What is needed of a `CollectionPolicy`."""

    async def visibility_of(self, caller: Caller) -> Visibility: ...


class OwnDescriptor:
    """Says what the site is, signed. Numbers are durable before they are told, so that none is told twice."""

    def __init__(
        self, *, facts: SiteFacts, keys: KeyRing, holdings: Holdings, visibilities: Visibilities, database: Database, clock: Clock
    ) -> None:
        self.facts = facts
        self._keys = keys
        self._holdings = holdings
        self._visibilities = visibilities
        self._database = database
        self._clock = clock
        self._issuing = asyncio.Lock()
        self._looked_at: float | None = None
        self._body = b""
        self._content = b""
        self._issued = 0

    @property
    def fingerprint(self) -> str:
        """The thumbprint of the key that the site signs with now, which operators compare."""
        return self._keys.signing_key("site").kid

    @property
    def signing_jwk(self) -> JsonObject:
        """The public half of that key, as a JSON Web Key."""
        return next(key for key in self._keys.public_keys("site") if key["kid"] == self.fingerprint)

    async def to_json(self) -> bytes:
        """Return the descriptor as it is served: readable, and signed."""
        async with self._issuing:
            now = self._clock.monotonic()
            if self._looked_at is None or now - self._looked_at >= _LOOKED_AT_SECONDS:
                await self._look()
                self._looked_at = now
        return self._body

    async def _look(self) -> None:
        issued = int(self._clock.now().timestamp())
        draft = await self._draft()
        content = hashlib.sha256(orjson.dumps(to_document(draft))).digest()
        if content == self._content and issued - self._issued < _LIFE_SECONDS / 2:
            return
        seq = await self._database.write(lambda tx: _next_seq(tx, issued))
        said = msgspec.structs.replace(draft, seq=seq, issued=issued, expires=issued + _LIFE_SECONDS)
        signed = await asyncio.to_thread(sign_descriptor, said, self._keys.published_keys("site")[:MAX_SIGNATURES])
        self._body = orjson.dumps({"descriptor": to_document(said), "signed": signed})
        self._content, self._issued = content, issued

    async def _draft(self) -> Descriptor:
        facts, (listed, unlisted) = self.facts, await self._list_collections()
        return Descriptor(
            id=facts.id,
            issuer=facts.issuer,
            protocol=PROTOCOL,
            role=facts.role,
            operator_name=facts.operator,
            place=facts.place,
            title=facts.title,
            url=facts.url,
            token_url=facts.token_url,
            keys=SiteKeys(
                site=self._keys.public_keys("site")[:MAX_SIGNATURES],
                dedl=self._keys.public_keys("dedl"),
                desp=self._keys.public_keys("desp") if facts.signs_in_for_others else [],
            ),
            services=dict(facts.services),
            collections=listed,
            unlisted=unlisted,
            seq=1,
            issued=0,
            expires=0,
        )

    async def _list_collections(self) -> tuple[list[CollectionNotice], int]:
        """Return the first `MAX_COLLECTIONS`, by id, of those that everybody may discover, and how many more there are."""
        visibility = await self._visibilities.visibility_of(ANONYMOUS)
        found = sorted(await self._holdings.list_collections(visibility), key=lambda each: each.id)
        listed = found[:MAX_COLLECTIONS]
        counts: dict[str, int] = {}
        for first in range(0, len(listed), MOST_BUCKETS):
            some = ItemQuery(collections=tuple([each.id for each in listed[first : first + MOST_BUCKETS]]))
            counted = await self._holdings.aggregate_counts(some, visibility, by=["collection"], deadline_seconds=_COUNT_SECONDS)
            counts |= {bucket["key"]: bucket["count"] for bucket in counted["collection"]}
        return [_notice(each, counts.get(each.id, 0)) for each in listed], len(found) - len(listed)


def _notice(collection: StoredCollection, items: int) -> CollectionNotice:
    document = orjson.loads(collection.body)
    extent = document.get("extent") or {}
    boxes = extent.get("spatial", {}).get("bbox") or []
    intervals = extent.get("temporal", {}).get("interval") or []
    return CollectionNotice(
        id=collection.id,
        title=str(document.get("title") or "")[:MAX_TITLE],
        bbox=_flat(boxes[0]) if boxes else None,
        interval=(intervals[0][0], intervals[0][1]) if intervals else None,
        items=items,
    )


def _flat(box: list[Any]) -> tuple[float, float, float, float] | None:
    """Leave the heights out."""
    if len(box) not in {4, 6}:
        return None
    half = len(box) // 2
    return float(box[0]), float(box[1]), float(box[half]), float(box[half + 1])


def _next_seq(tx: Connection, now: int) -> int:
    """Return a number that was never told: higher than the last, and than any that a site restored from a backup forgot."""
    [(seq,)] = tx.execute(
        "insert into federation_descriptor(one, seq) values (1, ?)"
        " on conflict(one) do update set seq = max(seq + 1, excluded.seq) returning seq",
        (now,),
    ).fetchall()
    return int(seq)
