"""Images read from files during training, identically in every worker."""

import colorsys
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from zoo.artifact.folder import read_manifest
from zoo.artifact.manifest import Input
from zoo.cli import app
from zoo.data.base import DataError, fingerprint, hold_out
from zoo.data.image_batches import Batches
from zoo.data.images import load
from zoo.data.pictures import read_picture
from zoo.data.sets import imagenet
from zoo.recipes.image import Recipe, recipe
from zoo.training.classification import train
from zoo.training.evaluation import predict, score
from zoo.weights import load_artifact

RECIPE = recipe("imagenet").but(channels=4, layers=3, epochs=2, batch_size=8, learning_rate=0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """train/ and val/ with two classes, blue and red images of many sizes and modes."""
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("imagenet")
    for split, count in (("train", 13), ("val", 5)):
        for name, color in (("n01", 2), ("n02", 0)):
            (path / split / name).mkdir(parents=True)
            for number in range(count):
                height, width = random.integers(40, 90, 2)
                pixels = random.integers(0, 90, (height, width, 3), dtype=np.uint8)
                pixels[..., color] += 150
                image = Image.fromarray(pixels)
                if number == 1:
                    image = image.convert("CMYK")  # ILSVRC has some
                image.save(path / split / name / f"{number}.JPEG")
    return path


@pytest.fixture(scope="module")
def data(folder):
    return load("imagenet", folder, 32)


def test_files_are_read_on_demand(data, monkeypatch):
    assert data.labels == ["n01", "n02"]
    assert data.train.images.shape == (26, 32, 32, 3)
    assert data.test.labels.tolist() == [0] * 5 + [1] * 5
    assert (data.mean, data.std) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    read = []
    monkeypatch.setattr(imagenet, "read", lambda file: read.append(file) or np.zeros(
        (40, 50, 3), np.uint8))
    part = data.test.images[3:6]
    assert len(part) == 3 and not read
    assert np.asarray(part).shape == (3, 32, 32, 3)
    assert sorted(read) == data.test.images.files[3:6]


def test_224_of_256_from_the_middle():
    image = Image.new("RGB", (600, 300), (10, 20, 30))
    image.paste((200, 0, 0), (188, 38, 412, 262))  # the middle 224 of the height's 300
    inside = np.asarray(imagenet.middle(image.resize((512, 256)), 224))
    assert inside.shape == (224, 224, 3)
    scaled = np.asarray(image.resize((512, 256), Image.Resampling.BILINEAR))
    found = np.asarray(imagenet.middle(image, 224))
    assert np.array_equal(found, scaled[16:240, 144:368])
    tall = np.asarray(imagenet.middle(Image.new("RGB", (10, 1000), (1, 2, 3)), 32))
    assert tall.shape == (32, 32, 3) and (tall == (1, 2, 3)).all()


def test_a_picture_too_narrow_for_memory_is_named(tmp_path):
    """Scaled to a width of 224, its height would exceed five million pixels."""
    Image.new("RGB", (1, 20000)).save(tmp_path / "line.png")
    spec = Input(height=224, width=224, channels=3, mean=[0.5] * 3, std=[0.5] * 3, data="imagenet")
    images = imagenet.LazyImages([tmp_path / "line.png"], 224)
    whole = recipe("imagenet", "paper").but(resized_crop=0.0)
    assert "line.png is 1x20000" in str(imagenet.TrainingImages(images, whole, (0,))[0])
    for read in (lambda: read_picture(tmp_path / "line.png", spec), lambda: np.asarray(images)):
        with pytest.raises(DataError, match="line.png is 1x20000, too narrow"):
            read()
    assert imagenet.middle(Image.new("RGB", (20000, 1)), 224).size == (224, 224)


def test_crops_are_parts_of_the_image_at_any_size_and_place():
    rows, columns = np.mgrid[:120, :160]
    image = Image.fromarray(np.stack([columns, rows, rows * 0], -1).astype(np.uint8))
    widths, areas = [], []
    for number in range(300):
        crop = np.asarray(imagenet.random_crop(image, 64, 0.08, np.random.default_rng(number)),
                          dtype=float)
        wide = (crop[32, -1, 0] - crop[32, 0, 0]) * 64 / 63
        high = (crop[-1, 32, 1] - crop[0, 32, 1]) * 64 / 63
        assert 0.6 < wide / high < 1.6
        widths.append(wide)
        areas.append(wide * high / (160 * 120))
    assert 0.05 < min(areas) < 0.15 and 0.8 < max(areas) < 1.05
    assert np.std(widths) > 10
    long = Image.new("RGB", (400, 4))  # no crop of an allowed aspect ratio has a tenth of the area
    assert imagenet.random_crop(long, 8, 0.9, np.random.default_rng(0)).size == (8, 8)


def test_color_jitter_stays_within_its_limits():
    image = Image.new("RGB", (4, 4), (120, 80, 60))
    hues, means = [], []
    for number in range(200):
        random = np.random.default_rng(number)
        turned = np.asarray(imagenet.random_colors(image, 0, 0.2, random))[0, 0] / 255
        hues.append(colorsys.rgb_to_hsv(*turned)[0])
        means.append(np.asarray(imagenet.random_colors(image, 0.4, 0, random)).mean() / 86.7)
    before = colorsys.rgb_to_hsv(120, 80, 60)[0]
    away = (np.array(hues) - before + 0.5) % 1 - 0.5
    assert -0.22 < away.min() < -0.15 and 0.15 < away.max() < 0.22
    assert 0.55 < min(means) < 0.7 and 1.3 < max(means) < 1.45
    assert imagenet.random_colors(image, 0, 0, np.random.default_rng(0)) is image


def test_workers_read_what_one_process_reads(data):
    images = imagenet.TrainingImages(data.train.images, RECIPE, (3, 1))
    batches = [torch.tensor([4, 0, 25]), torch.tensor([7, 8])]
    before = torch.get_rng_state()
    alone = list(imagenet.read_batches(images, batches, workers=0))
    beside = list(imagenet.read_batches(images, batches, workers=2))
    assert torch.equal(torch.get_rng_state(), before)
    assert [batch.shape for batch in alone] == [(3, 3, 32, 32), (2, 3, 32, 32)]
    assert all(torch.equal(a, b) for a, b in zip(alone, beside))
    later = imagenet.TrainingImages(data.train.images, RECIPE, (3, 2))
    assert not torch.equal(later[4], images[4])  # another epoch, another crop


def test_batches_match_their_labels(data):
    batches = Batches(data, RECIPE.but(color=None, hue=0.0), 0, torch.device("cpu"))
    for images, labels in batches.epoch(0):
        raw = images * torch.tensor(data.std).view(-1, 1, 1) + torch.tensor(data.mean).view(
            -1, 1, 1)
        assert raw.min() >= -1e-6 and raw.max() <= 1 + 1e-6
        red_or_blue = raw.mean((2, 3))[:, 0] > raw.mean((2, 3))[:, 2]
        assert torch.equal(red_or_blue.long(), labels)


def test_an_interrupted_run_resumes_and_can_be_evaluated(folder, data, tmp_path):
    class Stop(Exception):
        pass

    def stop(step, steps, row):
        if step == 5 and not row:
            raise Stop

    whole = train("PDARTS", data, RECIPE, tmp_path / "whole", seed=1, device="cpu")
    with pytest.raises(Stop):
        train("PDARTS", data, RECIPE, tmp_path / "cut", seed=1, device="cpu", report=stop)
    train("PDARTS", data, RECIPE, tmp_path / "cut", seed=1, device="cpu", resume=True)
    first, second = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "cut"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert whole.network.kind == "imagenet" and whole.input.height == 32
    assert whole.metrics["images"] == 10

    model, _ = load_artifact(tmp_path / "whole")
    logits = predict(model, data.test.images, data.mean, data.std, batch_size=3)
    assert score(logits, data.test.labels, 2).accuracy == whole.metrics["test_accuracy"]
    result = CliRunner().invoke(app, ["eval", str(tmp_path / "whole"), "--path", str(folder),
                                      "--device", "cpu", "--json"])
    assert json.loads(result.stdout)["accuracy"] == whole.metrics["test_accuracy"]


def test_train_as_typed(folder, tmp_path):
    result = CliRunner().invoke(app, [
        "train", "PDARTS", "--data", "imagenet", "--path", str(folder), "--size", "32",
        "--preset", "fast", "--channels", "4", "--layers", "3", "--epochs", "1",
        "--batch-size", "8", "--validation", "6", "--device", "cpu", "-o", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    settings = json.loads((tmp_path / "run/config.json").read_text())["recipe"]
    assert settings["schedule"] == "warm-up-cosine" and settings["resized_crop"] == 0.08
    row = json.loads((tmp_path / "run/history.jsonl").read_text())
    assert row["images"] == 20 and 0 <= row["valid_accuracy"] <= 1
    assert read_manifest(tmp_path / "run").labels == ["n01", "n02"]


def test_held_out_files_stay_files(data):
    rest, held = hold_out(data, 6, seed=0)
    assert sorted(rest.train.images.files + held.images.files) == data.train.images.files
    assert np.bincount(held.labels).tolist() == [3, 3]
    assert [file.parent.name for file in held.images.files] == [
        data.labels[label] for label in held.labels]


def test_changed_files_are_other_data(folder, data, tmp_path):
    assert fingerprint(load("imagenet", folder, 32)) == fingerprint(data)
    assert fingerprint(load("imagenet", folder, 40)) != fingerprint(data)
    for split in ("train", "val"):
        for name in ("n01", "n02"):
            (tmp_path / split / name).mkdir(parents=True)
            for file in (folder / split / name).iterdir():
                (tmp_path / split / name / file.name).write_bytes(file.read_bytes())
    assert fingerprint(load("imagenet", tmp_path, 32)) == fingerprint(data)
    (tmp_path / "train/n01/3.JPEG").unlink()
    assert fingerprint(load("imagenet", tmp_path, 32)) != fingerprint(data)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_file_is_named_in_one_line(folder, data, tmp_path, workers):
    bad = tmp_path / "bad.JPEG"
    bad.write_bytes(data.train.images.files[0].read_bytes()[:300])
    images = imagenet.LazyImages([*data.train.images.files[:3], bad], 32)
    with pytest.raises(DataError, match="bad.JPEG") as caught:
        list(imagenet.read_batches(imagenet.TrainingImages(images, Recipe(), (0, 0)),
                                   [torch.tensor([0, 3])], workers=workers))
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="bad.JPEG"):
        np.asarray(images[2:])


def test_a_run_that_failed_on_a_damaged_file_can_be_repeated(folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "data")
    bad = tmp_path / "data/train/n01/3.JPEG"
    bad.write_bytes(bad.read_bytes()[:300])
    recipe = RECIPE.but(epochs=1)

    def run(size=32):
        return train("DARTS", load("imagenet", tmp_path / "data", size), recipe, tmp_path / "run",
                     device="cpu", events=True)

    with pytest.raises(DataError, match="3.JPEG"):
        run()
    assert not (tmp_path / "run").exists()
    bad.unlink()
    assert run().trained


def test_missing_parts_are_named(tmp_path):
    with pytest.raises(DataError, match="needs --path"):
        load("imagenet")
    with pytest.raises(DataError, match="no folder train/"):
        load("imagenet", tmp_path)
