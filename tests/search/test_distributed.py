"""One search in two processes, as torchrun starts them, on this machine's CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from search import build
from search.config import SearchOptions, plan
from search.settings import CONV_PRESETS
from search.strategies.darts import Darts
from search.tasks.image import ImageSearchTask
from tests.search.small_data import TEXT, TINY, digits_folder, short_text
from zoo.data.images import load
from zoo.system import distributed

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def torchrun(*words, module="search", processes=2, code=0):
    """(stdout, stderr); stderr ends with torchrun's report if a process fails."""
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
         str(processes), "-m", module, *map(str, words)],
        capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode == 0) == (code == 0), done.stderr
    return done.stdout, done.stderr


def errors(stderr):
    return [line for line in stderr.splitlines() if line.startswith("error: ")]


# --- the work of each process: torchrun runs this file as a module --------------------------

ORDERS = (1, 2)


def tiny_search(path, share=(0, 1), order=1):
    settings = CONV_PRESETS["quick"].but(channels=4, layers=3, batch_size=8, epochs=1,
                                           order=order)
    task = ImageSearchTask(load("folder", path), settings, torch.device("cpu"), 0, share)
    return Darts(task, settings, seed=0)


def state_of_a_process(path: Path, output: Path, order: int) -> None:
    """Save the state of this process after an epoch, and gradients of its first batch."""
    rank = distributed.rank()
    darts = tiny_search(path, (rank, distributed.size()), order)
    batch = first_batch(darts)
    own = torch.autograd.grad(darts.network.loss(batch, darts.mixing()).loss,
                              list(darts.network.parameters()))
    mean = [gradient.clone() for gradient in own]
    distributed.average(mean)
    row = darts.epoch(1)
    torch.save({
        "own": own, "mean": mean, "labels": batch[1], "weights": darts.network.state_dict(),
        "alphas": {name: table.detach() for name, table in darts.network.alphas.items()},
        "all": distributed.gather(torch.full((2,), float(rank))),
        "first": distributed.first(lambda: f"said by {rank}"),
        "row": json.dumps(row)}, output / f"order {order} of {rank}.pt")


def first_batch(darts):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return next(darts.task.batches(1))[0]


if __name__ == "__main__":
    with distributed.group(torch.device("cpu")):
        for number in ORDERS:
            state_of_a_process(Path(sys.argv[1]), Path(sys.argv[2]), number)


# --- the tests ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A folder with images and the states that both processes saved."""
    folder = tmp_path_factory.mktemp("both")
    images = digits_folder(folder / "images")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(ROOT))
        torchrun(images, folder, module="tests.search.test_distributed")
    return folder


@pytest.mark.xdist_group("two searching processes")
@pytest.mark.parametrize("order", ORDERS)
def test_both_processes_hold_the_same_and_average_their_gradients(order, both):
    images = both / "images"
    one, other = (torch.load(both / f"order {order} of {rank}.pt", weights_only=True)
                  for rank in (0, 1))
    for kind in ("weights", "alphas"):
        assert all(torch.equal(one[kind][name], other[kind][name]) for name in one[kind])
    assert one["row"] == other["row"]
    assert one["first"] == other["first"] == "said by 0"
    assert one["all"].tolist() == [[0, 0], [1, 1]]
    labels = first_batch(tiny_search(images))[1]
    assert torch.equal(labels[0::2], one["labels"]) and torch.equal(labels[1::2], other["labels"])
    assert any(not torch.equal(a, b) for a, b in zip(one["own"], other["own"]))
    for a, b, mean, same in zip(one["own"], other["own"], one["mean"], other["mean"]):
        assert torch.equal(mean, (a + b) / 2) and torch.equal(mean, same)


