"""A language model whose loss is not finite returns to its best epoch, as in the 2018 release."""

import json
import math

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.zoo.training.test_language_modeling import AVERAGED
from tests.zoo.waves import TINY, waves
from zoo.runs.run_folder import DivergedError, load_checkpoint
from zoo.training import language_modeling
from zoo.training.tasks.language import LanguageTask
from zoo.training.trainer import Trainer


@pytest.fixture(scope="module")
def text():
    return waves(100)


def fails(monkeypatch, epoch, times, interrupted=()):
    """Let the first `times` goes at an epoch end in weights that are no numbers; the goes at any
    epoch whose numbers are `interrupted` end as with Ctrl-C."""
    learn, goes = Trainer._learn, []

    def broken(trainer, report):
        row = learn(trainer, report)
        goes.append(trainer.epochs + 1)
        if len(goes) in interrupted:
            raise KeyboardInterrupt
        if goes[-1] == epoch and len(trainer.rollbacks) < times:
            with torch.no_grad():
                for weight in trainer.model.parameters():
                    weight.fill_(math.nan)
            row["train_loss"] = math.nan
        return row

    monkeypatch.setattr(Trainer, "_learn", broken)
    return goes


def history(folder):
    return [json.loads(line) | {"seconds": 0}
            for line in (folder / "history.jsonl").read_text().splitlines()]


def train(text, recipe, folder, resume=False, events=False):
    return language_modeling.train("ENAS_RNN", text, recipe, folder, threads=1, resume=resume,
                                   events=events)


@pytest.mark.parametrize("recipe", [TINY, AVERAGED], ids=["adamw", "nt-asgd"])
def test_it_continues_from_the_best_epoch(recipe, text, tmp_path, monkeypatch):
    goes = fails(monkeypatch, epoch=3, times=1)
    manifest = train(text, recipe, tmp_path, events=True)
    rows = history(tmp_path)
    events = EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    assert [point.step for point in events.Scalars("loss/valid")] == [row["epoch"] for row in rows]
    assert [row["epoch"] for row in rows] == list(range(1, recipe.epochs + 1))
    best = min(rows[:2], key=lambda row: row["valid_loss"])["epoch"]
    assert goes == [1, 2, 3, *range(best + 1, recipe.epochs + 1)]
    assert [row.get("rollbacks") for row in rows] == [None] * best + [[best]] * (len(rows) - best)
    assert all(math.isfinite(row["train_loss"] + row["valid_loss"]) for row in rows)
    assert math.isfinite(manifest.metrics["test_perplexity"])


def test_a_rolled_back_run_resumes_to_the_same_bits(text, tmp_path, monkeypatch):
    end_epoch = LanguageTask.end_epoch

    # Pretend that the first epoch is bad, so that averaging begins with the second.
    def end(task, row):
        averages = end_epoch(task, row)
        if row["epoch"] == 1:
            task.stage, averages = "asgd", True
        return averages

    monkeypatch.setattr(LanguageTask, "end_epoch", end)
    with monkeypatch.context() as patched:
        fails(patched, epoch=3, times=1)
        whole = train(text, AVERAGED, tmp_path / "whole")
    # Interrupted in the failing epoch, and after the rollback.
    fails(monkeypatch, epoch=3, times=1, interrupted=(3, 5))
    for resume in (False, True):
        with pytest.raises(KeyboardInterrupt):
            train(text, AVERAGED, tmp_path / "parts", resume)
    state = load_checkpoint(tmp_path / "parts", "rollbacks")
    assert state["rollbacks"] == [state["epoch"]] == [len(history(tmp_path / "parts"))]
    assert state["stage"] == "asgd"
    parts = train(text, AVERAGED, tmp_path / "parts", resume=True)
    assert history(tmp_path / "parts") == history(tmp_path / "whole")
    assert parts.files["model.safetensors"] == whole.files["model.safetensors"]


def test_the_second_attempt_draws_other_numbers(text, tmp_path, monkeypatch):
    """Other sequence lengths, and so other results."""
    lengths, drawn = LanguageTask.lengths, []
    monkeypatch.setattr(LanguageTask, "lengths", lambda task, epoch, seed: drawn.append(
        (epoch, lengths(task, epoch, seed))) or drawn[-1][1])
    fails(monkeypatch, epoch=2, times=1)
    train(text, AVERAGED, tmp_path)
    (first, failed), (second, again) = drawn[1:3]
    assert first == second == 1 and failed != again


def test_it_gives_up_if_rolling_back_does_not_help(text, tmp_path, monkeypatch):
    goes = fails(monkeypatch, epoch=2, times=9)
    with pytest.raises(DivergedError, match=r"not finite in epoch 2; .* smaller --learning-rate"):
        train(text, TINY, tmp_path)
    assert goes == [1, 2, 2, 2] and len(history(tmp_path)) == 1


def test_a_first_epoch_that_fails_is_one_line_with_the_remedy(text, tmp_path):
    with pytest.raises(DivergedError, match="in epoch 1; .* smaller --learning-rate"):
        train(text, TINY.but(learning_rate=1e30), tmp_path)
