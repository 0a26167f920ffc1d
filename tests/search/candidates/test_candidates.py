"""Candidates train the same with any number and kind of workers, and resume without loss."""

import contextlib
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from search.candidates.base import Candidate, Result, read_record
from search.candidates.image import ImageTraining, held_out, image_recipe
from search.candidates.workers import Evaluator
from search.spaces.hierarchical import HierarchicalSpace
from search.spaces.space import ConvSpace
from search.workers import WorkerError, blocked
from zoo.data.base import ImageData, Split
from zoo.data.images import load
from zoo.runs.run_folder import RunError
from zoo.training.classification import train

# One worker trains the candidates that the others are compared with, and starts Ray.
pytestmark = pytest.mark.xdist_group("candidates")


@pytest.fixture(scope="module")
def few() -> ImageData:
    """A few digits, with some held out."""
    data = load("digits")
    split = held_out(data, 0, share=0.9)
    return ImageData(data.name, split.train, Split(split.test.images[:40], split.test.labels[:40]),
                     data.labels, data.mean, data.std)


RECIPE = image_recipe("quick", "digits").but(channels=2, layers=3, epochs=2)


@pytest.fixture(scope="module")
def tasks():
    rng = random.Random(0)
    cells = [ConvSpace().sample(rng) for _ in range(2)] + [HierarchicalSpace().sample(rng)]
    return [Candidate(number, cell, 10 + number) for number, cell in enumerate(cells)]


@pytest.fixture(scope="module")
def trained(few, tasks, tmp_path_factory):
    """(folder, results, reports) of candidates trained one after another, in this process."""
    folder, reports = tmp_path_factory.mktemp("run") / "candidates", []
    with Evaluator(ImageTraining(few, RECIPE), folder, workers=1) as evaluator:
        results = evaluator.evaluate(tasks, lambda *what: reports.append(what))
    return folder, results, reports


def alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


# --- one after another ----------------------------------------------------------------------


def test_held_out_images_are_training_images():
    data = load("digits")
    split = held_out(data, 0)
    assert len(split.train.labels) + len(split.test.labels) == len(data.train.labels)
    assert len(set(split.test.labels.tolist())) == 10
    pixels = {image.tobytes() for image in data.train.images}
    assert all(image.tobytes() in pixels for image in split.test.images)
    single = ImageData("mine", Split(data.train.images[:30], data.train.labels[:30] * 0),
                       data.test, data.labels, data.mean, data.std)
    single.train.labels[0] = 1
    with pytest.raises(ValueError, match="cannot hold out .* training images of mine"):
        held_out(single, 0)


def test_results_say_accuracy_parameters_and_cost(trained, few, tasks):
    folder, results, reports = trained
    for task, result in zip(tasks, results):
        assert result.measure == "valid_accuracy" and result.score == result.value
        assert result.value * 40 == pytest.approx(round(result.value * 40))
        assert result.cost == 2 * len(few.train.labels)
        record = json.loads((folder / f"candidate-00{task.number}.json").read_text())
        assert record["seed"] == task.seed and record["result"]["value"] == result.value
    assert len(list(folder.iterdir())) == 3  # folders of trainings are gone
    assert [what[:2] for what in reports] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert reports[1][2] == {"candidate": 0, "valid_accuracy": results[0].value}


