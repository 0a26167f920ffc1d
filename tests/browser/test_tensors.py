"""Networks without a cell: tensors with their files, and image classifiers."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
import torch
from playwright.sync_api import expect
from torch import nn

from export import Input, export
from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.browser.conftest import Visit
from tests.browser.test_access import PHONE, violations_in
from tests.browser.test_race import enter, finish, row
from tests.browser.test_runtimes import tensors
from web_demo.artifacts import find_artifacts
from web_demo.runtimes import FORMATS, RUNTIMES
from web_demo.server import running, serve
from web_demo.site import build_site
from web_demo.verify import classify


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("tensors")
    (place / "ids.onnx").write_bytes(tensors().SerializeToString())
    build(find(str(place / "ids.onnx"), BuildOptions()), list(FORMATS), place / "ids")
    return place / "ids"


@pytest.fixture(scope="module")
def url(folder, artifact, page_folder):
    artifacts = find_artifacts([folder, artifact])
    with running(serve(artifacts, port=0, page=page_folder)) as server:
        yield server.url


@pytest.fixture
def opened(browser, url):
    visits: list[Visit] = []

    def begin(**options) -> Visit:
        visits.append(Visit(browser, url, **options))
        visits[-1].ready(query="&model=ids")
        return visits[-1]

    yield begin
    for visit in visits:
        visit.context.close()


def cells(page, side: str) -> list[list[str]]:
    rows = page.locator(f"#{side} tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def test_its_inputs_and_outputs(opened):
    visitor = opened()
    page = visitor.page
    assert cells(page, "takes") == [["ids", "int64", "batch × 5"], ["mask", "float32", "batch × 5"],
                                    ["wanted", "bool", "batch × 5"]]
    assert cells(page, "gives") == [["features", "float32", "batch × 5 × 4"],
                                    ["above", "bool", "batch × 5"], ["best", "int64", "batch"]]
    shown = page.inner_text("#parity")
    assert shown.startswith("✓ Same outputs as ONNX Runtime") and "of the largest value" in shown
    assert page.inner_text("#times").count("ms") >= 2
    assert "From\nids.onnx" in page.inner_text("#facts")
    for hidden in ("looking", "answer", "writing", "cell-card"):
        assert page.locator(f"#{hidden}").is_hidden()
    assert visitor.complaints == []


def test_pictures_come_first(browser, url):
    """Even if a network of tensors is listed before."""
    visitor = Visit(browser, url)
    page = visitor.ready()
    assert page.input_value("#model") == "DARTS-digits"
    page.select_option("#model", "ids")
    expect(page.locator("#tensors")).to_be_visible()
    page.wait_for_selector("body[data-ready=wasm]")
    page.select_option("#model", "DARTS-digits")
    page.wait_for_selector("body[data-ready=wasm]")
    expect(page.locator("#tensors")).to_be_hidden()
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4" and visitor.complaints == []
    visitor.context.close()


def test_its_files_can_be_downloaded(opened, folder):
    page = opened().page
    for name in ("onnx/model.onnx", "tflite/model.tflite"):
        with page.expect_download() as download:
            page.click(f"#files a:text-is('{name}')")
        assert download.value.path().read_bytes() == (folder / name).read_bytes()
        assert download.value.suggested_filename == name.rpartition("/")[2]


def test_a_static_site_has_all_files_that_the_page_links(folder, page_folder, opened, tmp_path):
    site = build_site(find_artifacts([folder]), tmp_path / "site", page_folder)
    links = opened().page.locator("#files a").all_inner_texts()
    assert len(links) >= 5
    assert all((site / "models/ids" / name).is_file() for name in links)


def test_every_runtime_is_checked_and_timed(opened):
    page = opened().page
    runners = [f"{name}:wasm" for name in RUNTIMES]
    enter(page, runners)
    finish(page)
    for runner in runners:
        assert "✓ difference" in row(page, runner).inner_text(), runner


def test_a_picture_is_not_swallowed(opened, tmp_path):
    visitor = opened()
    visitor.page.set_input_files("#file", {"name": "cat.png", "mimeType": "image/png",
                                           "buffer": b"x"})
    assert visitor.failure().startswith("cat.png was ignored, because this network takes tensors")


def test_it_is_accessible(opened):
    visitor = opened(bypass_csp=True, reduced_motion="reduce", viewport=PHONE)
    page = visitor.page
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations_in(page) == []
    page.locator("#skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#tensors-title")).to_be_focused()


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """A classifier that is no cell; its manifest lists logits and probabilities."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                            nn.Flatten(), nn.Linear(8, 5)).eval()
    folder = tmp_path_factory.mktemp("modules") / "letters"
    images = Input(height=32, width=32, channels=3, mean=[0.5] * 3, std=[0.25] * 3)
    export(network, FORMATS, folder, input=images, labels=list("abcde"))
    return folder


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_classifier_of_a_module_is_verified(module, page_folder, runtime):
    images = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    (found,) = classify(module, images, runtime, ["wasm"])
    assert found["ok"] and found["error"] is None
    session = onnxruntime.InferenceSession(str(module / "onnx/model.onnx"))
    logits = np.asarray(session.run(["logits"], {"pixels": images})[0])
    assert found["answers"] == logits.argmax(1).tolist()


def test_a_classifier_of_a_module_runs_on_the_page(browser, module, page_folder):
    with running(serve(find_artifacts([module]), port=0, page=page_folder)) as server:
        visitor = Visit(browser, server.url)
        page = visitor.ready()
        page.locator("#samples button").first.click()
        assert visitor.answer() in set("abcde")
        assert page.inner_text("#parity").startswith("✓ Same logits as PyTorch")
        assert visitor.complaints == []
        visitor.context.close()


def test_a_classifier_without_a_cell(visit, artifact):
    """As exported from any module: no genotype, no diagram, no test accuracy."""
    visitor = visit()
    manifest = json.loads((artifact / "manifest.json").read_text())
    for part in ("genotype", "paper", "source", "licence", "metrics", "multiply_adds", "agreement"):
        manifest.pop(part, None)
    visitor.page.route("**/manifest.json", lambda route: route.fulfill(json=manifest))
    manifest |= {
        "network": {"kind": "module", "num_classes": 10, "in_channels": 1, "layers": None},
        "origin": {"file": "my.Digits", "sha256": "0" * 64},
        "files": {path: file for path, file in manifest["files"].items() if path != "cell.svg"}}
    page = visitor.ready()
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    assert visitor.answer() == "1"
    assert page.locator("#cell-card").is_hidden()
    assert page.inner_text("#lead").startswith("my.Digits, ")
    facts = page.locator("#facts dt").all_inner_texts()
    assert facts[0] == "From" and not {"Genotype", "Test accuracy", "Multiply-adds"} & set(facts)
    assert visitor.complaints == []
