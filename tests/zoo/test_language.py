"""Training a language model: its loss is the reference's, runs go on with the same bits, what it
writes is what it has learned."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import zoo
from tests.golden.fill import fill, labels, tensor
from zoo import lstm, train_language, weights, writing
from zoo.artifact import read_manifest, read_vocabulary
from zoo.cli import app
from zoo.datasets import DataError
from zoo.language_loss import mean_loss, perplexity, regularised, training_loss
from zoo.language_recipe import LanguageRecipe, language_recipe
from zoo.language_training import Training
from zoo.recurrent import LanguageModel
from zoo.run_folder import RunError, load_checkpoint
from zoo.text import TextData, named_text
from zoo.text_batches import random_lengths
from zoo.train import DivergedError
from zoo.weights import WeightsError, load_artifact
from zoo.weights.__main__ import ship

CASES = [case for case in json.loads(
    (Path(__file__).parent.parent / "golden" / "networks.json").read_text(encoding="utf-8"))
    if case["network"] == "language"]
TINY = language_recipe("sample", "small").but(
    hidden=16, batch_size=8, time=10, epochs=3, learning_rate=2e-2, average=0.9,
    dropout_hidden=0.1, dropout_words=0.1)
AVERAGED = TINY.but(optimizer="nt-asgd", average=0.0, schedule="constant", random_time=True,
                    learning_rate=5.0, weight_decay=1e-6, clip_norm=0.25, nonmonotone=1, epochs=5)


@pytest.fixture(scope="module")
def text() -> TextData:
    """Rises and falls: what comes next depends on what came before."""
    ids = np.array(([0, 1, 2, 3, 2, 1] * 500), np.int64)
    return TextData("waves", "char", ids[:2400], ids[2400:2700], ids[2700:], list("abcd"))


@pytest.fixture(scope="module")
def run(text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    rows = []
    manifest = train_language.train("DARTS_V2_RNN", text, TINY, folder, report=lambda *what:
                                    rows.append(what), events=True)
    return folder, manifest, rows


def command(*arguments, code=0):
    """What the command printed; the error line when it must fail."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr.strip().splitlines()[-1]


# --- the loss -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=[case["genotype"] for case in CASES])
def test_the_training_loss_is_that_of_the_reference(case):
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
    # The outputs behind the reference's log probabilities: W h + b = log p + a number a row.
    weight = model.decoder.weight.detach()
    columns = torch.cat([weight, torch.ones(len(weight), 1)], dim=1)
    solved = torch.linalg.lstsq(columns, (golden - model.decoder.bias.detach()).flatten(0, 1).t())
    outputs = solved.solution[:-1].t().view(*golden.shape[:2], -1)
    beta, alpha = 70.0, 30.0
    expected += beta * (outputs[1:] - outputs[:-1]).pow(2).mean() + alpha * outputs.pow(2).mean()
    found = training_loss(model, tokens[:-1], tokens[1:].flatten(), hidden, alpha, beta)
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-9)
    assert found.loss.item() > found.prediction.item() + 0.01


def test_the_regularisers_see_the_outputs_before_and_after_dropout():
    outputs, dropped = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    found = regularised(torch.tensor(1.0), outputs, dropped, 0.5, 0.25).item()
    expected = 1 + 0.5 * dropped.pow(2).mean() + 0.25 * (outputs[1:] - outputs[:-1]).pow(2).mean()
    assert found == pytest.approx(expected.item(), rel=1e-6)


def test_the_gradient_stays_within_a_stretch():
    model = LanguageModel(zoo.genotype("ENAS_RNN"), 5, 8, 8)
    hidden = torch.ones(1, 2, 8, requires_grad=True)
    tokens = torch.zeros(3, 2, dtype=torch.int64)
    training_loss(model, tokens, tokens.flatten(), hidden).loss.backward()
    assert hidden.grad is None


# --- the recipes ----------------------------------------------------------------------------


def test_the_published_recipes():
    recipe = language_recipe("ptb")
    assert recipe == language_recipe("ptb", "paper")
    assert (recipe.hidden, recipe.batch_size, recipe.time, recipe.learning_rate) == (
        850, 64, 35, 20.0)
    assert (recipe.weight_decay, recipe.clip_norm, recipe.nonmonotone, recipe.epochs) == (
        8e-7, 0.25, 5, 8000)
    assert recipe.dropouts() == {
        "dropout": 0.75, "dropout_words": 0.1, "dropout_embedding": 0.2, "dropout_hidden": 0.25,
        "dropout_input": 0.75}
    assert (recipe.activation, recipe.slowness) == (0.0, 1e-3)
    wikitext = language_recipe("wikitext2")
    assert wikitext == recipe.but(hidden=700, weight_decay=5e-7, dropout_hidden=0.15)
    assert language_recipe("my-book") == language_recipe("my-book", "small")


