"""The code that a page shows does what the page does: it is taken from the page and run."""

import contextlib
import html
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx2
import lxml.html
import pytest
import rasterio
from rasterio.transform import from_origin

from console.conftest import run_site
from console.console_site import HOSTILE, ODD_COLLECTION, ODD_ID
from console.test_console_processing import GRAPH, Person, node
from processing.openeo.jobs.test_client import long_graph
from twinlake.console.snippets import Snippets
from twinlake.testing.site import run_twinlake

pytestmark = pytest.mark.slow

_SNIPPET = re.compile(r'<pre id="code-\d+" tabindex="0" data-language="([^"]+)">(.*?)</pre>', re.DOTALL)
ODD_ITEM = f"/collections/{quote(ODD_COLLECTION, safe='')}/items/{quote(ODD_ID, safe='')}"


def snippets_of(site, path, *, signed_in=False):
    page = site.get(path, headers=site.bearer if signed_in else {})
    assert page.status_code == 200
    return {language: html.unescape(code) for language, code in _SNIPPET.findall(page.text)}


@pytest.fixture
def run(site, tmp_path, monkeypatch):
    """Return a function that runs a snippet in a folder with the user's token and returns what it prints."""
    (tmp_path / "my.token").write_text(site.token)
    monkeypatch.chdir(tmp_path)

    def run(snippets, language):
        code = snippets[language]
        if language == "Python":
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(code, "snippet", "exec"), {})
            return printed.getvalue()
        if language == "twinlake":
            code = f"{Path(sys.executable).parent}/{code}"
        done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_page_of_a_process_describes_and_runs_it(site, run):
    snippets = snippets_of(site, "/processing/processes/clip")

    assert run(snippets, "Python").splitlines()[-1] == "-1"
    assert run(snippets, "curl").strip() == "-1"
    assert "clip Keep a number within bounds" in run(snippets_of(site, "/processing/processes"), "Python")
    assert '"id":"clip"' in run(snippets_of(site, "/processing/processes/ndvi"), "curl")


def test_the_page_of_a_job_opens_its_store_or_tells_why_it_failed(site, run):
    save = {**GRAPH["save"], "arguments": {"data": {"from_node": "load"}, "format": "Zarr"}}
    with Person(site) as person:
        kept = person.make_job({"load": GRAPH["load"], "save": save})
        failed = person.make_job({"first": node("array_element", result=True, data=[1], index=5)})
        for job in (kept, failed):
            person.run_job(job)
        opened = run(snippets_of(site, f"/processing/jobs/{kept}", signed_in=True), "Python")
        told = snippets_of(site, f"/processing/jobs/{failed}", signed_in=True)

        assert "<xarray.Dataset>" in opened
        assert "error The array has no such element" in run(told, "Python")
        assert "The array has no such element" in run(told, "curl")
        for job in (kept, failed):
            person.api.delete(f"/jobs/{job}")


def test_the_page_of_a_job_that_goes_on_shows_what_it_has_told(site, run):
    with Person(site) as person:
        job = person.make_job(long_graph(20_000))
        person.press(person.read(f"/processing/jobs/{job}"), f"/processing/jobs/{job}/start")
        snippets = snippets_of(site, f"/processing/jobs/{job}", signed_in=True)

        assert "info Queued" in run(snippets, "Python")
        assert "Queued" in run(snippets, "curl")
        person.api.delete(f"/jobs/{job}")


def test_the_home_page_lists_the_collections(site, run):
    snippets = snippets_of(site, "/")

    assert "scenes Scenes over Europe" in run(snippets, "Python")
    listed = json.loads(run(snippets, "curl"))["collections"]
    assert {"scenes", "sst", ODD_COLLECTION} < {one["id"] for one in listed}
    assert "secret" not in {one["id"] for one in listed}


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("collections=pacific&bbox=170,-90,-170,90", {f"storm-{number}" for number in range(4)}),
        ("collections=sst&start=2021-06-01&end=2021-07-31", {"sst-2021-06", "sst-2021-07"}),
        ("q=scenario", {"ssp245"}),
        ("collections=sst&filter=%22sst:mean%22+%3E+14.95+AND+platform+%3D+%27model%27", {"sst-2021-11", "sst-2021-12"}),
        (f"collections={quote(ODD_COLLECTION)}&bbox=10,10,11,11", {ODD_ID}),
    ],
)
def test_a_search_finds_in_code_what_the_page_shows(site, run, question, found):
    snippets = snippets_of(site, f"/explore?{question}")

    assert {feature["id"] for feature in json.loads(run(snippets, "curl"))["features"]} == found
    printed = run(snippets, "Python")
    assert all(item in printed for item in found)
    assert len(printed.splitlines()) == len(found)


