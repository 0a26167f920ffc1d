"""Choices while something else is pending: a download, a permission, an image."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.altered import reseal
from tests.browser.test_lost import SLOW
from web_demo.artifacts import find_artifacts
from web_demo.server import running, serve

CAMERA = """
    window.streams = []; window.allow = [];
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        await new Promise((resolve) => window.allow.push(resolve));
        const stream = await real(wanted);
        window.streams.push(stream);
        return stream;
    };
"""
LIVE = """
    streams.filter((one) => one.getTracks().some((track) => track.readyState === 'live')).length
""".strip()
LATE = """
    const real = createImageBitmap;
    window.createImageBitmap = async (source, ...options) => {
        const bitmap = await real(source, ...options);
        if (source instanceof File) await new Promise((resolve) => { window.decoded = resolve; });
        return bitmap;
    };
"""


def test_a_backend_chosen_during_the_download(visit):
    visitor, held, ended = visit(), [], []
    page = visitor.page
    page.on("requestfailed", lambda request: ended.append(request.url))

    def hold(route):
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/tfjs/*.bin", hold)
    visitor.open("?backend=wasm")
    expect(page.locator("#loading-text")).to_contain_text("Downloading")
    while not held:
        page.wait_for_timeout(20)
    page.click("#backends input[value=cpu]")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    assert page.is_checked("#backends input[value=cpu]")
    assert ended == [held[0].request.url]  # unneeded downloads are aborted
    assert visitor.complaints == []


def test_a_backend_chosen_while_the_code_of_another_loads(visit):
    visitor, held = visit(), []
    page = visitor.ready("wasm")
    page.route("**/assets/worker-*.js", lambda route: route.continue_() if held
               else held.append(route))
    page.click("#backends input[value=cpu]")
    expect(page.locator("#loading-text")).to_contain_text("Starting JavaScript")
    while not held:
        page.wait_for_timeout(20)
    page.click("#backends input[value=wasm]")
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    held[0].continue_()
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4" and page.is_checked("#backends input[value=wasm]")
    page.click("#backends input[value=cpu]")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    assert visitor.answer() == "4" and visitor.complaints == []


def test_a_backend_chosen_after_a_failure_tries_again(visit):
    visitor = visit()
    page = visitor.page
    page.route("**/manifest.json", lambda route: route.fulfill(status=404))
    visitor.open("?backend=wasm")
    assert "was not found" in visitor.failure()
    page.unroute("**/manifest.json")
    page.click("#backends input[value=cpu]")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    assert page.locator("#failure").is_hidden()


def leave_undecoded(visitor, folder) -> None:
    """Choose an image of a one that stays undecoded until `decoded()`."""
    pixels = np.full((40, 40), 255, np.uint8)
    pixels[8:32, 18:22] = 0
    Image.fromarray(pixels).save(folder / "one.png")
    visitor.page.set_input_files("#file", folder / "one.png")
    visitor.page.wait_for_function("typeof decoded === 'function'")


@pytest.mark.parametrize("key", ["Backspace", "Delete"])
def test_a_picture_that_is_removed_before_it_is_ready(visit, tmp_path, key):
    visitor = visit(bypass_csp=True)
    visitor.page.add_init_script(LATE)
    page = visitor.ready()
    leave_undecoded(visitor, tmp_path)
    page.focus("#pad")
    page.keyboard.press(key)
    page.evaluate("decoded()")
    page.wait_for_timeout(300)
    assert page.inner_text("#verdict-label") == "–" and page.locator("#hint").is_visible()


def test_a_picture_chosen_while_the_camera_is_requested(visit, tmp_path):
    visitor = visit(permissions=["camera"], bypass_csp=True)
    page = visitor.page
    page.add_init_script(CAMERA + "{" + LATE + "}")
    visitor.ready()
    page.click("#camera")
    leave_undecoded(visitor, tmp_path)
    page.evaluate("for (const go of allow) go()")
    page.wait_for_function("streams.length === allow.length")
    page.wait_for_function(f"{LIVE} === 0")
    page.evaluate("decoded()")
    assert visitor.answer() == "1"
    expect(page.locator("#camera")).to_have_text("Camera")


@pytest.mark.parametrize("second, live", [("#camera", 1), ("#clear", 0)])
def test_a_click_while_the_camera_is_requested(visit, second, live):
    visitor = visit(permissions=["camera"], bypass_csp=True)  # for wait_for_function
    visitor.page.add_init_script(CAMERA)
    page = visitor.ready()
    page.click("#camera")
    page.click(second)
    page.evaluate("for (const go of allow) go()")
    page.wait_for_function("streams.length === allow.length")
    expect(page.locator("#camera")).to_have_text("Stop camera" if live else "Camera")
    page.wait_for_function(f"{LIVE} === {live}")
    if live:
        page.click("#camera")
        assert page.evaluate(LIVE) == 0
    assert page.locator("#camera-view").is_hidden()
    assert page.locator("#failure").is_hidden()


def test_a_picture_that_is_ready_after_a_newer_choice(visit, tmp_path):
    visitor = visit(bypass_csp=True)
    visitor.page.add_init_script(LATE)
    page = visitor.ready()
    leave_undecoded(visitor, tmp_path)
    page.locator("#samples button").nth(3).click()
    visitor.answer()
    before = page.inner_text("#answer")
    assert "correct" in before or "wrong" in before
    page.evaluate("decoded()")
    page.wait_for_timeout(300)
    assert page.inner_text("#answer") == before


def test_what_is_drawn_during_the_download_is_answered(visit):
    visitor, held = visit(), []
    page = visitor.page
    page.route("**/tfjs/*.bin", lambda route: held.append(route))
    visitor.open("?backend=wasm")
    expect(page.locator("#loading-text")).to_contain_text("Downloading")
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    for route in held:
        route.continue_()
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    assert visitor.answer() == "1"


def test_a_failed_load_stays_reported_during_drawing(visit):
    visitor = visit(permissions=["camera"])
    page = visitor.page
    page.add_init_script(CAMERA)
    page.route("**/tfjs/*.bin", lambda route: route.fulfill(status=404))
    visitor.open("?backend=wasm")
    shown = visitor.failure()
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    page.click("#camera")
    assert page.evaluate("window.allow.length") == 0  # not requested, since nothing would use it
    assert visitor.failure() == shown and "was not found" in shown


def with_another(page):
    """Add the same model again, under another name and URL."""
    models = [{"name": name, "genotype": "DARTS", "path": f"models/{name}/"}
              for name in ("DARTS-digits", "other")]
    page.route("**/models/index.json", lambda route: route.fulfill(json={"models": models}))
    page.route("**/models/other/**", lambda route: route.continue_(
        url=route.request.url.replace("models/other/", "models/DARTS-digits/")))


def test_an_answer_of_the_previous_model_is_not_shown(visit):
    visitor, held = visit(), []
    page = visitor.page
    visitor.in_workers(SLOW)
    with_another(page)
    visitor.ready("webgl")
    visitor.in_network("self.slow = true")
    page.locator("#samples button").nth(4).click()
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
    page.route("**/models/other/tfjs/*.bin", lambda route: held.append(route))
    page.select_option("#model", "other")
    expect(page.locator("#loading-text")).to_contain_text("Downloading")
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    assert page.inner_text("#verdict-label") == "–" and page.locator("#bars li").count() == 0
    while not held:
        page.wait_for_timeout(20)
    held[0].fallback()
    page.wait_for_selector("body[data-ready=webgl]", timeout=120_000)
    assert visitor.answer() == "1"


def test_another_model_does_not_wait_for_first_runs(visit):
    visitor = visit()
    page = visitor.page
    visitor.in_workers(SLOW + "self.slow = true;")
    with_another(page)
    visitor.open("?backend=webgl")
    expect(page.locator("#loading-text")).to_contain_text("Comparing WebGL", timeout=120_000)
    page.select_option("#model", "other")
    expect(page.locator("#title")).to_have_text("other")
    expect(page.locator("#loading-text")).to_contain_text("Comparing WebGL", timeout=120_000)
    visitor.in_network("self.slow = false")
    page.wait_for_selector("body[data-ready=webgl]", timeout=120_000)
    assert page.locator("#failure").is_hidden() and visitor.complaints == []


def test_no_results_of_the_previous_model_are_shown_for_the_next(visit):
    visitor = visit()
    page = visitor.page
    with_another(page)
    visitor.ready()
    assert page.inner_text("#facts") and page.inner_text("#times") and page.inner_text("#parity")
    page.route("**/models/other/manifest.json", lambda route: route.fulfill(status=404))
    page.select_option("#model", "other")
    assert "was not found" in visitor.failure()
    assert page.inner_text("#title") == "other" and page.title().startswith("other ")
    shown = [page.inner_text(place) for place in ("#lead", "#facts", "#times", "#parity")]
    assert shown == [""] * 4 and page.locator("#cell").is_hidden()
    page.select_option("#model", "DARTS-digits")
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    assert page.inner_text("#facts")
    expect(page.locator("#cell")).to_be_visible()


def test_a_restarted_camera_is_classified_at_once(visit):
    visitor = visit(permissions=["camera"])
    page = visitor.page
    visitor.in_workers(SLOW)
    page.add_init_script("""
        window.frames_read = 0;
        const read = OffscreenCanvasRenderingContext2D.prototype.getImageData;
        OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...rest) {
            window.frames_read += 1;
            return read.apply(this, rest);
        };
    """)
    visitor.ready("webgl")
    visitor.in_network("self.slow = true")
    page.locator("#samples button").nth(4).click()  # the network is busy, and stays so
    for words in ("Stop camera", "Camera") * 3 + ("Stop camera",):
        page.click("#camera")
        expect(page.locator("#camera")).to_have_text(words)
    page.wait_for_timeout(500)
    before = page.evaluate("window.frames_read")
    page.wait_for_timeout(500)
    assert page.evaluate("window.frames_read") == before
    page.click("#camera")


def test_a_download_with_a_failed_shard_ends(visit, artifact, tmp_path, browser, page_folder):
    """Large networks come in several files."""
    several = tmp_path / "DARTS-digits"
    shutil.copytree(artifact, several)
    (whole,) = (several / "tfjs").glob("*.bin")
    content, names = whole.read_bytes(), ["part1.bin", "part2.bin"]
    cut = len(content) - 1000  # only the last shard may be shorter
    for name, part in zip(names, (content[:cut], content[cut:]), strict=True):
        (several / "tfjs" / name).write_bytes(part)
    model = json.loads((several / "tfjs/model.json").read_text())
    model["weightsManifest"][0]["paths"] = names
    (several / "tfjs/model.json").write_text(json.dumps(model))
    reseal(several)
    with running(serve(find_artifacts([several]), port=0, page=page_folder)) as server:
        visitor, held = visit(url=server.url), []
        page = visitor.page
        assert visitor.ready("wasm").locator("#failure").is_hidden()
        page.route("**/part1.bin", lambda route: held.append(route))
        page.route("**/part2.bin", lambda route: route.fulfill(status=404))
        with page.expect_event("requestfailed", lambda one: one.url.endswith("part1.bin")):
            visitor.open("?backend=wasm")
        assert "part2.bin of DARTS-digits was not found" in visitor.failure()
        assert page.locator("#loading").is_hidden()


def test_the_same_answer_is_spoken_again(visit):
    page = visit().ready()
    spoken = []
    for _ in range(2):
        page.evaluate("document.querySelector('#spoken').textContent = ''")
        page.locator("#samples button").first.click()
        expect(page.locator("#spoken")).not_to_be_empty()
        spoken.append(page.text_content("#spoken"))
    assert spoken[0] == spoken[1]
