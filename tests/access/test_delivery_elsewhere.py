"""Bytes that another site holds: it decides, the client is sent there with a signed address, and no token goes with it."""

import hashlib

import httpx2
import pytest
import pytest_asyncio

from neighbours_of_access import PIECE, hold, neighbours
from twinlake.core.clock import to_microseconds
from twinlake.holdings.catalogue.interfaces import CollectionAccess, Linked
from twinlake.identity.principals import ANONYMOUS

ADA = "urn:twinlake:site:central|ada"
RESTRICTED = CollectionAccess(access="restricted", owner=ADA)
PRIVATE = CollectionAccess(access="private", owner=ADA)
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 30
PICTURES = {
    "webp": ("image/webp", WEBP),
    "lying": ("image/png", b"<html><script>alert(1)</script>"),
    "text": ("text/html", WEBP),
    "large": ("image/png", b"\x89PNG\r\n\x1a\n" + b"\0" * (4 << 20)),
    "far": ("image/png", "https://elsewhere.example/a.png"),
}
PATH = "/data/climate/restricted/one/file"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sites")
    links = directory / "links"
    links.mkdir()
    (links / "linked.bin").write_bytes(PIECE)
    status = (links / "linked.bin").stat()
    linked = Linked(str(links / "linked.bin"), status.st_size, hashlib.sha256(PIECE).hexdigest(), status.st_mtime_ns)
    async with neighbours(directory, "central", "climate", ingest={"link_roots": [str(links)]}) as sites:
        files = {
            "file": ("application/x-netcdf", PIECE),
            "linked": ("application/octet-stream", linked),
            "far": ("text/plain", "https://elsewhere.example/file"),
            "script": ("text/plain", "javascript:alert(1)"),
        }
        await hold(sites["climate"], "pictures", CollectionAccess(), PICTURES)
        await hold(sites["climate"], "closed-pictures", RESTRICTED, PICTURES)
        for name, access in (("open", CollectionAccess()), ("restricted", RESTRICTED), ("private", PRIVATE)):
            await hold(sites["climate"], name, access, files)
        yield sites


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tokens(sites):
    return {name: await sites["central"].token(name, scopes=("search", "read")) for name in ("ada", "bob")}


async def get(sites, token, path, method="GET"):
    async with sites["central"].client(token) as client:
        return await client.request(method, path)


async def peer_token(asker, peer):
    """Return a token with which *asker* asks *peer* for nobody in particular."""
    federation = asker.services.federation
    return await federation.tokens.token_for(ANONYMOUS, federation.sites.directory.get(peer))


async def test_who_may_is_sent_to_the_holder_with_an_address_that_needs_no_token(sites, tokens):
    url = sites["climate"].services.settings.base_url

    answer = await get(sites, tokens["ada"], PATH)

    assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
    assert answer.headers["location"].startswith(f"{url}{PATH}?expires=")
    async with httpx2.AsyncClient() as anybody:
        got = await anybody.get(answer.headers["location"])
        part = await anybody.get(answer.headers["location"], headers={"range": "bytes=6-7"})
        head = await anybody.head(answer.headers["location"])
        without = await anybody.get(f"{url}{PATH}")
    assert (got.status_code, got.content) == (200, PIECE)
    assert got.headers["cache-control"] == "private, no-cache"
    assert (part.status_code, part.content) == (206, b"of")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(PIECE)))
    assert without.status_code == 401


@pytest.mark.parametrize("asset", ["file", "linked"])
async def test_managed_and_linked_files_of_open_and_closed_collections(sites, tokens, asset):
    for collection in ("open", "restricted", "private"):
        path = f"/data/climate/{collection}/one/{asset}"
        for method in ("GET", "HEAD"):
            assert (await get(sites, tokens["ada"], path, method)).status_code == 307
        async with httpx2.AsyncClient() as anybody:
            location = (await get(sites, tokens["ada"], path)).headers["location"]
            assert (await anybody.get(location)).content == PIECE
    assert (await get(sites, None, f"/data/climate/open/one/{asset}")).status_code == 307


