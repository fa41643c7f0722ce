"""The console of sites that trust each other, in Chromium: one sign-in, one answer, a site that is missing."""

import pytest

from stac_documents import a_collection, an_item
from twinlake.testing.federation_sites import federated_sites, wait_until_whole
from twinlake.testing.site import run_twinlake

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def fill(name, site):
    """Take in before the sites are joined, so that each hears at once what the others have."""
    with site.client() as client:
        collection = a_collection(f"of-{name}", title=f"Scenes of {name}")
        assert client.post("/stac/v2/collections", json=collection).status_code == 201
        for day in (1, 2):
            item = an_item(f"{name}-{day}", f"of-{name}", datetime=f"2020-01-0{day}T00:00:00Z")
            assert client.post(f"/stac/v2/collections/of-{name}/items", json=item).status_code == 201


@pytest.fixture(scope="module")
def federation(tmp_path_factory):
    """Three joined sites with a collection of two items each, and an account at the central one."""
    directory = tmp_path_factory.mktemp("federation")
    with federated_sites(directory, fill=fill) as sites:
        file = directory / "password"
        made = run_twinlake(
            *("admin", "accounts", "add", "alice", "--write-to", str(file), "--config", str(sites["central"].config))
        )
        assert made.returncode == 0, made.stderr
        yield sites, file.read_text().strip()


@pytest.fixture
def page(browser):
    context = browser.new_context()
    page = context.new_page()
    page.told = []
    page.on("console", lambda message: page.told.append(message.text) if message.type == "error" else None)
    yield page
    context.close()


def sign_in(page, password):
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_in_at(page, site, password):
    """Sign in at *site* with an account of central."""
    page.goto(f"{site.url}/sign-in")
    if page.get_by_role("link", name="central").count():
        page.get_by_role("link", name="central").click()
    sign_in(page, password)
    page.wait_for_url(f"{site.url}/")


def sign_out(page):
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out").click()


def test_one_sign_in_serves_at_every_site(federation, page):
    sites, password = federation
    climate, central = sites["climate"], sites["central"]
    page.goto(f"{climate.url}/sign-in?next=/explore")
    page.get_by_role("link", name="central").click()
    assert page.url.startswith(f"{central.url}/realms/desp/")

    sign_in(page, password)

    page.wait_for_url(f"{climate.url}/explore")
    assert page.locator(".menu summary").inner_text() == "alice"
    page.goto(f"{central.url}/sign-in?next=/collections")  # where all sign in, there is nothing to choose
    page.wait_for_url(f"{central.url}/collections")
    assert page.locator(".menu summary").inner_text() == "alice"
    assert page.told == []


def test_who_signs_out_at_a_bridge_is_asked_for_the_password_again(federation, page):
    sites, password = federation
    climate, central = sites["climate"], sites["central"]
    sign_in_at(page, climate, password)
    page.goto(f"{central.url}/sign-in")
    page.wait_for_url(f"{central.url}/")

    page.goto(climate.url)
    sign_out(page)

    page.wait_for_url(f"{climate.url}/")
    assert page.get_by_role("status").inner_text().startswith("You are signed out here and wherever else")
    assert page.get_by_role("link", name="Sign in").is_visible()
    page.reload()
    assert page.get_by_role("status").count() == 0
    page.goto(f"{climate.url}/sign-in")
    page.get_by_role("link", name="central").click()
    assert page.get_by_label("Password").is_visible()
    page.goto(central.url)
    assert page.get_by_role("link", name="Sign in").is_visible()
    assert page.told == []


def test_who_signs_out_at_home_is_asked_for_the_password_again(federation, page):
    sites, password = federation
    central = sites["central"]
    sign_in_at(page, central, password)

    sign_out(page)

    page.wait_for_url(f"{central.url}/")
    page.goto(f"{central.url}/sign-in")
    assert page.get_by_label("Password").is_visible()
    assert page.told == []


def test_the_menu_leads_to_the_pages_of_ones_account_with_the_keyboard_alone(federation, browser):
    sites, password = federation
    climate, central = sites["climate"], sites["central"]
    with browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(f"{climate.url}/sign-in")
        page.get_by_role("link", name="central").click()
        sign_in(page, password)
        page.wait_for_url(f"{climate.url}/")
        assert not page.get_by_role("link", name="Your sign-ins").is_visible()

        page.locator(".menu summary").focus()
        page.keyboard.press("Enter")
        assert "central" in page.locator(".menu p").inner_text()
        leads_to = {link.inner_text(): link.get_attribute("href") for link in page.locator(".menu a").all()}
        realm = f"{central.url}/realms/desp"
        assert leads_to == {
            "Your sign-ins": f"{realm}/account",
            "Second factor": f"{realm}/account/second-factor",
            "Let a device in": "/auth/realms/dedl/device",
            "Tokens for programs": "/tokens",
        }
        box = page.locator(".menu .panel").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(leads_to["Your sign-ins"])

        assert page.get_by_text("Used by Console at climate").first.is_visible()
        page.goto(leads_to["Second factor"])
        assert page.get_by_role("heading", level=1, name="Second factor").is_visible()
        page.goto(climate.url + leads_to["Let a device in"])
        assert page.get_by_label("Code that the device shows").is_visible()


