"""Teach it: from clicks and pictures to a zip that `zoo build` reads."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from playwright.sync_api import expect
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from tests.browser.conftest import WEB_DEMO
from tests.browser.digits import DIGITS
from tests.browser.test_access import MODES, PHONE, violations_in
from tests.browser.test_load import with_manifest
from web_demo.artifacts import find_artifacts
from web_demo.server import running, serve
from zoo.artifact.folder import read_manifest
from zoo.cli import app
from zoo.data.pictures import read_picture

PICTURES = WEB_DEMO / "public" / "pictures"

CAMERA = """strokes => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 320;
    const context = canvas.getContext('2d');
    navigator.mediaDevices.getUserMedia = async () => {
        setInterval(() => {
            context.fillStyle = '#f4f1ea'; context.fillRect(0, 0, 320, 320);
            context.strokeStyle = '#2a2c3a'; context.lineWidth = 16 + Math.random();
            for (const stroke of strokes) {
                context.beginPath();
                for (const [x, y] of stroke) context.lineTo(x * 320, y * 320);
                context.stroke();
            }
        }, 40);
        return canvas.captureStream(25);
    };
}"""


def pictures(digit: int, count: int, name: str = "digit") -> list[dict]:
    """Files of the size of the input."""
    images, labels = load_digits(return_X_y=True)
    files = []
    for number, image in enumerate(images[labels == digit][:count]):
        buffer = io.BytesIO()
        Image.fromarray((image.reshape(8, 8) * 255 / 16).astype("u1")).save(buffer, "PNG")
        files.append({"name": f"{name}{number}.png", "mimeType": "image/png",
                      "buffer": buffer.getvalue()})
    return files


def enter(visitor):
    page = visitor.ready()
    page.click("#teach > summary")
    expect(page.locator(".teach-class")).to_have_count(2)
    return page


def card(page, number: int):
    return page.locator(".teach-class").nth(number)


def give(page, number: int, name: str, files: list[dict]) -> None:
    """Name a class and add pictures from files."""
    card(page, number).locator(".teach-name input").fill(name)
    before = card(page, number).locator(".teach-thumbs li").count()
    card(page, number).locator("input[type=file]").set_input_files(files)
    expect(card(page, number).locator(".teach-thumbs li")).to_have_count(before + len(files))


def press(page, name: str) -> None:
    page.locator("#teach-panel").get_by_role("button", name=name, exact=True).click()


def status(page):
    return page.locator("#teach-panel [role=status]")


def train(page) -> None:
    press(page, "Train")
    page.wait_for_selector("#teach-panel[data-taught]", timeout=60_000)


def test_from_pictures_to_a_build(visit, tmp_path):
    """The logits of the ONNX file that `zoo build` makes are those of the page."""
    visitor = visit()
    page = enter(visitor)
    press(page, "Add class")
    for number, (name, digit) in enumerate([("Dreier", 3), ("Achter", 8), ("Nuller", 0)]):
        give(page, number, name, pictures(digit, 10))
    page.locator("#samples button").nth(8).click()
    visitor.answer()
    card(page, 1).get_by_role("button", name="Add picture").click()
    expect(card(page, 1).locator(".teach-thumbs li")).to_have_count(11)
    train(page)
    expect(status(page)).to_contain_text("Trained on 25 pictures")
    expect(status(page)).to_contain_text("Held-out accuracy: 100.0 % of 6 pictures.")
    assert page.locator(".teach-confusion td.right").all_inner_texts() == ["2"] * 3
    assert page.locator(".teach-chart svg").get_attribute("aria-label").startswith(
        "After step 400: Loss 0.")
    answer = page.locator("#teach .bars li").first
    expect(answer).to_contain_text("Achter")
    page.locator("#samples button").nth(3).click()
    expect(answer).to_contain_text("Dreier")
    card(page, 0).locator(".teach-name input").fill("three, ß")
    expect(answer).to_contain_text("three, ß")

    page.locator(".teach-save input").fill("my digits")
    page.route("**/model.safetensors", lambda route: route.fulfill(status=404))
    press(page, "Download zip")
    expect(status(page)).to_contain_text("which this site does not have")
    page.unroute("**/model.safetensors")
    visitor.complaints.clear()  # the 404
    with page.expect_download() as download:
        press(page, "Download zip")
    archive = tmp_path / download.value.suggested_filename
    download.value.save_as(archive)
    assert archive.name == "my-digits.zip"

    out = tmp_path / "built"
    result = CliRunner().invoke(app, ["build", str(archive), "-e", "onnx", "-o", str(out)])
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(archive) as zipped:
        mine = json.loads(zipped.read("my-digits/manifest.json"))
        given, expected = (np.frombuffer(zipped.read(f"my-digits/fixtures/{name}.bin"), "<f4")
                           for name in ("input", "logits"))
    built = json.loads((out / "manifest.json").read_text())
    for key in ("name", "labels", "network", "input", "parameters", "multiply_adds", "source"):
        assert built[key] == mine[key], key
    assert mine["labels"] == ["three, ß", "Achter", "Nuller"] and mine["metrics"] == {}
    assert mine["fixture"]["labels"] == [0, 1, 2]
    session = onnxruntime.InferenceSession(out / "onnx" / "model.onnx")
    logits = np.asarray(session.run(["logits"], {"pixels": given.reshape(-1, 8, 8, 1)})[0])
    assert np.allclose(logits, expected.reshape(-1, 3), atol=1e-5 * max(1, np.abs(logits).max()))
    assert logits.argmax(1).tolist() == [0, 1, 2]

    page.set_input_files("#open-input", archive)
    expect(page.locator("#model option:checked")).to_have_text("my-digits (opened)", timeout=60_000)
    expect(page.locator("#parity")).to_contain_text("✓ Same logits as the browser that taught it")
    assert visitor.complaints == []


def test_pad_camera_and_keyboard(visit):
    """Pictures from the pad and, while a key is held, from the camera; names are checked."""
    visitor = visit(bypass_csp=True, reduced_motion="reduce", permissions=["camera"])
    visitor.page.add_init_script(f"({CAMERA})({json.dumps(DIGITS['7'])})")
    page = enter(visitor)
    card(page, 0).get_by_role("button", name="Add picture").click()
    expect(status(page)).to_contain_text("There is no picture on the page")
    visitor.draw(*DIGITS["1"])
    card(page, 0).get_by_role("button", name="Add picture").click()
    expect(card(page, 0).locator(".teach-thumbs li")).to_have_count(1)
    press(page, "Train")
    expect(status(page)).to_have_text("Class 2 has no pictures: add some, or remove the class.")
    record = card(page, 1).get_by_role("button", name="Hold to record")
    record.focus()
    page.keyboard.press("Space")
    expect(status(page)).to_contain_text("The camera is on", timeout=30_000)
    page.keyboard.down("Space")
    expect(card(page, 1).locator(".teach-thumbs li").nth(2)).to_be_visible(timeout=30_000)
    page.keyboard.up("Space")
    press(page, "Stop camera")
    expect(page.locator("#camera")).to_have_text("Camera")
    count = card(page, 1).locator(".teach-thumbs li").count()
    card(page, 1).locator(".teach-thumbs button").first.click()
    expect(card(page, 1).locator(".teach-thumbs li")).to_have_count(count - 1)
    card(page, 1).locator(".teach-name input").fill("Class 1")
    press(page, "Train")
    expect(status(page)).to_have_text("Two classes are called Class 1: rename one.")
    give(page, 1, "seven", pictures(7, 10))
    train(page)
    page.locator("#samples button").nth(7).click()
    expect(page.locator("#teach .bars li").first).to_contain_text("seven")
    assert violations_in(page, MODES[::3]) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    press(page, "Add class")  # forgets the head
    expect(page.locator("#teach .bars li")).to_have_count(0)
    press(page, "Start again")
    expect(page.locator(".teach-class")).to_have_count(2)
    expect(page.locator(".teach-thumbs li")).to_have_count(0)
    assert visitor.complaints == []


@pytest.fixture(scope="module")
def color(tmp_path_factory, page_folder):
    """A server with the shipped weights of DARTS_V2 for CIFAR-10."""
    folder = tmp_path_factory.mktemp("exports") / "color"
    result = CliRunner().invoke(app, ["build", "DARTS_V2", "--data", "cifar10", "--export", "tfjs",
                                      "-o", str(folder)])
    assert result.exit_code == 0, result.output
    with running(serve(find_artifacts([folder]), port=0, page=page_folder)) as server:
        yield server


def photos(name: str, count: int) -> list[dict]:
    """Files with parts of a picture of the page."""
    random = np.random.default_rng(0)
    whole = Image.open(PICTURES / f"{name}.jpg").convert("RGB")
    files = []
    for number in range(count):
        left, top, right, bottom = (int(random.integers(0, whole.width // 6)) for _ in range(4))
        buffer = io.BytesIO()
        whole.crop((left, top, whole.width - right, whole.height - bottom)).save(buffer, "PNG")
        files.append({"name": f"{name}{number}.png", "mimeType": "image/png",
                      "buffer": buffer.getvalue()})
    return files


def test_colors_from_files_and_the_camera(visit, color, tmp_path):
    """Photos, and frames of the camera of Chromium; the built network answers like the page."""
    visitor = visit(url=color.url)
    page = enter(visitor)
    press(page, "Camera")
    expect(status(page)).to_contain_text("Camera access was denied", timeout=30_000)
    visitor.context.grant_permissions(["camera"])
    press(page, "Add class")
    give(page, 0, "cat", photos("cat", 10))
    give(page, 1, "ship", photos("ship", 9))
    page.get_by_role("button", name="ship", exact=True).click()  # a picture of the page
    visitor.answer()
    card(page, 1).get_by_role("button", name="Add picture").click()
    expect(card(page, 1).locator(".teach-thumbs li")).to_have_count(10)
    card(page, 2).locator(".teach-name input").fill("green")
    press(page, "Camera")
    expect(page.locator("#teach-panel").get_by_role("button", name="Stop camera")).to_be_visible(
        timeout=30_000)
    card(page, 2).get_by_role("button", name="Hold to record").hover()
    page.mouse.down()
    expect(card(page, 2).locator(".teach-thumbs li").nth(9)).to_be_visible(timeout=60_000)
    page.mouse.up()
    train(page)
    expect(status(page)).to_contain_text("Held-out accuracy: 100.0 %")
    right = page.locator(".teach-confusion td.right").all_inner_texts()
    assert right[:2] == ["2", "2"] and int(right[2]) >= 2
    answer = page.locator("#teach .bars li").first
    expect(answer).to_contain_text("green")  # what the camera sees
    press(page, "Stop camera")
    held = photos("ship", 12)[-1]
    page.set_input_files("#file", held)
    expect(answer).to_contain_text("ship")
    shown = dict(row.split("\n")
                 for row in page.locator("#teach .bars li").all_inner_texts())
    with page.expect_download() as download:
        press(page, "Download zip")
    archive = tmp_path / "taught.zip"
    download.value.save_as(archive)

    out = tmp_path / "built"
    result = CliRunner().invoke(app, ["build", str(archive), "-e", "onnx", "-o", str(out)])
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(archive) as zipped:
        fixtures = "DARTS_V2-cifar10-taught/fixtures"
        given, expected = (np.frombuffer(zipped.read(f"{fixtures}/{name}.bin"), "<f4")
                           for name in ("input", "logits"))
    given = given.reshape(3, 32, 32, 3)
    assert (given[2, ..., 1] > given[2, ..., [0, 2]]).all()  # the fake camera is green
    session = onnxruntime.InferenceSession(out / "onnx" / "model.onnx")
    logits = np.asarray(session.run(["logits"], {"pixels": given})[0])
    assert np.allclose(logits, expected.reshape(3, 3), atol=1e-5 * max(1, np.abs(logits).max()))
    (tmp_path / held["name"]).write_bytes(held["buffer"])
    manifest = read_manifest(out)
    pixels = read_picture(tmp_path / held["name"], manifest.input)[None].astype("f4")
    shares = dict(zip(manifest.labels, session.run(["probabilities"], {"pixels": pixels})[0][0]))
    assert {name: float(share.removesuffix("%")) for name, share in shown.items()} == pytest.approx(
        {name: 100 * float(share) for name, share in shares.items()}, abs=0.2)
    assert visitor.complaints == []


def test_a_network_that_cannot_be_taught(visit, artifact):
    visitor = visit()
    with_manifest(visitor, artifact, precision="float16")
    page = visitor.ready()
    page.click("#teach > summary")
    expect(status(page)).to_contain_text("has float16 weights, and only float32 can be taught")
    expect(page.locator(".teach-class")).to_have_count(0)