async def test_a_client_that_follows_leaves_its_token_at_home(sites, tokens):
    async with httpx2.AsyncClient(follow_redirects=True) as client:
        url = f"{sites['central'].services.settings.base_url}{PATH}"
        answer = await client.get(url, headers={"authorization": f"Bearer {tokens['ada']}"})

    assert answer.content == PIECE
    assert "authorization" in answer.history[0].request.headers
    assert "authorization" not in answer.request.headers


async def test_who_may_not_hears_it_from_the_site_that_was_asked(sites, tokens):
    cases = {
        (None, "restricted/one/file"): (401, "sign-in-required"),
        ("bob", "restricted/one/file"): (403, "refused-by-site"),
        (None, "private/one/file"): (404, "not-found-at-site"),
        ("bob", "private/one/file"): (404, "not-found-at-site"),
        ("ada", "nothing/one/file"): (404, "not-found-at-site"),
        ("ada", "open/nothing/file"): (404, "not-found-at-site"),
        ("ada", "open/one/nothing"): (404, "not-found-at-site"),
        ("ada", "open/one/script"): (404, "not-found-at-site"),
        ("ada", f"open/one/{'x' * 300}"): (404, "not-found-at-site"),
    }
    for (who, path), expected in cases.items():
        answer = await get(sites, who and tokens[who], f"/data/climate/{path}")
        assert (answer.status_code, answer.json()["code"]) == expected, path
        assert "climate" in answer.json()["detail"]


async def test_a_backend_that_nobody_knows_is_not_there(sites, tokens):
    for backend in ("nobody", "climat%65%00", "..%2e", "Climate"):
        answer = await get(sites, tokens["ada"], f"/data/{backend}/open/one/file")
        assert (answer.status_code, answer.json()["code"]) == (404, "backend-not-found")


async def test_a_token_that_may_only_search_gets_no_bytes(sites):
    token = await sites["central"].token("ada", scopes=("search",))

    assert (await get(sites, token, PATH)).status_code == 403


async def test_nothing_is_asked_for_a_peer_that_asks(sites):
    """A peer's token opens what this site holds, and nothing that it would have to ask for."""
    token = await peer_token(sites["climate"], "central")

    answer = await get(sites, token, PATH)

    assert (answer.status_code, answer.json()["code"]) == (403, "forwarding-refused")


async def test_the_address_is_good_for_one_asset_and_some_minutes(sites, tokens):
    location = (await get(sites, tokens["ada"], PATH)).headers["location"]
    path, _, query = location.partition("?")
    expires = query.partition("&")[0].removeprefix("expires=")
    async with httpx2.AsyncClient() as anybody:
        others = [
            location.replace("restricted", "private"),
            location.replace("/file?", "/linked?"),
            location.replace(expires, str(int(expires) + 1)),
            location[:-1] + ("A" if location[-1] != "A" else "B"),
            f"{path}?expires={expires}&signature=",
        ]
        assert [(await anybody.get(url)).status_code for url in others] == [403] * len(others)
    now = to_microseconds(sites["climate"].services.clock.now()) // 1_000_000
    assert int(expires) - now <= 300


async def test_remote_assets_are_left_to_the_client(sites, tokens):
    answer = await get(sites, tokens["ada"], "/data/climate/restricted/one/far")
    async with httpx2.AsyncClient() as anybody:
        onward = await anybody.get(answer.headers["location"])

    assert (onward.status_code, onward.headers["location"]) == (307, "https://elsewhere.example/file")


async def test_only_peers_ask_for_addresses(sites):
    message = {"chain": ["central"], "collection": "open", "item": "one", "asset": "file"}
    token = await sites["climate"].token("ada")
    for path in ("/federation/link", "/federation/picture"):
        for who in (None, token):
            async with sites["climate"].client(who) as client:
                assert (await client.post(path, json=message)).status_code == 403


