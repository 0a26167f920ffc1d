"""One process at a time trains in a folder; a run that cannot resume is refused at the start."""

import json

import pytest
from filelock import FileLock

from tests.zoo.tiny_runs import TINY, history, interrupted, same, weights
from zoo.recipes.language import language_recipe
from zoo.runs import run_folder
from zoo.runs.run_folder import DivergedError, RunError
from zoo.runs.run_lock import at_work
from zoo.runs.run_state import is_at_work
from zoo.training import language_modeling
from zoo.training.classification import train


@pytest.mark.parametrize("resume", [True, False])
def test_a_second_training_in_one_folder_is_refused(few, tmp_path, whole_run, resume):
    folder = tmp_path / "run"
    interrupted(few, folder, after_steps=8)
    before = (folder / "checkpoint.pt").read_bytes()
    with at_work(folder), pytest.raises(RunError, match="another process is using .*run; "
                                        "wait for it, or choose another folder with -o"):
        train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=resume)
    assert (folder / "checkpoint.pt").read_bytes() == before
    train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=True)
    assert same(weights(folder), weights(whole_run[0]))
    assert not (folder / "lock").exists()


def test_a_second_language_model_in_one_folder_is_refused(tmp_path):
    from zoo.data.text import named_text

    text = named_text("sample", None, None)
    with at_work(tmp_path / "run"), pytest.raises(RunError, match="another process is using"):
        language_modeling.train("ENAS_RNN", text, language_recipe("sample").but(epochs=1, hidden=4),
                                tmp_path / "run", device="cpu")


def test_the_lock_of_a_killed_training_is_released(few, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").touch()  # the system has released it
    manifest = train("DARTS", few, TINY.but(epochs=1), tmp_path / "run", device="cpu")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {*manifest.files,
                                                                    "manifest.json"}


def test_only_a_held_lock_is_at_work(tmp_path):
    assert not is_at_work(tmp_path) and list(tmp_path.iterdir()) == []
    (tmp_path / "lock").touch()  # by a process that was killed
    assert not is_at_work(tmp_path)
    with at_work(tmp_path):
        assert is_at_work(tmp_path)
    assert not is_at_work(tmp_path) and list(tmp_path.iterdir()) == []


def test_a_look_at_the_lock_is_no_reason_to_refuse_a_run(tmp_path, monkeypatch):
    look = FileLock(tmp_path / "lock")
    look.acquire()
    monkeypatch.setattr("time.sleep", lambda seconds: look.release())  # between two attempts
    with at_work(tmp_path):
        assert not look.is_locked


def test_a_folder_of_a_failed_start_can_be_reused(tmp_path):
    with pytest.raises(KeyError), at_work(tmp_path / "a" / "run"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="not a folder"), at_work(tmp_path / "file"):
        pass


# --- runs that cannot resume ------------------------------------------------------------------


def row(number):
    return json.dumps({"epoch": number, "train_loss": 1.0}) + "\n"


@pytest.mark.parametrize("content, said", [
    ("{\n", "is damaged (line 1 is not the row of epoch 1)"),
    (row(2), "is damaged (line 1 is not the row of epoch 1)"),
    ("[1]\n", "is damaged (line 1 is not the row of epoch 1)"),
    ("\0" * 20 + "\n", "is damaged (line 1 is not the row of epoch 1)"),
    ("", "lacks rows of finished epochs"), (None, "lacks rows of finished epochs"),
])
def test_a_damaged_history_is_named_before_anything_is_trained(few, tmp_path, content, said):
    folder, trained = tmp_path / "run", []
    interrupted(few, folder, after_steps=8)
    path = folder / "history.jsonl"
    path.unlink() if content is None else path.write_text(content)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(RunError) as caught:
        train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=True,
              report=lambda *what: trained.append(what))
    assert f"{path} {said}" in str(caught.value) and "-o" in str(caught.value)
    assert not trained
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_half_a_row_after_the_last_whole_epoch_is_cut_off(few, tmp_path, whole_run):
    folder = tmp_path / "run"
    interrupted(few, folder, after_steps=8)
    with open(folder / "history.jsonl", "a") as file:
        file.write('{"epoch": 2, "tra')  # as if killed while it was written
    train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=True)
    assert [row["epoch"] for row in history(folder)] == [1, 2, 3]
    assert same(weights(folder), weights(whole_run[0]))


def test_a_training_that_diverged_says_so_on_resume(few, tmp_path):
    folder, wild = tmp_path / "run", TINY.but(learning_rate=1e30, clip_norm=1e30)
    with pytest.raises(DivergedError, match="the loss is not finite in epoch 1") as first:
        train("DARTS", few, wild, folder, device="cpu")
    with pytest.raises(RunError) as again:
        train("DARTS", few, wild, folder, device="cpu", resume=True)
    assert str(again.value) == f"{folder} has diverged and would do so again: {first.value}"
    assert "smaller --learning-rate (it was 1e+30)" in str(again.value)
    with pytest.raises(RunError, match="holds a training that diverged; choose another folder"):
        train("DARTS", few, TINY, folder, device="cpu")


def test_a_final_output_of_nan_is_recorded(few, tmp_path, monkeypatch):
    import torch

    folder = tmp_path / "run"
    monkeypatch.setattr("zoo.training.classification.predict",
                        lambda *_: torch.full((40, 10), float("nan")))
    with pytest.raises(DivergedError):
        train("DARTS", few, TINY.but(epochs=1), folder, device="cpu")
    assert (folder / run_folder.DIVERGED).exists()
    with pytest.raises(RunError, match="has diverged .* NaN or infinite after its last epoch"):
        train("DARTS", few, TINY.but(epochs=1), folder, device="cpu", resume=True)