@pytest.mark.parametrize("setting, value", [
    ("epochs", 0), ("hidden", 1.5), ("learning_rate", 0), ("dropout", 1.0), ("optimizer", "adam"),
    ("schedule", "linear"), ("average", 0.9)])
def test_recipes_out_of_range(setting, value):
    with pytest.raises(ValueError, match="average" if setting == "average" else setting):
        LanguageRecipe(**{setting: value})


def test_random_lengths_are_those_of_the_release():
    lengths = random_lengths(10**6, 35, np.random.default_rng(0))
    assert sum(lengths) >= 10**6 - 2 > sum(lengths[:-1])
    assert min(lengths) == 5 and max(lengths) <= 55
    # Cut to whole numbers: one of twenty around 17, the others around 34.5.
    assert np.mean(lengths) == pytest.approx(0.95 * 34.5 + 0.05 * 17, abs=0.3)
    assert np.mean(np.array(lengths) < 22) == pytest.approx(0.046, abs=0.01)


def test_the_rate_is_in_proportion_to_the_length(text, monkeypatch):
    model = LanguageModel(zoo.genotype("DARTS_V1_RNN"), 4, 8, 8)
    training = Training(model, text.train, AVERAGED, 0, torch.device("cpu"))
    rates, lengths = [], training.lengths()
    step = training.optimizer.step
    monkeypatch.setattr(training.optimizer, "step", lambda: (
        rates.append(training.optimizer.param_groups[0]["lr"]), step()))
    row = training.epoch()
    assert rates == pytest.approx([5.0 * length / 10 for length in lengths])
    assert row["tokens"] == training.tokens - (sum(lengths) == len(training.text) - 2) * 8


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
    assert manifest.metrics["test_perplexity"] < 1.6  # 3.8 by how frequent each letter is
    assert not (folder / "checkpoint.pt").exists() and not (folder / "best.pt").exists()
    assert list((folder / "tb").glob("events.out.tfevents.*"))
    assert [row["epoch"] for _, _, row in rows if row] == [1, 2, 3]
    done = [done for done, _, _ in rows]
    assert done == sorted(done) and done[-1] == rows[-1][1] == 3 * (2400 - 8)


