"""The training loop: it learns, it can be interrupted, it refuses what it cannot do."""

import errno
import itertools
import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from zoo import run_folder
from zoo.artifact import ArtifactError, check_files, check_place, read_manifest
from zoo.datasets import ImageData, Split, load
from zoo.evaluate import predict, score
from zoo.recipe import RECIPES, Recipe
from zoo.run_folder import RunError
from zoo.train import DivergedError, pick_device, pick_precision, train
from zoo.weights import load_artifact

TINY = Recipe(channels=4, layers=3, epochs=3, batch_size=16, learning_rate=0.05, drop_path=0.2,
              label_smoothing=0.1, rotate=5, zoom=0.1, shift=1, cutout=2, drawings=20)


@pytest.fixture(scope="module")
def few() -> ImageData:
    """The digits with few training images: 97, which leaves one over in batches of 16."""
    data = load("digits")
    return ImageData("digits", Split(data.train.images[:77], data.train.labels[:77]),
                     Split(data.test.images[:40], data.test.labels[:40]),
                     data.labels, data.mean, data.std)


@pytest.fixture(scope="module")
def whole_run(few, tmp_path_factory):
    """(folder, manifest, reports) of a run that nothing interrupted."""
    folder, reports = tmp_path_factory.mktemp("runs") / "whole", []
    manifest = train("DARTS", few, TINY, folder, seed=3, device="cpu",
                     report=lambda *what: reports.append(what))
    return folder, manifest, reports


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first)


# --- what a run leaves ----------------------------------------------------------------------


def test_a_finished_run_is_an_artifact(whole_run, few):
    folder, manifest, _ = whole_run
    assert read_manifest(folder) == manifest
    check_files(folder, manifest)
    check_place(folder)  # nothing in it that is not ours
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "history.jsonl", "model.safetensors", "genotype.json", "labels.txt",
        "manifest.json"}
    assert manifest.trained and manifest.name == "DARTS-digits" and manifest.genotype == "DARTS"
    assert manifest.network.settings() == {"channels": 4, "layers": 3, "num_classes": 10,
                                           "in_channels": 1}
    assert (manifest.input.height, manifest.input.width, manifest.input.channels) == (8, 8, 1)
    assert manifest.input.mean == few.mean and manifest.input.std == few.std
    assert (folder / "labels.txt").read_text().split() == few.labels
    assert not any(name.startswith("auxiliary_head.") for name in weights(folder))

    model, loaded = load_artifact(folder)
    assert loaded == manifest and not model.training
    logits = predict(model, few.test.images, few.mean, few.std)
    assert score(logits, few.test.labels, 10).accuracy == manifest.metrics["test_accuracy"]


def test_history_has_a_row_for_each_epoch_and_reports_come_in_order(whole_run):
    folder, _, reports = whole_run
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[0]["learning_rate"] == 0.05
    assert rows[2]["learning_rate"] == pytest.approx(0.05 * 0.25)  # (1 + cos(2 pi / 3)) / 2
    assert all(0 <= row["train_accuracy"] <= 1 for row in rows)
    steps = [step for step, _, row in reports if row is None]
    assert steps == list(range(1, 3 * 6 + 1))  # 97 images: six batches, the odd one left out
    assert [row for _, _, row in reports if row] == rows


def test_the_loss_falls(tmp_path):
    data = load("digits")
    recipe = RECIPES["digits"].but(channels=4, layers=3, epochs=2, drawings=0)
    train("PDARTS", data, recipe, tmp_path / "run", device="cpu")
    first, last = map(json.loads, (tmp_path / "run/history.jsonl").read_text().splitlines())
    assert last["train_loss"] < 0.8 * first["train_loss"]
    assert read_manifest(tmp_path / "run").metrics["test_accuracy"] > 0.5


