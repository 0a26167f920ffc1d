"""All commands that read weights accept a file, or all refuse it with the same sentence, before
anything is written."""

import pytest
import torch
from safetensors.torch import save as safetensors_bytes
from typer.testing import CliRunner

from tests.zoo.checkpoints.kinds import HOLDING, HOLDING_NONE, SIZES, prefixed, saved, state
from zoo.checkpoints.file import WeightsError, loaded
from zoo.cli import app
from zoo.create import create_model

_SIZES = ["--channels", "4", "--layers", "3"]


class ReachedWork(ValueError):
    """Raised where a command would start to train or export."""


def _work(*_, **__):
    raise ReachedWork("reached the work")


@pytest.fixture
def said(tmp_path, monkeypatch, on_few):
    """Run every command on a file of these bytes; returns how each ends, by command."""
    monkeypatch.setattr("zoo.runs.run_folder.start", _work)  # called after the network is built
    monkeypatch.setattr("export.pipeline.build", _work)
    monkeypatch.chdir(tmp_path)

    def run(content, name="a.pt"):
        (tmp_path / name).write_bytes(content)
        commands = {
            "import": ["import", name, "--cell", "DARTS_V2"],
            "train": ["train", "DARTS_V2", "--weights", name, *_SIZES, "--device", "cpu"],
            "build": ["build", "DARTS_V2", "-e", "onnx", "--weights", name, *_SIZES]}
        endings = {}
        for command, arguments in commands.items():
            result = CliRunner().invoke(app, arguments)
            lines = result.stderr.splitlines()
            errors = [line for line in lines if line.startswith("error: ")]
            if result.exit_code:
                assert result.exit_code == 1 and len(errors) == 1 and lines[-1] == errors[0], lines
            endings[command] = errors[0].removeprefix("error: ") if errors else "done"
        try:
            create_model("DARTS_V2", weights=name, **SIZES)
            endings["create_model"] = "done"
        except ValueError as error:
            endings["create_model"] = " ".join(str(error).split())
        return endings

    return run


def _is_read(content) -> bool:
    """Does the file hold the values of any network?"""
    try:
        loaded(content, "a.pt")
    except WeightsError:
        return False
    return True


@pytest.mark.parametrize("kind", HOLDING)
def test_all_accept_files_with_the_network(kind, said):
    assert said(HOLDING[kind]()) == {
        "import": "done", "train": "reached the work", "build": "reached the work",
        "create_model": "done"}


@pytest.mark.parametrize("kind", HOLDING_NONE)
def test_all_refuse_files_without_a_network_alike(kind, said, tmp_path):
    content, part = HOLDING_NONE[kind]
    endings = said(content())
    assert len(set(endings.values())) == 1, endings
    sentence = endings["import"]
    assert sentence.startswith("a.pt") and part in sentence
    written = CliRunner().invoke(app, ["write", "DARTS_V2_RNN", "--weights", "a.pt"]).stderr
    assert written.strip() == f"error: {sentence}" or (
        _is_read(content()) and "a.pt is a weights file without a vocabulary" in written)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_weights_instead_of_a_genotype(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, kind in enumerate(("state dict", "old format", "safetensors")):
        name = f"my {number}.pt"
        (tmp_path / name).write_bytes(HOLDING[kind]())
        said = {CliRunner().invoke(app, arguments).stderr for arguments in (
            ["import", name, "--cell", name], ["show", f"./{name}"], ["plot", f"./{name}"],
            ["register", name], ["train", f"./{name}"], ["build", f"./{name}", "-e", "onnx"])}
        assert said == {f"error: {name} holds weights, not a genotype; give their cell, as in "
                        f"`zoo import 'my {number}.pt' --cell DARTS_V2`\n"}


_WORDS = {"vocabulary": 11, "embedding": 6, "hidden": 6}


def _language_model():
    torch.manual_seed(0)
    return dict(create_model("DARTS_V2_RNN", "language", **_WORDS).state_dict())


@pytest.mark.parametrize("content, part", [
    (lambda: saved(_language_model()), ""),
    (lambda: saved({"model": prefixed("module.", _language_model())}), ""),
    (lambda: safetensors_bytes({name: value.clone() for name, value in
                                _language_model().items()}), ""),
    (lambda: saved({"state_dict": state()}),
     "it has a conv cell, the network a recurrent one; its shapes are those of DARTS_V2"),
    (lambda: saved(_language_model() | {"decoder.weight": torch.zeros(11, 6)}),
     "decoder.weight differs from encoder.weight"),
    (lambda: saved(_language_model() | {"rnns.0._Ws.2": torch.zeros(6, 10)}),
     "rnns.0._Ws.2 has shape (6, 10), in the network (6, 12)"),
    (lambda: saved(create_model("DARTS_V2_RNN", "language", **_WORDS)), "could run any code"),
    (HOLDING_NONE["page"][0], "is a web page (HTML)"),
])
def test_language_models(content, part, tmp_path, monkeypatch):
    monkeypatch.setattr("export.pipeline.build", _work)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pt").write_bytes(content())
    said = set()
    for arguments in (["import", "a.pt", "--cell", "DARTS_V2_RNN"],
                      ["build", "DARTS_V2_RNN", "-e", "onnx", "--weights", "a.pt",
                       "--vocabulary", "11", "--hidden", "6"]):
        lines = CliRunner().invoke(app, arguments).stderr.splitlines()
        said.add("\n".join(line for line in lines if not line.startswith("note: ")))
    try:
        create_model("DARTS_V2_RNN", "language", weights="a.pt", **_WORDS)
        said.add("")
    except ValueError as error:
        said.add(f"error: {error}")
    if part:
        sentence, = said
        assert part in sentence
    else:
        assert said == {"", "error: reached the work"}


def test_mismatched_sizes_name_those_of_the_file(said):
    wider = create_model("DARTS_V2", **SIZES | {"channels": 6})
    endings = said(saved(wider.state_dict()))
    assert endings.pop("import") == "done"
    assert set(endings.values()) == {
        "a.pt does not fit the network: stem.0.weight has shape (18, 1, 3, 3), in the network "
        "(12, 1, 3, 3); it has this cell in other sizes, give cifar network, channels 6, layers 3, "
        "num_classes 10, in_channels 1"}


def test_the_suffix_does_not_matter(said):
    for name in ("a", "a.safetensors", "a.pth.tar", "a.bin"):
        assert said(HOLDING["module"](), name)["create_model"] == "done"
        assert "web page" in said(HOLDING_NONE["page"][0](), name)["train"]


def test_a_missing_file(said, tmp_path):
    content = HOLDING["state dict"]()
    endings = said(content, "there.pt")
    (tmp_path / "there.pt").unlink()
    assert endings["import"] == "done"
    result = [CliRunner().invoke(app, arguments).stderr.splitlines()[-1] for arguments in (
        ["import", "gone.pt", "--cell", "DARTS_V2"],
        ["train", "DARTS_V2", "--weights", "gone.pt", "--device", "cpu", "-o", "run"],
        ["build", "DARTS_V2", "-e", "onnx", "--weights", "gone.pt"])]
    assert set(result) == {"error: there is no file or folder gone.pt to load weights from"}


def test_a_checkpoint_instead_of_an_artifact(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pt").write_bytes(HOLDING["state dict"]())
    said = {CliRunner().invoke(app, arguments).stderr for arguments in (
        ["eval", "a.pt"], ["predict", "a.pt", "a.png"], ["verify", "a.pt"], ["write", "a.pt"])}
    assert said == {"error: a.pt is not an artifact folder: it is a file; `zoo import` converts a "
                    "checkpoint to an artifact\n"}
