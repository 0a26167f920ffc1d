"""TensorBoard events hold the history of a run, each point once, even after a kill."""

import dataclasses
import json
import subprocess
import sys

import pytest

from search.reporting.history import read_run
from search.reporting.tensorboard import Events
from tests.search.made_runs import darts_run, evolution_run, recurrent_run
from zoo.runs import tensorboard
from zoo.runs.tensorboard import MISSING


def points(folder):
    """{tag: [(step, value)]} of all events in a folder, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)]
            for tag in events.Tags()["scalars"]}, events


def up_to(folder, epochs):
    run = read_run(folder)
    return dataclasses.replace(run, rows=run.rows[:epochs], seconds=run.seconds[:epochs])


def test_a_run_killed_and_resumed_has_each_point_once(tmp_path):
    folder = darts_run(tmp_path / "run", epochs=5)
    rows = read_run(folder).rows
    first = Events(up_to(folder, 0))
    for row in rows[:4]:  # epoch 4 is in the events, but the run is killed before its checkpoint
        first.add(row, 3.0)
    first.close()
    second = Events(up_to(folder, 3))
    for row in rows[3:]:
        second.add(row, 3.0)
    second.close()
    found, events = points(folder)
    assert found["accuracy/valid"] == [
        (row["epoch"], pytest.approx(row["valid_accuracy"])) for row in rows]
    assert [step for step, _ in found["cost/seconds_per_epoch"]] == [1, 2, 3, 4, 5]
    assert found["search/skip_connections/normal"][-1][1] == rows[-1]["skip_connections"]["normal"]
    texts = events.Tensors("genotype/text_summary")
    assert [text.step for text in texts] == [1, 2, 3, 4, 5]
    assert b"Genotype(normal=" in texts[-1].tensor_proto.string_val[0]


def test_relative_times_are_those_of_the_run(tmp_path):
    folder = darts_run(tmp_path / "run", epochs=3)  # 11.5 seconds per epoch in seconds.jsonl
    Events(read_run(folder)).close()
    _, events = points(folder)
    times = [point.wall_time for point in events.Scalars("loss/train")]
    assert times[2] - times[0] == pytest.approx(23, abs=0.1)


@pytest.mark.parametrize(("make", "tag"), [(recurrent_run, "perplexity/valid"),
                                           (evolution_run, "accuracy/valid")])
def test_other_kinds_of_run(tmp_path, make, tag):
    folder = make(tmp_path / "run")
    rows = read_run(folder).rows
    Events(read_run(folder)).close()
    assert [step for step, _ in points(folder)[0][tag]] == [row["epoch"] for row in rows]


def test_a_loss_of_nan_is_left_out(tmp_path):
    folder = darts_run(tmp_path / "run", epochs=2)
    run = read_run(folder)
    run.rows[1]["train_loss"] = float("nan")
    Events(run).close()
    assert [step for step, _ in points(folder)[0]["loss/train"]] == [1]


def test_tensorflow_is_not_loaded_for_it(tmp_path):
    folder = darts_run(tmp_path / "run", epochs=1)
    code = ("import sys\nfrom search.reporting.history import read_run\n"
            "from search.reporting.tensorboard import Events\n"
            "assert not any(name.startswith('tensorboard') for name in sys.modules)\n"
            f"Events(read_run({str(folder)!r})).close()\nassert 'tensorflow' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_package_the_run_goes_on(tmp_path, monkeypatch, capsys):
    folder = darts_run(tmp_path / "run", epochs=2)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setattr(tensorboard, "_warned", False)
    for _ in range(2):
        events = Events(up_to(folder, 1))
        events.add(json.loads((folder / "history.jsonl").read_text().splitlines()[1]), 1.0)
        events.close()
    assert capsys.readouterr().err == MISSING + "\n"
    assert not (folder / "tensorboard").exists()
