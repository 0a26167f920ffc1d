"""The training loop: learning, averaging, held-out images, errors, scores."""

import itertools
import json

import numpy as np
import pytest
import torch

from tests.zoo.tiny_runs import MODERN, TINY, history, same, weights
from zoo.artifact.folder import ArtifactError, check_files, check_place, read_manifest
from zoo.data.base import DataError, ImageData, hold_out
from zoo.data.images import load
from zoo.recipes.image import RECIPES, Recipe, recipe
from zoo.runs.run_folder import DivergedError, RunError
from zoo.system.device import pick_device, pick_precision
from zoo.training.classification import train
from zoo.training.evaluation import predict, score
from zoo.training.tasks.image import make_optimizer
from zoo.weights import load_artifact

# --- the files of a run ---------------------------------------------------------------------


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
    assert [row["images"] for row in rows] == [96] * 3  # the odd one of 97 is left out
    steps = [step for step, _, row in reports if row is None]
    assert steps == list(range(1, 3 * 6 + 1))
    assert [row for _, _, row in reports if row] == rows


def test_the_loss_falls(tmp_path):
    data = load("digits")
    settings = recipe("digits").but(channels=4, layers=3, epochs=2, drawings=0)
    train("PDARTS", data, settings, tmp_path / "run", device="cpu")
    first, last = map(json.loads, (tmp_path / "run/history.jsonl").read_text().splitlines())
    assert last["train_loss"] < 0.8 * first["train_loss"]
    assert read_manifest(tmp_path / "run").metrics["test_accuracy"] > 0.5


def test_a_seed_gives_the_same_weights_again_and_another_seed_others(whole_run, few, tmp_path):
    before = torch.get_rng_state()
    train("DARTS", few, TINY, tmp_path / "again", seed=3, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)  # the caller's random state is unchanged
    train("DARTS", few, TINY, tmp_path / "other", seed=4, device="cpu")
    assert same(weights(tmp_path / "again"), weights(whole_run[0]))
    assert not same(weights(tmp_path / "other"), weights(whole_run[0]))


# --- averaged weights, and images held out -----------------------------------------------------

def test_the_average_is_kept(few, tmp_path):
    settings = MODERN.but(validation=0)
    train("DARTS", few, settings, tmp_path / "average", seed=3, device="cpu")
    train("DARTS", few, settings.but(ema_decay=0.0), tmp_path / "last", seed=3, device="cpu")
    # The average differs from the trained weights, and does not change them.
    losses = [[row["train_loss"] for row in history(tmp_path / run)] for run in ("average", "last")]
    assert losses[0] == losses[1]
    assert not same(weights(tmp_path / "average"), weights(tmp_path / "last"))
    assert "valid_accuracy" not in history(tmp_path / "average")[0]


def test_the_best_epoch_on_held_out_images_is_kept(few, tmp_path):
    folder, kept = tmp_path / "run", []

    def report(step, steps, row):
        if row:
            best = torch.load(folder / "best.pt", weights_only=True)
            kept.append((best["epoch"], best["valid_accuracy"], best["model"]))

    train("DARTS", few, MODERN, folder, seed=3, device="cpu", report=report)
    accuracies = [row["valid_accuracy"] for row in history(folder)]
    for epoch, (best, accuracy, _) in enumerate(kept, 1):
        assert accuracy == max(accuracies[:epoch])
        assert best == accuracies.index(accuracy) + 1  # the first of equals
    assert all(accuracy * 20 == pytest.approx(round(accuracy * 20)) for accuracy in accuracies)
    model = kept[-1][2]
    assert all(torch.equal(value, model[name]) for name, value in weights(folder).items())
    assert not (folder / "best.pt").exists()


