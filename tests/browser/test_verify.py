"""`zoo verify` in real runtimes: a language model without a vocabulary, which the page does not
run, and an artifact without class names."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import export
import zoo
from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.browser.altered import changed, reseal
from tests.browser.conftest import Visit, unavailable
from web_demo.artifacts import find_artifacts
from web_demo.chromium import launch
from web_demo.node import HERE
from web_demo.node import verify as verify_in_node
from web_demo.server import running, serve
from web_demo.verify import classify, verify


@pytest.fixture(scope="module")
def step(tmp_path_factory) -> Path:
    model = zoo.create_model(
        "ENAS_RNN", network="language", vocabulary=40, embedding=16, hidden=16
    )
    folder = tmp_path_factory.mktemp("exports") / "step"
    export.export(model, "tfjs", folder)
    return folder


@pytest.fixture
def node() -> None:
    if shutil.which("node") is None:
        unavailable("Node is not installed")
    if not (HERE / "node_modules/@tensorflow/tfjs-converter").is_dir():
        unavailable("the packages of the page are not installed: run make page")


def assert_agrees(rows: list[dict], backends: list[str]) -> None:
    assert [(row["backend"], row["ok"], row["error"]) for row in rows] == [
        (backend, True, None) for backend in backends
    ]
    assert all(row["max_difference"] <= row["limit"] and row["ms"] > 0 for row in rows)


def test_a_step_in_chromium(browser, page_folder, step):
    rows = verify(step, backends=("wasm", "cpu"))
    assert_agrees(rows, ["wasm", "cpu"])
    assert all(row["limit"] < 1e-3 for row in rows)


@pytest.mark.parametrize("backend", ["webgl", "webgpu"])
def test_a_step_on_graphics(browser, page_folder, step, backend):
    (row,) = verify(step, backends=(backend,))
    if not row["available"]:
        unavailable(f"{backend}: {row['reason']}")
    assert_agrees([row], [backend])


def test_rounded_weights_on_graphics(browser, page_folder, tmp_path):
    """Their logits differ from PyTorch's on every backend."""
    build(find("DARTS", BuildOptions()), ["tfjs"], tmp_path / "rounded", "uint8")
    wasm, webgl = verify(tmp_path / "rounded", backends=("wasm", "webgl"))
    if not webgl["available"]:
        unavailable(f"webgl: {webgl['reason']}")
    assert_agrees([wasm, webgl], ["wasm", "webgl"])
    assert wasm["limit"] == webgl["limit"] and webgl["max_difference"] > 1e-3
    with running(serve(find_artifacts([tmp_path]), port=0, page=page_folder)) as server:
        visitor = Visit(browser, server.url)
        shown = visitor.ready().inner_text("#parity")
        assert shown.startswith("✓ Matches PyTorch within uint8 precision")
        visitor.context.close()


def test_crashed_graphics_are_retried_once(browser, page_folder, step, monkeypatch):
    started = []

    def once_without_graphics(playwright):
        started.append(launch(playwright))
        if len(started) == 1:
            monkeypatch.setattr(started[0], "new_page", partial(without_graphics,
                                                                started[0].new_page))
        return started[-1]

    def without_graphics(new_page):
        page = new_page()
        page.add_init_script("OffscreenCanvas.prototype.getContext = () => null;")
        return page

    monkeypatch.setattr("web_demo.verify.launch", once_without_graphics)
    rows = verify(step, backends=("wasm", "webgl"))
    assert len(started) == 2
    if not rows[1]["available"]:
        unavailable(f"webgl: {rows[1]['reason']}")
    assert_agrees(rows, ["wasm", "webgl"])


def test_a_step_in_node(node, step):
    assert_agrees(verify_in_node(step), ["wasm", "cpu"])


WRONG = [(-1, 0.01), (17, float("nan"))]


@pytest.mark.parametrize(("place", "by"), WRONG)
def test_a_wrong_number_in_chromium(browser, page_folder, step, tmp_path, place, by):
    wrong = changed(step, tmp_path / "wrong", place, by)
    rows = verify(wrong, backends=("wasm", "cpu"))
    assert len(rows) == 2
    assert all(row["available"] and row["ok"] is False for row in rows)
    assert [row["error"] for row in rows] == ["logits differs"] * 2