async def test_questions_of_peers_are_held_to_their_form(sites):
    token = await peer_token(sites["central"], "climate")
    good = {"chain": ["central"], "collection": "open", "item": "one", "asset": "file"}
    bad = [{}, [], {**good, "chain": []}, {**good, "more": 1}, {**good, "asset": "x" * 256}]
    forwarded = [{**good, "chain": ["a", "b"]}, {**good, "chain": ["climate"]}]
    async with sites["climate"].client(token) as client:
        assert (await client.post("/federation/link", json=good)).status_code == 200
        for message in bad:
            assert (await client.post("/federation/link", json=message)).status_code == 400, message
        for message in forwarded:
            assert (await client.post("/federation/link", json=message)).status_code == 403, message


@pytest.mark.slow
async def test_a_rule_for_users_is_for_users_and_a_blocked_site_is_no_backend(tmp_path):
    """The token of a site with which it asks for nobody in particular is no user's."""
    policy = tmp_path / "users-read.cedar"
    policy.write_text(
        '@id("seen") permit (principal, action == Action::"discover", resource);'
        '@id("users") permit (principal is User, action == Action::"read", resource);'
        '@id("administrators") permit (principal in Role::"administrator", action, resource);'
    )
    async with neighbours(tmp_path, "central", "climate", policy={"file": str(policy)}) as sites:
        await hold(sites["climate"], "restricted", RESTRICTED, {"file": ("text/plain", PIECE)})
        bob = await sites["central"].token("bob")

        assert (await get(sites, None, PATH)).status_code == 401
        assert (await get(sites, bob, PATH)).status_code == 307

        admin = await sites["central"].token("administrator", roles={"administrator"})
        async with sites["central"].client(admin) as client:
            assert (await client.put("/api/federation/peers/climate/block")).is_success
        assert (await get(sites, bob, PATH)).json()["code"] == "backend-not-found"


class TestPictures:
    """Pages show pictures of peers' items, which this site gets for them."""

    async def test_a_picture_is_shown_to_who_may_have_it(self, sites, tokens):
        shown = await get(sites, None, "/thumbnail/climate/pictures/one/webp")

        assert (shown.status_code, shown.headers["content-type"], shown.content) == (200, "image/webp", WEBP)
        assert shown.headers["cache-control"].startswith("private")
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in shown.headers["content-security-policy"]
        statuses = [
            (await get(sites, token, "/thumbnail/climate/closed-pictures/one/webp")).status_code
            for token in (tokens["ada"], tokens["bob"], None)
        ]
        assert statuses == [200, 403, 401]

    @pytest.mark.parametrize("asset", ["lying", "text", "large", "far", "nothing"])
    async def test_what_is_no_small_picture_is_not_shown(self, sites, asset):
        assert (await get(sites, None, f"/thumbnail/climate/pictures/one/{asset}")).status_code == 404

    async def test_only_peers_pictures_are_shown_so(self, sites):
        for backend in ("central", "nobody"):
            assert (await get(sites, None, f"/thumbnail/{backend}/pictures/one/webp")).status_code == 404


async def test_what_a_user_names_does_not_reach_a_peer(sites):
    """Not by a webhook, however the address is written; and the address of a remote asset is followed by nobody here."""
    token = await sites["central"].token("ada")
    url = sites["climate"].services.settings.base_url
    port = url.rpartition(":")[2]
    forms = [
        url,
        f"http://127.0.0.1.:{port}",
        f"http://localhost:{port}",
        f"http://127.1:{port}",
        f"http://[::ffff:127.0.0.1]:{port}",
    ]
    async with sites["central"].client(token) as client:
        for form in forms:
            for path in ("/federation/search", "/federation/link", "/"):
                answer = await client.post("/webhooks", json={"url": form + path})
                assert (answer.status_code, answer.json()["code"]) == (400, "destination-refused"), form
    inside = {"inside": ("image/png", f"{url}/federation/link")}
    await hold(sites["climate"], "remote", CollectionAccess(), inside)

    assert (await get(sites, token, "/thumbnail/climate/remote/one/inside")).status_code == 404
    sent = await get(sites, token, "/data/climate/remote/one/inside")
    assert sent.headers["location"].startswith(f"{url}/data/climate/remote/one/inside?")
    assert [line["path"] for line in sites["climate"].log() if line.get("path") == "/federation/search"] == []
