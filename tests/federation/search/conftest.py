"""Three whole sites in this process that know each other."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import pytest
from starlette.routing import Router

from stac_documents import a_collection, an_item
from twinlake.discovery.data.app import API_PATH, mount
from twinlake.discovery.data.service import DataDiscovery
from twinlake.engines.web.stack import wrap_site
from twinlake.federation.errors import PeerUnreachableError
from twinlake.federation.search.answering import PeerAnswers
from twinlake.federation.search.hrefs import data_root
from twinlake.federation.search.interfaces import Budget, PeerSet
from twinlake.federation.search.routes import routes
from twinlake.federation.search.service import FederatedSearch
from twinlake.federation.search.sources import LocalSource, PeerSource
from twinlake.federation.search.versions import Versions
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft
from twinlake.identity.authenticator import Authenticator
from twinlake.testing.site import local_site

NAMES = ("central", "climate", "extremes")
BUDGET = Budget(seconds=20, size_bytes=1 << 20)
PEER_MARK = "x-test-peer"


@dataclass
class Federation:
    """Sites by name; calls go over their real routes, with tokens of the callers at each."""

    sites: dict = field(default_factory=dict)
    listed: dict = field(default_factory=dict)
    down: set = field(default_factory=set)
    bodies: list = field(default_factory=list)
    tokens: dict = field(default_factory=dict)
    judged: list = field(default_factory=list)
    version: str = "1"

    async def token(self, site, caller):
        key = (site, caller.key)
        if key not in self.tokens:
            subject = "a-site" if caller.principal is None else caller.principal.subject
            self.tokens[key] = await self.sites[site].token(subject, scopes=("search", "read"))
        return self.tokens[key]

    async def call(self, peer, path, body, *, caller, budget):
        if peer in self.down:
            raise PeerUnreachableError("It is down.")
        self.bodies.append((peer, path, body))
        async with self.sites[peer].client(await self.token(peer, caller)) as client:
            answer = await client.post(path, json=body, headers={PEER_MARK: "yes"})
        if answer.status_code != 200:
            raise PeerUnreachableError(answer.text)
        return answer.content

    def peers_of(self, name):
        return _Peers(self, name)

    def client(self, name, token=None):
        return self.sites[name].client(token)


@dataclass
class _Peers:
    federation: Federation
    name: str

    def current(self):
        peers = tuple(
            PeerSource(
                peer=peer,
                asker=self.name,
                collections=frozenset(self.federation.listed[peer]),
                calls=self.federation,
                stac_root=_root(site),
                own_stac_root=_root(self.federation.sites[self.name]),
                data_root=_data_root(site, peer),
                own_data_root=_data_root(self.federation.sites[self.name], peer),
            )
            for peer, site in self.federation.sites.items()
            if peer != self.name
        )
        return PeerSet(version=self.federation.version, sources=peers)

    def judge(self, peer, *, believed):
        self.federation.judged.append((peer, believed))


def _root(site):
    return site.services.settings.base_url + API_PATH


def _data_root(site, backend):
    return data_root(site.services.settings.base_url, backend)


def _app(services, federation, name):
    seen = services.collections.visibility_of
    local = LocalSource(site_id=name, catalogue=services.catalogue, visibility_of=seen)
    search = FederatedSearch(
        local=local, peers=federation.peers_of(name), seal=services.seal, own=BUDGET, remote=BUDGET, log=services.log
    )
    discovery = DataDiscovery(
        catalogue=services.catalogue, visibility_of=seen, seal=services.seal, deadline_seconds=20, federation=search
    )
    versions = Versions(catalogue=services.catalogue, visibility_of=seen, budget=BUDGET)
    url = services.settings.base_url
    return wrap_site(
        Router(
            [
                mount(discovery=discovery, editing=services.editing, public_url=url, site_id=name, title=name),
                *routes(
                    answers=PeerAnswers(
                        local=local,
                        versions=versions,
                        budget=BUDGET,
                        closed=services.collections.list_closed,
                        data_root=data_root(url, name),
                    ),
                    is_peer=lambda request: PEER_MARK in request.headers,
                ),
            ]
        ),
        authenticate=lambda app: Authenticator(
            app,
            credentials=services.federation.credentials,
            sessions=services.sessions,
            policy=services.policy,
            public_url=url,
        ),
        clock=services.clock,
        randomness=services.randomness,
        log=services.log,
        metrics=services.metrics,
        max_body_bytes=1 << 20,
        on_finished=services.usage.note_request,
    )


@pytest.fixture
async def federation(tmp_path):
    """Each site has a collection of its own with 5 items a day apart, `both` is at two of them, `hidden` at one."""
    federation = Federation()
    async with AsyncExitStack() as stack:
        for number, name in enumerate(NAMES):
            settings = {"server": {"port": 9001 + number}}
            site = await stack.enter_async_context(local_site(tmp_path, site_id=name, settings=settings))
            federation.sites[name] = replace(site, app=_app(site.services, federation, name))
            federation.listed[name] = {f"of-{name}"}
            catalogue = site.services.catalogue
            await catalogue.put_collection(a_collection(f"of-{name}"))
            days = [f"2020-01-{3 * day + number + 1:02d}T00:00:00Z" for day in range(5)]
            items = [an_item(f"{name}-{day[8:10]}", f"of-{name}", datetime=day, n=int(day[8:10])) for day in days]
            if name != "central":
                federation.listed[name].add("both")
                await catalogue.put_collection(a_collection("both"))
                items.append(an_item("same", "both", datetime="2021-01-01T00:00:00Z"))
            if name == "extremes":
                private = CollectionAccess(access="private", owner="urn:twinlake:site:extremes|ada")
                await catalogue.put_collection(a_collection("hidden"), access=private)
                items.append(an_item("secret", "hidden", datetime="2022-01-01T00:00:00Z"))
            await catalogue.put_items([ItemDraft(document=item) for item in items])
        yield federation


def ids(answer):
    """Return the ids of the items of an answer."""
    return [item["id"] for item in answer.json()["features"]]
