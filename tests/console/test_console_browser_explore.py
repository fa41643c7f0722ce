"""The explore page as people use it: words, boxes to tick, dates, areas drawn on the map, the back button, the keyboard."""

from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def headline(page):
    return page.locator("#found").inner_text()


def expect_headline(page, text):
    page.wait_for_function("text => document.getElementById('found').textContent === text", arg=text)


def asked(page):
    return parse_qs(urlsplit(page.url).query)


def go_back(page, expected):
    """Press the browser's back button and wait for the page that asks what *expected* says."""
    page.evaluate("() => { window.isOld = true; setTimeout(() => history.back()); }")
    page.wait_for_function("() => !window.isOld && document.readyState === 'complete'")
    assert asked(page) == expected


def drag(page, start, end):
    """Draw from *start* to *end*, each as fractions of the map's width and height."""
    frame = page.locator("#map canvas").bounding_box()
    for step, (x, y) in enumerate((start, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), end)):
        page.mouse.move(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])
        if step == 0:
            page.mouse.down()
    page.mouse.up()


def test_a_search_is_in_the_address_and_the_back_button_undoes_it(visit):
    page = visit.go("/explore")
    everything = headline(page)

    page.get_by_label("Words of a collection").fill("temperature")
    page.keyboard.press("Enter")
    expect_headline(page, "12 items found")
    assert asked(page) == {"q": ["temperature"]}
    page.get_by_label("from").fill("2021-06-01")
    expect_headline(page, "7 items found")
    page.get_by_label("Sea surface temperature").check()
    page.wait_for_url("**collections=sst**")
    assert asked(page) == {"q": ["temperature"], "collections": ["sst"], "start": ["2021-06-01"]}

    page.reload()
    assert headline(page) == "7 items found"
    assert page.get_by_label("Sea surface temperature").is_checked()
    go_back(page, {"q": ["temperature"], "start": ["2021-06-01"]})
    go_back(page, {"q": ["temperature"]})
    expect_headline(page, "12 items found")
    go_back(page, {})
    expect_headline(page, everything)
    visit.wait_for_map()
    page.get_by_role("link", name="sst-2021-12").click()
    page.wait_for_url("**/items/sst-2021-12")
    visit.wait_for_map()


def test_more_leads_to_the_following_items_and_every_one_comes_once(visit):
    page = visit.go("/explore?collections=scenes")
    first = page.locator("#answer .row h3").all_inner_texts()
    page.get_by_role("link", name="More").click()
    page.wait_for_url("**page=**")
    page.wait_for_selector("#answer .row:nth-child(4)")
    page.wait_for_function("document.querySelectorAll('#answer .row').length === 4")

    assert sorted(first + page.locator("#answer .row h3").all_inner_texts()) == [f"scene-{number:03d}" for number in range(24)]


def test_an_area_is_drawn_and_taken_away(visit):
    page = visit.go("/explore?collections=scenes")
    page.get_by_role("button", name="Draw an area").click()
    drag(page, (0.02, 0.2), (0.5, 0.98))
    page.wait_for_url("**bbox=**")
    west, south, east, north = (float(side) for side in page.get_by_label("Area", exact=True).input_value().split(","))

    assert west < east
    assert south < north
    expect_headline(page, page.locator("#told").inner_text())
    found = headline(page)
    assert found != "24 items found"
    page.reload()
    assert headline(page) == found
    visit.wait_for_map()
    page.get_by_role("button", name="Erase").click()
    expect_headline(page, "24 items found")
    page.get_by_role("button", name="Take the view").click()
    page.wait_for_url("**bbox=**")
    expect_headline(page, "24 items found")


def test_an_area_is_drawn_over_the_antimeridian(visit):
    page = visit.go("/explore?collections=pacific")
    page.get_by_role("button", name="Draw an area").click()
    drag(page, (0.03, 0.2), (0.97, 0.97))
    page.wait_for_url("**bbox=**")
    west, _, east, _ = (float(side) for side in asked(page)["bbox"][0].split(","))

    assert -180 <= east < 0 < west <= 180
    expect_headline(page, "4 items found")