@pytest.mark.slow
def test_a_run_is_written_and_printed_once_and_resumed(here):
    images = digits_folder(here / "images")
    words = ["run", *TINY, "--data", "folder", "--path", images]
    stdout, stderr = torchrun(*words)
    run = here / "runs" / "search-darts1-folder-0"
    assert stdout.count("DARTS1_FOLDER_0 (epoch 3, the last epoch)") == 1
    assert [stderr.count(f"\nepoch {number}/3  train loss") for number in (1, 2, 3)] == [1] * 3
    rows = (run / "history.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == [1, 2, 3]
    assert json.loads(rows[-1])["cost"] == {"images": 48}
    assert json.loads((run / "config.json").read_text())["processes"] == 2
    assert [path.name for path in (here / "mine" / "cells").iterdir()] == ["DARTS1_FOLDER_0.json"]
    assert len(list((run / "tensorboard").iterdir())) == 1

    # Without a checkpoint all rows are computed again, with the same result.
    whole = (run / "history.jsonl").read_bytes()
    (run / "result.json").unlink()
    (run / "checkpoint.pt").unlink()
    stdout, _ = torchrun("resume", run)
    assert stdout.count("DARTS1_FOLDER_0 (epoch 3") == 1
    assert (run / "history.jsonl").read_bytes() == whole

    (run / "result.json").unlink()
    alone = subprocess.run([sys.executable, "-m", "search", "resume", str(run)],
                           capture_output=True, text=True)
    assert alone.returncode == 1 and errors(alone.stderr) == [
        f"error: {run} was started with 2 processes, and 1 would change the results; resume it "
        "with torchrun --nproc-per-node 2"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["darts", "recurrent", "enas"])
def test_a_resumed_run_ends_like_an_uninterrupted_one(kind, here, monkeypatch):
    images, text = digits_folder(here / "images"), short_text(here / "text.txt")
    words = {"darts": [*TINY, "--data", "folder", "--path", images],
             "enas": ["--strategy", "enas", *TINY, "--data", "folder", "--path", images],
             "recurrent": [*TEXT, "--path", text]}[kind]
    torchrun("run", *words, "-o", here / "whole")
    stop = here / "sitecustomize.py"  # ends the first process after its first checkpoint
    stop.write_text(
        "import os\n"
        "if os.environ.get('RANK') == '0':\n"
        "    from zoo.training import run_folder\n"
        "    def save(*given, save=run_folder.save_checkpoint):\n"
        "        save(*given)\n"
        "        os._exit(9)\n"
        "    run_folder.save_checkpoint = save\n")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{here}{os.pathsep}{ROOT}")
        torchrun("run", *words, "-o", here / "cut", code=1)
    assert len((here / "cut" / "history.jsonl").read_text().splitlines()) == 1
    torchrun("resume", here / "cut")
    for name in ("history.jsonl", "genotype.json"):
        assert (here / "cut" / name).read_bytes() == (here / "whole" / name).read_bytes()


ALONE = "random trains candidates in parallel by --workers; start it without torchrun"


def test_candidates_are_not_trained_under_torchrun(monkeypatch):
    planned, images = plan(SearchOptions(strategy="random", data="digits", preset="quick"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=ALONE):
        build.rehearse(planned, images)


# The first process plans and refuses for any reason, so one case suffices outside slow tests.
@pytest.mark.parametrize("words, message", [
    (["--batch-size", "9"], "a batch of 9 cannot be split among 2 processes; choose a multiple "
     "with --batch-size"),
    pytest.param(["--strategy", "random"], ALONE, marks=pytest.mark.slow),
    pytest.param(["--name", "DARTS"], "'DARTS' is the published cell DARTS_V1; choose another name",
                 marks=pytest.mark.slow),
])
def test_refused_in_one_line(words, message, here):
    _, stderr = torchrun("run", *words, code=1)
    assert errors(stderr) == [f"error: {message}"]
    assert not (here / "runs").exists()


def test_alone_there_is_nothing_to_share():
    tensor = torch.arange(3.0)
    distributed.average([tensor])
    assert tensor.tolist() == [0, 1, 2] and distributed.gather(tensor).shape == (1, 3)
    assert distributed.first(lambda: 7) == 7
    assert (distributed.rank(), distributed.size()) == (0, 1)
    with distributed.group(torch.device("cpu")) as device:
        assert device.type == "cpu" and not torch.distributed.is_initialized()
