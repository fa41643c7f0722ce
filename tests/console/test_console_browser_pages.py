"""Every page in a real Chromium: accessible, on a phone and in the dark, strict, harmless, small."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from console.console_site import ODD_COLLECTION, ODD_ID

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"
_ODD = f"/collections/{quote(ODD_COLLECTION, safe='')}"
PAGES = {
    "home": "/",
    "explore": "/explore",
    "antimeridian": "/explore?collections=pacific",
    "wrong question": "/explore?bbox=1,2,3&filter=x",
    "wrong filter": "/explore?filter=eo:cloud_cover+%3C",
    "collections": "/collections",
    "collection": "/collections/scenes",
    "empty collection": "/collections/empty",
    "odd collection": _ODD,
    "raster": "/collections/sst/items/sst-2021-07",
    "no geometry": "/collections/tables/items/ssp245",
    "odd item": f"{_ODD}/items/{quote(ODD_ID, safe='')}",
    "sites": "/sites",
    "processes": "/processing/processes",
    "no processes": "/processing/processes?q=nonsense",
    "process": "/processing/processes/array_apply",
    "process of cubes": "/processing/processes/apply_kernel",
    "reference": "/stac/v2/api.html",
    "sign-in": "/sign-in",
    "sign-in with a token": "/sign-in?with=token",
    "sign-in needed": "/jobs",
    "not found": "/nonsense",
}


@pytest.fixture(scope="module")
def axe():
    if not _AXE.exists():
        pytest.skip("axe-core is not installed: make setup")
    return _AXE.read_text(encoding="utf-8")


def check(page, axe):
    """Check the page in light and dark, on a desk and on a phone, without loading it again."""
    page.evaluate(axe)  # past the content policy, which holds for the page's own scripts
    for scheme, width in (("light", 1400), ("dark", 1400), ("dark", 390), ("light", 390)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 844})
        found = page.evaluate("axe.run().then(found => found.violations.map(one => [one.id, one.nodes.map(node => node.html)]))")
        assert found == [], f"{scheme} at {width} pixels"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"scrolls sideways at {width} pixels"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_in_both_schemes_and_on_a_phone(visit, axe, name):
    check(visit.go(PAGES[name]), axe)


def test_the_home_page_is_below_50_kilobytes(visit):
    network = visit.page.context.new_cdp_session(visit.page)
    network.send("Network.enable")
    taken = []
    network.on("Network.loadingFinished", lambda event: taken.append(event["encodedDataLength"]))

    visit.page.goto(visit.site.url, wait_until="networkidle")
    visit.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    visit.page.wait_for_function("[...document.images].every(image => image.complete)")

    assert visit.page.locator(".card img").count() >= 2
    assert 0 < sum(taken) < 50_000


def test_a_preview_is_drawn_from_the_data_and_an_asset_comes_whole(visit):
    page = visit.go("/collections/scenes/items/scene-003")
    tiles = [response for response in visit.responses if "/preview/" in response.url]

    assert tiles
    assert {response.status for response in tiles} == {200}
    row = page.locator("table.assets tr", has_text="cloud-optimized")
    with page.expect_download() as download:
        row.get_by_role("link", name="Get").click()
    digest = hashlib.sha256(Path(download.value.path()).read_bytes()).hexdigest()
    assert row.locator(".digest").inner_text() == digest


def test_all_files_are_got_at_once_where_there_are_several(visit):
    page = visit.go("/collections/scenes/items/scene-003")
    with page.expect_download() as download:
        page.get_by_role("link", name="Get all").click()

    assert zipfile.is_zipfile(download.value.path())
    assert visit.go("/collections/tables/items/ssp245").get_by_role("link", name="Get all").count() == 0


def test_a_preview_that_takes_long_or_fails_says_so(visit):
    page, held = visit.page, []
    page.route("**/preview/**", lambda route: held.append(route))  # noqa: PLW0108  # it must be a function
    page.goto(f"{visit.site.url}/collections/sst/items/sst-2021-07")
    page.get_by_text("The picture is being drawn…").wait_for()
    while page.locator("#map .told").inner_text() != "The picture could not be drawn.":
        while held:
            held.pop().fulfill(status=500)
        page.wait_for_timeout(50)
    assert page.locator("#map[data-ready]").count() == 1
    page.unroute("**/preview/**")
    visit.wrongs.clear()  # the browser tells of the answers, too

    visit.go("/collections/sst/items/sst-2021-07")
    assert page.locator("#map .told").count() == 0


def test_long_properties_are_last_and_folded(visit):
    page = visit.go(f"{_ODD}/items/{quote(ODD_ID, safe='')}")
    longest = page.locator("details.long").last

    assert longest.locator("pre").is_hidden()
    longest.locator("summary").click()
    assert longest.locator("pre").evaluate("element => element.scrollHeight <= element.clientHeight")


def test_the_map_shows_land_sea_and_data_in_many_colours(visit):
    page = visit.go("/collections/sst/items/sst-2021-07")
    colours = page.evaluate(
        """() => {
            const canvas = document.querySelector("#map canvas"), copy = document.createElement("canvas");
            [copy.width, copy.height] = [canvas.width, canvas.height];
            const context = copy.getContext("2d");
            context.drawImage(canvas, 0, 0);
            const pixels = new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer);
            return new Set(pixels).size;
        }"""
    )

    assert colours > 100


def test_who_signs_in_sees_private_collections_until_they_sign_out(visit):
    page = visit.go("/collections")
    assert page.get_by_text("Secret scenes").count() == 0
    page.goto(f"{visit.site.url}/sign-in?with=token&next=/collections")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in with this token").click()
    assert page.get_by_role("alert").inner_text()

    page.get_by_label("Token").fill(visit.site.token)
    page.get_by_role("button", name="Sign in with this token").click()
    page.wait_for_url("**/collections")
    page.get_by_role("link", name="Secret scenes").click()
    page.get_by_role("link", name="hidden").click()
    visit.wait_for_map()
    assert page.get_by_role("img", name="Quick look of hidden").evaluate("image => image.complete && image.naturalWidth > 0")

    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{visit.site.url}/")
    assert visit.page.goto(f"{visit.site.url}/collections/secret").status == 404


def test_a_token_is_made_and_revoked_with_the_keyboard_alone(visit_of_own, axe):
    visit = visit_of_own
    visit.sign_in()
    page = visit.go("/tokens")
    page.get_by_label("Name").focus()
    page.keyboard.type("laptop")
    page.keyboard.press("Enter")
    text = page.locator("#new-token").inner_text()
    assert text.startswith("tl_")
    page.locator(".menu summary").click()
    check(page, axe)
    page.locator(".menu summary").click()

    page.get_by_role("region", name="is made").get_by_role("button", name="Copy").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Copied").or_(page.get_by_text("Selected")).wait_for()
    page.get_by_text("Revoke laptop").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    check(page, axe)
    page.keyboard.press("Enter")
    page.get_by_text("Ended: 1").click()
    assert page.locator(".ended .token").inner_text().startswith("laptop revoked")
    check(page, axe)


def test_a_job_is_followed_live_until_its_report(visit_of_own, axe, tmp_path):
    visit, files = visit_of_own, tmp_path / "files"
    files.mkdir()
    values = np.arange(10_000, dtype="float32").reshape(1, 100, 100)
    for number in range(6):
        with rasterio.open(
            files / f"part-{number}.tif", "w", driver="GTiff", width=100, height=100, count=1, dtype="float32",
            crs="EPSG:4326", transform=from_origin(number, 50, 0.01, 0.01),
        ) as target:  # fmt: skip
            target.write(values + number)
            target.update_tags(ACQUISITIONDATETIME="2024-01-01T12:00:00Z")
    (files / "broken.tif").write_bytes(b"II*\x00 nothing")
    visit.sign_in()
    page = visit.go("/jobs")
    command = [
        str(Path(sys.executable).with_name("twinlake")), "ingest", str(files), "--collection", "live", "--create-collection",
        "--to", visit.site.url, "--token-file", str(visit.site.folder / "admin.token"),
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, env=os.environ | {"COLUMNS": "200"}
    ) as cli:
        page.evaluate(
            """async () => {
                const count = async () => (await (await fetch("/jobs")).json()).jobs.length;
                while (await count() === 0) await new Promise(done => setTimeout(done, 50));
            }"""
        )
        listing = page.context.new_page()
        listing.goto(f"{visit.site.url}/jobs")
        listing.get_by_role("progressbar").wait_for()
        page.reload()
        with page.expect_request("**/events") as stream:
            page.locator("tbody a").first.click()
        page.wait_for_selector("#state.good", timeout=60_000)
        listing.wait_for_selector("tbody .badge.good", timeout=60_000)
        cli.wait(timeout=60)

    assert stream.value.resource_type == "eventsource"
    assert page.locator("#report ~ .scroll tbody tr").count() == 7
    assert page.locator(".badge.bad").inner_text() == "refused"
    assert page.get_by_role("link", name="part-0").count() == 1
    check(page, axe)
    assert listing.get_by_role("progressbar").count() == 0
    assert listing.locator("tbody td").all_inner_texts()[:4] == ["successful", "6 created, 1 refused", "live", "ingest"]
    check(listing, axe)
