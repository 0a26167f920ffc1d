"""NaN or infinite weights and negative variances are reported at once, with the tensor."""

import json
import re

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import export
from tests.export.conftest import images_of, trained_looking
from zoo.artifact.folder import finalize, read_manifest
from zoo.artifact.manifest import Input, Manifest, Network
from zoo.cli import app
from zoo.create import create_model
from zoo.genotypes.serialization import to_json
from zoo.weights import WeightsError, fill, load_weights, packed, save_weights
from zoo.weights.numbers import NotFiniteError, check_output

NAN, INFINITE = float("nan"), float("inf")
SMALL = {"channels": 4, "layers": 3, "num_classes": 10}
BAD = {  # tensor, value, part of the message
    "classifier.weight": (NAN, "classifier.weight has 1 NaN among its"),
    "stem.0.weight": (INFINITE, "stem.0.weight has 1 infinite among its"),
    "cells.0.preprocess0.op.2.running_var": (
        -1e-6, "cells.0.preprocess0.op.2.running_var has 1 negative among its"),
    "cells.2.preprocess1.op.2.running_mean": (NAN, "running_mean has 1 NaN among its"),
}


def spoiled(model, name, value):
    with torch.no_grad():
        model.state_dict()[name].view(-1)[0] = value
    return model


def command(*arguments) -> str:
    """The error line of a command that must fail before its work begins."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 1, result.output
    line, = result.stderr.strip().splitlines()
    assert line.startswith("error: ") and not result.stdout
    return line


@pytest.fixture
def artifact(tmp_path):
    """Make the artifact of a network with one bad value, as earlier versions did."""
    def make(name, value):
        folder = tmp_path / "artifact"
        folder.mkdir()
        model = spoiled(trained_looking("DARTS", layers=3), name, value)
        save_weights(model, folder / "model.safetensors")
        (folder / "genotype.json").write_text(to_json(model.genotype))
        spec = images_of(12).model_copy(update={"data": "folder"})
        finalize(folder, Manifest(
            name="bad", genotype="DARTS", network=Network(kind="cifar", in_channels=3, **SMALL),
            input=spec, labels=[f"class {n}" for n in range(10)], trained=True, parameters=1))
        return folder

    return make


@pytest.mark.parametrize("name", BAD)
def test_loading_names_the_tensor(name, tmp_path):
    value, said = BAD[name]
    content = packed(spoiled(create_model("DARTS", **SMALL), name, value))
    model = create_model("DARTS", **SMALL)
    before = {key: held.clone() for key, held in model.state_dict().items()}
    with pytest.raises(WeightsError, match="x.safetensors: ") as caught:
        load_weights(model, content, "x.safetensors")
    assert said in str(caught.value) and "\n" not in str(caught.value)
    for key, held in model.state_dict().items():
        assert torch.equal(held, before[key])


def test_values_too_large_for_float32_are_infinite():
    model = create_model("DARTS", **SMALL)
    state = {name: value.double() if value.is_floating_point() else value
             for name, value in model.state_dict().items()}
    state["classifier.bias"][3] = 1e300
    with pytest.raises(WeightsError, match=r"classifier.bias has 1 infinite among its 10 values"):
        fill(model, state, "x")


@pytest.mark.parametrize("name", BAD)
def test_import(name, tmp_path):
    value, said = BAD[name]
    model = create_model("DARTS_V2", auxiliary=True, **SMALL)
    torch.save(spoiled(model, name, value).state_dict(), tmp_path / "bad.pt")
    line = command("import", tmp_path / "bad.pt", "--cell", "DARTS_V2", "-o", tmp_path / "out")
    assert said in line and "bad.pt" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", BAD)
def test_every_command_that_loads_an_artifact(name, artifact, tmp_path):
    folder, (_, said) = artifact(name, BAD[name][0]), BAD[name]
    Image.new("RGB", (12, 12)).save(tmp_path / "a.png")
    for line in (command("predict", folder, tmp_path / "a.png"),
                 command("eval", folder, "--data", "digits"),
                 command("verify", folder),
                 command("build", folder, "-e", "onnx", "-o", tmp_path / "out"),
                 command("build", "DARTS", "--weights", folder, "-e", "onnx", "-o",
                         tmp_path / "out")):
        assert said in line and str(folder) in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", BAD)
def test_a_training_that_starts_from_them(name, tmp_path):
    value, said = BAD[name]
    model = create_model("DARTS", in_channels=1, **SMALL)
    save_weights(spoiled(model, name, value), tmp_path / "bad.safetensors")
    result = CliRunner().invoke(app, [
        "train", "DARTS", "--weights", str(tmp_path / "bad.safetensors"), "--channels", "4",
        "--layers", "3", "--epochs", "1", "--device", "cpu", "-o", str(tmp_path / "run")])
    line = result.stderr.strip().splitlines()[-1]
    assert result.exit_code == 1 and line.startswith("error: "), result.output
    assert said in line and "bad.safetensors" in line


# --- finite weights with outputs that are not finite ------------------------------------------


def test_a_network_whose_output_is_not_finite(artifact, tmp_path):
    """Finite weights whose logits overflow float32 are the network's fault, not a hop's."""
    folder = artifact("classifier.bias", 3e38)
    state = load_file(folder / "model.safetensors")
    state["classifier.weight"].fill_(3e38)
    save_file(state, folder / "model.safetensors")
    finalize(folder, read_manifest(folder))
    Image.new("RGB", (12, 12)).save(tmp_path / "a.png")
    for line in (command("predict", folder, tmp_path / "a.png"),
                 command("predict", folder, tmp_path / "a.png", "--json"),
                 command("verify", folder),
                 command("build", folder, "-e", "onnx", "-o", tmp_path / "out")):
        assert "the network has NaN or infinite outputs for" in line
        assert "hop" not in line and "onnx:" not in line
    assert not (tmp_path / "out").exists()


def test_the_python_api_too(tmp_path):
    model = spoiled(trained_looking("DARTS", layers=3), "classifier.weight", NAN)
    with pytest.raises(WeightsError, match="the network's classifier.weight has 1 NaN among its"):
        export.export(model, ["onnx"], tmp_path / "out", name="bad")
    assert not (tmp_path / "out").exists()


def test_outputs_are_counted():
    outputs = torch.zeros(4, 3)
    check_output(outputs, "it")
    outputs[1, 2], outputs[3, 0] = NAN, INFINITE
    with pytest.raises(NotFiniteError, match="^it has NaN or infinite outputs for 2 of 4 "):
        check_output(outputs, "it")


def language_artifact(folder, name, value):
    """Of a model of the characters of `ab\n`, with one tensor filled with `value`."""
    torch.manual_seed(0)
    model = create_model("DARTS_V2_RNN", "language", vocabulary=3, embedding=8, hidden=8)
    with torch.no_grad():
        model.state_dict()[name].fill_(value)
    folder.mkdir()
    save_weights(model, folder / "model.safetensors")
    (folder / "genotype.json").write_text(to_json(model.genotype))
    (folder / "vocabulary.json").write_text(json.dumps(["a", "b", "\n"]))
    finalize(folder, Manifest(
        name="bad", genotype="DARTS_V2_RNN", trained=True, parameters=1,
        task="language-model-step", outputs=["logits", "probabilities", "next_hidden"],
        network=Network(kind="language", vocabulary=3, embedding=8, hidden=8),
        input=Input(name="tokens", range=None, unit="char", data="ab")))
    return folder


@pytest.mark.parametrize("name, value, said", [
    ("rnns.0._W0", NAN, "rnns.0._W0 has 256 NaN among its 256 values"),
    ("decoder.bias", INFINITE, "decoder.bias has 3 infinite among its 3 values"),
])
def test_language_models(name, value, said, tmp_path):
    folder = language_artifact(tmp_path / "artifact", name, value)
    (tmp_path / "ab.txt").write_text("ab\nba\n" * 50)
    for line in (command("eval", folder, "--data", tmp_path / "ab.txt"),
                 command("eval", folder, "--data", tmp_path / "ab.txt", "--json"),
                 command("verify", folder),
                 command("build", folder, "-e", "onnx", "-o", tmp_path / "out"),
                 command("generate", folder)):
        assert re.search(said, line), line


def test_a_language_model_whose_loss_is_too_large(tmp_path):
    folder = language_artifact(tmp_path / "artifact", "decoder.bias", 0.0)
    state = load_file(folder / "model.safetensors")
    state["decoder.bias"][:] = torch.tensor([3e38, -3e38, 0.0])
    save_file(state, folder / "model.safetensors")
    finalize(folder, read_manifest(folder))
    (tmp_path / "ab.txt").write_text("ab\nba\n" * 50)
    for line in (command("eval", folder, "--data", tmp_path / "ab.txt"),
                 command("eval", folder, "--data", tmp_path / "ab.txt", "--json")):
        assert "the network's test_perplexity on ab is inf although its weights are" in line
    assert "outputs for 1 of 1 inputs" in command("generate", folder)
