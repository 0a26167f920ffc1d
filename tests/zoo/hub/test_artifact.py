"""Artifacts read from the hub: pinned to a commit, verified, cached, and never pickles."""

import json
import shutil

import pytest
import torch

import zoo
from tests.hub_server import INVALID, WRITER
from zoo.artifact.folder import ArtifactError
from zoo.artifact.manifest import Input, Manifest
from zoo.hub import artifact
from zoo.hub.address import AddressError, parse
from zoo.hub.failures import HubError
from zoo.registry import genotype
from zoo.runs import run_folder
from zoo.weights import WeightsError, load_artifact

NAME = "someone/cell"
ADDRESS = f"hf://{NAME}"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return zoo.create_model("DARTS", channels=4, layers=3, num_classes=10, in_channels=1).eval()


@pytest.fixture(scope="module")
def files(network, tmp_path_factory):
    """The files of an artifact, by name."""
    folder = tmp_path_factory.mktemp("artifact")
    run_folder.finish(folder, network, genotype("DARTS"), Manifest.model_validate({
        "name": "DARTS-digits", "genotype": "DARTS", "trained": True, "parameters": 1,
        "network": {"kind": "cifar", **network.settings},
        "input": Input(height=8, width=8, channels=1, mean=[0.3], std=[0.4], data="digits"),
        "labels": list("0123456789"), "metrics": {"data": "digits", "test_accuracy": 0.5}}))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def with_manifest(files, change):
    manifest = json.loads(files["manifest.json"])
    change(manifest)
    return files | {"manifest.json": json.dumps(manifest).encode()}


def downloaded(hub):
    return {path.split("/")[-1] for method, path, _ in hub.requests
            if method == "GET" and "/resolve/" in path}


def test_the_network_is_the_one_that_was_pushed(network, files, hub):
    hub.add(NAME, {**files, "pytorch_model.bin": b"a pickle", "run.py": b"exit()"})
    model = zoo.create_model(ADDRESS)
    assert not model.training and model.settings == network.settings
    for name, value in network.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)
    assert model.facts["labels"] == list("0123456789")
    assert downloaded(hub) == {"manifest.json", "genotype.json", "model.safetensors"}
    again = zoo.create_model("DARTS", weights=ADDRESS)
    assert torch.equal(again.classifier.weight, network.classifier.weight)
    with pytest.raises(WeightsError, match="weights of another cell, DARTS"):
        zoo.create_model("DARTS_V2", weights=ADDRESS)


def test_a_language_model_needs_no_network_named(hub, tmp_path):
    hub.add("someone/text", language_model(tmp_path / "text"))
    model = zoo.create_model("hf://someone/text")
    assert model.kind == "language" and model.facts["vocabulary"] == ["a", "b", "c"]


@pytest.mark.parametrize("settings, words", [
    ({"channels": 5}, "is for channels=4, not 5"), ({"network": "imagenet"}, "network='cifar'"),
    ({"weights": "digits"}, "weights of its own"), ({"depth": 3}, "depth"),
])
def test_settings_that_do_not_fit_are_refused(settings, words, files, hub):
    hub.add(NAME, files)
    with pytest.raises((ValueError, TypeError), match=words):
        zoo.create_model(ADDRESS, **settings)


def test_a_revision_is_resolved_to_its_commit(files, hub):
    repository = hub.add(NAME, files)
    first = repository.at("main")
    place = artifact.find(ADDRESS)
    assert str(place) == f"{ADDRESS}@{first}"
    repository.branches["v1"] = first
    repository.commit("main", {}, "emptied")
    assert load_artifact(place)[1].name == "DARTS-digits"  # all files are of one commit
    assert artifact.find(f"{ADDRESS}@v1") == place == artifact.find(f"{ADDRESS}@{first}")
    with pytest.raises(HubError, match="lacks the file; it was not written by `zoo push`"):
        artifact.find(ADDRESS)