def test_words_that_no_collection_has_are_a_search_for_collections(site, run):
    snippets = snippets_of(site, f"/explore?q={quote(HOSTILE + ' nowhere')}")

    assert json.loads(run(snippets, "curl"))["collections"] == []
    assert run(snippets, "Python") == ""


@pytest.mark.parametrize(("path", "item"), [(ODD_ITEM, ODD_ID), ("/collections/scenes/items/scene-003", "scene-003")])
def test_an_item_is_read_whatever_its_name(site, run, path, item):
    snippets = snippets_of(site, path)

    assert json.loads(run(snippets, "curl"))["id"] == item
    assert run(snippets, "Python").startswith("http")


def test_who_signed_in_gets_code_that_brings_the_token(site, run):
    snippets = snippets_of(site, "/collections/secret/items/hidden", signed_in=True)

    assert json.loads(run(snippets, "curl"))["id"] == "hidden"
    assert run(snippets, "Python").startswith(site.url)
    assert site.token not in "".join(snippets.values())
    jobs = snippets_of(site, "/jobs", signed_in=True)
    assert "jobs" in json.loads(run(jobs, "curl"))
    assert "'jobs'" in run(jobs, "Python")


def test_a_token_is_listed_made_and_revoked_in_code(site, run):
    snippets = snippets_of(site, "/tokens", signed_in=True)
    made = json.loads(run(snippets, "make one"))

    assert made["key"] in run(snippets, "Python")
    assert made["key"] in run(snippets, "curl")
    revoke = snippets["revoke one"].replace("KEY", made["key"])
    assert json.loads(run({"revoke one": revoke}, "revoke one"))["revoked_at"]


@pytest.mark.slow
def test_the_commands_find_and_get(site, run):
    question = "collections=pacific&bbox=170,-90,-170,90&filter=id+%3E+%27storm-1%27"
    assert "storm-2" in run(snippets_of(site, f"/explore?{question}"), "twinlake")
    run(snippets_of(site, "/collections/secret/items/hidden", signed_in=True), "twinlake")
    run(snippets_of(site, "/jobs", signed_in=True), "twinlake")
    assert list(Path().rglob("*.tif"))


@pytest.mark.parametrize("name", [HOSTILE, ODD_ID, "$(touch hacked)", "`touch hacked`", "a'; touch hacked; '", "\\"])
def test_no_name_breaks_out_of_its_quotes(name):
    snippets = Snippets("http://lake.example", with_token=False)
    body = {"limit": 10, "collections": [name]}
    for snippet in (*snippets.show_item(name, name, name), *snippets.search(body), *snippets.list_collections(name)):
        if snippet.language == "Python":
            compile(snippet.code, "snippet", "exec")
        else:
            words = shlex.split(snippet.code)
            assert shlex.join(words) == snippet.code


def submit(browser, answer, **more):
    """Send the form of a page as a person does, with what a button adds."""
    [form] = lxml.html.fromstring(answer.text).forms
    return browser.post(form.action, data=dict(form.fields) | more, follow_redirects=True)


def test_the_services_page_tells_how_to_begin(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with run_site(tmp_path, extra=-1) as own:
        add = ("admin", "accounts", "add", "alice", "--write-to", str(tmp_path / "pw"), "--config", str(tmp_path / "site.toml"))
        assert run_twinlake(*add).returncode == 0
        page = lxml.html.fromstring(own.get("/services").text)
        sign_in, ingest = (page.get_element_by_id(f"begin-dedl-{name}") for name in ("identity", "jobs"))

        assert sign_in.get("data-language") == "Python"
        script = [sys.executable, "-c", sign_in.text]
        with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as program, httpx2.Client() as browser:
            address = program.stdout.readline().split()[1]
            answer = browser.get(address)
            answer = submit(browser, answer, username="alice", password=(tmp_path / "pw").read_text().strip())
            assert "The device is let in." in submit(browser, answer, decision="allow").text
            said = program.communicate(timeout=60)[0]
        assert "urn:twinlake:site:central|" in said

        assert ingest.get("data-language") == "shell"
        (tmp_path / "my.token").write_text(own.token)
        with rasterio.open(
            "scene.tif", "w", driver="GTiff", width=9, height=9, count=1, dtype="uint8", crs="EPSG:4326",
            transform=from_origin(10, 50, 0.1, 0.1),
        ) as target:  # fmt: skip
            target.update_tags(ACQUISITIONDATETIME="2024-01-01T12:00:00Z")
        commands = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-ec", ingest.text], capture_output=True, text=True, check=False, env=os.environ | commands
        )
        assert done.returncode == 0, done.stderr
        assert "successful" in done.stdout
