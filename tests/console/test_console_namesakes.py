"""Two sites with a collection of one id, one of which goes away or refuses the other: pages mix nothing and hide nothing."""

import httpx2
import pytest
from lxml import html

from stac_documents import a_collection, an_item
from twinlake.testing.federation_sites import federated_sites, wait_until_whole

pytestmark = pytest.mark.slow


def fill(name, site):
    with site.client() as client:
        collection = a_collection("shared", title=f"Shared by {name}", license="CC-BY-4.0")
        assert client.post("/stac/v2/collections", json=collection).status_code == 201
        for number in range(2 if name == "central" else 3):
            day = f"2020-01-0{number + 1}T00:00:00Z"
            document = an_item(f"same-{number}", "shared", datetime=day, made_by=name)
            document["assets"] = {"data": {"href": "https://data.example/a.tif"}, "more": {"href": "https://data.example/b"}}
            assert client.post("/stac/v2/collections/shared/items", json=document).status_code == 201


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    with federated_sites(tmp_path_factory.mktemp("two"), names=("central", "extremes"), fill=fill) as sites:
        wait_until_whole(sites["central"])
        yield sites


def page_of(site, path):
    answer = httpx2.get(site.url + path, headers={"accept": "text/html"}, timeout=60)
    assert answer.status_code == 200, answer.text
    return html.fromstring(answer.text)


def text_of(element):
    return " ".join(element.text_content().split())


def figures(page):
    return {text_of(one.find("dt")): text_of(one.find("dd")) for one in page.find_class("figures")[0]}


def hrefs_of(page, path):
    return sorted(one.get("href") for one in page.xpath(path))


def test_each_of_two_entries_leads_to_its_own_page_with_its_own_items(sites):
    central = sites["central"]
    listed = page_of(central, "/collections")
    assert hrefs_of(listed, "//li[contains(@class, 'card')]//h3/a") == [
        "/collections/shared", "/collections/shared?site=extremes",
    ]  # fmt: skip
    counts = {text_of(card.find(".//h3/a")): text_of(card.find_class("meta")[0]) for card in listed.find_class("card")}
    assert counts["Shared by central"].startswith("2 items")
    assert counts["Shared by extremes"].startswith("3 items")

    for path, name, other, number in (
        ("/collections/shared", "central", "extremes", 2),
        ("/collections/shared?site=central", "central", "extremes", 2),
        ("/collections/shared?site=extremes", "extremes", "central", 3),
    ):
        page = page_of(central, path)
        assert page.findtext(".//h1") == f"Shared by {name}"
        assert [text_of(one) for one in page.find_class("row")[0].find_class("site")] == [name]
        assert len(page.find_class("row")) == number
        assert f"Explore {number} items" in text_of(page)
        assert f"Another one of this id is at {other}" in text_of(page.find_class("notice")[0])
        suffix = "" if name == "central" else "?site=extremes"
        assert hrefs_of(page, "//li[contains(@class, 'row')]//a")[0] == f"/collections/shared/items/same-0{suffix}"


def test_an_item_is_that_of_its_site_with_its_code(sites):
    for suffix, name in (("", "central"), ("?site=extremes", "extremes")):
        page = page_of(sites["central"], f"/collections/shared/items/same-1{suffix}")
        assert page.xpath("//tr[th='made_by']/td")[0].text == name
        assert page.xpath("//p[@class='crumbs']/a[2]/@href") == [f"/collections/shared{suffix}"]
        curl = page.xpath("//pre[@data-language='curl']")[0].text
        assert (f"federation:backends={name}" in curl) == (name == "extremes")


def test_the_code_of_a_search_at_one_site_runs_as_it_is_shown(sites, capsys):
    page = page_of(sites["central"], "/explore?collections=shared&sites=extremes")
    code = page.xpath("//pre[@data-language='Python']")[0].text

    exec(compile(code, "snippet", "exec"), {})

    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_site_that_is_gone_is_in_every_figure(sites):
    central = sites["central"]
    assert figures(page_of(central, "/")) == {"Collections": "2", "Items": "5", "Health": "all well"}
    sites["extremes"].kill()
    try:
        told = page_of(central, "/")
        assert figures(told) == {
            "Collections": "At least 1", "Items": "At least 2", "Health": "extremes does not answer",
        }  # fmt: skip
        assert told.xpath("//dl//a/@href") == ["/sites"]
        assert "At least 1 that you may see." in text_of(page_of(central, "/collections"))
    finally:
        sites["extremes"].restart()
        wait_until_whole(central)
    assert figures(page_of(central, "/"))["Health"] == "all well"


def test_a_site_that_refuses_is_shown_to_do_so_until_it_does_not(sites):
    central, extremes = sites["central"], sites["extremes"]
    with extremes.client() as client, central.client() as here:
        assert client.put("/api/federation/peers/central/block").status_code == 200
        try:
            assert figures(page_of(central, "/"))["Health"] == "extremes refuses what this site asks"
            assert "refuses what this site asks" in text_of(page_of(central, "/sites").xpath("//table")[0])
            offers = here.get("/services/dedl-hda").json()["properties"]["twinlake:sites"]
            assert {one["id"]: one["status"] for one in offers} == {"central": "ok", "extremes": "refusing"}
        finally:
            client.put("/api/federation/peers/central/trust", json={"roles": []})
            wait_until_whole(central)
    assert figures(page_of(central, "/"))["Health"] == "all well"
