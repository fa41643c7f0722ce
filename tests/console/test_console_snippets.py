"""The code that a page shows does what the page does: it is taken from the page and run."""

import contextlib
import html
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from console.console_site import HOSTILE, ODD_COLLECTION, ODD_ID
from twinlake.console.snippets import Snippets

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
