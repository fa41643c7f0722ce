"""Lists of the API, page by page."""

import pytest

from twinlake.identity.principals import Principal, site_issuer
from twinlake.testing.site import local_site

API = "/openeo/1.2"
ALICE, BOB = (Principal(site_issuer("central"), name) for name in ("alice", "bob"))
PROCESS = {"process_graph": {"n": {"process_id": "pi", "arguments": {}, "result": True}}}
LISTS = {"/jobs": "jobs", "/process_graphs": "processes", "/services": "services"}


@pytest.fixture
async def site(tmp_path):
    async with local_site(tmp_path) as site:
        yield site


async def fill(site, owner, path, count):
    """Keep some of what *path* lists; return their ids in its order."""
    async with site.client(await site.token(owner.subject)) as client:
        made = []
        for number in range(count):
            if path == "/jobs":
                made.append((await client.post(f"{API}/jobs", json={"process": PROCESS})).headers["openeo-identifier"])
            elif path == "/services":
                document = {"process": PROCESS, "configuration": {}, "enabled": True}
                made.append(await site.services.processing.tile_services.store.create(owner, document, {}))
            else:
                made.append(f"p{number}")
                await site.services.processing.defined.put(owner, made[-1], PROCESS)
        return sorted(made, reverse=path != "/process_graphs")  # ids of one millisecond are in order of chance


@pytest.mark.parametrize("path", LISTS)
async def test_lists_go_on_page_by_page(site, path):
    made, _ = await fill(site, ALICE, path, 5), await fill(site, BOB, path, 1)
    async with site.client(await site.token("alice")) as alice, site.client(await site.token("bob")) as bob:
        url, pages = f"{API}{path}?limit=2", []
        while url:
            page = (await alice.get(url)).json()
            pages.append([each["id"] for each in page[LISTS[path]]])
            [url] = [link["href"] for link in page["links"] if link["rel"] == "next"] or [None]
            if url:
                assert (await bob.get(url)).status_code == 400, "a page is its owner's"
        everything = (await alice.get(f"{API}{path}")).json()

    assert pages == [made[:2], made[2:4], made[4:]]
    assert [each["id"] for each in everything[LISTS[path]]] == made
    assert everything["links"] == []


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=abc", "limit=1&token=x"])
async def test_pages_that_there_are_none_of_are_refused(site, path, query):
    async with site.client(await site.token("alice")) as alice:
        refused = await alice.get(f"{API}{path}?{query}")

    assert (refused.status_code, refused.json()["code"]) == (400, "InvalidParameterValue")
