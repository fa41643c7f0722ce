"""`twinlake search` against a site that is really served."""

import contextlib
import io
import json
import sys

import pytest

from twinlake.cli.instants import expand_datetime
from twinlake.cli.main import main
from twinlake.testing.delivery_site import new_collection, running_delivery_site


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with running_delivery_site(tmp_path_factory.mktemp("site")) as site:
        site.stac.put([new_collection("c")])
        for number in range(7):
            site.put_item(f"i{number}", {"data": ("x.bin", None, b"x")}, collection="c")
        yield site.public_url


def search(url, *arguments, code=0):
    return run_search(url, *arguments, code=code)[0]


def run_search(url, *arguments, code):
    out, err = io.StringIO(), io.StringIO()
    ended = 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["twinlake", "search", *arguments, "--to", url])
        try:
            main()
        except SystemExit as exited:
            ended = exited.code
    assert ended == code, out.getvalue() + err.getvalue()
    return out.getvalue(), err.getvalue()


def test_a_feature_collection_is_printed(url):
    found = json.loads(search(url, "--json", "-c", "c", "--sortby", "-id", "--limit", "3"))

    assert [item["id"] for item in found["features"]] == ["i6", "i5", "i4"]
    assert (found["type"], found["numberMatched"], found["numberReturned"]) == ("FeatureCollection", 7, 3)


def test_an_item_per_line(url):
    lines = search(url, "--ndjson", "--filter", "id IN ('i1','i2')", "--sortby", "id").splitlines()

    assert [json.loads(line)["id"] for line in lines] == ["i1", "i2"]


def test_a_table_says_how_many_there_are(url):
    printed = search(url, "--table", "--bbox", "7,50,8,51", "--datetime", "2024-01", "--limit", "2")

    assert "2024-01-01" in printed
    assert "2 of 7 items." in printed
    assert "1 of 1 item." in search(url, "--table", "--filter", "id = 'i1'")


def test_without_a_terminal_a_line_has_tabs(url):
    [line] = search(url, "--limit", "1", "--sortby", "id").splitlines()

    assert line.split("\t") == ["c", "i0", "2024-01-01T00:00:00Z", "data"]


def test_nothing_found_is_an_exit_code_of_its_own(url):
    assert json.loads(search(url, "--json", "--datetime", "1990", code=3))["features"] == []
    assert run_search(url, "--table", "--datetime", "1990", code=3) == ("", "Nothing found.\n")
    assert run_search(url, "-c", "c", "--datetime", "1990", code=3) == ("", "Nothing found.\n")
    assert run_search(url, "--filter", "id = 'x'", code=3) == ("", "Nothing found.\n")


def test_nothing_found_says_which_collection_there_is_not(url):
    printed, said = run_search(url, "-c", "nope", "--filter", "cloud < 10", code=3)

    assert printed == ""
    assert said == "Nothing found.\nThere is no collection 'nope'.\n"


@pytest.mark.parametrize("where", [[], ["-c", "c"], ["-c", "c", "-c", "nope"]])
def test_nothing_found_names_the_properties_that_are_near(url, where):
    _, said = run_search(url, *where, "--filter", "datetme > TIMESTAMP('1990-01-01T00:00:00Z')", code=3)

    assert "No item has a property 'datetme'; near it are: datetime" in said


@pytest.mark.parametrize(
    "arguments",
    [["--json", "--ndjson"], ["--limit", "0"], ["--bbox", "1,2"], ["--datetime", "2024-13"], ["--datetime", "2024/x"]],
)
def test_a_wrong_command_is_refused(url, arguments):
    search(url, *arguments, code=2)


@pytest.mark.parametrize("arguments", [["--filter", "((("], ["--bbox", "1,2,3,400"]])
def test_what_the_site_refuses_is_passed_on(url, arguments):
    search(url, *arguments, code=1)


def test_what_is_no_time_is_told_all_forms(url):
    _, said = run_search(url, "--datetime", "yesterday", code=2)

    assert "2024-06," in said
    assert "2024-06-30T12:00:00Z" in said


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("2024", "2024-01-01T00:00:00Z/2024-12-31T23:59:59.999999Z"),
        ("2024-02", "2024-02-01T00:00:00Z/2024-02-29T23:59:59.999999Z"),
        ("2023-02-05", "2023-02-05T00:00:00Z/2023-02-05T23:59:59.999999Z"),
        ("2023-02/2024", "2023-02-01T00:00:00Z/2024-12-31T23:59:59.999999Z"),
        ("../2023-04", "../2023-04-30T23:59:59.999999Z"),
        ("2023-04-01T12:00:00Z/..", "2023-04-01T12:00:00Z/.."),
        ("2023-04-01T12:00:00Z", "2023-04-01T12:00:00Z"),
        ("/2024", "/2024-12-31T23:59:59.999999Z"),
    ],
)
def test_a_month_stands_for_all_of_it(text, expanded):
    assert expand_datetime(text) == expanded
