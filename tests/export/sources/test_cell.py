"""Sources of `zoo build`: shipped weights are found, a language model carries its vocabulary."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import export
from export.pipeline import build
from export.sources.cell import from_model
from export.sources.find import find
from export.sources.options import BuildOptions
from zoo import weights
from zoo.artifact import folder as artifact
from zoo.artifact.manifest import Input, Manifest
from zoo.create import create_model
from zoo.data import images
from zoo.data.sets import cifar
from zoo.genotypes.serialization import to_json

TOKENS = ["\n", " ", "a", "é", '"']


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A folder like zoo/weights, with an image network and a language model."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(3)
    spec = {"name": "pixels", "height": 32, "width": 32, "channels": 3, "range": [0, 255],
            "mean": cifar.STATISTICS["cifar10"][0], "std": cifar.STATISTICS["cifar10"][1],
            "data": "cifar10"}
    for name, kind, settings, card in (
            ("DARTS_V1-cifar10", "cifar", {"channels": 4, "layers": 3},
             {"data": "cifar10", "test_accuracy": 0.9, "images": 10000, "input": spec,
              "labels": cifar.CIFAR10_LABELS}),
            ("DARTS_V2_RNN-shakespeare", "language",
             {"vocabulary": 5, "embedding": 6, "hidden": 6},
             {"data": "shakespeare", "test_perplexity": 4.25, "tokens": 100, "unit": "char",
              "vocabulary": TOKENS})):
        model = create_model(name.split("-")[0], kind, **settings)
        weights.save_weights(model, folder / f"{name}.safetensors", half=True)
        card |= {"cell": name.split("-")[0], "licence": "CC0",
                 "network": {"kind": kind, **model.settings}}
        (folder / f"{name}.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(autouse=True)
def ships(shipped, monkeypatch):
    monkeypatch.setattr(weights, "HERE", shipped)


@pytest.mark.parametrize("options", [
    BuildOptions(data="cifar10"), BuildOptions(weights=Path("cifar10")),
    BuildOptions(data="cifar10", weights=Path("cifar10")),
    BuildOptions(data="cifar10", channels=4), BuildOptions(data="cifar10", channels=4, layers=3)])
def test_shipped_weights_bring_their_sizes(options):
    """Shipped sizes take precedence over those of the data set's recipe."""
    source = find("DARTS", options)
    manifest = source.manifest
    assert manifest.trained and manifest.name == "DARTS-cifar10"
    assert (manifest.network.channels, manifest.network.layers) == (4, 3)
    assert manifest.metrics == {"test_accuracy": 0.9, "data": "cifar10", "images": 10000}
    assert manifest.labels == cifar.CIFAR10_LABELS


@pytest.mark.parametrize("options, sizes", [
    (BuildOptions(data="cifar10", channels=8), (8, 3)),
    (BuildOptions(data="cifar10", layers=5), (4, 5))])
def test_other_sizes_are_other_networks(options, sizes):
    manifest = find("DARTS", options).manifest
    assert not manifest.trained and manifest.metrics == {}
    assert (manifest.network.channels, manifest.network.layers) == sizes


def test_a_cell_without_shipped_weights_is_built_as_its_recipe_says():
    manifest = find("PC_DARTS_cifar", BuildOptions(data="cifar10")).manifest
    assert not manifest.trained and manifest.network.channels >= 16


def test_a_shipped_language_model():
    source = find("DARTS_V2_RNN", BuildOptions(weights=Path("shakespeare")))
    manifest = source.manifest
    assert (manifest.name, manifest.trained) == ("DARTS_V2_RNN-shakespeare", True)
    assert manifest.input.unit == "char" and source.vocabulary == TOKENS
    assert manifest.network.hidden == 6 and manifest.metrics["test_perplexity"] == 4.25


@pytest.mark.parametrize("cell, options, words", [
    ("DARTS_V2_RNN", BuildOptions(weights=Path("nothing")), "no weights are shipped for 'nothing'"),
    ("DARTS_V2", BuildOptions(weights=Path("cifar10")), "shipped, only those of DARTS_V1"),
    ("DARTS_V2_RNN", BuildOptions(weights=Path("shakespeare"), hidden=9), "leave --hidden out"),
])
def test_missing_weights(cell, options, words):
    with pytest.raises(ValueError, match=words):
        find(cell, options)