def test_the_history_says_how_it_went(run):
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
def test_resume_gives_the_same_bits(text, tmp_path, recipe, monkeypatch):
    note = Training.note
    # As if the third epoch had been a bad one, which it is on no machine for sure.
    monkeypatch.setattr(Training, "note", lambda training, loss: note(
        training, 9.0 if training.epochs == 3 else loss))

    def train(folder, stop_after=None, resume=False):
        def report(done, total, row):
            if row is None and stop_after and done > stop_after * (2400 - 8):
                raise KeyboardInterrupt

        return train_language.train("ENAS_RNN", text, recipe, tmp_path / folder, resume=resume,
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
    assert train("parts", resume=True) == parts  # finished: nothing is done again
    with pytest.raises(RunError, match="started with seed 3, not 0"):
        train_language.train("ENAS_RNN", text, recipe, tmp_path / "parts", resume=True)
    other = dataclasses.replace(text, train=text.train[::-1].copy())
    with pytest.raises(RunError, match="another text; give the same --data"):
        train_language.train("ENAS_RNN", other, recipe, tmp_path / "parts", resume=True, seed=3)


def test_averaging_begins_when_validation_gets_worse(text):
    model = LanguageModel(zoo.genotype("DARTS_V1_RNN"), 4, 8, 8)
    training = Training(model, text.train, AVERAGED.but(nonmonotone=2), 0, torch.device("cpu"))
    stages = []
    for loss in (5.0, 4.0, 3.0, 3.5, 3.9, 4.1):  # the last is worse than the best but two: 4.0
        training.note(loss)
        stages.append(training.stage)
    assert stages == ["sgd"] * 3 + ["sgd", "sgd", "asgd"]
    seen = []
    step = training.optimizer.step
    training.optimizer.step = lambda: (step(), seen.append(model.encoder.weight.detach().clone()))
    training.epoch()
    current = model.encoder.weight.detach().clone()
    with training.judged() as judged:
        assert torch.allclose(judged.encoder.weight, torch.stack(seen[1:]).mean(0), atol=1e-5)
        assert (judged.encoder.weight - current).abs().max() > 1e-4
    assert torch.equal(model.encoder.weight, current)


def test_tied_weights_are_averaged_once(text):
    model = LanguageModel(zoo.genotype("DARTS_V1_RNN"), 4, 8, 8)
    training = Training(model, text.train, TINY.but(average=0.99), 0, torch.device("cpu"))
    before, steps = model.encoder.weight.detach().clone(), []
    step = training.optimizer.step
    training.optimizer.step = lambda: (step(), steps.append(model.encoder.weight.detach().clone()))
    training.epoch()
    expected = before
    for number, weight in enumerate(steps, 1):
        keep = min(0.99, (1 + number) / (10 + number))
        expected = keep * expected + (1 - keep) * weight
    with training.judged() as judged:
        assert torch.allclose(judged.encoder.weight, expected, atol=1e-6)
        assert judged.decoder.weight is judged.encoder.weight


def test_a_loss_that_is_no_number_is_one_line_with_the_remedy(text, tmp_path):
    with pytest.raises(DivergedError, match="smaller --learning-rate"):
        train_language.train("DARTS_V2_RNN", text, TINY.but(learning_rate=1e30), tmp_path / "run")


def test_refused(text, tmp_path, monkeypatch):
    with monkeypatch.context() as several:
        several.setenv("WORLD_SIZE", "2")
        with pytest.raises(ValueError, match="start it without torchrun"):
            train_language.train("ENAS_RNN", text, TINY, tmp_path / "run")
    with pytest.raises(ValueError, match="is not a recurrent cell"):
        train_language.train("DARTS_V2", text, TINY, tmp_path / "run")
    with pytest.raises(DataError, match="smaller --batch-size"):
        train_language.train("ENAS_RNN", text, TINY.but(batch_size=2000), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_bfloat16_trains(text, tmp_path):
    manifest = train_language.train("DARTS_V2_RNN", text, TINY, tmp_path / "run",
                                    precision="bfloat16")
    assert manifest.metrics["test_perplexity"] < 1.7


# --- the yardstick --------------------------------------------------------------------------


def test_an_lstm_of_equal_parameters_is_trained_by_the_same_loop(text, tmp_path):
    wanted = sum(value.numel() for value in zoo.create_model(
        "DARTS_V2_RNN", "language", vocabulary=4, embedding=16, hidden=16).parameters())
    facts = lstm.train(wanted, text, TINY, tmp_path / "lstm")
    model = lstm.LSTMModel(4, facts["hidden"])
    assert facts["parameters"] == sum(value.numel() for value in model.parameters())
    assert facts["parameters"] == pytest.approx(wanted, rel=0.05)
    assert facts["test_perplexity"] < 1.6
    assert lstm.train(wanted, text, TINY, tmp_path / "lstm", resume=True)[
        "test_perplexity"] == facts["test_perplexity"]


def test_the_lstm_hands_its_state_on():
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
    train_language.train("DARTS_V2_RNN", data, TINY.but(epochs=1), folder)
    facts = lstm.train(500, data, TINY.but(epochs=1), tmp_path / "lstm")
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
    with pytest.raises(WeightsError, match="is not the text"):
        ship(folder, tmp_path / "other", text="sample")
    with pytest.raises(WeightsError, match="is an LSTM of waves, not of shakespeare"):
        lstm.train(500, text, TINY.but(epochs=1), tmp_path / "waves")
        ship(folder, tmp_path / "other", text=str(tmp_path / "shakespeare.txt"),
             lstm=tmp_path / "waves")


# --- writing --------------------------------------------------------------------------------


def test_it_writes_what_it_has_learned(run):
    folder, _, _ = run
    written = zoo.generate(folder, "abcd", 50, temperature=0)
    assert written.startswith("cba")
    model, manifest = load_artifact(folder)
    ids = [0, 1, 2, 3]
    for _ in range(50):  # the whole text again for every token: no state is carried
        log_prob, _ = model(torch.tensor(ids)[:, None], model.initial_hidden(1))
        ids.append(int(log_prob[-1, 0].argmax()))
    assert written == "".join("abcd"[number] for number in ids[4:])


def test_a_seed_writes_the_same_again(run):
    folder, _, _ = run
    first, again, other = (zoo.generate(folder, "a", 80, temperature=2.0, seed=seed)
                           for seed in (1, 1, 2))
    assert first == again != other and len(first) == 80


def test_draws_follow_the_probabilities():
    logits = np.log(np.array([0.2, 0.5, 0.3], np.float32))
    random = writing.mulberry32(5)
    drawn = [writing.choose(logits, 1.0, random) for _ in range(4000)]
    assert np.bincount(drawn) / 4000 == pytest.approx([0.2, 0.5, 0.3], abs=0.03)
    assert writing.choose(np.array([1, 3, 3], np.float32), 0, random) == 1
    cold = {writing.choose(logits, 0.05, random) for _ in range(100)}
    assert cold == {1}


def test_the_generator_is_mulberry32():
    assert [next(writing.mulberry32(0))] == [0.26642920868471265]  # the first one of the page


def test_prompts_in_words():
    vocabulary = ["the", "cat", "<eos>"]
    assert writing.read("the\ncat", vocabulary, "word") == [0, 2, 1]
    assert writing.read("", vocabulary, "word") == [2]
    assert writing.read("", ["a", "\n"], "char") == [1]
    with pytest.raises(ValueError, match="does not know the word 'dog'"):
        writing.read("the dog", vocabulary, "word")


def test_a_model_without_a_vocabulary_writes_nothing():
    with pytest.raises(ValueError, match="the model has no vocabulary"):
        zoo.generate(zoo.create_model("ENAS_RNN", "language", vocabulary=5, embedding=4, hidden=4))


# --- as typed -------------------------------------------------------------------------------


def test_train_eval_and_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "waves.txt").write_text("abcdcb" * 500 + "\n", encoding="utf-8")
    said = command("train", "DARTS_V2_RNN", "--data", "waves.txt", "--preset", "small", "--epochs",
                   "2", "--hidden", "12", "--batch-size", "8", "--learning-rate", "0.02")
    folder = tmp_path / "runs" / "DARTS_V2_RNN-waves"
    assert said.startswith(f"{folder.relative_to(tmp_path)}: perplexity ")
    config = json.loads((folder / "config.json").read_text())
    assert (config["recipe"]["hidden"], config["by"], config["data"]) == (12, "char", "waves")
    assert "waves" in command("train", "DARTS_V2_RNN", "--data", "waves.txt", "--resume")
    measured = command("eval", folder, "--data", "waves.txt")
    metrics = read_manifest(folder).metrics
    assert f"perplexity {metrics['test_perplexity']:.2f}" in measured
    found = json.loads(command("eval", folder, "--data", "waves.txt", "--json"))
    assert found["test_perplexity"] == pytest.approx(metrics["test_perplexity"])
    assert command("write", folder, "--prompt", "ab", "-n", 30, "--temperature", 0).strip() \
        == "ab" + zoo.generate(folder, "ab", 30, 0).strip()
    (tmp_path / "other.txt").write_text("abxd" * 500, encoding="utf-8")
    assert "has other chars than" in command("eval", folder, "--data", "other.txt", code=1)
    assert "no text file and no known text" in command("eval", folder, code=1)
    assert "does not know the character 'é'" in command("write", folder, "--prompt", "é", code=1)


@pytest.mark.parametrize("arguments, said", [
    (["DARTS_V2_RNN", "--data", "wikitext"], "did you mean wikitext2?"),
    (["DARTS_V2_RNN", "--preset", "big"], "choose paper or fast or small"),
    (["DARTS_V2_RNN", "--channels", "8"], "--channels is a setting of an image network"),
    (["DARTS_V2", "--network", "language"], "DARTS_V2 is not a recurrent cell"),
    (["DARTS_V2", "--hidden", "8"], "--hidden is a setting of a language model"),
    (["DARTS_V2_RNN", "--resume", "-o", "nowhere"], "holds no training to resume"),
])
def test_train_refuses(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = command("train", *arguments, code=1)
    assert line.startswith("error: ") and said in line
    assert not list(tmp_path.iterdir())


def test_write_refuses_what_is_not_there(tmp_path):
    assert "there is no folder" in command("write", tmp_path / "nothing", code=1)
    assert "no weights of ENAS_RNN for 'nonsense' are shipped" in command(
        "write", "ENAS_RNN", "--weights", "nonsense", code=1)
