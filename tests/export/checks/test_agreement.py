"""Rounded weights: their agreement with float32, in manifest, card and terminal."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import zoo
from export.checks import agreement
from export.formats import onnx, tfjs
from export.pipeline import build
from export.sources.cell import from_model
from export.sources.find import find
from export.sources.options import BuildOptions
from zoo.artifact import folder as folders
from zoo.artifact.manifest import Agreement, Input
from zoo.cli import app
from zoo.data.images import load
from zoo.recipes.image import Recipe
from zoo.training.classification import train
from zoo.weights import packaged


@pytest.fixture(scope="module")
def rounded(tmp_path_factory):
    """`zoo build DARTS --export tfjs --precision uint8`."""
    directory = tmp_path_factory.mktemp("exports") / "rounded"
    build(find("DARTS", BuildOptions()), ["tfjs"], directory, "uint8")
    return directory


def test_a_build_measures_all_test_images(rounded):
    (entry,) = folders.read_manifest(rounded).agreement
    assert (entry.precision, entry.data, entry.images, entry.where) == \
        ("uint8", "digits", 360, "Python")
    assert entry.share > 0.97
    assert entry.bytes == sum(path.stat().st_size for path in (rounded / "tfjs").glob("*.bin"))
    assert entry.float32_bytes > 3.5 * entry.bytes
    card = (rounded / "README.md").read_text()
    assert f"| uint8 | {entry.share:.2%} | 360 of digits | Python |" in card


def test_values_in_another_range(tmp_path):
    """Images of data sets are 0..255, whatever the input range of the files."""
    model = zoo.create_model("DARTS", weights="digits")
    spec = Input.model_validate(model.facts["input"]).model_copy(update={"range": (-1.0, 1.0)})
    manifest = build(from_model(model, "signed", spec), ["onnx", "tfjs"], tmp_path / "signed",
                     "uint8")
    assert manifest.agreement[0].share > 0.97
    pixels = np.fromfile(tmp_path / "signed/fixtures/input.bin", "<f4")
    logits = np.fromfile(tmp_path / "signed/fixtures/logits.bin", "<f4").reshape(-1, 10)
    assert manifest.fixture.labels and pixels.min() == -1 and pixels.max() <= 1
    assert (logits.argmax(1) == manifest.fixture.labels).mean() >= 0.9
    files = onnx.load(tmp_path / "signed/onnx/model.onnx")
    images = load("digits").test
    classes = agreement.answers(files, manifest.input, images.images)
    assert (classes == images.labels).mean() > 0.97


def test_the_stored_files_are_measured(rounded, artifact, tmp_path):
    """Changed weights predict other classes, and float32 files agree with themselves."""
    images = load("digits").test.images[:120]
    spec = folders.read_manifest(artifact).input
    expected = agreement.answers(tfjs.load(artifact / "tfjs"), spec, images)
    entry = agreement.entry(expected, expected, "tfjs", "float32", "digits", "Python",
                            agreement.weight_bytes(artifact / "tfjs"))
    assert entry.share == 1 and entry.float32_bytes == entry.bytes
    broken = tmp_path / "tfjs"
    shutil.copytree(rounded / "tfjs", broken)
    model = json.loads((broken / "model.json").read_text())
    for weight in model["weightsManifest"][0]["weights"]:
        if "quantization" in weight:
            weight["quantization"]["scale"] *= -1
    (broken / "model.json").write_text(json.dumps(model))
    classes = agreement.answers(tfjs.load(broken), spec, images)
    assert agreement.entry(classes, expected, "tfjs", "uint8", "digits", "Python",
                           agreement.weight_bytes(broken)).share < 0.9


def test_a_browsers_figure_is_recorded(rounded, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(rounded, copy)
    before = folders.read_manifest(copy)
    entry = Agreement(precision="uint8", data="digits", images=300, share=0.99,
                     where="chromium wasm", bytes=1, float32_bytes=4)
    for share in (0.5, 0.99):
        manifest = agreement.record(copy, [entry.model_copy(update={"share": share})])
    assert manifest.agreement == [*before.agreement, entry]
    assert "| uint8 | 99.00% | 300 of digits | chromium wasm |" in (copy / "README.md").read_text()
    folders.check_files(copy, folders.read_manifest(copy))
    changed = {name for name, file in before.files.items() if manifest.files[name] != file}
    assert changed == {"README.md"}


@pytest.mark.parametrize("arguments, words", [
    (["--images", "10"], "add --runtime tfjs"),
    (["--record"], "--record requires --images"),
    (["--data", "digits"], "--data requires --images"),
    (["--runtime", "chromium", "--images", "0"], "--images must be at least 1"),
    (["--runtime", "chromium", "--images", "361"], "has 360 test images, not 361"),
    (["--runtime", "chromium", "--images", "9", "--data", "nothing"], "unknown data set 'nothing'"),
])
def test_invalid_options_are_refused(rounded, arguments, words, monkeypatch):
    monkeypatch.setattr("export.checks.verify.in_runtime", lambda *_: [])
    result = CliRunner().invoke(app, ["verify", str(rounded), *arguments])
    assert result.exit_code == 1 and words in result.output


def test_a_build_without_test_images_reports_no_agreement(rounded):
    assert json.loads((rounded / "manifest.json").read_text())["agreement"]
    assert find("DARTS", BuildOptions(data="cifar10", channels=4, layers=3)).test is None


def test_shipped_weights_bring_their_figures(tmp_path):
    """With test images, Python's figure is measured again."""
    stated = [Agreement(**one) for one in packaged("DARTS", "cifar10")["agreement"]
              if one["precision"] == "uint8"]
    assert {one.where for one in stated} == {"Python", "chromium wasm"}
    source = find("DARTS", BuildOptions(weights=Path("cifar10")))
    manifest = build(source, ["tfjs"], tmp_path / "x", "uint8")
    sizes = agreement.weight_bytes(tmp_path / "x/tfjs")  # of this build
    assert manifest.agreement == [one.model_copy(update=sizes) for one in stated]
    assert f"| uint8 | {stated[0].share:.2%} | 10000 of cifar10 | Python |" in \
        (tmp_path / "x" / "README.md").read_text()
    source = find("DARTS", BuildOptions(weights=Path("cifar10")))
    source.test = np.zeros((3, 32, 32, 3), np.uint8)
    manifest = build(source, ["tfjs"], tmp_path / "y", "uint8")
    assert [(one.where, one.images) for one in manifest.agreement] == [
        ("Python", 3), ("chromium wasm", 500)]
    # The figures of uint8 do not apply to float16 or to other weights.
    again = find(str(tmp_path / "x"), BuildOptions())
    assert build(again, ["tfjs"], tmp_path / "z", "float16").agreement == []
    assert find("DARTS", BuildOptions(data="cifar10", channels=4)).manifest.agreement == []
    model = zoo.create_model("DARTS", weights="cifar10")
    assert from_model(model, "x").manifest.agreement and from_model(model, "x").manifest.metrics
    with torch.no_grad():
        model.classifier.bias[0] += 1e-3
    assert from_model(model, "x").manifest.agreement == []
    assert from_model(model, "x").manifest.metrics == {}


