# ruff: noqa: F811 (fixtures of tests.zoo.waves are imported and are names of arguments)
"""Text generation, and language models on the command line: train, eval, generate."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import zoo
from tests.zoo.waves import run, text  # noqa: F401
from zoo import generation
from zoo.artifact.folder import read_manifest
from zoo.cli import app
from zoo.data.text import named_text
from zoo.weights import load_artifact


def command(*arguments, code=0):
    """The output of the command, or the error line if it must fail."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr.strip().splitlines()[-1]


# --- writing --------------------------------------------------------------------------------


def test_it_generates_the_learned_text(run):
    folder, _, _ = run
    written = zoo.generate(folder, "abcd", 50, temperature=0)
    assert written.startswith("cba")
    model, manifest = load_artifact(folder)
    ids = [0, 1, 2, 3]
    for _ in range(50):  # the whole text for every token, without a carried state
        log_prob, _ = model(torch.tensor(ids)[:, None], model.initial_hidden(1))
        ids.append(int(log_prob[-1, 0].argmax()))
    assert written == "".join("abcd"[number] for number in ids[4:])


def test_a_seed_repeats_a_text(run):
    folder, _, _ = run
    first, again, other = (zoo.generate(folder, "a", 80, temperature=2.0, seed=seed)
                           for seed in (1, 1, 2))
    assert first == again != other and len(first) == 80


def test_draws_follow_the_probabilities():
    logits = np.log(np.array([0.2, 0.5, 0.3], np.float32))
    random = generation.mulberry32(5)
    drawn = [generation.choose(logits, 1.0, random) for _ in range(4000)]
    assert np.bincount(drawn) / 4000 == pytest.approx([0.2, 0.5, 0.3], abs=0.03)
    assert generation.choose(np.array([1, 3, 3], np.float32), 0, random) == 1
    cold = {generation.choose(logits, 0.05, random) for _ in range(100)}
    assert cold == {1}


def test_the_generator_is_mulberry32():
    assert [next(generation.mulberry32(0))] == [0.26642920868471265]  # the first number on the page


def test_prompts_in_words():
    vocabulary = ["the", "cat", "<eos>"]
    assert generation.read("the\ncat", vocabulary, "word") == [0, 2, 1]
    assert generation.read("", vocabulary, "word") == [2]
    assert generation.read("", ["a", "\n"], "char") == [1]
    with pytest.raises(ValueError, match="does not know the word 'dog'"):
        generation.read("the dog", vocabulary, "word")


def test_words_are_separated_from_the_prompt(monkeypatch):
    model = zoo.create_model("ENAS_RNN", "language", vocabulary=3, embedding=4, hidden=4).eval()
    model.facts = {"vocabulary": ["the", "cat", "<eos>"], "input": {"unit": "word"}}
    monkeypatch.setattr(generation, "choose", lambda *_: 1)
    assert zoo.generate(model, "the", 2) == " cat cat "
    assert zoo.generate(model, "the ", 2) == zoo.generate(model, "", 2) == "cat cat "
    monkeypatch.setattr(generation, "choose", lambda *_: 2)
    assert zoo.generate(model, "the", 1) == "\n"


def test_a_model_without_a_vocabulary_is_refused():
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
    assert command("generate", folder, "--prompt", "ab", "-n", 30, "--temperature", 0).strip() \
        == "ab" + zoo.generate(folder, "ab", 30, 0).strip()
    assert command("write", folder, "-n", 9) == command("generate", folder, "-n", 9)  # until 0.5
    (tmp_path / "other.txt").write_text("abxd" * 500, encoding="utf-8")
    assert "vocabulary of other differs" in command("eval", folder, "--data", "other.txt", code=1)
    assert "a file named waves, whose path it does not store; give the file with --data" in command(
        "eval", folder, code=1)
    assert "does not know the character 'é'" in command("generate", folder, "--prompt", "é", code=1)


def test_a_file_is_not_mistaken_for_a_known_text(tmp_path):
    (tmp_path / "ptb.txt").write_text("abcdcb" * 50, encoding="utf-8")
    assert named_text(str(tmp_path / "ptb.txt")).name == "ptb_text"


@pytest.mark.parametrize("arguments, said", [
    (["DARTS_V2_RNN", "--data", "wikitext"], "did you mean wikitext2?"),
    (["DARTS_V2_RNN", "--preset", "big"], "there are paper, fast, small"),
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


def test_write_refuses_missing_folders(tmp_path):
    assert "there is no folder" in command("generate", tmp_path / "nothing", code=1)
    assert "no weights are shipped for 'nonsense', only for cifar10, digits, " in command(
        "generate", "ENAS_RNN", "--weights", "nonsense", code=1)