def test_the_vocabulary_goes_from_artifact_to_artifact(tmp_path):
    """From shipped weights to an export, and from an export or a training run to another."""
    source = find("DARTS_V2_RNN", BuildOptions(weights=Path("shakespeare")))
    build(source, ["onnx"], tmp_path / "first")
    source = find(str(tmp_path / "first"), BuildOptions())
    build(source, ["onnx"], tmp_path / "second")
    manifest = artifact.read_manifest(tmp_path / "second")
    assert artifact.read_vocabulary(tmp_path / "second", manifest) == TOKENS
    assert "vocabulary.json" in manifest.files and manifest.input.unit == "char"
    card = (tmp_path / "second/README.md").read_text()
    assert "Test perplexity 4.25 per character on shakespeare." in card
    assert "`vocabulary.json`" in card
    model = create_model("DARTS_V2_RNN", "language", weights=tmp_path / "second")
    assert model.facts["vocabulary"] == TOKENS
    with pytest.raises(ValueError, match="language model, which reads no images; leave --path"):
        find(str(tmp_path / "first"), BuildOptions(path=tmp_path))


@pytest.mark.parametrize("content, words", [
    ("{", "is not a list of tokens"), ("[1]", "is not a list of tokens"),
    ('["a"]', "has 1 tokens, the network 5")])
def test_an_invalid_vocabulary(tmp_path, content, words):
    model = create_model("DARTS_V2_RNN", "language", vocabulary=5, embedding=6, hidden=6)
    with artifact.writing(tmp_path / "run") as folder:
        weights.save_weights(model, folder / weights.WEIGHTS)
        (folder / "genotype.json").write_text(to_json(model.genotype))
        (folder / "vocabulary.json").write_text(content)
        artifact.finalize(folder, Manifest(
            name="run", genotype="DARTS_V2_RNN", task="language-model-step", trained=True,
            network={"kind": "language", **model.settings}, parameters=1,
            input=Input(name="tokens", range=None, unit="char")))
    with pytest.raises(artifact.ArtifactError, match=words):
        find(str(tmp_path / "run"), BuildOptions())


# --- the weights of an artifact -------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """An untrained artifact whose sizes, classes and statistics differ from every preset."""
    spec = Input(height=8, width=8, channels=3, mean=[0.1] * 3, std=[0.2] * 3, data="folder")
    model = create_model("DARTS", channels=4, layers=3, num_classes=2)
    source = from_model(model, "insects", spec, ["ant", "bee"])
    source.manifest = source.manifest.model_copy(update={"genotype": "DARTS"})
    assert not source.manifest.trained
    folder = tmp_path_factory.mktemp("own") / "insects"
    build(source, ["onnx"], folder)
    return folder


def test_the_weights_of_an_artifact_bring_its_metadata(own, tmp_path):
    source = find("DARTS", BuildOptions(weights=own))
    before = find(str(own), BuildOptions()).manifest
    assert source.manifest.name == "DARTS-folder"
    for part in ("network", "input", "labels", "trained", "metrics"):
        assert getattr(source.manifest, part) == getattr(before, part), part
    build(source, ["onnx"], tmp_path / "again")
    assert (tmp_path / "again/model.safetensors").read_bytes() == (
        own / "model.safetensors").read_bytes()
    assert (tmp_path / "again/fixtures/logits.bin").read_bytes() == (
        own / "fixtures/logits.bin").read_bytes()


@pytest.mark.parametrize("cell, options, words", [
    ("DARTS", BuildOptions(channels=4), "bring their settings; leave --channels out"),
    ("DARTS", BuildOptions(data="cifar10"), "bring their settings; leave --data out"),
    ("DARTS", BuildOptions(network="imagenet"), "is for network='cifar', not 'imagenet'"),
    ("NASNet", BuildOptions(), "insects has the weights of another cell, DARTS"),
    ("ENAS_RNN", BuildOptions(), "insects has the weights of another cell, DARTS")])
def test_the_weights_of_an_artifact_in_another_network(own, cell, options, words):
    with pytest.raises(ValueError, match=words):
        find(cell, dataclasses.replace(options, weights=own))


def test_an_export_without_a_name_is_refused(tmp_path):
    model = create_model("DARTS", channels=4, layers=3)
    for name in ("", " "):
        with pytest.raises(ValueError, match="the name of an export is empty"):
            export.export(model, "onnx", tmp_path / "x", name=name)


def test_names_take_precedence_over_folders(shipped, tmp_path, monkeypatch):
    """A data set's name means the data set, not a folder; an artifact may have a cell's name."""
    monkeypatch.chdir(tmp_path)
    for name in ("cifar10", "DARTS", "mine"):
        (tmp_path / name).mkdir()
    manifest = find("DARTS", BuildOptions(weights="cifar10")).manifest
    with pytest.raises(artifact.ArtifactError, match="cifar10 is not an artifact folder"):
        find("DARTS", BuildOptions(weights="./cifar10"))
    assert manifest.trained and manifest.name == "DARTS-cifar10"
    with pytest.raises(artifact.ArtifactError, match="mine is not an artifact folder"):
        find("mine", BuildOptions())
    build(find("NASNet", BuildOptions(channels=4, layers=3)), ["onnx"], tmp_path / "DARTS")
    assert find("DARTS", BuildOptions()).manifest.genotype == "NASNet"


