# ruff: noqa: F811 (fixtures of tests.zoo.waves are imported and are names of arguments)
"""Training a language model: the loss equals the reference, runs resume with the same bits, and the
model learns."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import zoo
from tests.golden.fill import fill, labels, tensor
from tests.zoo.waves import TINY, run, text, waves  # noqa: F401
from zoo import weights
from zoo.artifact.folder import read_manifest, read_vocabulary
from zoo.commands.release_weights import ship
from zoo.data.base import DataError
from zoo.data.text import TextData, load_text, named_text
from zoo.data.text_batches import random_lengths
from zoo.models import lstm
from zoo.models.recurrent import LanguageModel
from zoo.recipes.language import LanguageRecipe, language_recipe
from zoo.runs.run_folder import RunError, load_checkpoint
from zoo.training import language_modeling, lstm_baseline
from zoo.training.losses import mean_loss, perplexity, regularized, training_loss
from zoo.training.tasks.language import LanguageTask
from zoo.training.trainer import Trainer
from zoo.weights import WeightsError, load_artifact

CASES = [case for case in json.loads(
    (Path(__file__).parents[2] / "golden" / "networks.json").read_text(encoding="utf-8"))
    if case["network"] == "language"]
AVERAGED = TINY.but(optimizer="nt-asgd", ema_decay=0.0, schedule="constant", random_bptt=True,
                    learning_rate=5.0, weight_decay=1e-6, clip_norm=0.25, nonmonotone=1, epochs=5)


# --- the loss -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=[case["genotype"] for case in CASES])
def test_the_training_loss_equals_the_reference(case):
    name = case["genotype"] + "_RNN"
    model = fill(zoo.create_model(name, "language", vocabulary=case["vocabulary"],
                                  embedding=case["embedding"], hidden=case["hidden"]).double())
    time, batch = case["input_shape"]
    tokens = labels("input", (time, batch), case["vocabulary"])
    hidden = tensor("hidden", (1, batch, case["hidden"]))
    golden = torch.tensor(case["log_prob"], dtype=torch.float64).view(time, batch, -1)[:-1]
    expected = -golden.gather(2, tokens[1:, :, None]).mean()
    found = training_loss(model.train(), tokens[:-1], tokens[1:].flatten(), hidden)
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-9)
    # The outputs of the reference from its log probabilities: W h + b = log p + a constant per row.
    weight = model.decoder.weight.detach()
    columns = torch.cat([weight, torch.ones(len(weight), 1)], dim=1)
    solved = torch.linalg.lstsq(columns, (golden - model.decoder.bias.detach()).flatten(0, 1).t())
    outputs = solved.solution[:-1].t().view(*golden.shape[:2], -1)
    beta, alpha = 70.0, 30.0
    expected += beta * (outputs[1:] - outputs[:-1]).pow(2).mean() + alpha * outputs.pow(2).mean()
    found = training_loss(model, tokens[:-1], tokens[1:].flatten(), hidden, alpha, beta)
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-9)
    assert found.loss.item() > found.prediction.item() + 0.01


def test_the_regularizers_see_the_outputs_before_and_after_dropout():
    outputs, dropped = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    found = regularized(torch.tensor(1.0), outputs, dropped, 0.5, 0.25).item()
    expected = 1 + 0.5 * dropped.pow(2).mean() + 0.25 * (outputs[1:] - outputs[:-1]).pow(2).mean()
    assert found == pytest.approx(expected.item(), rel=1e-6)


def test_the_gradient_stays_within_a_sequence():
    model = LanguageModel(zoo.genotype("ENAS_RNN"), 5, 8, 8)
    hidden = torch.ones(1, 2, 8, requires_grad=True)
    tokens = torch.zeros(3, 2, dtype=torch.int64)
    training_loss(model, tokens, tokens.flatten(), hidden).loss.backward()
    assert hidden.grad is None


# --- the recipes ----------------------------------------------------------------------------


def test_the_published_recipes():
    recipe = language_recipe("ptb")
    assert recipe == language_recipe("ptb", "paper")
    assert (recipe.hidden, recipe.batch_size, recipe.bptt, recipe.learning_rate) == (
        850, 64, 35, 20.0)
    assert (recipe.weight_decay, recipe.clip_norm, recipe.nonmonotone, recipe.epochs) == (
        8e-7, 0.25, 5, 8000)
    assert recipe.dropouts() == {
        "dropout": 0.75, "dropout_words": 0.1, "dropout_embedding": 0.2, "dropout_hidden": 0.25,
        "dropout_input": 0.75}
    assert (recipe.ar_weight, recipe.tar_weight) == (0.0, 1e-3)
    wikitext = language_recipe("wikitext2")
    assert wikitext == recipe.but(hidden=700, weight_decay=5e-7, dropout_hidden=0.15)
    assert language_recipe("my-book") == language_recipe("my-book", "small")


@pytest.mark.parametrize("setting, value", [
    ("epochs", 0), ("hidden", 1.5), ("learning_rate", 0), ("dropout", 1.0), ("optimizer", "adam"),
    ("schedule", "linear"), ("ema_decay", 0.9)])
def test_recipes_out_of_range(setting, value):
    with pytest.raises(ValueError, match=setting):
        LanguageRecipe(**{setting: value})


def test_random_lengths_are_those_of_the_release():
    lengths = random_lengths(10**6, 35, np.random.default_rng(0))
    assert sum(lengths) >= 10**6 - 2 > sum(lengths[:-1])
    assert min(lengths) == 5 and max(lengths) <= 55
    # Truncated to integers: one in twenty around 17, the others around 34.5.
    assert np.mean(lengths) == pytest.approx(0.95 * 34.5 + 0.05 * 17, abs=0.3)
    assert np.mean(np.array(lengths) < 22) == pytest.approx(0.046, abs=0.01)


def trainer_of(text, recipe):
    task = LanguageTask(lambda: LanguageModel(zoo.genotype("DARTS_V1_RNN"), 4, 8, 8), text.train,
                        recipe, torch.device("cpu"))
    return Trainer(task, Path("nowhere"), 0, torch.device("cpu"))


def test_the_rate_is_in_proportion_to_the_length(text, monkeypatch):
    training = trainer_of(text, AVERAGED)
    rates, lengths = [], training.task.lengths(0, 0)
    step = training.optimizer.step
    monkeypatch.setattr(training.optimizer, "step", lambda: (
        rates.append(training.optimizer.param_groups[0]["lr"]), step()))
    row = training.epoch()
    assert rates == pytest.approx([5.0 * length / 10 for length in lengths])
    assert row["tokens"] == (training.task.length - (sum(lengths) == training.task.length - 1)) * 8


# --- a run ----------------------------------------------------------------------------------


def test_a_finished_run_is_an_artifact(run, text):
    folder, manifest, rows = run
    assert read_manifest(folder) == manifest
    assert manifest.task == "language-model-step" and manifest.trained
    assert manifest.network.settings() == {"vocabulary": 4, "embedding": 16, "hidden": 16}
    assert (manifest.input.unit, manifest.input.data) == ("char", "waves")
    assert read_vocabulary(folder, manifest) == list("abcd")
    model, _ = load_artifact(folder)
    assert manifest.metrics["test_perplexity"] == pytest.approx(
        perplexity(mean_loss(model, text.test)))
    assert manifest.metrics["test_perplexity"] < 1.6  # 3.8 from the letter frequencies alone
    assert not (folder / "checkpoint.pt").exists() and not (folder / "best.pt").exists()
    assert list((folder / "tb").glob("events.out.tfevents.*"))
    assert [row["epoch"] for _, _, row in rows if row] == [1, 2, 3]
    done = [done for done, _, _ in rows]
    assert done == sorted(done) and done[-1] == rows[-1][1] == 3 * (2400 - 8)


def test_the_history_of_a_run(run):
    folder, manifest, _ = run
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert rows[-1]["valid_loss"] < rows[0]["valid_loss"]
    for row in rows:
        assert row["valid_perplexity"] == pytest.approx(math.exp(row["valid_loss"]))
        assert row["valid_bits_per_character"] == pytest.approx(row["valid_loss"] / math.log(2))
        assert row["optimizer"] == "adamw" and row["seconds"] > 0 and row["tokens"] == 2400 - 8
    best = min(rows, key=lambda row: row["valid_loss"])
    assert manifest.metrics["best_epoch"] == best["epoch"]
    assert manifest.metrics["valid_perplexity"] == pytest.approx(best["valid_perplexity"])


@pytest.mark.parametrize("recipe", [TINY, AVERAGED], ids=["adamw", "nt-asgd"])
def test_resume_gives_the_same_bits(tmp_path, recipe, monkeypatch):
    text, end_epoch = waves(100), LanguageTask.end_epoch
    # Pretend that the third epoch is bad, which no machine guarantees.
    monkeypatch.setattr(LanguageTask, "end_epoch", lambda task, row: end_epoch(
        task, row | {"valid_loss": 9.0} if row["epoch"] == 3 else row))

    def train(folder, stop_after=None, resume=False):
        def report(done, total, row):
            if row is None and stop_after and done > stop_after * (len(text.train) - 8):
                raise KeyboardInterrupt

        return language_modeling.train("ENAS_RNN", text, recipe, tmp_path / folder, resume=resume,
                                    seed=3, report=report)

    whole = train("whole")
    for epochs in (1, recipe.epochs - 1):
        with pytest.raises(KeyboardInterrupt):
            train("parts", epochs, resume=epochs > 1)
    state = load_checkpoint(tmp_path / "parts", "stage")
    assert state["stage"] == {"adamw": "adamw", "nt-asgd": "asgd"}[recipe.optimizer]
    before = torch.get_rng_state()
    parts = train("parts", resume=True)
    assert torch.equal(torch.get_rng_state(), before)
    assert parts.files["model.safetensors"] == whole.files["model.safetensors"]
    histories = [[json.loads(line) | {"seconds": 0} for line in
                  (tmp_path / folder / "history.jsonl").read_text().splitlines()]
                 for folder in ("whole", "parts")]
    assert histories[0] == histories[1]
    assert train("parts", resume=True) == parts  # finished: nothing is repeated
    with pytest.raises(RunError, match="started with seed 3, not 0"):
        language_modeling.train("ENAS_RNN", text, recipe, tmp_path / "parts", resume=True)
    other = dataclasses.replace(text, train=text.train[::-1].copy())
    with pytest.raises(RunError, match="another text; give the same --data"):
        language_modeling.train("ENAS_RNN", other, recipe, tmp_path / "parts", resume=True, seed=3)


def test_averaging_begins_when_validation_gets_worse(text):
    training = trainer_of(text, AVERAGED.but(nonmonotone=2))
    task, model, stages = training.task, training.model, []
    for loss in (5.0, 4.0, 3.0, 3.5, 3.9, 4.1):  # the last is worse than the third-last best: 4.0
        if task.end_epoch({"valid_loss": loss}):
            training.optimizer = task.optimizer(model)
        stages.append(task.stage)
    assert stages == ["sgd"] * 3 + ["sgd", "sgd", "asgd"]
    seen = []
    step = training.optimizer.step
    training.optimizer.step = lambda: (step(), seen.append(model.encoder.weight.detach().clone()))
    training.epoch()
    current = model.encoder.weight.detach().clone()
    with training.eval_model() as averaged:
        assert torch.allclose(averaged.encoder.weight, torch.stack(seen[1:]).mean(0), atol=1e-5)
        assert (averaged.encoder.weight - current).abs().max() > 1e-4
    assert torch.equal(model.encoder.weight, current)


def test_tied_weights_are_averaged_once(text):
    training = trainer_of(text, TINY.but(ema_decay=0.99))
    model = training.model
    before, steps = model.encoder.weight.detach().clone(), []
    step = training.optimizer.step
    training.optimizer.step = lambda: (step(), steps.append(model.encoder.weight.detach().clone()))
    training.epoch()
    expected = before
    for number, weight in enumerate(steps, 1):
        keep = min(0.99, (1 + number) / (10 + number))
        expected = keep * expected + (1 - keep) * weight
    with training.eval_model() as averaged:
        assert torch.allclose(averaged.encoder.weight, expected, atol=1e-6)
        assert averaged.decoder.weight is averaged.encoder.weight


def test_refused(text, tmp_path):
    with pytest.raises(ValueError, match="is not a recurrent cell"):
        language_modeling.train("DARTS_V2", text, TINY, tmp_path / "run")
    with pytest.raises(DataError, match="smaller --batch-size"):
        language_modeling.train("ENAS_RNN", text, TINY.but(batch_size=2000), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_every_split_of_a_text_is_checked_before_training(part, tmp_path):
    for split in ("train", "valid", "test"):
        words = "" if split == part else "a b c d e f g h"
        (tmp_path / f"{split}.txt").write_text(f"{words}\n" if words else "x", encoding="utf-8")
    with pytest.raises(DataError, match=f"the {part} text of .* has 1 chars"):
        load_text("ptb", tmp_path, "char")


def test_a_text_of_two_rows_is_refused_for_random_lengths(tmp_path):
    ids = np.arange(20) % 4
    data = TextData("short", "char", ids, ids, ids, list("abcd"))
    with pytest.raises(DataError, match="20 tokens make 8 columns of 2, at least 3 are needed"):
        language_modeling.train("DARTS_V2_RNN", data, AVERAGED, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_bfloat16_trains(text, tmp_path):
    folders = [tmp_path / kind for kind in ("bfloat16", "float32")]
    found = [language_modeling.train("DARTS_V2_RNN", text, TINY, folder, precision=folder.name)
             for folder in folders]
    assert [json.loads((folder / "config.json").read_text())["precision"] for folder in folders] \
        == ["bfloat16", "float32"]
    losses = [manifest.metrics["test_perplexity"] for manifest in found]
    assert losses[0] != losses[1] and max(losses) < 1.7


# --- the LSTM baseline ----------------------------------------------------------------------


def test_an_lstm_of_equal_parameters_is_trained_by_the_same_loop(text, tmp_path):
    wanted = sum(value.numel() for value in zoo.create_model(
        "DARTS_V2_RNN", "language", vocabulary=4, embedding=16, hidden=16).parameters())
    facts = lstm_baseline.train(wanted, text, TINY, tmp_path / "lstm")
    model = lstm.LSTMModel(4, facts["hidden"])
    assert facts["parameters"] == sum(value.numel() for value in model.parameters())
    assert facts["parameters"] == pytest.approx(wanted, rel=0.05)
    assert facts["test_perplexity"] < 1.6
    assert lstm_baseline.train(wanted, text, TINY, tmp_path / "lstm", resume=True)[
        "test_perplexity"] == facts["test_perplexity"]


def test_the_lstm_keeps_its_state_in_float32():
    model = lstm.LSTMModel(5, 6)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, state = model.rnns[0](torch.randn(3, 2, 6), model.initial_hidden(2))
    assert outputs.dtype == state.dtype == torch.float32


def test_the_lstm_carries_its_state():
    torch.manual_seed(0)
    model = lstm.LSTMModel(5, 6).eval()
    tokens = torch.randint(5, (7, 3))
    whole, last, _, _ = model.logits(tokens, model.initial_hidden(3))
    first, hidden, _, _ = model.logits(tokens[:4], model.initial_hidden(3))
    second, end, _, _ = model.logits(tokens[4:], hidden)
    assert torch.allclose(torch.cat([first, second]), whole, atol=1e-6)
    assert torch.allclose(end, last, atol=1e-6) and end.shape == (2, 3, 6)


def test_shipped_weights_bring_vocabulary_and_figures(text, tmp_path, monkeypatch):
    folder = tmp_path / "DARTS_V2_RNN-shakespeare"
    (tmp_path / "shakespeare.txt").write_text("abcdcb" * 500, encoding="utf-8")
    data = named_text(str(tmp_path / "shakespeare.txt"))
    language_modeling.train("DARTS_V2_RNN", data, TINY.but(epochs=1), folder)
    facts = lstm_baseline.train(500, data, TINY.but(epochs=1), tmp_path / "lstm")
    card = ship(folder, tmp_path / "shipped", text=str(tmp_path / "shakespeare.txt"),
                lstm=tmp_path / "lstm")
    assert card["vocabulary"] == list("abcd") and card["unit"] == "char"
    assert card["lstm_perplexity"] == facts["test_perplexity"]
    assert card["lstm_parameters"] == facts["parameters"] and "public domain" in card["licence"]
    assert card["test_perplexity"] == pytest.approx(
        read_manifest(folder).metrics["test_perplexity"], rel=0.01)  # of rounded weights
    monkeypatch.setattr(weights, "HERE", tmp_path / "shipped")
    model = zoo.create_model("DARTS_V2_RNN", "language", weights="shakespeare")
    assert model.settings["hidden"] == 16 and not model.training
    assert perplexity(mean_loss(model, data.test)) == pytest.approx(card["test_perplexity"])
    assert len(zoo.generate(model, "abc", 20)) == 20
    with pytest.raises(WeightsError, match="is not the training text"):
        ship(folder, tmp_path / "other", text="sample")
    with pytest.raises(WeightsError, match="is an LSTM trained on waves, not on shakespeare"):
        lstm_baseline.train(500, text, TINY.but(epochs=1), tmp_path / "waves")
        ship(folder, tmp_path / "other", text=str(tmp_path / "shakespeare.txt"),
             lstm=tmp_path / "waves")