def test_held_out_images_are_of_all_classes_and_not_trained_on():
    data = load("digits")
    rest, held = hold_out(data, 100, seed=1)
    assert len(held.labels) == 100 and len(rest.train.labels) == len(data.train.labels) - 100
    counts = np.bincount(held.labels, minlength=10)
    assert counts.min() >= 9 and counts.max() <= 11
    sums = [part.sum((1, 2, 3)) for part in (rest.train.images, held.images, data.train.images)]
    assert np.array_equal(np.sort(np.concatenate(sums[:2])), np.sort(sums[2]))
    assert np.array_equal(hold_out(data, 100, seed=1)[1].images, held.images)
    assert rest.test is data.test
    with pytest.raises(DataError, match="cannot hold out 5 of the training images"):
        hold_out(data, 5, seed=1)  # fewer than classes


def test_a_damaged_or_missing_best_is_named(few, tmp_path):
    def spoil(step, steps, row, content=b"no weights"):
        if row and row["epoch"] == 1:
            (tmp_path / "run/best.pt").write_bytes(content)

    with pytest.raises(RunError, match="best.pt is damaged"):
        train("DARTS", few, MODERN, tmp_path / "run", device="cpu", report=spoil)

    def lose(step, steps, row):
        if row and row["epoch"] == 3:
            (tmp_path / "lost/best.pt").unlink()

    with pytest.raises(RunError, match="best.pt is missing"):
        train("DARTS", few, MODERN, tmp_path / "lost", device="cpu", report=lose)


def test_norms_and_biases_are_decayed_only_on_request():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    spared = make_optimizer(model, MODERN).param_groups
    assert [[value.ndim for value in group["params"]] for group in spared] == [[4], [1, 1, 1]]
    assert [group["weight_decay"] for group in spared] == [MODERN.weight_decay, 0]
    (group,) = make_optimizer(model, TINY).param_groups
    assert len(group["params"]) == 4 and group["weight_decay"] == TINY.weight_decay


# --- refused --------------------------------------------------------------------------------


def test_an_unknown_cell_leaves_no_folder(few, tmp_path):
    with pytest.raises(LookupError, match="did you mean"):
        train("DARTZ", few, TINY, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_of_nan_is_one_line_with_the_remedy(few, tmp_path):
    with pytest.raises(DivergedError) as caught:
        train("DARTS", few, TINY.but(learning_rate=1e30), tmp_path / "run", device="cpu")
    assert "smaller --learning-rate" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ArtifactError):
        read_manifest(tmp_path / "run")