def test_results_and_footprints_point_at_each_other(visit):
    page = visit.go("/explore?collections=pacific")
    canvas = page.locator("#map canvas")
    before = canvas.screenshot()
    page.locator("#answer .row").first.hover()
    page.wait_for_selector("#answer .row.is-marked")
    assert page.wait_for_function(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
    )
    assert canvas.screenshot() != before

    page.locator("h2").first.hover()
    frame = canvas.bounding_box()
    row = page.locator('#answer .row[data-item="pacific/storm-1"]')
    page.evaluate("document.querySelectorAll('.is-marked').forEach(row => row.classList.remove('is-marked'))")
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] * 0.6)
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] * 0.62)
    page.wait_for_selector("#answer .row.is-marked")
    assert row.count() == 1


def test_a_wrong_area_is_explained_and_the_form_stays(visit):
    page = visit.go("/explore")
    page.get_by_label("Area", exact=True).fill("10,20,30")
    page.get_by_role("button", name="Search").click()
    page.wait_for_selector(".notice.bad")

    assert "west" in page.locator(".notice.bad").inner_text()
    assert page.get_by_label("Area", exact=True).input_value() == "10,20,30"


def test_a_filter_is_explained_at_its_field_and_in_the_address(visit):
    page = visit.go("/explore?collections=sst")
    page.get_by_text("Filter (CQL2)").click()
    field = page.get_by_label("Filter in CQL2 text")
    field.fill("sst:mean >")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("alert").get_by_text("found the end").wait_for()
    assert page.get_by_role("alert").bounding_box()["y"] < 200
    assert "found the end" in page.locator("#filter-problem").inner_text()
    assert field.get_attribute("aria-invalid") == "true"
    assert headline(page) == "No answer"

    field.fill("sst:mean > 14.95")
    page.get_by_role("button", name="Search").click()
    expect_headline(page, "2 items found")
    assert field.get_attribute("aria-invalid") == "false"
    assert page.get_by_role("alert").inner_text() == ""
    assert asked(page) == {"collections": ["sst"], "filter": ["sst:mean > 14.95"]}
    page.reload()
    assert field.input_value() == "sst:mean > 14.95"
    assert headline(page) == "2 items found"
    visit.wait_for_map()


def test_the_keyboard_alone_searches_and_opens_an_item_and_focus_is_always_seen(visit):
    page = visit.go("/explore")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("storms")
    page.keyboard.press("Enter")
    expect_headline(page, "4 items found")

    for _ in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate(
            """() => [document.activeElement, document.activeElement.closest(".row, .card")]
                .some(one => one && getComputedStyle(one).outlineStyle !== "none")"""
        ), page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("document.activeElement.closest('#answer .row') !== null"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/collections/pacific/items/storm-*")
    visit.wait_for_map()


def test_without_javascript_all_but_the_map_works(browser, site):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{site.url}/explore")
        page.get_by_label("Words of a collection").fill("Europe")
        page.get_by_role("button", name="Search").click()
        assert headline(page) == "24 items found"
        page.get_by_role("link", name="More").click()
        assert page.locator("#answer .row").count() == 4
        page.get_by_role("link", name="scene-000").click()
        assert page.get_by_role("link", name="Get data").count() == 1
        assert page.get_by_text("The map needs JavaScript").is_visible()
        page.goto(f"{site.url}/sign-in?next=/jobs&with=token")
        page.get_by_label("Token").fill(site.token)
        page.get_by_role("button", name="Sign in with this token").click()
        assert page.get_by_role("heading", name="All jobs").is_visible()
        page.locator(".menu summary").click()
        page.get_by_role("link", name="Tokens").click()
        page.get_by_label("Name").fill("made without scripts")
        page.get_by_role("button", name="Make the token").click()
        assert page.locator("#new-token").inner_text().startswith("tl_")
        page.get_by_text("Revoke made without scripts").click()
        page.get_by_role("button", name="Revoke it now").click()
        assert page.get_by_text("Revoke made without scripts").count() == 0
        page.locator(".menu summary").click()
        page.get_by_role("button", name="Sign out").click()
        assert page.url == f"{site.url}/"