def test_a_folder_that_cannot_be_replaced_is_refused_at_once(rounded, monkeypatch):
    monkeypatch.chdir(rounded)
    monkeypatch.setattr("export.checks.verify.formats_of", lambda *_, **__: 1 / 0)
    result = CliRunner().invoke(app, ["verify", ".", "--runtime", "chromium", "--images", "9",
                                      "--record"])
    assert result.exit_code == 1 and "contains the current directory" in result.output


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """(artifact, folder of its images): a network trained on images scaled to 20 pixels."""
    place, random = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    for split in ("train", "test"):
        for label in "ab":
            (place / "images" / split / label).mkdir(parents=True)
            for number, side in enumerate((24, 30)):
                pixels = random.integers(0, 256, (side, side, 3), np.uint8)
                Image.fromarray(pixels).save(
                    place / "images" / split / label / f"{number}.png")
    recipe = Recipe(channels=4, layers=3, epochs=1, batch_size=4, auxiliary_weight=0.0)
    train("DARTS", load("folder", place / "images", 20), recipe, place / "run", device="cpu")
    return place / "run", place / "images"


def test_a_users_images_are_scaled_as_in_training(own, monkeypatch):
    directory, path = own
    expected = load("folder", path, 20).test.images
    source = find(str(directory), BuildOptions(path=path))
    assert np.array_equal(source.test, expected) and source.images.shape == (2, 20, 20, 3)

    asked = []
    monkeypatch.setattr("web_demo.verify.classify",
                        lambda _, images, *__: asked.append(images) or [])
    assert agreement.in_chromium("tfjs", directory, 4, None, path, None) == []
    assert np.array_equal(asked[0], expected)
