"""Two networks side by side: the same picture, and cells with their differences marked."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.test_access import MODES, PHONE, violations_in


def compare(visitor):
    page = visitor.ready(query="&model=DARTS-digits")
    page.locator("#samples button").nth(3).click()
    visitor.answer()
    page.click("#compare > summary")
    page.select_option("#compare-other", label="other")
    page.wait_for_selector("#compare-panel[data-timed]", timeout=60_000)
    return page


def test_the_same_picture_in_both(visit, both):
    visitor = visit(url=both.url)
    page = compare(visitor)
    expect(page.locator("#compare-panel .help")).to_have_text("Both in TF.js on WebAssembly.")
    answers = page.locator("#compare-panel [data-row=answer] td").all_inner_texts()
    assert answers[0] == answers[1] and answers[0].startswith("3, ")  # the same weights
    times = page.locator("#compare-panel [data-row=time] td").all_inner_texts()
    assert all(time.endswith(" ms, median") for time in times)
    page.locator("#samples button").nth(7).click()
    expect(page.locator("#compare-panel [data-row=answer] td").first).to_contain_text("7, ")
    assert visitor.complaints == []


def test_edges_that_only_one_has(visit, both):
    visitor = visit(url=both.url, bypass_csp=True, reduced_motion="reduce")
    page = compare(visitor)
    figures = page.locator(".compare-cells figure")
    assert figures.count() == 4
    marked = [figures.nth(i).locator(".part.marked").count() for i in range(4)]
    assert marked == [6, 8, 0, 0]
    expect(figures.nth(0)).to_contain_text("Only here (6 of 8): sep_conv_3x3 from c_k-1 to node 2;")
    expect(figures.nth(2)).to_contain_text("The same edges as in other.")
    assert violations_in(page, MODES[::3]) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_there_is_nothing_to_compare_with(visit):
    page = visit().ready()
    page.click("#compare > summary")
    expect(page.locator("#compare-panel .help")).to_contain_text("no other image network here")
    assert page.locator("#compare-other").is_disabled()


def test_pictures_of_another_size(visit, both):
    """The cells are compared, the answers are not."""
    visitor = visit(url=both.url)
    folder = both.artifacts["other"]
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["input"] |= {"height": 32, "width": 32}
    visitor.page.route("**/models/other/manifest.json", lambda route: route.fulfill(json=manifest))
    page = visitor.ready(query="&model=DARTS-digits")
    page.click("#compare > summary")
    page.select_option("#compare-other", label="other")
    expect(page.locator("#compare-panel .help")).to_contain_text(
        "pictures of 32 × 32 pixels in gray")
    assert page.locator(".compare-cells figure").count() == 4
    assert visitor.complaints == []
