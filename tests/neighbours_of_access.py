"""Sites that trust each other and listen on loopback, in the loop of the test: their stores can be reached past the APIs."""

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn

from twinlake.engines.web.zerocopy import ZeroCopyHttpToolsProtocol
from twinlake.holdings.catalogue.interfaces import ItemDraft, Managed
from twinlake.testing.delivery_site import new_collection, new_item
from twinlake.testing.site import local_site

PIECE = b"bytes of climate " * 100


@asynccontextmanager
async def neighbours(directory, *names, **settings):
    """Serve sites that are joined pairwise; yield them by name."""
    async with AsyncExitStack() as stack:
        listeners = {name: stack.enter_context(socket.create_server(("127.0.0.1", 0))) for name in names}
        ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
        sites = {}
        for name, listener in listeners.items():
            others = {other: f"http://127.0.0.1:{port}" for other, port in ports.items() if other != name}
            # Even where an operator allows it, what a user names does not reach a peer.
            allowed = {"allow": list(others.values())}
            chosen = {"server": {"port": ports[name]}, "federation": {"addresses": others}, "webhooks": allowed, **settings}
            sites[name] = await stack.enter_async_context(local_site(directory, site_id=name, settings=chosen))
            await stack.enter_async_context(_served(sites[name], listener))
        for one in names:
            for other in names:
                if one < other:
                    await _join(sites[one], sites[other])
        yield sites


@asynccontextmanager
async def _served(site, listener):
    config = uvicorn.Config(
        site.app, http=ZeroCopyHttpToolsProtocol, loop="asyncio", lifespan="off", access_log=False, log_config=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


async def _join(one, other):
    tokens = [await site.token("administrator", roles={"administrator"}) for site in (one, other)]
    async with one.client(tokens[0]) as here, other.client(tokens[1]) as there:
        invite = (await here.post("/api/federation/invites")).json()["invite"]
        inviting = (await there.post("/api/federation/joins", json={"invite": invite})).json()["id"]
        for client, peer in ((here, other.services.settings.id), (there, inviting)):
            answer = await client.put(f"/api/federation/peers/{peer}/trust", json={"roles": ["data-steward"]})
            assert answer.is_success, answer.text


async def hold(site, collection, access, files, *, item="one"):
    """Let *site* hold an item with *files*, by key: media type, and bytes to manage, a `Holding`, or a remote URL."""
    catalogue = site.services.catalogue
    await catalogue.put_collection(new_collection(collection), access=access)
    holdings, described = {}, {}
    for key, (media_type, source) in files.items():
        described[key] = {"href": f"./{key}.dat", "type": media_type}
        if isinstance(source, bytes):
            stored = await site.services.objects.put_bytes(source)
            holdings[key] = Managed(stored.sha256, stored.size_bytes)
        elif isinstance(source, str):
            described[key]["href"] = source
        else:
            holdings[key] = source
    await catalogue.put_items([ItemDraft(document=new_item(item, collection, described), holdings=holdings)])