def test_a_seed_gives_the_same_weights_again_and_another_seed_others(whole_run, few, tmp_path):
    before = torch.get_rng_state()
    train("DARTS", few, TINY, tmp_path / "again", seed=3, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)  # the caller's randomness is its own
    train("DARTS", few, TINY, tmp_path / "other", seed=4, device="cpu")
    assert same(weights(tmp_path / "again"), weights(whole_run[0]))
    assert not same(weights(tmp_path / "other"), weights(whole_run[0]))


# --- interrupted ----------------------------------------------------------------------------


class Stop(Exception):
    pass


def interrupted(few, folder, after_steps, resume=False):
    def report(step, steps, row):
        if step >= after_steps and row is None:
            raise Stop

    with pytest.raises(Stop):
        train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=resume, report=report)


def test_resume_gives_the_same_bits(whole_run, few, tmp_path):
    folder = tmp_path / "run"
    interrupted(few, folder, after_steps=3)  # in the first epoch: there is no checkpoint yet
    interrupted(few, folder, after_steps=8, resume=True)
    with open(folder / "history.jsonl", "a") as file:
        file.write('{"epoch": 2}\n')  # as if killed between the row and its checkpoint
    torch.manual_seed(99)
    interrupted(few, folder, after_steps=17, resume=True)
    manifest = train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=True)
    assert same(weights(folder), weights(whole_run[0]))
    assert not (folder / "checkpoint.pt").exists()
    history = [[{**json.loads(line), "seconds": 0} for line in
                (path / "history.jsonl").read_text().splitlines()]
               for path in (folder, whole_run[0])]
    assert history[0] == history[1]
    # Asked again, a finished run is left as it is.
    assert train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=True) == manifest


def test_resume_wants_the_same_run(few, tmp_path):
    with pytest.raises(RunError, match="leave --resume out"):
        train("DARTS", few, TINY, tmp_path / "run", device="cpu", resume=True)
    interrupted(few, tmp_path / "run", after_steps=7)
    others = [
        (("NASNet", few, TINY), {"seed": 3}, "cell DARTS, not NASNet"),
        (("DARTS", few, TINY), {"seed": 4}, "seed 3, not 4"),
        (("DARTS", few, TINY.but(channels=8)), {"seed": 3}, "channels 4, not 8"),
        (("DARTS", load("digits"), TINY), {"seed": 3}, "other training images"),
    ]
    for arguments, named, message in others:
        with pytest.raises(RunError, match=message):
            train(*arguments, tmp_path / "run", device="cpu", resume=True, **named)


@pytest.mark.parametrize("file, content, named", [
    ("config.json", b"{", "config.json is damaged"),
    ("config.json", b'{"recipe": {"width": 3}}', "config.json is damaged"),
    ("config.json", b'{"recipe": {}, "cell": "DARTS", "data": []}', "config.json is damaged"),
    ("checkpoint.pt", b"no checkpoint", "checkpoint.pt is damaged"),
    ("checkpoint.pt", None, "checkpoint.pt is damaged"),
])
def test_damaged_runs_are_named(few, tmp_path, file, content, named):
    interrupted(few, tmp_path / "run", after_steps=7)
    path = tmp_path / "run" / file
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    with pytest.raises(RunError, match=named):
        train("DARTS", few, TINY, tmp_path / "run", seed=3, device="cpu", resume=True)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    state = {"epoch": 1, "model": {}, "optimizer": {}, "random": {}}
    run_folder.save_checkpoint(tmp_path, state)

    def half_written(descriptor):
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, "fsync", half_written)
        run_folder.save_checkpoint(tmp_path, state | {"epoch": 2})
    assert [path.name for path in tmp_path.iterdir()] == [run_folder.CHECKPOINT]
    assert run_folder.load_checkpoint(tmp_path)["epoch"] == 1


# --- refused --------------------------------------------------------------------------------


