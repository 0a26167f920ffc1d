"""An image file gets the same probabilities in Python and on the page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from playwright.sync_api import expect
from typer.testing import CliRunner

import export
import zoo
from tests.browser.altered import reseal
from tests.browser.conftest import WEB_DEMO, Visit
from tests.browser.test_access import LARGE, PHONE, violations_in
from web_demo.artifacts import find_artifacts
from web_demo.server import running, serve
from web_demo.site import build_site
from web_demo.tools import draw_pictures
from zoo.artifact.manifest import Input
from zoo.cli import app
from zoo.data.pictures import read_picture
from zoo.data.sets import cifar
from zoo.data.transforms import normalize

PICTURES = WEB_DEMO / "public" / "pictures"
MEAN, STD = cifar.STATISTICS["cifar10"]
CIFAR = Input(height=32, width=32, channels=3, mean=MEAN, std=STD, data="cifar10")
IMAGENET = CIFAR.model_copy(update={"data": "imagenet"})  # crops and scales differently


@pytest.fixture(scope="module")
def photo_artifact(tmp_path_factory) -> Path:
    """A small network for CIFAR-10 that overfits the ten drawn images."""
    torch.manual_seed(0)
    model = zoo.create_model("DARTS", channels=4, layers=3)
    images = torch.from_numpy(np.stack([read_picture(PICTURES / f"{name}.jpg", CIFAR)
                                        for name in cifar.CIFAR10_LABELS])).permute(0, 3, 1, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        grainy = normalize((images + 12 * torch.randn_like(images)).repeat(2, 1, 1, 1), MEAN, STD)
        loss = F.cross_entropy(model(grainy), torch.arange(10).repeat(2), label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    folder = tmp_path_factory.mktemp("exports") / "photos"
    export.export(model, "tfjs", folder, input=CIFAR, labels=cifar.CIFAR10_LABELS)
    return folder


@pytest.fixture(scope="module")
def imagenet_artifact(photo_artifact) -> Path:
    """The same files, with ImageNet's image processing."""
    folder = photo_artifact.with_name("imagenet")
    shutil.copytree(photo_artifact, folder)
    reseal(folder, input=IMAGENET.model_dump(mode="json"))
    return folder


@pytest.fixture(scope="module")
def photo_server(page_folder, photo_artifact, imagenet_artifact):
    artifacts = find_artifacts([photo_artifact, imagenet_artifact])
    with running(serve(artifacts, port=0, page=page_folder)) as server:
        yield server