def test_diverging_in_the_last_step_writes_no_artifact(few, tmp_path):
    recipe = TINY.but(epochs=1, batch_size=len(few.train.labels), learning_rate=1e38,
                      drawings=0)
    with pytest.raises(DivergedError, match="NaN or infinite after its last epoch; .*smaller"):
        train("DARTS", few, recipe, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run" / "manifest.json").exists()


@pytest.mark.parametrize("setting, value", [
    ("channels", 0), ("epochs", 1.5), ("batch_size", 1), ("learning_rate", 0.0),
    ("learning_rate", float("nan")), ("drop_path", 1.0), ("label_smoothing", -0.1),
    ("weight_decay", -1.0), ("auxiliary_weight", float("nan")), ("cutout", -1),
])
def test_recipes_out_of_range(setting, value):
    with pytest.raises(ValueError, match=setting):
        Recipe().but(**{setting: value})


def test_drawn_digits_are_for_digits_only(few, tmp_path):
    other = ImageData("folder", few.train, few.test, few.labels, few.mean, few.std)
    with pytest.raises(ValueError, match="drawn digits"):
        train("DARTS", other, TINY, tmp_path / "run")


@pytest.mark.parametrize("data", ["cifar10", "cifar100"])
def test_the_cifar_recipe_of_the_paper(data):
    paper = recipe(data)
    assert paper == recipe(data, "paper")
    assert paper == Recipe(  # every setting, independent of the defaults
        network="cifar", channels=36, layers=20, epochs=600, batch_size=96, learning_rate=0.025,
        schedule="cosine", momentum=0.9, nesterov=False, weight_decay=3e-4,
        norm_weight_decay=True, clip_norm=5, ema_decay=0, label_smoothing=0, drop_path=0.2,
        auxiliary_weight=0.4, precision="float32", crop_padding=4, flip=True, cutout=16)


def test_the_imagenet_recipe_of_the_paper():
    assert recipe("imagenet") == recipe("imagenet", "paper") == Recipe(
        network="imagenet", channels=48, layers=14, epochs=250, batch_size=128,
        learning_rate=0.1, schedule="step-decay", decay=0.97, momentum=0.9, nesterov=False,
        weight_decay=3e-5, norm_weight_decay=True, clip_norm=5, ema_decay=0, label_smoothing=0.1,
        drop_path=0, auxiliary_weight=0.4, precision="float32", crop_padding=0, flip=True,
        cutout=0, resized_crop=0.08, color=0.4, hue=0.2)


def test_presets_by_data_set():
    assert {data: set(presets) for data, presets in RECIPES.items()} == {
        "digits": {"small"}, "cifar10": {"paper", "fast", "small"},
        "cifar100": {"paper", "fast", "small"}, "folder": {"paper", "fast", "small"},
        "imagenet": {"paper", "fast"}}
    assert recipe("digits") == recipe("digits", "small")
    small = recipe("cifar10", "small")
    assert (small.channels, small.layers) == (16, 8)
    assert (recipe("cifar10", "fast").channels, recipe("cifar10", "fast").layers) == (36, 20)
    for data, preset, words in (("digits", "fast", "digits has no preset 'fast'; there are small"),
                                ("cifar10", "quick", "there are paper, fast, small"),
                                ("mnist", None, "no recipe for 'mnist'; there are digits")):
        with pytest.raises(ValueError, match=words):
            recipe(data, preset)


# --- devices and precisions -----------------------------------------------------------------


def test_devices_and_precisions():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_precision("auto", torch.device("cpu")) == torch.float32
    for name in ("tpu", "cuda:99x"):
        with pytest.raises(ValueError, match="cpu"):
            pick_device(name)
    with pytest.raises(ValueError, match="no device 'cpu:1'"):
        pick_device("cpu:1")
    with pytest.raises(ValueError, match="float32, bfloat16"):
        pick_precision("float8", torch.device("cpu"))


def test_missing_devices_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ValueError, match="no device 'cuda:2'"):
        pick_device("cuda:2")


def test_bfloat16_trains(few, tmp_path):
    for precision in ("bfloat16", "float32"):
        manifest = train("DARTS", few, TINY.but(epochs=1), tmp_path / precision, device="cpu",
                         precision=precision)
        assert manifest.trained
        config = json.loads((tmp_path / precision / "config.json").read_text())
        assert config["precision"] == precision
    short = weights(tmp_path / "bfloat16")
    assert all(value.dtype != torch.bfloat16 for value in short.values())
    assert not same(short, weights(tmp_path / "float32"))


# --- scores ---------------------------------------------------------------------------------


def test_scores_by_class():
    logits = torch.eye(3)[[0, 1, 1, 0]]
    result = score(logits, np.array([0, 1, 0, 0]), 3)
    assert result.accuracy == 0.75 and result.images == 4
    assert result.class_images == [3, 1, 0]
    assert result.class_accuracy[:2] == [pytest.approx(2 / 3), 1.0]
    assert np.isnan(result.class_accuracy[2]) and result.top5_accuracy is None
    assert result.confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_top_5_accuracy_of_many_classes():
    logits = -torch.arange(12.0).repeat(3, 1)  # the first five classes are named
    result = score(logits, np.array([0, 4, 5]), 12)
    assert result.accuracy == pytest.approx(1 / 3) and result.top5_accuracy == pytest.approx(2 / 3)


def test_predictions_do_not_depend_on_the_batch(whole_run, few):
    model, _ = load_artifact(whole_run[0])
    sizes = itertools.chain([1, 7], [64])
    logits = [predict(model, few.test.images, few.mean, few.std, batch_size=n) for n in sizes]
    assert torch.allclose(logits[0], logits[2], atol=1e-5)
    assert torch.allclose(logits[1], logits[2], atol=1e-5)
