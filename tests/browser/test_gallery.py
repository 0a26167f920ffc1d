"""The gallery: a card for each network, a map of accuracy against time, and times measured here."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.test_access import PHONE, violations_in
from web_demo.artifacts import find_artifacts
from web_demo.server import Server, running, serve

TIME = re.compile(r"Time on this device\s*[\d.]+ m?s")


def copies(artifact: Path, folder: Path, count: int) -> Path:
    """Copies of an artifact, N0 with the largest accuracy and the most parameters, then N1, ..."""
    for number in range(count):
        copy = folder / f"N{number}"
        shutil.copytree(artifact, copy, copy_function=os.link)
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["name"] = copy.name
        manifest["parameters"] -= number
        manifest["metrics"]["test_accuracy"] = 0.95 - number / 1000
        (copy / "manifest.json").unlink()  # a link to that of the artifact
        (copy / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def many(page_folder, artifact, tmp_path_factory) -> Iterator[Server]:
    folder = copies(artifact, tmp_path_factory.mktemp("many"), 120)
    with running(serve(find_artifacts([folder]), port=0, page=page_folder)) as server:
        yield server


def names(page) -> list[str]:
    return page.locator(".network h2").all_inner_texts()


def card(page, name: str):
    return page.locator(".network", has=page.get_by_role("link", name=name, exact=True))


def status(page):
    return page.locator("#gallery-panel [role=status]")


def test_one_network_has_no_gallery(visit):
    page = visit().ready()
    expect(page.locator("#gallery")).to_be_hidden()


def test_networks_are_found_sorted_and_opened(visit, many):
    visitor = visit(url=many.url)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    page = visitor.ready(query="&panel=gallery")
    expect(status(page)).to_have_text("120 networks")
    # Only the drawings near the window are loaded, and only the manifest of the open network.
    expect(page.locator(".network img").first).to_have_js_property("complete", True)
    assert 0 < len({url for url in asked if url.endswith("cell.svg")}) < 60
    assert len({url for url in asked if url.endswith("manifest.json")}) == 1
    page.get_by_label("Sort by").select_option("Parameters")
    assert names(page)[:2] == ["N119", "N118"]
    page.get_by_label("Sort by").select_option("Accuracy")
    assert names(page)[:2] == ["N0", "N1"]
    assert "95.0 % on digits" in card(page, "N0").inner_text()
    page.get_by_label("Find").fill("n11")
    expect(status(page)).to_have_text("11 of 120 networks")
    assert names(page) == ["N11", *[f"N{number}" for number in range(110, 120)]]
    points = page.locator(".map a")
    assert points.count() == 11
    page.get_by_label("Map across").select_option("Parameters")
    points.first.focus()
    page.keyboard.press("ArrowRight")
    expect(points.nth(1)).to_be_focused()
    assert points.nth(1).get_attribute("aria-label").startswith("N118: 83.2 %")
    expect(page.locator(".point-name")).to_contain_text("N118")
    page.keyboard.press("Enter")
    expect(page.locator("#gallery-panel")).to_be_hidden()
    expect(page.locator("#title")).to_have_text("N118", timeout=60_000)
    page.wait_for_selector("body[data-ready=wasm]", timeout=60_000)
    page.click("#gallery summary")
    page.get_by_role("link", name="N113", exact=True).click()
    expect(page.locator("#title")).to_have_text("N113", timeout=60_000)
    assert visitor.complaints == []


def test_times_are_measured_and_remembered(visit, many):
    visitor = visit(url=many.url)
    page = visitor.ready(query="&panel=gallery")
    # The page has run the first; the map switches to times once there are two.
    expect(page.get_by_label("Map across")).to_have_value("download")
    page.get_by_label("Find").fill("n11")
    page.click("#gallery-measure")
    expect(card(page, "N11")).to_contain_text(TIME, timeout=60_000)
    expect(page.locator("#gallery-cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text("Canceled. The times so far are kept.")
    page.get_by_label("Find").fill("n111")
    page.click("#gallery-measure")
    expect(status(page)).to_have_text("All are measured.", timeout=60_000)
    assert len(visitor.workers()) == 1  # that of the page
    page = visitor.ready(query="&panel=gallery")
    expect(page.get_by_label("Map across")).to_have_value("time")
    page.get_by_label("Sort by").select_option("Time on this device")
    assert {"N0", "N11", "N111"} <= set(names(page)[:4])  # a fourth may have been timed
    for name in ("N0", "N11", "N111"):
        expect(card(page, name)).to_contain_text(TIME)
    assert visitor.complaints == []


def test_it_is_accessible_and_nothing_overflows(visit, many):
    visitor = visit(url=many.url, bypass_csp=True, reduced_motion="reduce", viewport=PHONE)
    page = visitor.ready(query="&panel=gallery")
    page.get_by_label("Find").fill("n11")
    expect(page.locator(".map a")).to_have_count(11)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations_in(page) == []
