"""Whatever file of weights it is: every command that takes one accepts it, or all refuse it with
the same sentence, before anything is written."""

import pytest
from typer.testing import CliRunner

from tests.zoo.checkpoints.kinds import HOLDING, HOLDING_NONE, SIZES
from zoo.cli import app
from zoo.create import create_model

_SIZES = ["--channels", "4", "--layers", "3"]


class ReachedWork(ValueError):
    """Raised where a command would begin to train or to export."""


def _work(*_, **__):
    raise ReachedWork("reached the work")


@pytest.fixture
def said(tmp_path, monkeypatch, on_few):
    """Runs every command on a file of these bytes: what each says at its end, by command."""
    monkeypatch.setattr("zoo.training.run_folder.start", _work)  # the network is made before
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


@pytest.mark.parametrize("kind", HOLDING)
def test_all_take_what_holds_the_network(kind, said):
    assert said(HOLDING[kind]()) == {
        "import": "done", "train": "reached the work", "build": "reached the work",
        "create_model": "done"}


@pytest.mark.parametrize("kind", HOLDING_NONE)
def test_all_refuse_what_holds_none_with_one_sentence(kind, said, tmp_path):
    content, part = HOLDING_NONE[kind]
    endings = said(content())
    assert len(set(endings.values())) == 1, endings
    sentence = endings["import"]
    assert sentence.startswith("a.pt") and part in sentence
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_the_suffix_does_not_matter(said):
    for name in ("a", "a.safetensors", "a.pth.tar", "a.bin"):
        assert said(HOLDING["module"](), name)["create_model"] == "done"
        assert "web page" in said(HOLDING_NONE["page"][0](), name)["train"]


def test_a_file_that_is_not_there(said, tmp_path):
    content = HOLDING["state dict"]()
    endings = said(content, "there.pt")
    (tmp_path / "there.pt").unlink()
    assert endings["import"] == "done"
    result = [CliRunner().invoke(app, arguments).stderr.splitlines()[-1] for arguments in (
        ["import", "gone.pt", "--cell", "DARTS_V2"],
        ["train", "DARTS_V2", "--weights", "gone.pt", "--device", "cpu", "-o", "run"],
        ["build", "DARTS_V2", "-e", "onnx", "--weights", "gone.pt"])]
    assert set(result) == {"error: there is no file or folder gone.pt to load weights from"}