@pytest.mark.parametrize(("place", "by"), WRONG)
def test_a_wrong_number_in_node(node, step, tmp_path, place, by):
    wrong = changed(step, tmp_path / "wrong", place, by)
    rows = verify_in_node(wrong)
    assert len(rows) == 2
    assert all(row["available"] and row["ok"] is False for row in rows)
    assert [row["error"] for row in rows] == ["logits differs"] * 2


def test_a_fixture_of_another_size(browser, node, page_folder, step, tmp_path):
    short = tmp_path / "short"
    shutil.copytree(step, short)
    path = short / "fixtures/input.bin"
    path.write_bytes(path.read_bytes()[:-4])
    reseal(short)
    rows = verify(short, backends=("cpu",)) + verify_in_node(short, backends=("cpu",))
    assert all(not row["ok"] and "does not have the size" in row["error"] for row in rows)


def test_classes_without_names(browser, node, page_folder, artifact, tmp_path):
    nameless = tmp_path / "nameless"
    shutil.copytree(artifact, nameless)
    reseal(nameless, labels=[])
    assert_agrees(verify(nameless, backends=("wasm",)), ["wasm"])
    assert_agrees(verify_in_node(nameless, backends=("cpu",)), ["cpu"])
    with running(serve(find_artifacts([nameless]), port=0, page=page_folder)) as server:
        visitor = Visit(browser, server.url)
        page = visitor.ready()
        page.locator("#samples button").nth(3).click()
        assert visitor.answer() == "class 3"
        assert "correct" in page.inner_text("#verdict-text")
        visitor.context.close()


def test_a_fixture_in_another_range_is_verified(artifact, page_folder, browser, tmp_path):
    """The page supports only 0 to 255, but the files run anywhere."""
    other = Path(shutil.copytree(artifact, tmp_path / "other"))
    spec = json.loads((other / "manifest.json").read_text())["input"]
    reseal(other, input={**spec, "range": [0, 1]})
    assert_agrees(verify(other, backends=("wasm",)), ["wasm"])


def test_images_are_classified_in_chromium(browser, artifact, page_folder):
    images = np.fromfile(artifact / "fixtures/input.bin", "<f4").reshape(-1, 8, 8, 1)
    logits = np.fromfile(artifact / "fixtures/logits.bin", "<f4").reshape(len(images), -1)
    many = np.concatenate([images, images[::-1], images])
    (row,) = classify(artifact, many, backends=("wasm",))
    answers = logits.argmax(axis=1).tolist()
    assert row["answers"] == answers + answers[::-1] + answers


def test_images_of_other_channels_are_verified_and_listed(browser, node, page_folder, artifact,
                                                          tmp_path):
    """The page has only gray and color images, but the files run anywhere."""
    other = tmp_path / "four channels"
    small = BuildOptions(in_channels=4, channels=4, layers=3)
    manifest = build(find("DARTS", small), ["tfjs"], other)
    assert manifest.input.channels == manifest.network.in_channels == 4
    assert "tf.tensor(values, [1, 8, 8, 4])" in (other / "README.md").read_text()
    assert_agrees(verify(other, backends=("wasm",)), ["wasm"])
    assert_agrees(verify_in_node(other, backends=("cpu",)), ["cpu"])
    reports = []
    artifacts = find_artifacts([other, artifact], reports.append)
    assert reports == [f"{other}: its images have 4 channels, and the page has only 1 or 3; the "
                       "page lists it but does not run it"]
    with running(serve(artifacts, port=0, page=page_folder)) as server:
        visitor = Visit(browser, server.url)
        page = visitor.ready()  # begins with the network that it supports
        assert page.locator("#model option").all_inner_texts() == [
            "four-channels (4 channels)", artifact.name]
        page.select_option("#model", "four-channels (4 channels)")
        assert visitor.failure().startswith("DARTS-digits takes 4-channel images, and")
        page.select_option("#model", artifact.name)
        page.wait_for_selector("body[data-ready=wasm]")
        visitor.context.close()
