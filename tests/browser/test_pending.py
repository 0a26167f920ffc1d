"""What is chosen while something else is still on its way: a download, a permission, a picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

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
    page.check("#backends input[value=cpu]")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    assert page.is_checked("#backends input[value=cpu]")
    assert ended == [held[0].request.url]  # nothing that nobody waits for is downloaded
    assert visitor.complaints == []


def test_a_backend_chosen_after_a_failure_tries_again(visit):
    visitor = visit()
    page = visitor.page
    page.route("**/manifest.json", lambda route: route.fulfill(status=404))
    visitor.open("?backend=wasm")
    assert "was not found" in visitor.failure()
    page.unroute("**/manifest.json")
    page.check("#backends input[value=cpu]")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    assert page.locator("#failure").is_hidden()


@pytest.mark.parametrize("second, live", [("#camera", 1), ("#clear", 0)])
def test_a_click_while_the_camera_is_asked_for(visit, second, live):
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
    pixels = np.full((40, 40), 255, np.uint8)
    pixels[8:32, 18:22] = 0
    Image.fromarray(pixels).save(tmp_path / "one.png")
    visitor = visit(bypass_csp=True)
    visitor.page.add_init_script(LATE)
    page = visitor.ready()
    page.set_input_files("#file", tmp_path / "one.png")
    page.wait_for_function("typeof decoded === 'function'")
    page.locator("#samples button").nth(3).click()
    visitor.answer()
    before = page.inner_text("#answer")
    assert "right" in before or "labelled" in before
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


def test_a_failed_load_stays_told_while_somebody_draws(visit):
    visitor = visit()
    visitor.page.route("**/tfjs/*.bin", lambda route: route.fulfill(status=404))
    visitor.open("?backend=wasm")
    told = visitor.failure()
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    assert visitor.failure() == told and "was not found" in told


def test_the_same_answer_is_spoken_again(visit):
    page = visit().ready()
    said = []
    for _ in range(2):
        page.evaluate("document.querySelector('#spoken').textContent = ''")
        page.locator("#samples button").first.click()
        expect(page.locator("#spoken")).not_to_be_empty()
        said.append(page.text_content("#spoken"))
    assert said[0] == said[1]