def test_a_candidate_is_what_zoo_train_trains(trained, few, tasks, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        manifest = train("X", few, RECIPE, tmp_path / "run", genotype=tasks[0].genotype, seed=10,
                         device="cpu")
    finally:
        torch.set_num_threads(before)
    assert manifest.metrics["test_accuracy"] == trained[1][0].value
    assert manifest.parameters == trained[1][0].parameters


def test_finished_candidates_are_read_back(trained, few, tasks):
    class NoTraining(ImageTraining):
        def train(self, task, folder):
            raise AssertionError("trained again")

    with Evaluator(NoTraining(few, RECIPE), trained[0], workers=1) as evaluator:
        assert evaluator.evaluate(tasks) == trained[1]
        other = Candidate(0, tasks[1].genotype, 10)
        with pytest.raises(RunError, match="belongs to another search; choose another folder"):
            evaluator.evaluate([other])


def test_a_damaged_record_is_named(tasks, tmp_path):
    (tmp_path / "candidate-000.json").write_text("{")
    with pytest.raises(RunError, match="candidate-000.json is damaged; remove it"):
        read_record(tmp_path, tasks[0])


@dataclass(frozen=True)
class CutShort(ImageTraining):
    """Training that stops after its first epoch."""

    def task(self, candidate, device):
        task = super().task(candidate, device)
        begin = task.begin_epoch

        def begin_first(model, epoch):
            if epoch:
                raise KeyboardInterrupt
            return begin(model, epoch)

        task.begin_epoch = begin_first
        return task


def test_an_interrupted_training_resumes(trained, few, tasks, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Evaluator(CutShort(few, RECIPE), tmp_path, workers=1).evaluate(tasks[:1])
    assert (tmp_path / "candidate-000" / "checkpoint.pt").exists()
    with Evaluator(ImageTraining(few, RECIPE), tmp_path, workers=1) as evaluator:
        assert evaluator.evaluate(tasks[:1]) == trained[1][:1]


def test_an_unresumable_training_starts_over(trained, few, tasks, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Evaluator(CutShort(few, RECIPE), tmp_path, workers=1).evaluate(tasks[:1])
    (tmp_path / "candidate-000" / "checkpoint.pt").write_bytes(b"{")
    with Evaluator(ImageTraining(few, RECIPE), tmp_path, workers=1) as evaluator:
        assert evaluator.evaluate(tasks[:1]) == trained[1][:1]


def test_a_training_that_diverges_scores_nothing(few, tasks, tmp_path):
    recipe = RECIPE.but(learning_rate=1e30)
    with Evaluator(ImageTraining(few, recipe), tmp_path, workers=1) as evaluator:
        result, = evaluator.evaluate(tasks[:1])
        assert result.value is None and result.score == 0 and result.parameters > 0
        assert evaluator.evaluate(tasks[:1]) == [result]  # and is not tried again


def test_scores_order_accuracies_and_perplexities():
    assert Result("valid_accuracy", 0.9, 1, 1).score > Result("valid_accuracy", 0.8, 1, 1).score
    assert Result("valid_perplexity", 60, 1, 1).score > Result("valid_perplexity", 61, 1, 1).score
    assert Result("valid_perplexity", None, 1, 1).score == 0


@pytest.mark.parametrize("workers", [0, -1, "two", "1.5", "ray:8", ""])
def test_invalid_workers(few, tmp_path, workers):
    with pytest.raises(ValueError, match="number from 1, ray or ray://HOST:PORT, not"):
        Evaluator(ImageTraining(few, RECIPE), tmp_path, workers)


# --- processes ------------------------------------------------------------------------------


def test_the_number_of_workers_does_not_matter(trained, few, tasks, tmp_path):
    with Evaluator(ImageTraining(few, RECIPE), tmp_path, workers="2") as evaluator:
        assert evaluator.evaluate(tasks[1:]) == trained[1][1:]
        assert evaluator.evaluate(tasks) == trained[1]  # by the same processes


@dataclass(frozen=True)
class Trouble:
    """Trainings that fail, in the way that `how` says."""

    how: str
    device: str = "cpu"
    unit: ClassVar[str] = "images"
    measure: ClassVar[str] = "valid_accuracy"
    cost: ClassVar[int] = 1

    def train(self, task, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "process").write_text(str(os.getpid()))
        if task.number == 0 and self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if task.number == 0 and self.how == "memory":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
        if task.number == 0 and self.how == "full disk":
            raise OSError(28, "No space left on device", "weights")
        if self.how == "hang":
            time.sleep(600)
        return Result(self.measure, 0.5, 1, 1)


ENDS = [("killed", WorkerError, "a worker was killed.*candidates 0.*`search resume` and fewer"),
        ("memory", WorkerError, "candidate 0 does not fit in memory; continue with `search resu"),
        ("full disk", OSError, "No space left")]


@pytest.mark.parametrize("how, error, message", ENDS)
def test_a_failed_worker_is_one_line(tasks, tmp_path, how, error, message):
    workers = 1 if how == "memory" else 2
    with pytest.raises(error, match=message) as caught:
        Evaluator(Trouble(how), tmp_path, workers).evaluate(tasks[:2])
    assert "\n" not in str(caught.value)
    with Evaluator(Trouble("nothing"), tmp_path, workers=1) as evaluator:  # `search resume`
        assert [result.value for result in evaluator.evaluate(tasks[:2])] == [0.5, 0.5]


def test_a_worker_that_is_killed_between_two_waves_is_one_line(tasks, tmp_path):
    with Evaluator(Trouble("nothing"), tmp_path, workers=2) as evaluator:
        evaluator.evaluate(tasks[:1])
        workers = [child.pid for child in multiprocessing.active_children()]
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        wait_for(lambda: not any(map(alive, workers)))
        with pytest.raises(WorkerError, match=r"a worker was killed.*candidates 1, 2 were"):
            evaluator.evaluate(tasks)
        assert workers and len(evaluator.evaluate(tasks)) == 3  # by others


SEARCH = """
import sys
from pathlib import Path
from search.candidates.image import Candidate
from search.spaces.space import ConvSpace
from search.candidates.workers import Evaluator
from tests.search.candidates.test_candidates import Trouble
import random
if __name__ == "__main__":
    tasks = [Candidate(n, ConvSpace().sample(random.Random(n)), n) for n in range(2)]
    Evaluator(Trouble("hang"), Path(sys.argv[1]), workers=2).evaluate(tasks)
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_search(tmp_path, number):
    (tmp_path / "search_it.py").write_text(SEARCH)
    root = Path(__file__).parents[3]
    search = subprocess.Popen([sys.executable, tmp_path / "search_it.py", tmp_path / "run"],
                              env={**os.environ, "PYTHONPATH": str(root)},
                              stderr=subprocess.PIPE, text=True)
    marks = [tmp_path / "run" / f"candidate-00{n}" / "process" for n in range(2)]
    wait_for(lambda: all(mark.exists() and mark.read_text() for mark in marks))
    workers = [int(mark.read_text()) for mark in marks]
    assert len(set(workers)) == 2 and all(map(alive, workers))
    search.send_signal(number)
    search.wait(20)
    wait_for(lambda: not any(map(alive, workers)), 10)
    assert "BrokenProcessPool" not in search.stderr.read()


# --- Ray ------------------------------------------------------------------------------------


@pytest.fixture
def quiet_ray(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


def test_ray_trains_the_same(trained, few, tasks, tmp_path, quiet_ray):
    ray = pytest.importorskip("ray")
    # A new cluster, not one whose address was left on this machine.
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        with Evaluator(ImageTraining(few, RECIPE), tmp_path, workers="ray") as evaluator:
            assert evaluator.evaluate(tasks) == trained[1]
        assert ray.is_initialized()  # as before
        assert {path.name for path in tmp_path.iterdir()} == {
            f"candidate-00{number}.json" for number in range(3)}
        for how, error, message in ENDS[1:]:
            with pytest.raises(error, match=message):
                Evaluator(Trouble(how), tmp_path / how, workers="ray").evaluate(tasks[:2])
    finally:
        ray.shutdown()


@pytest.mark.slow
def test_a_ray_cluster_elsewhere_trains_the_same(trained, few, tasks, tmp_path, quiet_ray):
    ray = pytest.importorskip("ray")
    cluster = subprocess.Popen(
        [Path(sys.executable).with_name("ray"), "start", "--block", "--head", "--num-cpus=2",
         "--node-ip-address=127.0.0.1", "--port=6391", "--ray-client-server-port=9971",
         "--include-dashboard=false"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
    wait_for(lambda: answers(9971))
    try:
        with Evaluator(ImageTraining(few, RECIPE), tmp_path / "run",
                       workers="ray://127.0.0.1:9971") as evaluator:
            assert evaluator.evaluate(tasks) == trained[1]
        assert not ray.is_initialized()
        with pytest.raises(WorkerError, match="a worker was killed"):
            Evaluator(Trouble("killed"), tmp_path / "killed",
                      workers="ray://127.0.0.1:9971").evaluate(tasks[:1])
    finally:
        cluster.terminate()
        cluster.wait(60)
    with pytest.raises(ValueError, match="no Ray cluster at ray://127.0.0.1:9971"):
        Evaluator(ImageTraining(few, RECIPE), tmp_path / "gone",
                  workers="ray://127.0.0.1:9971").evaluate(tasks)


def test_without_ray_the_error_names_the_remedy(few, tasks, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match="needs ray.*pip install 'genotype-zoo.ray.'"):
        Evaluator(ImageTraining(few, RECIPE), tmp_path, workers="ray").evaluate(tasks)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has no signal masks")
def test_ctrl_c_is_blocked_in_starting_workers():
    """The main process says how to continue; a worker would add its traceback."""
    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    found = []
    for block in (blocked(signal.SIGINT), contextlib.nullcontext()):
        with block:
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        found.append(done.stdout.strip())
    assert found == ["True", "False"]
