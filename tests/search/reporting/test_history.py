"""A run folder is read up to an incomplete last line; damage is named in one line."""

import json
import subprocess
import sys

import pytest

from search.reporting.history import HistoryError, duration, read_run, read_runs
from tests.search.made_runs import darts_run, evolution_run, recurrent_run


def test_the_properties_of_a_run(tmp_path):
    run = read_run(darts_run(tmp_path / "run", seed=3))
    assert (run.strategy, run.space, run.data, run.seed) == ("darts order 2", "conv", "digits", 3)
    assert (run.unit, run.metric, run.shares_weights) == ("images", "accuracy", True)
    assert run.cost == tuple(1436 * epoch for epoch in range(1, 11))
    assert run.best == max(row["valid_accuracy"] for row in run.rows)
    assert run.total_seconds == pytest.approx(145)
    assert run.finished and run.chosen_epoch == 6


def test_perplexity_is_better_when_it_is_lower(tmp_path):
    run = read_run(recurrent_run(tmp_path / "run"))
    assert (run.strategy, run.unit, run.metric) == ("darts order 1", "tokens", "perplexity")
    assert run.best == min(row["valid_perplexity"] for row in run.rows)
    assert list(run.best_so_far) == sorted(run.best_so_far, reverse=True)


def test_cells_trained_one_by_one(tmp_path):
    run = read_run(evolution_run(tmp_path / "run"))
    assert run.strategy == "evolution" and not run.shares_weights


def test_an_unfinished_run_whose_last_line_was_cut_short(tmp_path):
    folder = darts_run(tmp_path / "run", finished=False)
    whole = (folder / "history.jsonl").read_bytes()
    for tail in (b'{"epoch": 11, "cost": {"ima', b"{", b"\0\0\0\0", b"\xff\xfe"):
        (folder / "history.jsonl").write_bytes(whole + tail)
        (folder / "seconds.jsonl").write_bytes(b'{"epoch": 1, "seconds": 4.0}\n{"ep')
        run = read_run(folder)
        assert len(run.rows) == 10 and not run.finished
        assert run.seconds == (4.0,) + (None,) * 9 and run.total_seconds is None


def test_before_the_first_epoch(tmp_path):
    folder = darts_run(tmp_path / "run", finished=False)
    for name in ("history.jsonl", "seconds.jsonl"):
        (folder / name).unlink()
    run = read_run(folder)
    assert run.rows == () and run.best is None and run.best_so_far == ()
    assert (run.unit, run.metric) == ("images", "accuracy")


def test_values_that_are_not_finite_are_skipped(tmp_path):
    folder = darts_run(tmp_path / "run", epochs=3)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    rows[2]["valid_accuracy"] = float("nan")
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = read_run(folder)
    assert run.validation[2] is None and run.best == rows[1]["valid_accuracy"]


def rewrite(name, change):
    def apply(folder):
        path = folder / name
        path.write_text(change(path.read_text()))
    return apply


@pytest.mark.parametrize(("damage", "says"), [
    (rewrite("config.json", lambda text: text[:20]), r"config\.json is damaged \(not JSON\)"),
    (rewrite("config.json", lambda text: "[]"), r"config\.json is damaged \(not an object\)"),
    (rewrite("result.json", lambda text: text[:-1]), r"result\.json is damaged"),
    (rewrite("history.jsonl", lambda text: text[50:]), r"history\.jsonl is damaged \(line 1 is n"),
    (rewrite("history.jsonl", lambda text: text.split("\n", 1)[1]),
     "line 1 is not the row of epoch 1"),
    (rewrite("history.jsonl", lambda text: text.replace("images", "tokens", 1)),
     "cost in images and tokens"),
    (rewrite("history.jsonl", lambda text: text.replace('"cost": {', '"cost": {"images": "x"}, '
                                                        '"other": {', 1)), "line 1 has no cost"),
    (rewrite("seconds.jsonl", lambda text: text.replace("seconds", "s", 1)), "line 1 has no epoch"),
])
def test_damage_is_named(tmp_path, damage, says):
    folder = darts_run(tmp_path / "run")
    damage(folder)
    with pytest.raises(HistoryError, match=says) as error:
        read_run(folder)
    assert "\n" not in str(error.value) and "-o" in str(error.value)


@pytest.mark.parametrize("config", [None, '{"recipe": {}}'])
def test_a_folder_without_a_search(tmp_path, config):
    if config:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(HistoryError, match="holds no search run; `search list` shows"):
        read_run(tmp_path)


def test_all_runs_of_a_folder(tmp_path):
    darts_run(tmp_path / "b")
    evolution_run(tmp_path / "a")
    damaged = darts_run(tmp_path / "c") / "history.jsonl"
    damaged.write_text("x\n")
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "config.json").write_text('{"recipe": {}}')
    runs, complaints = read_runs(tmp_path)
    assert [run.folder.name for run in runs] == ["a", "b"]
    assert len(complaints) == 1 and str(damaged) in complaints[0]
    assert read_runs(tmp_path / "nowhere") == ([], [])


def test_metrics_of_the_trained_cell(tmp_path):
    folder = darts_run(tmp_path / "run")
    assert read_run(folder).trained is None
    (folder / "trained").mkdir()
    (folder / "trained" / "manifest.json").write_text('{"metrics": {"test_accuracy": 0.97}}')
    assert read_run(folder).trained == {"test_accuracy": 0.97}


def test_reading_needs_no_torch():
    code = "import sys, search.reporting.history; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("seconds", "text"), [(9.6, "10 s"), (150, "2 min"), (7500, "2 h 5 min"),
                                               (3590, "1 h 0 min")])
def test_durations(seconds, text):
    assert duration(seconds) == text
