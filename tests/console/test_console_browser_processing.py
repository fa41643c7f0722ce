"""A batch job of openEO in a real Chromium: started on its page, followed live, its result on a map; and the same as a map."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from console.conftest import run_site, visiting
from console.console_site import HOSTILE
from console.test_console_browser_pages import axe, check  # noqa: F401 - a fixture
from console.test_console_processing import GRAPH, Person, node
from twinlake.testing.site import run_twinlake

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_PATIENCE = 120_000


@pytest.fixture(scope="module")
def own_site(tmp_path_factory):
    """A filled site that the tests of this module change."""
    with run_site(tmp_path_factory.mktemp("processing")) as site:
        yield site


@pytest.fixture(scope="module")
def person(own_site):
    with Person(own_site) as person:
        yield person


@pytest.fixture
def own_visit(browser, own_site):
    with visiting(browser, own_site) as visit:
        visit.page.set_default_timeout(_PATIENCE)
        visit.sign_in()
        yield visit


def count_colours(page):
    return page.evaluate(
        """() => {
            const canvas = document.querySelector("#map canvas"), copy = document.createElement("canvas");
            [copy.width, copy.height] = [canvas.width, canvas.height];
            const context = copy.getContext("2d");
            context.drawImage(canvas, 0, 0);
            const pixels = new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer);
            return new Set(pixels).size;
        }"""
    )


def test_a_job_is_started_followed_and_its_result_is_on_a_map(own_visit, person, axe):  # noqa: F811
    visit = own_visit
    check(visit.go("/processing/jobs"), axe)
    job = person.make_job(GRAPH, title=HOSTILE)
    page = visit.go("/processing/jobs")
    page.get_by_role("link", name=HOSTILE).click()
    page.get_by_role("heading", name="What it will take").wait_for()
    assert page.locator(".steps .makes").first.inner_text().startswith("makes ")
    check(page, axe)
    with page.expect_request("**/events") as stream:
        page.get_by_role("button", name="Start").click()
    page.wait_for_selector("#state.good")
    visit.wait_for_map()

    assert stream.value.resource_type == "eventsource"
    assert page.locator("#state").inner_text() == "done"
    assert page.locator("#map .told").count() == 0
    assert count_colours(page) > 100
    lowest, highest = (float(text.split()[-2]) for text in page.locator(".shown .legend .ends > span").all_inner_texts())
    minimum, mean, maximum = (float(text) for text in page.locator(".statistics td").all_inner_texts()[:3])
    assert minimum <= lowest < mean < highest <= maximum
    with page.expect_download() as download:
        page.get_by_role("link", name="Get", exact=False).first.click()
    assert download.value.path().read_bytes()[:4] == b"II*\x00"
    check(page, axe)

    page.get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete it now").click()
    page.wait_for_url("**/processing/jobs")
    assert person.api.get(f"/jobs/{job}").status_code == 404


def test_a_table_is_shown_with_its_beginning(own_visit, person, axe):  # noqa: F811
    job = person.make_job(GRAPH | {"save": {**GRAPH["save"], "arguments": {"data": {"from_node": "mean"}, "format": "CSV"}}})
    person.api.post(f"/jobs/{job}/results")
    page = own_visit.go(f"/processing/jobs/{job}")
    page.wait_for_selector("#state.good")

    assert page.locator(".preview-rows tbody tr").count() == 20
    assert page.get_by_text("This is its beginning").count() == 1
    check(page, axe)

    page.set_viewport_size({"width": 390, "height": 844})
    value = page.locator(".preview-rows tbody tr").first.locator("td").last
    box = value.bounding_box()
    assert box["x"] > 0
    assert box["x"] + box["width"] <= 390
    assert value.evaluate("cell => getComputedStyle(cell, '::before').content") == '"data in °C: "'


_COLOURS = """
datetime = "2021-05-01T00:00:00Z"
[assets.data]
bands = [{ name = "B02", "eo:common_name" = "blue" }, { name = "B03", "eo:common_name" = "green" },
         { name = "B04", "eo:common_name" = "red" }, { name = "B08", "eo:common_name" = "nir" }]
"""


def test_a_scene_and_its_result_are_drawn_in_natural_colours(own_visit, person, own_site, tmp_path):
    rows, columns = np.mgrid[0:64, 0:64]
    with rasterio.open(
        tmp_path / "field.tif", "w", driver="GTiff", width=64, height=64, count=4, dtype="uint16", crs="EPSG:4326",
        transform=from_origin(8, 48, 0.01, 0.01),
    ) as target:  # fmt: skip
        for band, values in enumerate((rows * 0 + (columns > 60), rows * 0 + (rows > 60), 1000 + rows + columns, columns), 1):
            target.write(values.astype("uint16"), band)
    (tmp_path / "recipe.toml").write_text(_COLOURS)
    sent = run_twinlake(
        "ingest", str(tmp_path / "field.tif"), "--to", own_site.url, "--token-file", str(own_site.folder / "admin.token"),
        "--collection", "fields", "--create-collection", "--recipe", str(tmp_path / "recipe.toml"),
    )  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    load = node("load_collection", id="fields", spatial_extent=None, temporal_extent=None)
    job = person.make_job({"load": load, "save": node("save_result", result=True, data={"from_node": "load"}, format="GTiff")})
    person.run_job(job)

    for path in ("/collections/fields/items/field", f"/processing/jobs/{job}"):
        page = own_visit.go(path)
        assert page.get_by_text("red B04, green B03, blue B02.").count() == 1
        tiles = [each.url for each in own_visit.responses if ".png" in each.url]
        assert tiles
        assert all("bands=2,1,0" in each for each in tiles)
        own_visit.responses.clear()
        reds, greens = page.evaluate(_MEANS)
        assert reds > greens + 40  # red alone has values in most places


_MEANS = """() => {
    const canvas = document.querySelector("#map canvas"), copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const context = copy.getContext("2d");
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(copy.width / 2 - 20, copy.height / 2 - 20, 40, 40);
    return [0, 1].map((colour) => data.filter((_, place) => place % 4 === colour).reduce((sum, value) => sum + value) / 1600);
}"""


def test_a_map_is_drawn_while_somebody_looks(own_visit, person, axe):  # noqa: F811
    graph = {"mean": {**GRAPH["mean"], "result": True}, "load": GRAPH["load"]}
    body = {"type": "XYZ", "title": "The sea", "process": {"process_graph": graph}}
    person.api.post("/services", json=body)
    page = own_visit.go("/processing/maps")
    check(page, axe)
    page.get_by_role("link", name="The sea").click()
    own_visit.wait_for_map()

    assert page.locator("#map .told").count() == 0
    assert count_colours(page) > 50
    assert page.locator(".legend .ends").inner_text().count("°C") == 2
    check(page, axe)
