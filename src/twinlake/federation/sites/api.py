"""What operators do about other sites. A part of ``/api``."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from twinlake.core.clock import Clock
from twinlake.federation.sites.descriptor import Descriptor
from twinlake.federation.sites.opening import Sites
from twinlake.federation.sites.trust import Peer, PeerState
from twinlake.federation.sites.watching import PeerWatch
from twinlake.identity.web import guarded_api

_TAGS = ["federation"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PeerRecord(_Model):
    """Another site, as this one knows it."""

    id: str
    state: Annotated[
        PeerState,
        Field(
            description="invited: we asked it and its operator has not confirmed. pending: it asked and ours has not. "
            "trusted: both have. blocked: our operator wants nothing of it. left: one of both parted."
        ),
    ]
    issuer: Annotated[str, Field(description="Stable id of who vouches for its accounts.")]
    fingerprint: Annotated[str, Field(description="Of its key; operators compare it over another way.")]
    roles: Annotated[list[str], Field(description="That its issuer may assert here.")]
    public_url: str
    address: Annotated[str, Field(description="Where this site calls it.")]
    role: str | None = None
    operator: str | None = None
    place: str | None = None
    collections: Annotated[int | None, Field(description="How many everybody may discover there.")] = None
    seq: Annotated[int | None, Field(description="Number of its last good descriptor.")] = None
    fetched_at: datetime | None
    stale: Annotated[bool, Field(description="Whether what is known of it has ended.")]
    refusal: Annotated[str | None, Field(description="Why what it said last was not believed.")]
    calls: Annotated[
        Literal["closed", "open", "half-open"], Field(description="State of the circuit breaker: open calls it not.")
    ]


class PeerList(_Model):
    """The other sites."""

    site: Annotated[str, Field(description="Id of this one.")]
    fingerprint: Annotated[str, Field(description="Of this site's key.")]
    peers: list[PeerRecord]


class InviteText(_Model):
    """A new invite."""

    invite: str


class TrustBody(_Model):
    """What a trusted site may."""

    roles: Annotated[list[str], Field(max_length=10, description="That its issuer may assert here.")] = []


class LinkRecord(_Model):
    """The last measurement of the way to a peer."""

    peer: str
    measured_at: datetime
    age_seconds: int
    round_trip_seconds: float
    bytes_per_second: int


class LinkList(_Model):
    """The ways to all peers."""

    links: list[LinkRecord]


def declare_routes(app: FastAPI, *, sites: Sites, watch: PeerWatch, clock: Clock) -> None:
    """Add what operators do to *app*."""
    api = _FederationApi(sites, watch, clock)
    peer = "/federation/peers/{peer}"
    guarded_api(app, "/federation/peers", api.list_peers, methods=["GET"], action="administer", tags=_TAGS)
    guarded_api(app, "/federation/invites", api.invite, methods=["POST"], action="administer", tags=_TAGS, status_code=201)
    guarded_api(app, "/federation/joins", api.join, methods=["POST"], action="administer", tags=_TAGS, status_code=202)
    guarded_api(app, f"{peer}/trust", api.trust, methods=["PUT"], action="administer", tags=_TAGS)
    guarded_api(app, f"{peer}/block", api.block, methods=["PUT"], action="administer", tags=_TAGS)
    guarded_api(app, peer, api.leave, methods=["DELETE"], action="administer", tags=_TAGS)
    guarded_api(app, "/federation/links", api.list_links, methods=["GET"], action="administer", tags=_TAGS)


class _FederationApi:
    def __init__(self, sites: Sites, watch: PeerWatch, clock: Clock) -> None:
        self._sites = sites
        self._watch = watch
        self._clock = clock

    async def list_peers(self) -> PeerList:
        """List the other sites, in whatever state."""
        own = self._sites.own
        peers = [self._record(peer) for peer in self._sites.directory.list_peers()]
        return PeerList(site=own.facts.id, fingerprint=own.fingerprint, peers=peers)

    async def invite(self, request: Request) -> InviteText:
        """Make an invite for one other site; it is in this answer and nowhere else."""
        return InviteText(invite=await self._sites.joining.invite(by=request.state.caller))

    async def join(self, request: Request, body: InviteText) -> PeerRecord:
        """Ask the site that made an invite to take this one in."""
        return self._record(await self._sites.joining.join(body.invite, by=request.state.caller))

    async def trust(self, request: Request, peer: str, body: TrustBody) -> PeerRecord:
        """Confirm a site that asked to join, or change which roles its issuer may assert; lifts a block."""
        trusted = await self._sites.joining.trust(peer, frozenset(body.roles), by=request.state.caller)
        await self._watch.visit(trusted)
        return self._record(self._sites.directory.get(peer))

    async def block(self, request: Request, peer: str) -> PeerRecord:
        """Have nothing more to do with a site, at once."""
        return self._record(await self._sites.joining.block(peer, by=request.state.caller))

    async def leave(self, request: Request, peer: str) -> PeerRecord:
        """Part from a site and tell it."""
        return self._record(await self._sites.joining.leave(peer, by=request.state.caller))

    async def list_links(self) -> LinkList:
        """Return the last measurement of the way to each peer."""
        links = self._sites.links
        return LinkList(links=[LinkRecord.model_validate(link) for link in links.to_json(await links.list_latest())])

    def _record(self, peer: Peer) -> PeerRecord:
        return PeerRecord(
            id=peer.id,
            state=peer.state,
            issuer=peer.issuer,
            fingerprint=peer.fingerprint,
            roles=sorted(peer.roles),
            public_url=peer.public_url,
            address=peer.base_url,
            fetched_at=peer.fetched_at,
            stale=peer.is_stale(self._clock.now()),
            refusal=peer.refusal,
            calls=self._sites.client.breaker_of(peer).state,
            **_tell_of(peer.descriptor),
        )


def _tell_of(said: Descriptor | None) -> dict[str, Any]:
    if said is None:
        return {}
    return {
        "role": said.role,
        "operator": said.operator_name,
        "place": said.place,
        "collections": len(said.collections),
        "seq": said.seq,
    }
