"""Open bytes are got from who holds them; the others over the site that was asked, so that no token goes to a peer."""

from urllib.parse import quote

import pytest

from stac_documents import a_collection, an_item
from twinlake.federation.search.hrefs import DataHrefs, data_root
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft, Managed

pytestmark = pytest.mark.slow

HELD = {"file": Managed("ab" * 32, 7)}
ASSETS = {"file": {"href": "./file.nc"}, "far": {"href": "https://elsewhere.example/data/climate/restricted/x/far"}}
ACCESS = {
    "restricted": CollectionAccess(access="restricted"),
    "kept ä": CollectionAccess(access="licensed"),
    "young": CollectionAccess(embargo_days=1),
    "open": CollectionAccess(),
}


@pytest.fixture
async def filled(federation):
    """`climate` has an item with bytes in a collection of each access."""
    climate = federation.sites["climate"].services
    catalogue = climate.catalogue
    for name, access in ACCESS.items():
        picture = f"{climate.settings.base_url}/data/climate/{quote(name)}/one/file"
        shown = a_collection(name, assets={"thumbnail": {"href": picture, "roles": ["thumbnail"]}})
        await catalogue.put_collection(shown, access=access)
        federation.listed["climate"].add(name)
        document = {**an_item("one", name), "assets": ASSETS}
        await catalogue.put_items([ItemDraft(document=document, holdings=HELD)])
    return federation


def hrefs(item):
    return {key: asset["href"] for key, asset in item["assets"].items()}


async def test_bytes_that_not_everybody_may_read_are_got_where_one_asked(filled):
    own, holder = (filled.sites[name].services.settings.base_url for name in ("central", "climate"))
    async with filled.client("central") as client:
        found = (await client.post("/stac/v2/search", json={"collections": list(ACCESS)})).json()["features"]
    by_collection = {item["collection"]: hrefs(item) for item in found}

    assert {name: each["file"] for name, each in by_collection.items()} == {
        "restricted": f"{own}/data/climate/restricted/one/file",
        "kept ä": f"{own}/data/climate/kept%20%C3%A4/one/file",
        "young": f"{own}/data/climate/young/one/file",
        "open": f"{holder}/data/climate/open/one/file",
    }
    assert {each["far"] for each in by_collection.values()} == {ASSETS["far"]["href"]}


async def test_an_item_that_is_fetched_alone_has_the_same_addresses(filled):
    own = filled.sites["central"].services.settings.base_url
    async with filled.client("central") as client:
        item = (await client.get("/stac/v2/collections/restricted/items/one")).json()
        listed = (await client.get("/stac/v2/collections/restricted/items")).json()["features"]

    assert hrefs(item) == hrefs(listed[0])
    assert hrefs(item)["file"] == f"{own}/data/climate/restricted/one/file"


async def test_so_has_a_collection_alone_or_among_all(filled):
    own, holder = (filled.sites[name].services.settings.base_url for name in ("central", "climate"))
    async with filled.client("central") as client:
        alone = (await client.get("/stac/v2/collections/restricted")).json()
        listed = (await client.get("/stac/v2/collections", params={"limit": 100})).json()["collections"]
    pictures = {each["id"]: each["assets"]["thumbnail"]["href"] for each in listed if each["id"] in ACCESS}

    assert alone["assets"]["thumbnail"]["href"] == pictures["restricted"] == f"{own}/data/climate/restricted/one/file"
    assert pictures["open"] == f"{holder}/data/climate/open/one/file"


async def test_at_home_the_addresses_are_its_own(filled):
    holder = filled.sites["climate"].services.settings.base_url
    async with filled.client("climate") as client:
        item = (await client.get("/stac/v2/collections/restricted/items/one")).json()

    assert hrefs(item)["file"] == f"{holder}/data/climate/restricted/one/file"


async def test_opening_a_collection_counts_at_once(filled):
    climate = filled.sites["climate"].services
    assert await climate.collections.list_closed() == set(ACCESS) - {"open"}

    await climate.catalogue.set_access("restricted", CollectionAccess())

    assert "restricted" not in await climate.collections.list_closed()


@pytest.mark.parametrize(
    "text",
    [
        "https://peer.example/data/peer/closed",
        "https://peer.example/data/other/closed/x",
        "https://peer.example.org/data/peer/closed/x",
        "https://peer.example/data/peer//closed/x",
        "say https://peer.example/data/peer/closed/x",
    ],
)
def test_what_only_looks_like_an_address_stays(text):
    body = f'{{"href":"{text}"}}'.encode()

    assert DataHrefs(data_root("https://peer.example", "peer")).move([body], {"closed"}, "https://here.example/") == [body]