# --- images ---------------------------------------------------------------------------------


@pytest.fixture
def insects(tmp_path):
    """(an artifact with the classes ant and bee, a function that makes folders of images)."""
    spec = Input(height=8, width=8, channels=3, mean=[0.5] * 3, std=[0.5] * 3, data="folder")
    model = create_model("DARTS", channels=4, layers=3, num_classes=2)
    build(from_model(model, "insects", spec, ["ant", "bee"]), ["onnx"], tmp_path / "insects")

    def folder(train: str, test: str) -> Path:
        for split, names in (("train", train), ("test", test)):
            for number, name in enumerate(names.split()):
                place = tmp_path / "pictures" / split / name
                place.mkdir(parents=True)
                Image.new("RGB", (8, 8), (number, 2, 3)).save(place / "1.png")
        return tmp_path / "pictures"

    return str(tmp_path / "insects"), folder


def test_images_of_each_class(insects):
    artifact_folder, folder = insects
    source = find(artifact_folder, BuildOptions(path=folder("ant bee", "ant bee")))
    assert source.labels == [0, 1] and source.images.shape == (2, 8, 8, 3)


def test_a_class_without_a_test_image(insects):
    artifact_folder, folder = insects
    source = find(artifact_folder, BuildOptions(path=folder("ant bee", "bee")))
    assert source.labels == [1] and source.images.shape == (1, 8, 8, 3)


@pytest.mark.parametrize("names, message", [
    ("ant wasp", "class 1 of insects is bee, that of folder is wasp"),
    ("ant bee wasp", "insects knows 2 classes, folder has 3")])
def test_images_of_other_classes(insects, names, message):
    artifact_folder, folder = insects
    with pytest.raises(ValueError, match=message):
        find(artifact_folder, BuildOptions(path=folder(names, names)))


@pytest.mark.parametrize("labels, real", [
    ([], True), ([*"0123456789"], True), ([*"abcdefghij"], False)])
def test_ten_other_classes_get_no_digits(tmp_path, labels, real):
    """A network taught on the demo page reads digits, but answers with classes of its own."""
    digits = images.load("digits")
    spec = Input(height=8, width=8, channels=1, mean=digits.mean, std=digits.std, data="digits")
    model = create_model("DARTS", channels=4, layers=3, in_channels=1)
    source = from_model(model, "x", spec, labels)
    with artifact.writing(tmp_path / "x") as folder:
        weights.save_weights(model, folder / weights.WEIGHTS)
        (folder / "genotype.json").write_text(to_json(model.genotype))
        artifact.finalize(folder, source.manifest)
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "x")
    for each in (source, find(str(tmp_path / "x"), BuildOptions()), find(packed, BuildOptions())):
        assert (each.images is not None) == (each.labels is not None) == real
        assert each.manifest.labels == (labels or [f"class {number}" for number in range(10)])


def test_a_zip_brings_its_own_settings(tmp_path):
    for options, message in ((BuildOptions(size=9), "brings its own settings; leave --size out"),
                             (BuildOptions(), "damaged or not a zip file")):
        (tmp_path / "x.zip").write_bytes(b"no zip")
        with pytest.raises(ValueError, match=message):
            find(str(tmp_path / "x.zip"), options)


def test_twenty_images_are_enough(insects, monkeypatch):
    artifact_folder, folder = insects
    monkeypatch.setattr("export.sources.cell._MOST_IMAGES", 1)
    source = find(artifact_folder, BuildOptions(path=folder("ant bee", "ant bee")))
    assert source.labels == [0] and len(source.images) == 1 and len(source.test) == 2


def test_weights_of_a_plain_file_have_no_image_metadata(tmp_path):
    model = create_model("DARTS", channels=4, layers=3)
    weights.save_weights(model, tmp_path / "some.safetensors")
    model = create_model("DARTS", weights=tmp_path / "some.safetensors", channels=4, layers=3)
    assert from_model(model, "mine").manifest.input.height == 32


def test_figures_for_another_image_size_are_dropped():
    model = create_model("DARTS", weights="cifar10")
    spec = Input.model_validate(model.facts["input"])
    assert from_model(model, "mine", spec).manifest.metrics["test_accuracy"] == 0.9
    for change in ({"height": 64, "width": 64}, {"mean": [0.1, 0.2, 0.3]}):
        assert not from_model(model, "mine", spec.model_copy(update=change)).manifest.metrics