def test_what_is_cached_needs_no_hub(files, hub, monkeypatch, caplog):
    repository = hub.add(NAME, files)
    first = repository.at("main")
    zoo.create_model(ADDRESS)
    sent = len(hub.requests)
    zoo.create_model(f"{ADDRESS}@{first}")
    assert len(hub.requests) == sent  # a commit cannot change
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    zoo.create_model(ADDRESS)
    assert f"{ADDRESS} is read from the cache, at commit {first}" in caplog.text
    with pytest.raises(HubError, match="cannot be reached; go online"):
        artifact.find("hf://someone/other")
    with pytest.raises(HubError, match="cannot be reached; go online"):
        artifact.find(f"{ADDRESS}@{'0' * 40}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="HF_HUB_OFFLINE=1 forbids it; unset it"):
        artifact.find("hf://someone/other")


@pytest.mark.parametrize("change, words", [
    (lambda files: files | {"model.safetensors": files["model.safetensors"][:-1] + b"x"},
     "model.safetensors has changed .* pushed again"),
    (lambda files: files | {"genotype.json": b"{}"}, "genotype.json has changed"),
    (lambda files: files | {"manifest.json": b"{"}, "manifest.json: .* pushed again"),
    (lambda files: files | {"manifest.json": b"\xff"}, "not a text file; .* pushed again"),
    (lambda files: with_manifest(files, lambda manifest: manifest["files"].update(
        {"../../.bashrc": {"sha256": "0" * 64, "bytes": 1}})), "outside the folder"),
    (lambda files: with_manifest(files, lambda manifest: manifest["files"].update(
        {"/etc/passwd": {"sha256": "0" * 64, "bytes": 1}})), "outside the folder"),
    (lambda files: with_manifest(files, lambda manifest: manifest["files"].pop(
        "model.safetensors")), "lists no model.safetensors"),
    (lambda files: with_manifest(files, lambda manifest: manifest["files"][
        "model.safetensors"].update(bytes=10)), "model.safetensors is larger than the 10 bytes"),
    (lambda files: {"config.json": b"{}"}, "lacks the file; it was not written by `zoo push`"),
    (lambda files: with_manifest(files, lambda manifest: manifest["network"].update(
        channels=8)), "does not fit the network"),
])
def test_a_repository_that_is_damaged_or_hostile(change, words, files, hub):
    hub.add(NAME, change(files))
    with pytest.raises((HubError, ArtifactError, WeightsError), match=words) as caught:
        zoo.create_model(ADDRESS)
    assert str(caught.value).startswith(ADDRESS) and "\n" not in str(caught.value)


def test_the_commands_read_it(files, hub, tmp_path):
    from PIL import Image
    from typer.testing import CliRunner

    from zoo.cli import app

    hub.add(NAME, files)
    Image.new("L", (8, 8), 128).save(tmp_path / "gray.png")
    predicted = CliRunner().invoke(app, ["predict", ADDRESS, str(tmp_path / "gray.png"), "--json"])
    assert set(json.loads(predicted.stdout)["probabilities"]) == set("0123456789")
    evaluated = CliRunner().invoke(app, ["eval", ADDRESS, "--json"])
    assert json.loads(evaluated.stdout)["images"] == 360
    hub.add("someone/text", language_model(tmp_path / "text"))
    generated = CliRunner().invoke(app, ["generate", "hf://someone/text", "-n", "5"])
    assert len(generated.stdout.strip("\n")) == 5
    for words in (["predict", "hf://a/b", "x.png"], ["eval", "hf://a/b"], ["generate", "hf://a/b"]):
        refused = CliRunner().invoke(app, words)
        assert refused.exit_code == 1 and refused.stderr.startswith("error: hf://a/b: a/b does not")


def language_model(folder):
    """The files of a language model whose three tokens are 'a', 'b', 'c'."""
    folder.mkdir()
    model = zoo.create_model("ENAS_RNN", "language", vocabulary=3, embedding=4, hidden=4).eval()
    (folder / "vocabulary.json").write_text('["a", "b", "c"]')
    run_folder.finish(folder, model, genotype("ENAS_RNN"), Manifest.model_validate({
        "name": "text", "genotype": "ENAS_RNN", "task": "language-model-step", "trained": True,
        "parameters": 1, "network": {"kind": "language", **model.settings},
        "input": Input(name="tokens", range=None, unit="char")}))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_too_large_a_manifest_is_not_downloaded(files, hub, monkeypatch):
    monkeypatch.setattr(artifact, "_MOST_MANIFEST", 100)
    hub.add(NAME, files)
    with pytest.raises(HubError, match="manifest.json is larger than the 100 bytes"):
        artifact.find(ADDRESS)
    assert downloaded(hub) == set()


def test_a_damaged_cache_is_noticed(files, hub, tmp_path):
    hub.add(NAME, files)
    zoo.create_model(ADDRESS)
    (cached,) = (tmp_path / "cache").rglob("snapshots/*/model.safetensors")
    cached.resolve().write_bytes(files["model.safetensors"][:-4] + b"abcd")
    with pytest.raises(ArtifactError, match="has changed .* remove it from the cache"):
        zoo.create_model(ADDRESS)
    shutil.rmtree(tmp_path / "cache")
    zoo.create_model(ADDRESS)


def test_a_custom_model_has_no_network(files, hub):
    def custom(manifest):
        manifest.update(task="tensors", genotype="", labels=[], network={"kind": "onnx"},
                        origin={"file": "x.onnx", "sha256": "0" * 64})

    hub.add(NAME, with_manifest(files, custom))
    with pytest.raises(ArtifactError, match="is a custom model and has no cell; use the exports"):
        zoo.create_model(ADDRESS)


@pytest.mark.parametrize("token, private, words", [
    (None, True, "does not exist or is private; check the name, or log in"),
    (INVALID, False, r"refuses the token \(401\)"),
    (WRITER, None, r"does not exist, or the token may not read it \(404\)"),
])
def test_a_refused_token(token, private, words, files, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", token or "")
    if private is not None:
        hub.add(NAME, files, private=private)
    with pytest.raises(HubError, match=words) as caught:
        zoo.create_model(ADDRESS)
    assert "hf_" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("status, words", [(500, "has failed .500"), (429, "limits the number"),
                                           (403, "may not read"), (418, "refuses the request")])
def test_a_failure_names_the_remedy(status, words, files, hub):
    hub.add(NAME, files)
    hub.failures["/resolve/"] = status
    with pytest.raises(HubError, match=f"^{ADDRESS}: .*{words}"):
        zoo.create_model(ADDRESS)


def test_an_unknown_revision(files, hub):
    hub.add(NAME, files)
    with pytest.raises(HubError, match="has no such revision; give one of its branches"):
        zoo.create_model(f"{ADDRESS}@nothing")


@pytest.mark.parametrize("text", ["hf://cell", "hf://", "hf://a/b/c", "hf://a/..", "hf://a/b@",
                                  "hf://a/b@../x", "hf://a/b@-x", "hf://a/b@x y", "hf://../b"])
def test_text_that_is_not_an_address(text):
    with pytest.raises(AddressError, match="^hf://.*(USER/NAME|REVISION)"):
        parse(text)



def test_a_training_starts_from_it_and_names_the_commit(files, hub, on_few, tmp_path):
    from typer.testing import CliRunner

    from zoo.cli import app

    commit = hub.add(NAME, files).at("main")
    run = tmp_path / "run"
    done = CliRunner().invoke(app, [
        "train", "DARTS", "--data", "digits", "--weights", ADDRESS, "--epochs", "1", "--channels",
        "4", "--layers", "3", "--threads", "1", "--set", "drawings=0", "-o", str(run)])
    assert done.exit_code == 0, done.stderr
    config = json.loads((run / "config.json").read_text())
    assert config["weights"] == ADDRESS and config["started_from"] == f"cell@{commit}"
