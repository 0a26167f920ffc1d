"""The report of a search run, opened from disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from search.reporting.front import front_cells
from search.reporting.history import read_run
from search.reporting.report import write_report
from tests.browser.conftest import Visit, unavailable
from tests.browser.test_access import AXE, violations_in, width_needed
from tests.search.made_runs import WARNING, darts_run, evolution_run, front_run, recurrent_run

RUNS = {"darts": darts_run, "recurrent": recurrent_run, "evolution": evolution_run,
        "front": front_run}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: write_report(read_run(make(folder / name))) for name, make in RUNS.items()}


@pytest.fixture
def read(browser, reports):
    """Open the report of a run; fail on errors and on network requests."""
    visits: list[Visit] = []
    asked: list[str] = []

    def begin(name: str, query: str = "", **options):
        visit = Visit(browser, reports[name].as_uri(), **options)
        visits.append(visit)
        visit.page.on("request", lambda request: asked.append(request.url))
        page = visit.open(query)
        page.wait_for_selector("body[data-ready]")
        return page

    yield begin
    for visit in visits:
        assert visit.complaints == []
        visit.context.close()
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def slide(page, epoch: int) -> None:
    page.locator("#epoch").fill(str(epoch))
    expect(page.locator("#cell-title")).to_have_text(f"The cell at epoch {epoch}")


def test_edges_have_the_numbers_of_the_genotype(read):
    inputs = ["c_k−2", "c_k−1", "2", "3", "4"]
    names = read("darts").locator(".heat").first.locator("th.edge[scope=row]").all_inner_texts()
    assert names == [f"{inputs[source]} → {node}" for node in range(2, 6) for source in range(node)]


@pytest.mark.parametrize("name", ["darts", "recurrent"])
def test_the_slider_moves_the_cell_and_the_weights(read, name):
    page = read(name)
    seen = {}
    for epoch in (1, 7):
        slide(page, epoch)
        seen[epoch] = [page.locator(".sheet img").first.get_attribute("src"),
                       page.locator(".heat").first.inner_text(),
                       page.locator(".heat td.kept").count(),
                       page.locator(".strip .at").first.get_attribute("style"),
                       page.inner_text("#genotype"), page.inner_text("#readout")]
    cell, weights, kept, cursor, text, spoken = zip(*seen.values())
    for pair in (cell, weights, cursor, text, spoken):
        assert pair[0] != pair[1]
    assert set(kept) == {16 if name == "darts" else 8}
    assert page.locator(".sheet img").first.evaluate("image => image.naturalWidth") > 100


def test_it_opens_at_the_chosen_epoch(read):
    page = read("darts")
    expect(page.locator("#cell-title")).to_have_text("The cell at epoch 6")
    expect(page.locator("#readout")).to_contain_text("chosen")
    expect(page.locator("#facts")).to_contain_text("the last epoch before skip connections")


def test_the_address_holds_the_epoch(read):
    """It can be shared, and the browser can go back."""
    page = read("darts", "?epoch=3")
    title = page.locator("#cell-title")
    expect(title).to_have_text("The cell at epoch 3")
    for epoch in (8, 9):  # a step each
        slide(page, epoch)
        page.wait_for_url(f"**/report.html?epoch={epoch}")
    page.locator(".skip").press("Enter")  # changes the address too
    page.go_back()
    expect(title).to_have_text("The cell at epoch 9")
    page.go_back()
    expect(title).to_have_text("The cell at epoch 8")
    page.go_back()
    expect(title).to_have_text("The cell at epoch 3")
    page.go_forward()
    expect(title).to_have_text("The cell at epoch 8")


@pytest.mark.parametrize("asked", ["99", "0", "2.5", "x", ""])
def test_an_epoch_that_does_not_exist_is_the_last(read, asked):
    expect(read("darts", f"?epoch={asked}").locator("#cell-title")).to_have_text(
        "The cell at epoch 10")


def test_by_keyboard_alone(read):
    page = read("darts")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the link to the slider
    expect(page.locator("#epoch")).to_be_focused()
    page.keyboard.press("Home")
    expect(page.locator("#cell-title")).to_have_text("The cell at epoch 1")
    expect(page.locator(".changed").first).to_have_text("The first cell.")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#cell-title")).to_have_text("The cell at epoch 2")
    page.focus("#play")
    page.keyboard.press("Enter")
    expect(page.locator("#cell-title")).to_have_text("The cell at epoch 10", timeout=15_000)
    expect(page.locator("#play")).to_have_text("Play")


def test_a_click_in_a_curve_or_a_strip_goes_to_its_epoch(read):
    page = read("darts")
    for picture, inside in (("#curves .chart svg", 14), (".strip .time", 3)):
        slide(page, 5)
        box = page.locator(picture).first.bounding_box()
        page.locator(picture).first.click(
            position={"x": box["width"] - inside, "y": box["height"] / 2})
        expect(page.locator("#cell-title")).to_have_text("The cell at epoch 10")


def test_warnings_are_text_and_lead_to_their_epoch(read):
    page = read("darts")
    expect(page.locator("#warnings")).to_contain_text(WARNING)
    page.locator("#warnings button").first.click()
    assert page.inner_text("#cell-title") != "The cell at epoch 6"


def test_candidates(read):
    page = read("evolution")
    expect(page.locator("#weights")).to_be_hidden()
    assert page.locator("#search svg").first.locator("circle.dot").count() == 48
    slide(page, 3)
    assert page.locator("#search svg").first.locator("circle.later").count() == 36
    page.locator("#evaluated summary").click()
    assert page.locator("#evaluated tbody tr").count() == 48


@pytest.mark.parametrize("name", RUNS)
def test_nothing_overflows(read, name):
    widths = [320, 360, 768, 1280]
    page = read(name, viewport={"width": widths[0], "height": 740})
    page.evaluate("document.querySelectorAll('details').forEach(one => (one.open = true))")
    needed = width_needed(page, widths)
    assert all(needed[width] <= width for width in widths), needed


@pytest.mark.parametrize("name", RUNS)
def test_axe_finds_nothing(read, name):
    if not AXE.is_file():
        unavailable("axe-core is not installed: run npm ci in web_demo")
    page = read(name, bypass_csp=True)
    assert violations_in(page) == []


def test_before_the_first_epoch(browser, tmp_path):
    folder = darts_run(tmp_path / "run", finished=False)
    (folder / "history.jsonl").write_text("")
    visit = Visit(browser, write_report(read_run(folder)).as_uri())
    page = visit.open()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#dock")).to_be_hidden()
    assert visit.complaints == []
    visit.context.close()


def test_the_front_is_marked_and_listed(read, reports):
    page = read("front")
    cells = front_cells(read_run(reports["front"].parent))
    chart = page.locator("#search .chart", has_text="against multiply-adds")
    marked = chart.locator(".front title").all_text_contents()
    assert sorted(marked) == sorted(
        title for cell in cells for title in marked if f"candidate {cell['number']}," in title)
    assert len(marked) == len(cells)
    rows = page.locator("#front tbody tr")
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == [
        str(cell["number"]) for cell in cells]
    assert page.locator("#search .chart", has_text="against bytes").locator(".front").count() == 0
