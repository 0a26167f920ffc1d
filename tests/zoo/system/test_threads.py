"""One thread or all: measured once, on steps without side effects, and stored."""

import json

import pytest
import torch

from tests.zoo.tiny_runs import TINY, interrupted, same, weights
from tests.zoo.waves import TINY as TINY_TEXT
from tests.zoo.waves import waves
from zoo.runs.run_folder import RunError
from zoo.system import distributed, threads
from zoo.system.threads import fastest_threads, use_threads
from zoo.training import language_modeling, trainer
from zoo.training.classification import train

CPU = torch.device("cpu")


@pytest.fixture
def two_threads():
    with use_threads(2):
        yield


class Clock:
    """A clock that advances only by its steps: `costs` maps threads to the seconds of a step."""

    def __init__(self, monkeypatch, costs):
        self.now, self.costs, self.seen = 0.0, costs, []
        monkeypatch.setattr(threads.time, "perf_counter", lambda: self.now)

    def step(self):
        count = torch.get_num_threads()
        self.seen.append(count)
        self.now += self.costs[count]


@pytest.mark.parametrize("one, two, chosen", [
    (1.0, 3.0, 1), (3.0, 1.0, 2), (1.0, 1.0, 2), (0.99, 1.0, 2), (0.001, 0.002, 1)])
def test_the_faster_number_is_taken(one, two, chosen, two_threads, monkeypatch, caplog):
    caplog.set_level("INFO", logger="zoo")
    clock = Clock(monkeypatch, {1: one, 2: two})
    assert fastest_threads(lambda: clock.step, CPU) == chosen
    assert torch.get_num_threads() == 2 and clock.seen[:4] == [1, 2, 1, 2]
    assert f"{chosen} thread{'s' * (chosen > 1)}: a step takes" in caplog.text


def test_long_steps_are_not_repeated(two_threads, monkeypatch):
    clock = Clock(monkeypatch, {1: 60, 2: 50})
    assert fastest_threads(lambda: clock.step, CPU) == 2 and clock.seen == [1, 2]


def test_nothing_is_measured_where_there_is_no_choice(two_threads, monkeypatch):
    def prepare():
        raise AssertionError("a network is built")

    assert fastest_threads(prepare, torch.device("cuda")) == 2
    with use_threads(1):
        assert fastest_threads(prepare, CPU) == 1
    monkeypatch.setattr(distributed, "size", lambda: 2)
    assert fastest_threads(prepare, CPU) == 2


@pytest.fixture
def measured(two_threads, monkeypatch):
    """Let trainings find one thread faster, after some steps with either."""
    steps = []

    def measure(prepare, device):
        assert device == CPU
        step = prepare()
        for count in (1, 2, 1, 2):
            with use_threads(count):
                steps.append(step())
        return 1

    monkeypatch.setattr(trainer, "fastest_threads", measure)
    return steps


def images(few, folder, **options):
    return train("DARTS", few, TINY, folder, seed=3, device="cpu", **options)


def text(few, folder, **options):
    return language_modeling.train("DARTS_V2_RNN", waves(100), TINY_TEXT, folder, device="cpu",
                                   **options)


@pytest.mark.parametrize("kind", [images, text])
def test_measuring_leaves_no_trace(kind, few, tmp_path, measured):
    kind(few, tmp_path / "measured")
    assert len(measured) == 4 and torch.get_num_threads() == 2
    kind(few, tmp_path / "asked", threads=1)
    assert len(measured) == 4
    assert same(weights(tmp_path / "measured"), weights(tmp_path / "asked"))
    for name in ("measured", "asked"):
        assert json.loads((tmp_path / name / "config.json").read_text())["threads"] == 1


def test_a_resumed_training_keeps_its_threads(few, tmp_path, measured, monkeypatch):
    seen, update = [], trainer.Trainer._update

    def watched(self, *inputs):
        seen.append(torch.get_num_threads())
        return update(self, *inputs)

    interrupted(few, tmp_path / "run", after_steps=8)
    with pytest.raises(RunError, match="was started with threads 1, not 2"):
        images(few, tmp_path / "run", resume=True, threads=2)
    monkeypatch.setattr(trainer.Trainer, "_update", watched)
    images(few, tmp_path / "run", resume=True)
    assert set(seen) == {1} and len(measured) == 4


def test_an_older_run_keeps_torchs_threads(few, whole_run, tmp_path, monkeypatch):
    interrupted(few, tmp_path / "run", after_steps=8)
    file = tmp_path / "run/config.json"
    config = json.loads(file.read_text())
    assert config.pop("threads") == torch.get_num_threads()
    file.write_text(json.dumps(config))
    seen = []
    monkeypatch.setattr(trainer, "use_threads", lambda count: seen.append(count)
                        or use_threads(count))
    images(few, tmp_path / "run", resume=True)
    assert seen == [torch.get_num_threads()]
    assert same(weights(tmp_path / "run"), weights(whole_run[0]))


@pytest.mark.parametrize("value", [0, -1, "2", 1.5, True, 2**40])
def test_a_damaged_number_is_reported(value, few, tmp_path):
    interrupted(few, tmp_path / "run", after_steps=8)
    file = tmp_path / "run/config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"threads": value}))
    with pytest.raises(RunError, match="config.json is damaged"):
        images(few, tmp_path / "run", resume=True)


def test_nothing_is_measured_for_a_folder_that_cannot_be_used(few, tmp_path, measured):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/notes.txt").write_text("mine")
    with pytest.raises(RunError, match="is not empty and not a training run"):
        images(few, tmp_path / "run")
    assert not measured


def test_zero_threads_are_refused(few, tmp_path):
    for kind in (images, text):
        with pytest.raises(ValueError, match="--threads must be a whole number from 1 to 1,024"):
            kind(few, tmp_path / "run", threads=0)
    assert not (tmp_path / "run").exists()
