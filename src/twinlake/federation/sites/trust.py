"""Whom this site has to do with, and what it believes of them: one table, read from memory."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import orjson
from yarl import URL

from twinlake.core.clock import Clock, from_microseconds, to_microseconds
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.engines.database import Connection, Database
from twinlake.federation.sites.descriptor import Descriptor, Heard, Known, from_document, to_document
from twinlake.federation.sites.errors import DescriptorRefusedError, PeerNotFoundError
from twinlake.identity.audit import AuditEntry, AuditLog
from twinlake.identity.principals import ROLES, Caller, site_issuer

PeerState = Literal["invited", "pending", "trusted", "blocked", "left"]
"""``invited``: we asked to join it and it has not confirmed. ``pending``: it asked, and our operator has not confirmed.
``trusted``: both have. ``blocked``: our operator wants nothing from it. ``left``: one of both went."""

ASSERTABLE_ROLES = ROLES - {"operator", "administrator"}
"""Roles that the issuer of another site may ever assert here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another site, as this one knows it."""

    id: str
    public_url: str
    """Under which users reach it, without a trailing slash."""
    address: str | None = field(default=None, compare=False)
    """Where this site calls it, if its own settings say so; without a trailing slash."""
    fingerprint: str
    """Of the key that the operators compared."""
    fingerprints: frozenset[str]
    """Of the keys that it has now: they followed that one, each vouched for by one before."""
    roles: frozenset[str] = frozenset()
    """That its issuer may assert here."""
    state: PeerState
    descriptor: Descriptor | None = None
    """The last good one."""
    content_sha256: bytes = b""
    fetched_at: datetime | None = None
    """When that was heard."""
    refusal: str | None = None
    """Why what it said after that was not believed; None where nothing is wrong."""
    changed_at: datetime

    @property
    def issuer(self) -> str:
        """The stable id of who vouches for its accounts."""
        return site_issuer(self.id)

    @property
    def base_url(self) -> str:
        """Where this site calls it, without a trailing slash."""
        return self.address or self.public_url

    @property
    def title(self) -> str:
        """Its name for people; its id where it has said none."""
        return (self.descriptor.title if self.descriptor else "") or self.id

    @property
    def token_url(self) -> str | None:
        """Of its ``dedl`` realm; None before it was heard."""
        return None if self.descriptor is None else self.descriptor.token_url

    @property
    def known(self) -> Known:
        """What its next descriptor must agree with."""
        seq = 0 if self.descriptor is None else self.descriptor.seq
        return Known(id=self.id, fingerprints=self.fingerprints, seq=seq, content_sha256=self.content_sha256)

    def is_stale(self, now: datetime) -> bool:
        """Tell whether what is known of it has ended."""
        return self.descriptor is None or now >= self.descriptor.expires_at

    def site_keys(self, now: datetime, *, signed_at: datetime) -> tuple[JsonObject, ...]:
        """Return its site keys as JSON Web Keys, for a text signed at *signed_at*.

        While it is out of reach the last keys count for what was signed before they were heard, and for nothing later.
        """
        if self.descriptor is None or self.fetched_at is None or (self.is_stale(now) and signed_at > self.fetched_at):
            return ()
        return tuple(self.descriptor.keys.site)


class PeerDirectory:
    """Keeps the peers. All who change them go through here, so what is read from memory is what is durable.

    Parameters
    ----------
    addresses
        Where this site calls peers, by id; from its settings only.
    """

    def __init__(self, *, database: Database, audit: AuditLog, clock: Clock, addresses: Mapping[str, str]) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._addresses = addresses
        self._changing = asyncio.Lock()
        self._peers: dict[str, Peer] = {}
        self._by_issuer: dict[str, Peer] = {}
        self._places: set[tuple[str, int]] = set()
        self.on_change: list[Callable[[], None]] = []
        """Called after a change of any peer."""
        self.version = ""
        """Another text whenever the set of trusted peers is another; the same after a restart."""

    async def load(self) -> None:
        """Read the peers; once, before anything is asked."""
        self._remember(await self._database.read(_list))

    def find_by_issuer(self, issuer: str) -> Peer | None:
        """Return the trusted peer whose accounts *issuer* vouches for."""
        return self._by_issuer.get(issuer)

    def list_trusted(self) -> list[Peer]:
        """Return the trusted peers, by id."""
        return list(self._by_issuer.values())

    def list_peers(self) -> list[Peer]:
        """Return all peers, by id."""
        return list(self._peers.values())

    def find(self, peer: str) -> Peer | None:
        """Return a peer in whatever state."""
        return self._peers.get(peer)

    def get(self, peer: str) -> Peer:
        """Return a peer in whatever state.

        Raises
        ------
        PeerNotFoundError
            There is none.
        """
        found = self._peers.get(peer)
        if found is None:
            raise PeerNotFoundError(peer)
        return found

    def is_at_peer(self, url: URL) -> bool:
        """Tell whether *url* is at a peer: nothing that a user names is sent there, where this site is known."""
        return _place(url) in self._places

    def address_of(self, peer: str) -> str | None:
        """Return where the settings say that this site calls *peer*."""
        return self._addresses.get(peer)

    async def change(
        self,
        peer: str,
        update: Callable[[Peer | None], Peer],
        *,
        by: Caller,
        action: str,
        also: Callable[[Connection], None] = lambda _: None,
    ) -> Peer:
        """Change what a peer is to this site, by *action*, which is audited; return the peer as it is then.

        Parameters
        ----------
        update
            Is given the peer as it is, None where there is none, and may refuse by raising: then nothing is changed.
        by
            Who acts; nobody where the peer itself does, which has proven who it is.
        also
            Done in the same transaction.
        """
        entry = AuditEntry(
            principal=None if by.principal is None else str(by.principal),
            action=action,
            resource=f"sites/{peer}",
            rule="",
            allowed=True,
        )

        def work(tx: Connection) -> None:
            also(tx)
            changed = update(_find(tx, peer))
            _write(tx, replace(changed, changed_at=self._clock.now()))
            self._audit.append(tx, entry, request_id=by.request_id)

        await self._write(work)
        return self.get(peer)

    async def note_heard(self, peer: str, heard: Heard) -> Peer:
        """Keep a descriptor that was believed."""
        now = self._clock.now()

        def update(known: Peer) -> Peer:
            return replace(
                known,
                public_url=heard.descriptor.url,
                fingerprints=heard.fingerprints,
                descriptor=heard.descriptor,
                content_sha256=heard.content_sha256,
                fetched_at=now,
                refusal=None,
            )

        return await self._note(peer, update)

    async def note_refusal(self, peer: str, error: DescriptorRefusedError) -> Peer:
        """Keep why a descriptor was refused, to be shown; what was believed before stays."""
        return await self._note(peer, lambda known: replace(known, refusal=f"{error.reason}: {error.message}"))

    async def _note(self, peer: str, update: Callable[[Peer], Peer]) -> Peer:
        def work(tx: Connection) -> None:
            known = _find(tx, peer)
            if known is None:
                raise PeerNotFoundError(peer)
            _write(tx, update(known))

        await self._write(work)
        return self.get(peer)

    async def _write(self, work: Callable[[Connection], None]) -> None:
        """Make a change durable and remember what came of it, one change after the other."""

        def both(tx: Connection) -> list[Peer]:
            work(tx)
            return _list(tx)

        async with self._changing:
            self._remember(await self._database.write(both))
        for listener in self.on_change:
            listener()

    def _remember(self, peers: list[Peer]) -> None:
        self._peers = {peer.id: replace(peer, address=self._addresses.get(peer.id)) for peer in peers}
        trusted = [peer for peer in self._peers.values() if peer.state == "trusted"]
        self._by_issuer = {peer.issuer: peer for peer in trusted}
        self._places = {_place(URL(text)) for text in (*self._addresses.values(), *(peer.public_url for peer in trusted))}
        named = "|".join(f"{peer.id} {peer.fingerprint}" for peer in trusted)
        self.version = hashlib.sha256(named.encode()).hexdigest()[:16]


def _place(url: URL) -> tuple[str, int]:
    """Name what listens there; a name with a dot at its end is the same name."""
    return (url.host or "").rstrip("."), url.port or 0


def check_roles(roles: frozenset[str]) -> frozenset[str]:
    """Return *roles* if another site's issuer may assert them.

    Raises
    ------
    InvalidInputError
        One may not be asserted by others, or is unknown.
    """
    if excess := sorted(roles - ASSERTABLE_ROLES):
        raise InvalidInputError(
            f"No other site may assert the role {excess[0]!r} here.",
            remedy=f"Leave it out; those that may be are: {', '.join(sorted(ASSERTABLE_ROLES))}.",
        )
    return roles


_COLUMNS = "id, public_url, fingerprint, fingerprints, roles, state, descriptor, content_sha256, fetched_at, refusal, changed_at"


def _list(tx: Connection) -> list[Peer]:
    return [_read(row) for row in tx.execute(f"select {_COLUMNS} from federation_peer order by id")]


def _find(tx: Connection, peer: str) -> Peer | None:
    row = tx.execute(f"select {_COLUMNS} from federation_peer where id = ?", (peer,)).fetchone()
    return None if row is None else _read(row)


def _read(row: tuple[Any, ...]) -> Peer:
    known, public_url, fingerprint, fingerprints, roles, state, descriptor, digest, fetched_at, refusal, changed_at = row
    return Peer(
        id=known,
        public_url=public_url,
        fingerprint=fingerprint,
        fingerprints=frozenset(orjson.loads(fingerprints)),
        roles=frozenset(orjson.loads(roles)),
        state=state,
        descriptor=None if descriptor is None else from_document(orjson.loads(descriptor)),
        content_sha256=digest,
        fetched_at=None if fetched_at is None else from_microseconds(fetched_at),
        refusal=refusal,
        changed_at=from_microseconds(changed_at),
    )


def _write(tx: Connection, peer: Peer) -> None:
    descriptor = peer.descriptor
    tx.execute(
        f"insert or replace into federation_peer({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            peer.id,
            peer.public_url,
            peer.fingerprint,
            orjson.dumps(sorted(peer.fingerprints)).decode(),
            orjson.dumps(sorted(peer.roles)).decode(),
            peer.state,
            None if descriptor is None else orjson.dumps(to_document(descriptor)).decode(),
            peer.content_sha256,
            None if peer.fetched_at is None else to_microseconds(peer.fetched_at),
            peer.refusal,
            to_microseconds(peer.changed_at),
        ),
    )
