"""The page on sites and services: who is there, whether it works, how far it is, how to begin."""

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from twinlake.console.describe import write_age, write_instant
from twinlake.console.pages import Pages
from twinlake.console.snippets import Snippet
from twinlake.core.clock import Clock, to_text
from twinlake.core.documents import JsonObject
from twinlake.core.sizes import write_size
from twinlake.discovery.services.models import Site
from twinlake.discovery.services.service import Offered, ServiceDiscovery
from twinlake.federation.sites.links import Link
from twinlake.federation.sites.trust import Peer

ListLinks = Callable[[], Awaitable[list[Link]]]
ListPeers = Callable[[], list[Peer]]
_TONES = {"ok": "good", "degraded": "warn", "refusing": "bad", "unreachable": "bad"}
_WORDS = {
    "ok": "all well",
    "degraded": "needs care",
    "refusing": "refuses what this site asks",
    "unreachable": "does not answer",
}
_RADIUS = 70.0
_TODO = {
    "pending": "asks to join: compare the fingerprint with its operator, then twinlake federation trust",
    "invited": "its operator must confirm",
    "blocked": "nothing is asked of it, and it counts for nothing",
    "left": "joining again takes a new invite",
}


class SitesPage:
    """Shows the sites of the federation and their services."""

    def __init__(
        self, *, pages: Pages, services: ServiceDiscovery, list_links: ListLinks, list_peers: ListPeers, clock: Clock
    ) -> None:
        self._clock = clock
        self._pages = pages
        self._services = services
        self._list_links = list_links
        self._list_peers = list_peers

    async def show(self, request: Request) -> Response:
        """Answer with the page: links for who is signed in, sites in other states for administrators."""
        caller = request.state.caller
        sites = await self._services.list_sites()
        links = {link.peer: link for link in await self._list_links()} if caller.principal is not None else {}
        now = self._clock.now()
        administers = "administrator" in caller.roles and "admin" in caller.scopes
        return self._pages.render(
            request,
            "sites.html",
            sites=[_describe(site, links.get(site.id), now) for site in sites],
            picture=draw_federation(sites, links),
            services=[_describe_service(offered) for offered in await self._services.search()],
            others=[_describe_other(peer) for peer in self._list_peers() if peer.state in _TODO] if administers else [],
            knows_links=bool(links),
        )


def describe_health(sites: Sequence[Site], missing: Iterable[str]) -> JsonObject:
    """Return how this site, the first, and the others are in one badge: whose *missing* answers an answer tells of, too."""
    own, *peers = sites
    if own.status != "ok":
        return {"tone": "bad", "words": _WORDS[own.status], "path": "/health"}
    unwell = sorted({peer.id for peer in peers if peer.status != "ok"}.union(missing))
    if not unwell:
        return {"tone": "good", "words": _WORDS["ok"], "path": "/health"}
    if len(unwell) > 1:
        return {"tone": "warn", "words": f"{len(unwell)} sites need care", "path": "/sites"}
    [one] = unwell
    words = next((_WORDS[peer.status] for peer in peers if peer.id == one and peer.status != "ok"), _WORDS["unreachable"])
    return {"tone": "warn", "words": f"{one} {words}", "path": "/sites"}


def _describe(site: Site, link: Link | None, now: datetime) -> JsonObject:
    return {
        "id": site.id,
        "title": site.title,
        "url": site.url,
        "role": site.role,
        "place": " · ".join(part for part in (site.place, site.operator) if part),
        "collections": site.collections,
        "tone": _TONES[site.status],
        "status": _WORDS[site.status],
        "since": write_instant(to_text(site.since)),
        "heard": None if site.heard_at is None else _describe_moment(site.heard_at, now),
        "link": None if link is None else _describe_link(link, now),
    }


def _describe_link(link: Link, now: datetime) -> JsonObject:
    speed = f"{write_size(link.bytes_per_second)}/s"
    return {"round_trip": _write_round_trip(link), "speed": speed, "measured": _describe_moment(link.at, now)}


def _describe_moment(at: datetime, now: datetime) -> JsonObject:
    return {"at": to_text(at), "words": write_instant(to_text(at)), "age": write_age(now - at)}


def _write_round_trip(link: Link) -> str:
    return f"{link.round_trip.total_seconds() * 1000:.1f} ms"


def _describe_service(offered: Offered) -> JsonObject:
    service = offered.service
    return {
        "id": service.id,
        "title": service.title,
        "description": service.description,
        "sites": [{"title": site.title, "url": site.offers[service.id]} for site in offered.sites],
        "code": Snippet(service.language, offered.begin),
    }


def _describe_other(peer: Peer) -> JsonObject:
    return {
        "id": peer.id,
        "state": peer.state,
        "url": peer.public_url,
        "fingerprint": peer.fingerprint,
        "next": f"{_TODO[peer.state]} {peer.id}" if peer.state == "pending" else _TODO[peer.state],
        "refusal": peer.refusal or "",
    }


def draw_federation(sites: Sequence[Site], links: dict[str, Link]) -> JsonObject:
    """Return nodes and lines of a picture, 220 wide: this site in the middle, the others around it.

    Nobody stands in the quarter below it, where its name is.
    """
    own, *others = sites
    nodes: list[JsonObject] = [{"x": 0.0, "y": 0.0, "id": own.id, "tone": _TONES[own.status]}]
    for number, site in enumerate(others):
        angle = math.pi * (0.75 + 1.5 * (number + 0.5) / len(others))
        link = links.get(site.id)
        nodes.append(
            {
                "x": round(_RADIUS * math.cos(angle), 1),
                "y": round(_RADIUS * math.sin(angle), 1),
                "id": site.id,
                "tone": _TONES[site.status],
                "link": "" if link is None else _write_round_trip(link),
            }
        )
    words = ", ".join(f"{site.id} {_WORDS[site.status]}" for site in sites)
    heights = [float(node["y"]) for node in nodes]
    top, bottom = min(heights) - 20, max(heights) + 32
    return {"nodes": nodes, "top": top, "height": bottom - top, "label": f"The sites of the federation: {words}."}
