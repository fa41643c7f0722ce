"""Services of a site, found over HTTP."""

import pytest

from twinlake.testing.site import local_site


@pytest.fixture
async def site(tmp_path):
    async with local_site(tmp_path) as site:
        yield site


async def get(site, path, **more):
    async with site.client() as client:
        return await client.get(path, **more)


async def test_what_a_site_offers_is_listed_with_its_health_and_how_to_begin(site):
    answer = await get(site, "/services")

    found = answer.json()
    assert found["type"] == "FeatureCollection"
    hda = next(feature for feature in found["features"] if feature["id"] == "dedl-hda")
    (offer,) = hda["properties"]["twinlake:sites"]
    assert (offer["id"], offer["status"]) == (site.services.settings.id, "ok")
    assert f'Client.open("{offer["url"]}")' in hda["properties"]["twinlake:begin"]
    assert {link["rel"] for link in hda["links"]} >= {"collection", "parent", "root", "self", "describes"}


@pytest.mark.parametrize(("q", "ids"), [("webhooks", ["dedl-notification"]), ("STAC AND sites", ["dedl-hda"]), ("dask", [])])
async def test_services_are_found_by_words(site, q, ids):
    answer = await get(site, "/services", params={"q": q})

    assert [feature["id"] for feature in answer.json()["features"]] == ids


async def test_a_query_that_cannot_be_read_is_refused(site):
    assert (await get(site, "/services", params={"q": "(a"})).status_code == 400


async def test_one_service_is_a_feature(site):
    answer = await get(site, "/services/dedl-hda")

    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.json()["id"] == "dedl-hda"
    assert (await get(site, "/services/dedl-stack")).status_code == 404


async def test_the_root_is_a_page_for_people_and_links_for_programs(site):
    page = await get(site, "/", headers={"accept": "text/html"})
    links = await get(site, "/", headers={"accept": "*/*"})

    assert page.headers["content-type"].startswith("text/html")
    assert {link["rel"] for link in links.json()["links"]} >= {"self", "root", "child", "service-desc", "service-doc", "services"}
    for link in links.json()["links"]:
        followed = await get(site, link["href"], headers={"accept": link["type"]})
        assert followed.status_code == 200, link