@pytest.fixture
def open_page(browser, photo_server):
    visits: list[Visit] = []

    def begin(model: str = "photos", **options) -> Visit:
        visits.append(Visit(browser, photo_server.url, **options))
        visits[-1].ready(query=f"&model={model}")
        return visits[-1]

    yield begin
    for visit in visits:
        visit.context.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    """Images of many sizes and modes, with colors and edges everywhere."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)

    def picture(width: int, height: int, name: str) -> Image.Image:
        drawn = Image.open(PICTURES / f"{name}.jpg").resize((width, height))
        grain = random.normal(0, 12, (height, width, 3))
        return Image.fromarray((np.asarray(drawn) + grain).clip(0, 255).astype(np.uint8))

    made: list[Path] = []

    def save(image: Image.Image, name: str, **options) -> None:
        made.append(folder / name)
        image.save(made[-1], **options)

    save(picture(640, 480, "cat"), "wide.jpg")
    save(picture(333, 500, "ship"), "tall.jpg", quality=90, subsampling=0)
    save(picture(1601, 1203, "truck"), "large.jpg", quality=80, progressive=True)
    save(picture(21, 47, "frog"), "small.jpg")
    save(picture(90, 260, "frog"), "upright.jpg")
    save(picture(40, 4100, "frog"), "line.jpg")
    save(picture(32, 32, "bird"), "exact.jpg")
    for turned in (3, 6):
        exif = Image.Exif()
        exif[0x0112] = turned
        save(picture(400, 300, "horse"), f"turned{turned}.jpg", exif=exif)
    save(picture(200, 310, "dog").convert("L"), "gray.jpg")
    save(picture(250, 250, "deer").quantize(64), "palette.png")
    save(picture(180, 140, "airplane"), "lossy.webp")
    shaded = picture(300, 260, "automobile").convert("RGBA")
    opacity = np.linspace(0, 255, 300).astype(np.uint8)[None].repeat(260, 0)
    shaded.putalpha(Image.fromarray(opacity))
    save(shaded, "alpha.png")
    return made


def shares(page) -> dict[str, float]:
    """The probabilities behind the bars."""
    return page.evaluate("""() => Object.fromEntries([...document.querySelectorAll('#bars li')]
        .map((item) => [item.querySelector('.name').textContent,
                        Number(item.querySelector('.fill').style.getPropertyValue('--share'))]))""")


def seen(page) -> np.ndarray:
    values = page.evaluate("""() => Array.from(
        document.querySelector('#seen').getContext('2d').getImageData(0, 0, 32, 32).data)""")
    return np.array(values).reshape(32, 32, 4)[..., :3]


@pytest.mark.parametrize("spec", [CIFAR, IMAGENET], ids=lambda spec: spec.data)
def test_the_same_file_in_python_and_on_the_page(open_page, photo_artifact, imagenet_artifact,
                                                 files, spec):
    artifact = photo_artifact if spec is CIFAR else imagenet_artifact
    arguments = ["predict", str(artifact), *map(str, files), "--json"]
    shown = CliRunner().invoke(app, arguments).output.splitlines()
    expected = {Path(row["picture"]).name: row["probabilities"] for row in map(json.loads, shown)}
    visitor = open_page(artifact.name)
    page = visitor.page
    answers = set()
    for file in files:
        page.click("#clear")
        expect(page.locator("#bars li")).to_have_count(0)
        page.set_input_files("#file", file)
        visitor.answer()
        found = shares(page)
        assert len(found) == 5
        for name, share in found.items():
            assert abs(share - expected[file.name][name]) < 1e-3, (file.name, name)
        raw = read_picture(file, spec)
        # Displayed means are rounded; Pillow's scaling gives integers.
        assert np.abs(seen(page) - raw).max() <= (spec is CIFAR), file.name
        answers.add(max(found, key=found.get))
    # A network with constant outputs would agree with anything.
    assert len(answers) > 2 and max(max(one.values()) for one in expected.values()) > 0.5
    assert visitor.complaints == []


def test_a_large_photo_is_not_kept_whole(open_page, files):
    visitor = open_page()
    page = visitor.page
    page.evaluate("""() => {
        const make = createImageBitmap, close = ImageBitmap.prototype.close;
        window.kept = new Map();
        window.createImageBitmap = async (...wanted) => {
            const bitmap = await make(...wanted);
            kept.set(bitmap, [bitmap.width, bitmap.height]);
            return bitmap;
        };
        ImageBitmap.prototype.close = function () { kept.delete(this); close.call(this); };
    }""")
    page.set_input_files("#file", next(file for file in files if file.name == "large.jpg"))
    visitor.answer()
    assert page.evaluate("[...kept.values()]") == [[1363, 1024]]
    page.click("#clear")
    assert page.evaluate("kept.size") == 0


def test_pictures_that_come_with_the_page(open_page, photo_artifact):
    visitor = open_page()
    page = visitor.page
    expect(page.locator("#samples-title")).to_have_text(
        "Pictures one per class, computer-drawn")
    assert page.locator("#samples button").all_inner_texts() == cifar.CIFAR10_LABELS
    for name in cifar.CIFAR10_LABELS:
        page.locator("#samples button", has_text=name).click()
        expect(page.locator("#verdict-label")).to_have_text(name)
        expect(page.locator("#verdict-text")).to_contain_text("correct")
        raw = read_picture(PICTURES / f"{name}.jpg", CIFAR)
        assert np.abs(seen(page) - raw).max() <= 1


def test_the_pictures_are_reproducible(tmp_path):
    for file in draw_pictures.draw(tmp_path):
        there = np.asarray(Image.open(PICTURES / file.name)).astype(int)
        # Other versions of the libraries may round differently.
        assert np.abs(np.asarray(Image.open(file)).astype(int) - there).mean() < 1, file.name


def test_a_photo_page_lists_its_classes_and_has_no_pen(open_page):
    visitor = open_page()
    page = visitor.page
    assert page.inner_text("#stage-title") == "Picture"
    shown = page.inner_text("#photo-help")
    assert "knows 10 classes: airplane, automobile, bird" in shown and "32 × 32" in shown
    assert "The network sees the center square, scaled" in shown
    assert page.locator("#undo").is_hidden() and page.locator("#pad-help").is_hidden()
    visitor.draw([(0.2, 0.2), (0.8, 0.8)])
    assert page.inner_text("#verdict-text") == \
        "Choose a picture, or your own photo."
    page.locator("#skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#choose")).to_be_focused()


def test_a_page_of_imagenet_describes_its_crop(open_page, imagenet_artifact):
    page = open_page(imagenet_artifact.name).page
    assert "sees the center square without its margin, scaled" in page.inner_text("#photo-help")
    assert page.text_content("#seen-text") == \
        "32 × 32 pixels, center crop, scaled as in ImageNet evaluation"


def test_a_photo_from_the_camera(open_page):
    visitor = open_page(permissions=["camera"])
    page = visitor.page
    page.click("#camera")
    expect(page.locator("#bars li")).to_have_count(5)
    page.click("#camera")
    assert visitor.complaints == []


def test_the_photo_page_is_accessible(open_page):
    visitor = open_page(bypass_csp=True, reduced_motion="reduce", viewport=PHONE)
    page = visitor.page
    page.locator("#samples button").first.press("Enter")
    visitor.answer()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations_in(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= LARGE["width"]


def test_a_picture_that_is_missing(open_page):
    visitor = open_page()
    visitor.page.route("**/pictures/cat.jpg", lambda route: route.fulfill(status=404))
    visitor.page.locator("#samples button", has_text="cat").click()
    assert visitor.failure() == "The picture of cat was not found: build the page again."


def test_a_static_site_has_the_pictures(page_folder, photo_artifact, tmp_path):
    site = build_site(find_artifacts([photo_artifact]), tmp_path / "site", page_folder)
    assert sorted(path.stem for path in (site / "pictures").glob("*.jpg")) == cifar.CIFAR10_LABELS


def test_other_classes_have_no_such_pictures(browser, page_folder, photo_artifact, tmp_path):
    shutil.copytree(photo_artifact, tmp_path / "other")
    reseal(tmp_path / "other", labels=[f"thing {number}" for number in range(10)])
    with running(serve(find_artifacts([tmp_path / "other"]), port=0, page=page_folder)) as server:
        visitor = Visit(browser, server.url)
        page = visitor.ready()
        assert page.locator("#samples canvas").count() == 4
        assert page.inner_text("#samples-title") == "Samples of random noise"
        page.locator("#samples button").first.click()
        assert visitor.answer().startswith("thing ")
        visitor.context.close()
