"""`zoo train --config FILE.yaml` and `--set`: every setting, repeated runs, bad files."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from zoo.cli import app

SMALL = ["--channels", "4", "--layers", "3", "--epochs", "1", "--device", "cpu"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(*words, code=0):
    result = CliRunner().invoke(app, ["train", *map(str, words)])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def kept(folder):
    return json.loads((folder / "config.json").read_text())


def test_a_run_given_back_is_the_same_run(on_few, here):
    train("PDARTS", *SMALL, "--seed", 4, "--set", "ema_decay=0.9", "--set", "sizes=[8, 8]",
          "--set", "drawings=0", "-o", "first")
    first = kept(here / "first")
    assert (first["recipe"]["ema_decay"], first["recipe"]["sizes"]) == (0.9, [8, 8])
    train("--config", "first/config.json", "-o", "second")
    assert kept(here / "second") == first
    assert ((here / "second/model.safetensors").read_bytes()
            == (here / "first/model.safetensors").read_bytes())


def test_the_config_of_a_run_on_a_users_text_repeats_it(here):
    (here / "rhyme.txt").write_text("the cat sat on the mat\nthe rat sat on the hat\n" * 40)
    train("ENAS_RNN", "--data", "rhyme.txt", "--hidden", 8, "--epochs", 1, "--batch-size", 4,
          "-o", "first")
    assert kept(here / "first")["path"] == str(here / "rhyme.txt")
    train("--config", "first/config.json", "-o", "second")
    assert kept(here / "second") == kept(here / "first")
    assert ((here / "second/model.safetensors").read_bytes()
            == (here / "first/model.safetensors").read_bytes())
    (here / "rhyme.txt").write_text("something else altogether\n" * 80)
    assert "rhyme has changed since the run of these settings" in train(
        "--config", "first/config.json", "-o", "third", code=1).stderr
    assert not (here / "third").exists()


@pytest.mark.parametrize("name", ["rhyme", "rhyme.txt"])
def test_a_run_on_a_text_file_resumes_and_repeats(name, here, monkeypatch):
    """The run names the file without its suffix, which may be the name of another file."""
    (here / name).write_text("the cat sat on the mat\nthe rat sat on the hat\n" * 40)
    words = ["ENAS_RNN", "--data", name, "--hidden", 8, "--epochs", 1, "--batch-size", 4]
    train(*words, "-o", "first")
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    train("--config", here / "first/config.json", "-o", here / "second")
    monkeypatch.chdir(here)
    train("--config", "first/config.json", "-o", "third")
    (here / "third/manifest.json").unlink()
    train("ENAS_RNN", "--resume", "-o", "third")
    for run in ("second", "third"):
        assert ((here / run / "model.safetensors").read_bytes()
                == (here / "first/model.safetensors").read_bytes())


def test_a_preset_overrides_the_recipe_of_a_run(here):
    train("PDARTS", *SMALL, "--set", "drawings=0", "--seed", 0, "-o", "first")
    (here / "a.yaml").write_text("recipe: {channels: 6}\nseed: 5\n")
    from zoo.training.modalities import Images
    from zoo.training.options import TrainOptions

    data = Images().load(TrainOptions())
    resolve = Images().resolve
    of_run = TrainOptions(preset="small").over_file(here / "first/config.json")
    assert resolve(data, of_run) == Images().recipe("digits", "small")
    of_file = TrainOptions(preset="small", seed=0).over_file(here / "a.yaml")
    assert (resolve(data, of_file).channels, of_file.seed) == (6, 0)


def test_options_go_before_single_values_and_those_before_a_file(on_few, here):
    (here / "a.yaml").write_text(yaml.safe_dump(
        {"cell": "DARTS", "seed": 7, "recipe": {"channels": 8, "layers": 3, "momentum": 0.5},
         "epochs": 1}))
    train("--config", "a.yaml", "--set", "channels=6", "--set", "momentum=0.6", "--channels", 4,
          "--device", "cpu", "-o", "run")
    run = kept(here / "run")
    assert (run["cell"], run["seed"]) == ("DARTS", 7)
    assert [run["recipe"][name] for name in ("channels", "layers", "momentum", "epochs")] == [
        4, 3, 0.6, 1]


def test_a_run_on_a_folder_resumes_without_its_path(here, monkeypatch):
    from PIL import Image

    from zoo.runs import run_folder

    for split, name, shade in (("train", "dark", 20), ("train", "light", 230), ("test", "dark", 30),
                               ("test", "light", 220)):
        (here / "images" / split / name).mkdir(parents=True)
        for number in range(4):
            Image.new("L", (12, 12), shade + number).save(
                here / "images" / split / name / f"{number}.png")
    save = run_folder.save_checkpoint

    def save_and_stop(place, state):
        save(place, state)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_folder, "save_checkpoint", save_and_stop)
    words = ["DARTS", "--data", "folder", "--path", "images", "--size", 8, *SMALL, "--epochs", 2,
             "-o", "run"]
    train(*words, code=130)
    monkeypatch.setattr(run_folder, "save_checkpoint", save)
    train("DARTS", "--resume", "-o", "run", "--device", "cpu")
    assert (here / "run/manifest.json").exists()


@pytest.mark.parametrize("text, message", [
    ("epoks: 3\n", "unknown setting 'epoks'; did you mean epochs? there are network, channels"),
    ("recipe:\n  flipp: true\n", "recipe: unknown setting 'flipp'; did you mean flip?"),
    ("learning_rate: high\n", "learning_rate is 'high'; it must be a number"),
    ("epochs: 0\n", "epochs must be a whole number of at least 1, not 0"),
    ("seed: x\n", "a.yaml: seed is 'x'; it must be a whole number"),
    ("hidden: 3\n", "unknown setting 'hidden'"),
    ("cell: [\n", "a.yaml is not valid YAML in line"),
    ("data_sha256: abc\n", "digits has changed since the run of these settings"),
])
def test_a_file_that_cannot_be_used_is_one_line(here, text, message):
    (here / "a.yaml").write_text(text)
    result = train("DARTS", "--config", "a.yaml", code=1)
    assert message in result.stderr and result.stderr.count("\n") == 1
    assert not (here / "runs").exists()


def test_a_training_without_a_cell_says_how_to_name_one():
    assert "give a cell, as in `zoo train DARTS`" in train(code=1).stderr
