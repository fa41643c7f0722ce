"""The pages on processes in a real Chromium: search while typing, run, change, fail; with scripts and without."""

import pytest
from playwright.sync_api import expect

from console.console_site import HOSTILE
from console.test_console_browser_pages import axe, check  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def expect_found(page, count):
    expect(page.locator(".tile")).to_have_count(count, timeout=30_000)


def run_example(page, number):
    page.get_by_role("button", name=f"Run example {number}").click()
    page.locator(f"#example-{number}[aria-busy=false]").wait_for()
    return page.locator(f"#example-{number} .outcome")


def test_processes_are_found_while_typing(visit):
    page = visit.go("/processing/processes")
    page.evaluate("window.same = true")
    page.get_by_label("Name or words").press_sequentially("cosine hyper")
    expect_found(page, 3)

    assert page.locator(".tile h3").all_inner_texts() == ["arcosh", "cosh", "tanh"]
    assert page.locator("#told").inner_text().startswith("3 of ")
    assert page.evaluate("window.same && document.activeElement.id") == "q"
    assert "q=cosine+hyper" in page.url
    page.get_by_label("Name or words").fill("")
    page.get_by_label("Category").select_option("math > cumulative")
    expect_found(page, 4)
    page.get_by_role("link", name="cumsum").click()
    page.get_by_role("heading", name="cumsum").wait_for()
    page.go_back()
    expect_found(page, 4)


def test_an_example_is_run_changed_and_run_again(visit, axe):  # noqa: F811
    visit.sign_in()
    page = visit.go("/processing/processes/clip")
    assert run_example(page, 1).inner_text().split() == ["Result", "as", "expected", "-1"]
    assert page.locator("#told").inner_text() == "Result as expected -1"
    check(page, axe)

    arguments = page.get_by_label("Arguments of example 1 in JSON")
    arguments.fill('{"x": 0.5, "min": -1, "max": 1}')
    assert run_example(page, 1).inner_text().split() == ["Result", "0.5"]
    assert "clip(x=0.5, min=-1, max=1)" in page.locator("#example-1 .call").inner_text()
    assert page.locator("#example-1 h3").inner_text().endswith("with arguments of your own")
    arguments.fill('{"x": 0.5, "min": 2, "max": 1}')
    assert "MinMaxSwapped" in run_example(page, 1).inner_text()
    assert page.locator("#told").inner_text().startswith("MinMaxSwapped")
    arguments.fill(f'{{"x": "{HOSTILE}')
    assert "ProcessInvalid" in run_example(page, 1).inner_text()
    assert arguments.input_value() == f'{{"x": "{HOSTILE}'
    arguments.fill('{"<img src=x onerror=window.hacked=1>": 1, "x": "</pre><script>window.hacked=1</script>"}')
    assert run_example(page, 1).locator(".notice").count() == 4
    check(page, axe)


def test_whoever_is_signed_out_meanwhile_is_sent_to_sign_in(visit):
    visit.sign_in()
    page = visit.go("/processing/processes/clip")
    page.context.clear_cookies()
    page.get_by_role("button", name="Run example 1").click()

    page.get_by_role("main").get_by_role("link", name="Sign in").wait_for()


@pytest.fixture
def plain_page(browser, site):
    """A tab without scripts."""
    with browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False) as context:
        context.set_default_timeout(30_000)
        yield context.new_page()


def test_all_works_without_scripts(site, plain_page):
    page = plain_page
    page.goto(f"{site.url}/sign-in?with=token&next=/processing/processes")
    page.get_by_label("Token").fill(site.token)
    page.get_by_role("button", name="Sign in with this token").click()
    page.get_by_label("Name or words").fill("clip")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="clip").click()
    page.get_by_label("Arguments of example 2 in JSON").fill('{"x": 3, "min": 1, "max": 2}')
    page.get_by_role("button", name="Run example 2").click()
    page.wait_for_url("**/clip#example-2")

    assert page.locator("#example-2 .outcome").inner_text().split() == ["Result", "2"]
    assert page.get_by_label("Arguments of example 2 in JSON").input_value() == '{"x": 3, "min": 1, "max": 2}'
    page.get_by_label("Arguments of example 1 in JSON").fill("{")
    page.get_by_role("button", name="Run example 1").click()
    assert "ProcessInvalid" in page.locator("#example-1 .outcome").inner_text()


def test_a_narrow_page_has_ways_to_each_category_and_nothing_sticks_out_of_its_margin(site, plain_page):
    page = plain_page
    page.goto(f"{site.url}/processing/processes")
    page.get_by_role("navigation", name="Categories").get_by_role("link", name="texts").click()

    heading = page.get_by_role("heading", name="texts")
    assert -1 < heading.bounding_box()["y"] < 844
    left = page.get_by_role("heading", name="Processes", exact=True).bounding_box()["x"]
    for each in page.locator("nav a[aria-current=page]").all():
        assert each.bounding_box()["x"] >= left
