"""The race: runtimes and backends run the picture on the page in alternation."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.test_access import PHONE, violations_in
from tests.browser.test_choice import NO_GPU
from tests.browser.test_load import with_manifest
from web_demo.runtimes import RUNTIMES

WASM = [f"{name}:wasm" for name in RUNTIMES]
#: Each run of a worker takes a tenth of a second longer, so that a race can be met on its way.
SLOW = """addEventListener('message', () => {
    for (const end = Date.now() + 100; Date.now() < end;);
});"""
TIME = re.compile(r"^[\d.]+ (ms|s)$")


@pytest.fixture
def open_race(visit):
    """Open the race with only `runners` checked."""
    def begin(runners: list[str], **options):
        visitor = visit(**options)
        page = visitor.ready()
        enter(page, runners)
        return visitor

    return begin


def enter(page, runners: list[str]) -> None:
    page.click("#race summary")
    ticks = page.locator("#race input")
    expect(ticks.first).to_be_visible()
    for tick in ticks.all():
        if tick.is_enabled():
            tick.set_checked(tick.get_attribute("value") in runners)


def row(page, runner: str):
    return page.locator(f"#race tbody tr:has(input[value='{runner}'])")


def finish(page) -> None:
    page.click("#race-start")
    expect(page.locator("#race-copy")).to_be_enabled(timeout=180_000)


def picture(server, number: int) -> list[float]:
    """The pixels of a sample."""
    path = server.artifacts["DARTS-digits"] / "fixtures" / "input.bin"
    return np.fromfile(path, "<f4").reshape(-1, 64)[number].tolist()


def only_the_page_runs(visitor) -> None:
    """Wait until the workers of the race have ended."""
    for _ in range(600):
        if len(visitor.workers()) == 1:
            return
        visitor.page.wait_for_timeout(50)
    raise AssertionError("workers of the race are left")


def test_wasm_against_javascript(open_race):
    """An artifact for TF.js only; the table is copied to the clipboard."""
    visitor = open_race(["tfjs:wasm", "tfjs:cpu"],
                        permissions=["clipboard-read", "clipboard-write"])
    page = visitor.page
    page.locator("#samples button").nth(4).click()
    visitor.answer()
    finish(page)
    shares = {}
    for runner in ("tfjs:wasm", "tfjs:cpu"):
        assert TIME.match(row(page, runner).locator(".time").inner_text())
        assert "✓ difference" in row(page, runner).inner_text()
        shares[runner] = float(row(page, runner).locator(".fill").evaluate(
            "(bar) => bar.style.getPropertyValue('--share')"))
    assert max(shares.values()) == 1 and 0 < min(shares.values()) < 1
    assert "Fastest:" in page.inner_text("#race-panel [role=status]")
    page.click("#race-copy")
    expect(page.locator("#race-panel [role=status]")).to_contain_text("Copied as a Markdown table")
    table = page.evaluate("navigator.clipboard.readText()")
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line[:1] == "|"]
    assert [line[:3] for line in lines[2:]] == [["DARTS-digits", "TF.js", "WebAssembly"],
                                                ["DARTS-digits", "TF.js", "JavaScript"]]
    assert all(len(line) == len(lines[0]) == 8 and line[6] == "31" for line in lines[2:])
    only_the_page_runs(visitor)
    assert visitor.complaints == []


def test_every_runtime(open_race, formats_server):
    visitor = open_race(WASM, url=formats_server.url)
    page = visitor.page
    finish(page)
    for runner in WASM:
        assert TIME.match(row(page, runner).locator(".time").inner_text()), runner
        assert "✓ difference" in row(page, runner).inner_text()
    only_the_page_runs(visitor)
    assert visitor.complaints == []


def test_networks_against_each_other(visit, both):
    """A network that joins runs where the first does, on the same picture."""
    visitor = visit(url=both.url)
    page = visitor.ready(query="&model=DARTS-digits")
    visitor.in_workers(SLOW + """addEventListener('message', ({data: {work}}) => {
        if (work?.inputs) self.seen = [...Object.values(work.inputs)[0].data];
    });""")
    page.locator("#samples button").nth(4).click()
    visitor.answer()
    enter(page, ["tfjs:wasm"])
    page.select_option(".race-add select", label="other")
    networks = page.locator("#race tbody")
    expect(networks).to_have_count(2)
    assert [one.split()[0] for one in networks.locator(".entrant th").all_inner_texts()] == [
        "DARTS-digits", "other"]
    expect(page.locator(".race-add")).to_be_hidden()  # nobody is left
    checked = networks.locator("input:checked")
    assert [one.get_attribute("value") for one in checked.all()] == ["tfjs:wasm"] * 2
    page.click("#race-start")
    # Once the second has a time, both have seen the picture.
    expect(networks.nth(1).locator(".time:not(:empty)")).to_have_text(TIME, timeout=60_000)
    one, other = [worker.evaluate("self.seen") for worker in visitor.workers()[1:]]
    expect(page.locator("#race-copy")).to_be_enabled(timeout=60_000)
    status = page.locator("#race-panel [role=status]")
    expect(status).to_contain_text(re.compile(
        r"^Fastest: (DARTS-digits|other) in TF\.js on WebAssembly, .* as fast as "))
    for at in range(2):
        assert TIME.match(networks.nth(at).locator(".time:not(:empty)").inner_text())
    assert one == other == picture(both, 4)
    page.get_by_role("button", name="Remove other").click()
    expect(networks).to_have_count(1)
    expect(page.locator(".entrant")).to_have_count(0)
    assert TIME.match(row(page, "tfjs:wasm").locator(".time").inner_text())  # is kept
    expect(page.locator(".race-add select")).to_be_focused()
    only_the_page_runs(visitor)
    assert visitor.complaints == []


def test_a_network_that_takes_other_pictures_cannot_join(visit, both, artifact):
    visitor = visit(url=both.url)
    page = visitor.ready(query="&model=DARTS-digits")
    other = json.loads((artifact / "manifest.json").read_text())
    other |= {"name": "other", "input": other["input"] | {"channels": 3}}
    page.route("**/models/other/manifest.json", lambda route: route.fulfill(json=other))
    page.click("#race summary")
    page.select_option(".race-add select", label="other")
    expect(page.locator("#race-panel [role=status]")).to_have_text(
        "other takes pictures of 8 × 8 pixels in color, so it cannot see this one.")
    expect(page.locator("#race tbody")).to_have_count(1)


def test_emulated_graphics_do_not_start_by_themselves(visit):
    page = visit().ready()
    page.click("#race summary")
    for name in ("webgl", "webgpu"):
        one = row(page, f"tfjs:{name}")
        if one.locator("input").is_enabled():
            expect(one.locator("input")).not_to_be_checked()
            expect(one).to_contain_text("emulated GPU")
    expect(row(page, "tfjs:wasm").locator("input")).to_be_checked()


def test_a_failed_lane_shows_its_error_and_the_others_continue(open_race, formats_server):
    visitor = open_race(["tfjs:wasm", "litert:wasm"], url=formats_server.url)
    page = visitor.page
    page.route("**/assets/litert*", lambda route: route.fulfill(status=404))
    finish(page)
    failed = row(page, "litert:wasm")
    assert failed.locator(".time").inner_text() == "failed"
    assert "LiteRT.js" in failed.locator("td small").inner_text()
    assert TIME.match(row(page, "tfjs:wasm").locator(".time").inner_text())


def test_wrong_results_do_not_win(visit, artifact):
    visitor = visit()
    parity = [{"hop": "tfjs", "max_difference": 0, "limit": 1e-12, "inputs": 1}]
    with_manifest(visitor, artifact, parity=parity)
    page = visitor.ready()
    enter(page, ["tfjs:wasm"])
    finish(page)
    assert "✗ wrong result, difference" in row(page, "tfjs:wasm").inner_text()
    assert "None finished with correct results" in page.inner_text("#race-panel [role=status]")


def test_a_race_can_be_cancelled(open_race):
    visitor = open_race(["tfjs:wasm"])
    page = visitor.page
    visitor.in_workers(SLOW.replace("100", "300"))  # on a busy machine too it is not over
    page.click("#race-start")
    expect(row(page, "tfjs:wasm")).to_have_attribute("data-state", "running", timeout=60_000)
    expect(page.locator("#race-cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#race-panel [role=status]")).to_contain_text("Canceled")
    expect(page.locator("#race-start")).to_be_focused()
    only_the_page_runs(visitor)
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4"


def test_a_race_can_be_cancelled_during_a_check(open_race):
    """Here no run ever ends, like those of a large network on a slow backend."""
    visitor = open_race(["tfjs:wasm"])
    page = visitor.page
    visitor.in_workers("""addEventListener('message', (event) => {
        if (event.data.work?.inputs) { event.stopImmediatePropagation(); self.asked = true; }
    });""")
    page.click("#race-start")
    expect(page.locator("#race-cancel")).to_be_focused()
    for _ in range(600):
        if any(worker.evaluate("self.asked") for worker in visitor.workers()):
            break
        page.wait_for_timeout(50)
    page.click("#race-cancel")
    expect(page.locator("#race-panel [role=status]")).to_contain_text("Canceled")
    only_the_page_runs(visitor)


def test_another_model_ends_a_race(open_race):
    visitor = open_race(["tfjs:cpu"])
    page = visitor.page
    visitor.in_workers(SLOW)
    page.click("#race-start")
    expect(row(page, "tfjs:cpu")).to_have_attribute("data-state", "running", timeout=60_000)
    page.evaluate("document.querySelector('#model').dispatchEvent(new Event('change'))")
    expect(page.locator("#race")).to_be_hidden()
    page.wait_for_selector("body[data-ready=wasm]", timeout=60_000)
    only_the_page_runs(visitor)
    expect(row(page, "tfjs:cpu").locator(".time")).to_be_empty()


def test_an_empty_race_does_not_start(open_race):
    page = open_race([]).page
    expect(page.locator("#race-start")).to_be_disabled()


def test_it_is_accessible_and_nothing_overflows(visit, formats_server):
    visitor = visit(url=formats_server.url, bypass_csp=True, reduced_motion="reduce",
                    viewport=PHONE)
    visitor.page.add_init_script(NO_GPU)
    page = visitor.ready()
    page.focus("#race summary")
    page.keyboard.press("Enter")
    expect(page.locator("#race-start")).to_be_enabled()
    for runner in WASM[1:]:
        row(page, runner).locator("input").uncheck()
    finish(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations_in(page) == []