def test_folders_that_hold_something_are_left_alone(whole_run, few, tmp_path):
    def refused(folder, message):
        before = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else None
        with pytest.raises(RunError, match=message):
            train("DARTS", few, TINY, folder, seed=3, device="cpu")
        assert before is None or before == sorted(path.name for path in folder.iterdir())

    refused(whole_run[0], "finished artifact; choose another folder with -o")
    interrupted(few, tmp_path / "run", after_steps=7)
    refused(tmp_path / "run", "go on with --resume")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    refused(tmp_path / "mine", "left alone")
    (tmp_path / "file").write_text("keep")
    refused(tmp_path / "file", "not a folder")
    (tmp_path / "empty").mkdir()
    run_folder.start(tmp_path / "empty", {})  # an empty folder will do


def test_an_unknown_cell_leaves_no_folder(few, tmp_path):
    with pytest.raises(LookupError, match="did you mean"):
        train("DARTZ", few, TINY, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_is_one_line_with_the_remedy(few, tmp_path):
    with pytest.raises(DivergedError) as caught:
        train("DARTS", few, TINY.but(learning_rate=1e30), tmp_path / "run", device="cpu")
    assert "smaller --learning-rate" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ArtifactError):
        read_manifest(tmp_path / "run")


@pytest.mark.parametrize("setting, value", [
    ("channels", 0), ("epochs", 1.5), ("batch_size", 1), ("learning_rate", 0.0),
    ("learning_rate", float("nan")), ("drop_path", 1.0), ("label_smoothing", -0.1),
])
def test_recipes_out_of_range(setting, value):
    with pytest.raises(ValueError, match=setting):
        Recipe().but(**{setting: value})


def test_drawn_digits_are_for_digits_only(few, tmp_path):
    other = ImageData("folder", few.train, few.test, few.labels, few.mean, few.std)
    with pytest.raises(ValueError, match="drawn digits"):
        train("DARTS", other, TINY, tmp_path / "run")


def test_the_recipe_of_the_paper():
    recipe = RECIPES["cifar10"]
    assert (recipe.channels, recipe.layers, recipe.epochs, recipe.batch_size) == (36, 20, 600, 96)
    assert (recipe.learning_rate, recipe.momentum, recipe.weight_decay) == (0.025, 0.9, 3e-4)
    assert (recipe.clip_norm, recipe.drop_path, recipe.auxiliary_weight) == (5, 0.2, 0.4)
    assert (recipe.crop_padding, recipe.flip, recipe.cutout) == (4, True, 16)


# --- where and how precisely ----------------------------------------------------------------


def test_devices_and_precisions():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_precision("auto", torch.device("cpu")) == torch.float32
    for name in ("tpu", "cuda:99x"):
        with pytest.raises(ValueError, match="cpu"):
            pick_device(name)
    with pytest.raises(ValueError, match="float32, bfloat16"):
        pick_precision("float8", torch.device("cpu"))


def test_bfloat16_trains(few, tmp_path):
    manifest = train("DARTS", few, TINY.but(epochs=1), tmp_path / "run", device="cpu",
                     precision="bfloat16")
    assert manifest.trained
    assert all(value.dtype != torch.bfloat16 for value in weights(tmp_path / "run").values())


# --- scores ---------------------------------------------------------------------------------


def test_scores_by_class():
    logits = torch.eye(3)[[0, 1, 1, 0]]
    result = score(logits, np.array([0, 1, 0, 0]), 3)
    assert result.accuracy == 0.75 and result.images == 4
    assert result.class_images == [3, 1, 0]
    assert result.class_accuracy[:2] == [pytest.approx(2 / 3), 1.0]


def test_predictions_do_not_depend_on_the_batch(whole_run, few):
    model, _ = load_artifact(whole_run[0])
    sizes = itertools.chain([1, 7], [64])
    logits = [predict(model, few.test.images, few.mean, few.std, batch_size=n) for n in sizes]
    assert torch.allclose(logits[0], logits[2], atol=1e-5)
    assert torch.allclose(logits[1], logits[2], atol=1e-5)
