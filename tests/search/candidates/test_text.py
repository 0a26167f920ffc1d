# ruff: noqa: F811 (the fixture of tests.zoo.waves is imported and is an argument's name)
"""Recurrent candidates: language models learn, resume without loss, and follow their seed."""

import dataclasses
import math
import random

import pytest
import torch

from search.candidates.base import Candidate
from search.candidates.text import TEXT_RECIPES, TextRecipe, TextTraining
from search.candidates.workers import Evaluator
from search.spaces.space import RecurrentSpace
from search.strategies.evolution import Evolution, EvolutionSettings
from tests.zoo.waves import text  # noqa: F401
from zoo.data.base import DataError
from zoo.models.recurrent import LanguageModel
from zoo.training.losses import mean_loss, perplexity
from zoo.training.trainer import Trainer

RECIPE = dataclasses.replace(TEXT_RECIPES["quick"], hidden=16, batch_size=8, bptt=10,
                             dropout_hidden=0.1, dropout_words=0.1)


@pytest.fixture(scope="module")
def tasks():
    rng = random.Random(0)
    return [Candidate(number, RecurrentSpace().sample(rng), number) for number in range(2)]


@pytest.fixture(scope="module")
def results(text, tasks, tmp_path_factory):
    with Evaluator(TextTraining(text, RECIPE), tmp_path_factory.mktemp("run"), 1) as evaluator:
        return evaluator.evaluate(tasks)


def test_a_language_model_learns(text, tasks, results):
    for result in results:
        assert result.measure == "valid_perplexity" and result.score == 1 / result.value
        assert result.value < 3.2  # 3.8 from the letter frequencies alone
        assert result.cost == 2 * (2400 - 8)
    model = LanguageModel(tasks[0].genotype, 4, 16, 16)
    assert results[0].parameters == sum(value.numel() for value in model.parameters())


def test_perplexity_is_that_of_the_whole_text(text, tasks):
    torch.manual_seed(0)
    model = LanguageModel(tasks[0].genotype, 4, 16, 16, dropout=0.5)
    found = perplexity(mean_loss(model, text.valid))
    ids = torch.from_numpy(text.valid).view(10, 30).t()  # ten columns
    with torch.no_grad():
        log_probs, _ = model.eval()(ids[:-1], model.initial_hidden(10))
    expected = -log_probs.gather(2, ids[1:, :, None]).mean().item()
    assert found == pytest.approx(math.exp(expected), rel=1e-6)


@pytest.mark.parametrize("damage", [False, True])
def test_an_interrupted_training_resumes(text, tasks, results, tmp_path, monkeypatch, damage):
    training, folder = TextTraining(text, RECIPE), tmp_path / "candidate-000"
    save = Trainer._save

    def save_and_stop(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        training.train(tasks[0], folder)
    monkeypatch.undo()
    steps = []
    if damage:
        (folder / "checkpoint.pt").write_bytes(b"cut")
    monkeypatch.setattr(Trainer, "_save", lambda trainer, row: (
        steps.append(trainer.epochs), save(trainer, row)))
    before = torch.get_rng_state()
    with Evaluator(training, tmp_path, 1) as evaluator:
        assert evaluator.evaluate(tasks[:1]) == results[:1]
    assert steps == ([1, 2] if damage else [2])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_training_that_diverges_has_no_perplexity(text, tasks, tmp_path):
    recipe = dataclasses.replace(RECIPE, learning_rate=1e38, clip_norm=1e30)
    with Evaluator(TextTraining(text, recipe), tmp_path, 1) as evaluator:
        result, = evaluator.evaluate(tasks[:1])
    assert result.value is None and result.score == 0


def test_evolution_of_recurrent_cells(text, tmp_path):
    with Evaluator(TextTraining(text, dataclasses.replace(RECIPE, epochs=1)), tmp_path, 1) as found:
        strategy = Evolution(RecurrentSpace(), found, EvolutionSettings(4, 2, 2, 1))
        rows = [strategy.epoch(number) for number in (1, 2)]
    assert rows[1]["cost"] == {"tokens": 4 * (2400 - 8)}
    assert rows[1]["valid_perplexity"] == min(
        c["valid_perplexity"] for row in rows for c in row["candidates"])
    assert strategy.genotype().kind == "recurrent"


def test_refused(text):
    with pytest.raises(DataError, match="smaller --batch-size"):
        TextTraining(text, TextRecipe(batch_size=2000))
    with pytest.raises(ValueError, match="epochs must be a whole number of at least 1"):
        TextRecipe(epochs=0)
