"""`zoo train`, `zoo eval`, `zoo import`, as typed."""

import contextlib
import csv
import dataclasses
import io
import json
import re
import shutil
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from zoo import registry
from zoo.artifact.folder import read_manifest
from zoo.cli import app
from zoo.commands import eval
from zoo.create import create_model
from zoo.data.images import load
from zoo.recipes.image import RECIPES, recipe
from zoo.recipes.language import language_recipe
from zoo.training.evaluation import check_match, score

# One worker trains the run that most of these tests use.
pytestmark = pytest.mark.xdist_group("zoo train as typed")

SMALL = ["--channels", "4", "--layers", "3", "--epochs", "2", "--device", "cpu"]


def zoo(*arguments, code=0):
    """The stdout of the command, or the error line if it must fail."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    if code == 0:
        return result.stdout
    *before, last = result.stderr.strip().splitlines()
    assert last.startswith("error: ") and len(before) <= 1, result.stderr
    assert not result.stdout
    return last


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "DARTS-digits"
    result = CliRunner().invoke(app, ["train", "DARTS", *SMALL, "-o", str(folder)])
    assert result.exit_code == 0, result.output
    return folder, result


def test_train_writes_an_artifact_and_says_where(run):
    folder, result = run
    manifest = read_manifest(folder)
    accuracy = manifest.metrics["test_accuracy"]
    assert result.stdout == (f"{folder}: {accuracy:.2%} of 360 test images, "
                             f"{manifest.parameters:,} parameters\n")
    # Without a terminal: a plain line per epoch, on stderr.
    lines = result.stderr.splitlines()
    assert lines[0] == "DARTS on digits: 2 epochs on cpu in float32"
    assert [line.split(":")[0] for line in lines[1:]] == ["epoch 1", "epoch 2"]
    assert manifest.network.settings() == {"channels": 4, "layers": 3, "num_classes": 10,
                                           "in_channels": 1}


def test_the_folder_is_named_after_cell_and_data(on_few, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    zoo("train", "PDARTS", *SMALL, "--epochs", 1)
    assert read_manifest("runs/PDARTS-digits").name == "PDARTS-digits"


@pytest.mark.parametrize("products, said", [(False, True), (True, False)])
def test_slow_bfloat16_on_a_cpu_is_noted(on_few, tmp_path, monkeypatch, products,
                                                      said):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {
        "architecture": "x86_64", "avx512_bf16": products, "amx_bf16": False}, raising=False)
    folder = str(tmp_path / "run")
    stderr = CliRunner().invoke(app, ["train", "DARTS", *SMALL, "--epochs", "1", "--precision",
                                      "bfloat16", "-o", folder]).stderr
    assert "1 epoch on cpu in bfloat16\n" in stderr
    assert ("--precision float32 is faster" in stderr) == said


def test_train_refuses_what_it_cannot_do(run, tmp_path):
    folder, _ = run
    assert "did you mean DARTS" in zoo("train", "DARTZ", "-o", tmp_path / "a", code=1)
    assert "did you mean digits" in zoo("train", "DARTS", "--data", "digit", code=1)
    assert "another folder with -o" in zoo("train", "DARTS", *SMALL, "-o", folder, code=1)
    assert "omit --resume" in zoo("train", "DARTS", "--resume", "-o", tmp_path / "a", code=1)
    assert "channels must be" in zoo("train", "DARTS", "--channels", 0, code=1)
    assert "no device" in zoo("train", "DARTS", "--device", "tpu", "-o", tmp_path / "a", code=1)
    for seed in (-1, 2**70):
        assert "the seed must be" in zoo("train", "DARTS", "--seed", seed, "-o", tmp_path / "a",
                                         code=1)
    assert "an image network" in zoo("train", "ENAS_RNN", *SMALL, "-o", tmp_path / "a", code=1)
    assert not (tmp_path / "a").exists()


def test_a_cell_of_any_name_becomes_an_artifact(on_few, tmp_path, monkeypatch):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "data"))
    registry.register("_MINE", registry.genotype("DARTS"))
    zoo("train", "_MINE", *SMALL, "--epochs", 1, "-o", tmp_path / "run")
    assert read_manifest(tmp_path / "run").name == "MINE-digits"


def test_absurd_settings_of_an_edited_manifest_are_one_line(run, tmp_path):
    folder = tmp_path / "edited"
    shutil.copytree(run[0], folder)
    whole = json.loads((folder / "manifest.json").read_text())
    for change, words in (({"channels": 10**7}, "genotype.json and the manifest's"),
                          ({"layers": 10**9}, "manifest.json: network.layers"),
                          ({"kind": "language"}, "kind language does not fit the task image")):
        edited = whole | {"network": whole["network"] | change}
        (folder / "manifest.json").write_text(json.dumps(edited))
        assert words in zoo("eval", folder, code=1)


def test_resume_takes_the_settings_of_the_run(on_few, tmp_path, monkeypatch):
    from zoo.runs import run_folder

    save, folder = run_folder.save_checkpoint, tmp_path / "run"

    def save_and_stop(place, state):
        save(place, state)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_folder, "save_checkpoint", save_and_stop)
    result = CliRunner().invoke(app, ["train", "DARTS", *SMALL, "-o", str(folder), "--seed", "5"])
    assert result.exit_code == 130
    line = result.stderr.splitlines()[-1]
    assert line.startswith("interrupted; go on with `") and " --resume` (whole epochs" in line
    monkeypatch.setattr(run_folder, "save_checkpoint", save)
    assert "epochs 2, not 9" in zoo("train", "DARTS", "--resume", "--epochs", 9, "-o", folder,
                                    code=1)
    zoo("train", "DARTS", "--resume", "-o", folder)
    manifest = read_manifest(folder)
    assert manifest.network.channels == 4 and manifest.metrics["seed"] == 5


def test_eval_prints_a_row_for_each_class(run):
    folder, _ = run
    output = zoo("eval", folder)
    rows = [re.split(r" +", line.strip()) for line in output.splitlines()
            if re.match(r"\d +\d +[\d.]+%", line)]
    assert [row[1] for row in rows] == list("0123456789")
    counts = np.array([[0 if cell == "." else int(cell) for cell in row[3:]] for row in rows])
    assert counts.shape == (10, 10) and counts.sum() == 360
    accuracy = read_manifest(folder).metrics["test_accuracy"]
    assert counts.trace() == round(accuracy * 360)
    assert [row[2] for row in rows] == [f"{row[n] / row.sum():.2%}" for n, row in
                                        enumerate(counts)]
    assert f"DARTS-digits on digits: {accuracy:.2%} of 360 test images" in output
    assert max(map(len, output.splitlines())) <= 80


def test_eval_writes_json_and_files(run, tmp_path):
    folder, _ = run
    said = json.loads(zoo("eval", folder, "--json", "--confusion", tmp_path / "all.csv"))
    assert said["accuracy"] == read_manifest(folder).metrics["test_accuracy"]
    assert (said["images"], said["data"], said["top5_accuracy"]) == (360, "digits", None)
    counts = np.array(said["confusion"])
    assert counts.sum(1).tolist() == [one["images"] for one in said["classes"]]
    assert [one["accuracy"] for one in said["classes"]] == pytest.approx(
        (counts.diagonal() / counts.sum(1)).tolist())
    first, *rows = csv.reader((tmp_path / "all.csv").read_text().splitlines())
    assert first == ["class", *"0123456789"]
    assert [[int(cell) for cell in row[1:]] for row in rows] == said["confusion"]
    zoo("eval", folder, "--confusion", tmp_path / "all.svg")
    squares = ElementTree.parse(tmp_path / "all.svg").findall(".//{*}g/{*}title")
    assert len(squares) == 100
    assert squares[1].text.startswith(f"0 predicted as 1: {counts[0, 1]} (")
    assert ".svg or .csv" in zoo("eval", folder, "--confusion", tmp_path / "all.png", code=1)
    assert "no folder" in zoo("eval", folder, "--confusion", tmp_path / "no" / "a.csv", code=1)


def test_many_classes_have_a_row_each_and_the_commonest_mistakes(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    labels = [f"class_of_things_{number}" for number in range(100)]
    truth = np.arange(100).repeat(5)
    logits = torch.nn.functional.one_hot(torch.from_numpy(truth), 100).float()
    logits[10 * 5:10 * 5 + 3, 7] = 2  # three of class 10 are classified as 7
    result = score(logits, truth, 100)
    assert result.accuracy == 497 / 500 and result.top5_accuracy == 1.0
    eval._print(labels, result)
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"10  class_of_things_ +40.00% +5$", lines[11])
    assert re.match(r"class_of_things_10 +class_of_things_7 +3$", lines[-2])
    assert max(map(len, lines)) <= 80


def test_a_preset_and_its_overrides(tmp_path, monkeypatch):
    from zoo.training import classification as training

    asked = []

    def note(name, images, recipe, *arguments, **options):
        asked.append(recipe)
        raise ValueError("enough")

    monkeypatch.setattr(training, "train", note)
    monkeypatch.setattr("zoo.training.fits.check_images", lambda *_: None)
    monkeypatch.setattr("zoo.data.images.load", lambda *names: SimpleNamespace(name="cifar10"))
    monkeypatch.setattr("zoo.data.sets.hub.check", lambda name: None)
    words = "train", "DARTS", "--data", "cifar10", "-o", tmp_path / "run"
    for options in ([], ["--preset", "small"], ["--preset", "fast", "--epochs", 3,
                                                "--validation", 500]):
        assert "enough" in zoo(*words, *options, code=1)
    assert asked == [recipe("cifar10", "paper"), recipe("cifar10", "small"),
                     recipe("cifar10", "fast").but(epochs=3, validation=500)]
    assert "no preset 'quick'; there are paper, fast, small" in zoo(
        *words, "--preset", "quick", code=1)
    assert "digits has no preset 'paper'" in zoo("train", "DARTS", "--preset", "paper", code=1)


def test_the_help_names_the_default_preset(monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    said = " ".join(zoo("train", "--help").replace("│", " ").split())
    assert "small for digits, folder, sample and your own text, else paper" in said
    small = [name for name in RECIPES if recipe(name) == RECIPES[name].get("small")]
    assert small == ["digits", "folder"]
    assert language_recipe("sample") == language_recipe("mine") == language_recipe("x", "small")
    assert language_recipe("ptb") == language_recipe("ptb", "paper")


def test_events_are_those_of_the_history(run):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder, _ = run
    events = accumulator.EventAccumulator(str(folder / "tb"))
    events.Reload()
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for tag, key in (("loss/train", "train_loss"), ("accuracy/train", "train_accuracy"),
                     ("training/learning_rate", "learning_rate")):
        assert [(point.step, point.value) for point in events.Scalars(tag)] == [
            (row["epoch"], pytest.approx(row[key])) for row in rows]
    assert [point.value for point in events.Scalars("cost/images_per_second")] == [
        pytest.approx(row["images"] / row["seconds"]) for row in rows]


def test_eval_refuses_data_that_does_not_fit(run, tmp_path):
    folder, _ = run
    for number, place in enumerate(("train/a", "train/b", "test/a", "test/b")):
        (tmp_path / place).mkdir(parents=True)
        Image.new("L", (10, 10), number).save(tmp_path / place / "0.png")
    arguments = "--data", "folder", "--path", tmp_path
    assert "reads 8x8x1 images, folder has 10x10x1" in zoo(
        "eval", folder, *arguments, "--size", 10, code=1)
    assert "knows 10 classes, folder has 2" in zoo("eval", folder, *arguments, code=1)
    assert "is not an artifact folder" in zoo("eval", tmp_path, code=1)
    assert "--by is a setting of a language model" in zoo("eval", folder, "--by", "word", code=1)


NAMES = list("abcdefghij")
NUMBERED = [f"class {number}" for number in range(10)]


@pytest.mark.parametrize(("known", "here", "fit"), [
    (NAMES, NAMES, True), (NAMES, [*"bacdefghij"], False), (NAMES, [*"0123456789"], True),
    (NUMBERED, NAMES, True), ([], NAMES, True)])
def test_eval_compares_classes_by_name(run, known, here, fit, caplog):
    manifest = read_manifest(run[0]).model_copy(update={"labels": known})
    data = dataclasses.replace(load("digits"), labels=here)
    words = "class 0 of DARTS-digits is a, that of digits is b"
    with contextlib.nullcontext() if fit else pytest.raises(ValueError, match=words):
        check_match(manifest, data)
    assert ("are matched by position" in caplog.text) == (fit and known != here)


@pytest.mark.parametrize("file", ["manifest.json", "model.safetensors", "genotype.json"])
def test_eval_names_a_damaged_file(run, tmp_path, file):
    source, _ = run
    for path in source.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).write_bytes((source / file).read_bytes()[:-40])
    assert file in zoo("eval", tmp_path, code=1)


def test_import_then_eval(tmp_path):
    torch.manual_seed(0)
    model = create_model("DARTS_V2", channels=4, layers=3, auxiliary=True)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "cifar10_model.pt")
    folder = tmp_path / "imported"
    output = zoo("import", tmp_path / "cifar10_model.pt", "--cell", "DARTS_V2", "-o", folder)
    assert "cifar network of DARTS_V2, channels 4, layers 3, num_classes 10" in output

    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    content = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 30, 40)).save(content, "png")
    table = arrow.table({"img": [{"bytes": content.getvalue()}] * 3, "label": [0, 1, 9]})
    for split in ("train", "test"):
        parquet.write_table(table, tmp_path / f"{split}.parquet")
    output = zoo("eval", folder, "--path", tmp_path)  # the checkpoint names its data
    assert re.search(r"on cifar10: .* of 3 test images", output)
    assert "airplane" in output

    assert "its shapes are those of DARTS_V2" in zoo(
        "import", tmp_path / "cifar10_model.pt", "--cell", "DARTS_V1", "-o", tmp_path / "other",
        code=1)


def test_a_language_model_classifies_no_images(tmp_path):
    model = create_model("ENAS_RNN", "language", vocabulary=9, embedding=4, hidden=4)
    torch.save(model.state_dict(), tmp_path / "a.pt")
    zoo("import", tmp_path / "a.pt", "--cell", "ENAS_RNN", "-o", tmp_path / "out")
    assert "has no vocabulary" in zoo("eval", tmp_path / "out", "--data", "digits", code=1)
    for option, value in (("--confusion", tmp_path / "x.svg"), ("--size", 3)):
        assert f"{option} is a setting of an image network; omit it" in zoo(
            "eval", tmp_path / "out", option, value, code=1)