def test_another_site_cannot_sign_anybody_out(federation, page):
    sites, password = federation
    climate = sites["climate"]
    sign_in_at(page, climate, password)
    page.route("http://evil.test/", lambda route: route.fulfill(
        content_type="text/html", body=f'<form method="post" action="{climate.url}/sign-out"><button>Go</button></form>'
    ))  # fmt: skip

    page.goto("http://evil.test/")
    page.get_by_role("button").click()

    page.wait_for_url(f"{climate.url}/")
    page.goto(f"{climate.url}/explore")
    assert page.get_by_role("link", name="Sign in").count() == 0


def test_the_site_at_which_all_sign_in_is_first_to_choose(federation, page):
    sites, _ = federation
    page.goto(f"{sites['climate'].url}/sign-in")
    assert page.locator(".homes a .faint").all_inner_texts() == ["central", "climate"]
    page.goto(f"{sites['central'].url}/sign-in")
    assert page.get_by_label("Password").is_visible()
    page.get_by_role("link", name="With a token instead").click()
    assert page.get_by_label("Token").is_visible()


def test_a_session_at_one_site_is_none_at_another(federation, page):
    sites, _ = federation
    page.goto(f"{sites['central'].url}/sign-in")
    page.get_by_text("With a token instead").click()
    page.get_by_label("Token").fill(sites["central"].token)
    page.get_by_role("button", name="Sign in with this token").click()
    page.wait_for_url(f"{sites['central'].url}/")
    assert page.locator(".menu").is_visible()

    for other in ("climate", "extremes"):
        page.goto(sites[other].url)
        assert page.locator(".menu").count() == 0


def test_results_name_their_site_and_can_be_asked_of_one(federation, page):
    sites, _ = federation
    wait_until_whole(sites["central"])
    page.goto(f"{sites['central'].url}/explore")

    assert page.get_by_role("heading", name="6 items found").is_visible()
    assert sorted(set(page.locator("#answer .badge.site").all_inner_texts())) == ["central", "climate", "extremes"]
    page.get_by_label("extremes", exact=True).check()
    page.get_by_role("heading", name="2 items found").wait_for()
    page.get_by_role("link", name="extremes-2").click()
    assert page.get_by_role("heading", name="extremes-2").is_visible()
    page.goto(f"{sites['central'].url}/collections/of-climate")
    assert page.get_by_role("heading", name="Scenes of climate").is_visible()
    assert page.told == []


def test_the_sites_page_shows_who_is_there_and_what_they_offer(federation, page):
    sites, _ = federation
    wait_until_whole(sites["extremes"])
    page.goto(f"{sites['extremes'].url}/sites")

    rows = page.get_by_role("group", name="All sites").get_by_role("row")
    assert rows.count() == 4
    assert page.get_by_text("all well").count() == 3
    assert page.get_by_role("heading", name="Harmonised Data Access").is_visible()
    assert page.locator("svg.federation circle").count() == 3
    assert page.told == []


def test_a_site_that_is_missing_is_named_and_comes_back(federation, page):
    sites, _ = federation
    sites["climate"].kill()
    try:
        page.goto(f"{sites['central'].url}/explore")

        assert page.get_by_role("heading", name="At least 4 items found").is_visible()
        assert "climate did not answer" in page.locator("#answer").get_by_role("alert").inner_text()
        page.get_by_label("climate", exact=True).check()
        page.get_by_role("heading", name="Nothing found at the sites that answered").wait_for()
        page.goto(f"{sites['central'].url}/collections")
        assert "climate did not answer" in page.get_by_role("alert").inner_text()
        for path in ("collections/of-climate", "collections/of-climate/items/climate-1"):
            answered = page.goto(f"{sites['central'].url}/{path}")
            assert answered.status == 502
            assert "climate did not answer" in page.get_by_role("heading", level=1).inner_text()
            with sites["central"].anonymous() as client:
                answer = client.get(f"/stac/v2/{path}")
            assert (answer.status_code, answer.json()["federation:missing"]) == (502, ["climate"])
        assert page.goto(f"{sites['central'].url}/collections/of-nobody").status == 502  # it may be what climate has
    finally:
        sites["climate"].restart()
        wait_until_whole(sites["central"])
    assert page.goto(f"{sites['central'].url}/collections/of-nobody").status == 404
    page.goto(f"{sites['central'].url}/explore")
    assert page.get_by_role("heading", name="6 items found").is_visible()
    assert page.locator("#answer").get_by_role("alert").count() == 0
