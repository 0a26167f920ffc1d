"""Runs that are killed at any moment and resumed end like uninterrupted ones."""

import json
import os
import random
import re
import shutil
import signal
import time

import pytest
import torch
from typer.testing import CliRunner

from search import build
from search import runner as runs
from search.cli import app
from tests import processes
from tests.search.small_data import (
    SAMPLED,
    TEXT,
    TINY,
    digits_folder,
    short_text,
    without_estimate,
)
from zoo import registry
from zoo.runs import run_folder

pytestmark = [pytest.mark.usefixtures("no_estimate"), pytest.mark.xdist_group("processes")]

RUNS = {
    "darts": TINY,
    "darts-2": [*TINY, "--epochs", "2", "--order", "2"],
    "pc-darts": ["--strategy", "pc-darts", *TINY, "--set", "warm_up=1"],
    "gdas": ["--strategy", "gdas", *TINY],
    "darts-pt": [*TINY, "--epochs", "1", "--select", "perturbation", "--space", "nasbench201"],
    "drnas": ["--strategy", "drnas", *TINY],
    "sdarts-rs": ["--strategy", "sdarts-rs", *TINY],
    "beta-darts": ["--strategy", "beta-darts", *TINY],
    "fair-darts": ["--strategy", "fair-darts", *TINY],
    "p-darts": ["--strategy", "p-darts", *TINY],
    "random-ws": ["--strategy", "random-ws", *TINY, "--epochs", "2"],
    "enas": ["--strategy", "enas", *TINY, "--epochs", "2"],
    "recurrent": TEXT,
    "random": ["--strategy", "random", *SAMPLED, "--candidates", "6", "--set", "wave=3"],
    "evolution": ["--strategy", "evolution", *SAMPLED, "--candidates", "8", "--set", "wave=2",
                  "--set", "population=4", "--set", "sample=2"],
    "training-free": ["--strategy", "training-free", *SAMPLED, "--candidates", "4", "--set",
                      "wave=2", "--set", "scored=12", "--set", "scores=nwot,l2_norm"],
    "warm evolution": ["--strategy", "evolution", *SAMPLED, "--candidates", "6", "--set", "wave=2",
                       "--set", "population=4", "--warm-start", "training-free", "--set",
                       "scored=8"],
    "front": ["--strategy", "evolution", *SAMPLED, "--candidates", "8", "--set", "wave=2",
              "--set", "population=4", "--set", "sample=2", "--limit", "bytes<=30kB", "--limit",
              "params"],
    "reinforce": ["--strategy", "reinforce", *SAMPLED, "--candidates", "6", "--set", "wave=3"],
    "local-search": ["--strategy", "local-search", *SAMPLED, "--candidates", "6", "--set", "wave=2",
                     "--set", "initial=2"],
    "bananas": ["--strategy", "bananas", *SAMPLED, "--candidates", "6", "--set", "wave=3",
                "--set", "initial=3", "--set", "trees=5"],
    "nasbench201": ["--space", "nasbench201", *TINY, "--epochs", "2"],
    "restricted": ["--strategy", "gdas", *TINY, "--operations", "skip_connect,sep_conv_3x3"],
}
QUICKEST = "gdas"  # for tests that do not depend on the strategy
KEPT = ("history.jsonl", "genotype.json")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    digits_folder(folder / "images", 32)
    short_text(folder / "text.txt", 800)
    return folder


def arguments(kind, data):
    source = (["--path", str(data / "text.txt")] if kind == "recurrent"
              else ["--data", "folder", "--path", str(data / "images")])
    return ["run", *RUNS[kind], *source]


class Place:
    """A user's working place: the folder of a run and the cells of the user's zoo."""

    def __init__(self, path):
        self.path, self.folder, self.cells = path, path / "run", path / "zoo"

    def begin(self, *words):
        return processes.begin(
            "search", words, out=self.path / "log.out", err=self.path / "log.err",
            environment={"GENOTYPE_ZOO_DATA": str(self.cells)}, prepare=without_estimate)

    def search(self, *words, code=0):
        process = self.begin(*words)
        process.join()
        assert process.exitcode == code, self.said("err")
        return self.said("out")

    def said(self, stream):
        return (self.path / f"log.{stream}").read_text()

    def kept(self):
        """Everything two runs of the same search must agree on."""
        cells = {path.name: path.read_bytes() for path in (self.cells / "cells").iterdir()}
        names = [*KEPT, *(["front.json"] if (self.folder / "front.json").exists() else [])]
        return {name: (self.folder / name).read_bytes() for name in names}, cells


@pytest.fixture
def place(tmp_path):
    def make(name):
        (tmp_path / name).mkdir()
        return Place(tmp_path / name)

    return make


def kill(process, folder, after, number):
    """Signal the process some seconds after the run has a folder; was it still running?"""
    while process.is_alive() and not (folder / "config.json").exists():
        time.sleep(0.005)
    process.join(after)
    hit = process.is_alive()
    if hit:
        os.kill(process.pid, number)
    process.join()
    return hit


def check_kills(kind, data, place, seed, kills):
    whole, cut = place("whole"), place("cut")
    words = arguments(kind, data)
    began = time.monotonic()
    whole.search(*words, "-o", whole.folder)
    took = time.monotonic() - began
    chance = random.Random(f"{kind} {seed}")
    process = cut.begin(*words, "-o", cut.folder)
    for turn in range(kills):
        number = (signal.SIGKILL, signal.SIGINT)[(turn + seed) % 2]
        hit = kill(process, cut.folder, chance.uniform(0.02, 0.9) * took, number)
        over = (cut.folder / "result.json").exists()  # about to end by itself
        if hit and number == signal.SIGINT and not over:
            assert process.exitcode == 130
            assert f"continue with `search resume {cut.folder}`" in cut.said("err")
            assert "Traceback" not in cut.said("err")
        process = cut.begin("resume", cut.folder)
    process.join()
    assert process.exitcode == 0, cut.said("err")
    assert cut.kept() == whole.kept()


@pytest.mark.parametrize("kind", RUNS)
def test_killed_at_random_and_resumed(kind, data, place):
    check_kills(kind, data, place, seed=0, kills=1 + (kind == "darts"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("kind", RUNS)
def test_killed_at_more_moments(kind, data, place, seed):
    check_kills(kind, data, place, seed, kills=4)


# --- at chosen moments ----------------------------------------------------------------------


class Killed(BaseException):
    """A power failure: nothing runs after it but `finally`."""


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("whole"))
    place.search(*arguments(QUICKEST, data), "-o", place.folder)
    return place


@pytest.fixture
def here(tmp_path, monkeypatch):
    place = Place(tmp_path)
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(place.cells))
    return place


def search(*words, code=0):
    """The output of the command, run in this process."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.stdout if code == 0 else result.stderr


def begin_and_be_killed(here, data, *words):
    with pytest.raises(Killed):
        CliRunner().invoke(app, [*arguments(QUICKEST, data), *words, "-o", str(here.folder)])


def killed_in(monkeypatch, module, name, call, before=False, do=None):
    """Raise Killed in or right after the `call`-th call of a function."""
    original, calls = getattr(module, name), []

    def last(*arguments, **options):
        calls.append(1)
        if len(calls) == call:
            if do:
                do(*arguments)
            elif not before:
                original(*arguments, **options)
            raise Killed
        return original(*arguments, **options)

    monkeypatch.setattr(module, name, last)


def half_a_line(path, row):
    with open(path, "a") as file:
        file.write(json.dumps(row)[:200])


def half_a_part(folder, state):
    (folder / "checkpoint.pt.part").write_bytes(b"PK half a checkpoint")


MOMENTS = {
    "between row and seconds": (runs, "append_line", 3, {}),
    "between seconds and checkpoint": (runs, "append_line", 4, {}),
    "in the middle of a row": (runs, "append_line", 3, {"do": half_a_line}),
    "in the middle of the first row": (runs, "append_line", 1, {"do": half_a_line}),
    "in the middle of the seconds": (runs, "append_line", 4, {"do": half_a_line}),
    "in the middle of a checkpoint": (run_folder, "save_checkpoint", 2, {"do": half_a_part}),
    "after the first checkpoint": (run_folder, "save_checkpoint", 1, {}),
    "after the last checkpoint": (run_folder, "save_checkpoint", 3, {}),
    "before the report": (runs, "write_report", 2, {"before": True}),
    "before the genotype": (runs, "_finish", 1, {"before": True}),
    "before it is registered": (registry, "register", 1, {"before": True}),
    "after it is registered": (registry, "register", 1, {}),
    "before the last report": (runs, "write_report", 4, {"before": True}),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_chosen_moment(moment, data, whole, here, monkeypatch):
    module, name, call, options = MOMENTS[moment]
    with monkeypatch.context() as patch:
        killed_in(patch, module, name, call, **options)
        begin_and_be_killed(here, data)
    search("resume", here.folder)
    assert here.kept() == whole.kept()
    seconds = [json.loads(line)["epoch"] for line in
               (here.folder / "seconds.jsonl").read_text().splitlines()]
    assert seconds == [1, 2, 3]


def test_a_start_that_was_killed_can_be_repeated(here, data):
    here.folder.mkdir()
    (here.folder / "config.json.part").write_text("{")
    assert "holds no search run" in search("resume", here.folder, code=1)
    search(*arguments("random", data), "--candidates", 1, "-o", here.folder)


def test_early_stop_is_kept_on_resume(data, here, monkeypatch):
    monkeypatch.setattr(runs.collapse, "persists", lambda rows: len(rows) >= 2)
    with monkeypatch.context() as patch:
        killed_in(patch, run_folder, "save_checkpoint", 1)
        begin_and_be_killed(here, data, "--early-stop")
    search("resume", here.folder)
    assert len((here.folder / "history.jsonl").read_text().splitlines()) == 2


# --- seeds, and runs that are over ----------------------------------------------------------


@pytest.mark.parametrize("kind", [QUICKEST, "random"])
def test_seeds_agree_and_differ(kind, data, place):
    first, again, other = (place(name) for name in ("first", "again", "other"))
    for one, seed in ((first, 3), (again, 3), (other, 4)):
        one.search(*arguments(kind, data), "--seed", seed, "-o", one.folder)
    assert first.kept() == again.kept()
    assert first.kept()[0]["history.jsonl"] != other.kept()[0]["history.jsonl"]


def test_a_finished_run_says_its_result_again(whole, tmp_path):
    place = Place(tmp_path)
    shutil.copytree(whole.path, place.path, dirs_exist_ok=True)
    files = {path: path.read_bytes() for path in place.path.rglob("*")
             if path.is_file() and "log." not in path.name}
    output = place.search("resume", place.folder)
    name = json.loads((whole.folder / "result.json").read_text())["name"]
    assert output.startswith(f"{name} (epoch 3, ")
    assert name == "GDAS_FOLDER_0" and f"zoo train {name} --data folder" in output
    assert files == {path: path.read_bytes() for path in files}


def test_a_name_that_is_taken_meanwhile_gets_a_number(data, here, whole, monkeypatch):
    with monkeypatch.context() as patch:
        killed_in(patch, run_folder, "save_checkpoint", 3)
        begin_and_be_killed(here, data, "--name", "MINE")
    registry.register("mine", registry.genotype("DARTS"), "somebody else")
    assert search("resume", here.folder).startswith("MINE_2 (")
    assert registry.genotype("mine") == registry.genotype("DARTS")


def test_an_invalid_name_is_one_line(data, here, whole, monkeypatch):
    with monkeypatch.context() as patch:
        killed_in(patch, run_folder, "save_checkpoint", 3)
        begin_and_be_killed(here, data, "--name", "MINE")
    file = here.folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"name": "../mine"}))
    said = search("resume", here.folder, code=1)
    assert re.fullmatch(r"error: \S*config.json: .*'../mine'.*; correct the name there and "
                        r"continue with `search resume \S+`", said.splitlines()[-1])
    file.write_text(json.dumps(json.loads(file.read_text()) | {"name": "mine"}))
    assert search("resume", here.folder).startswith("mine (")


# --- one process at a time, and its threads -------------------------------------------------


def test_a_second_process_is_refused_while_the_first_runs_on(data, whole, place):
    one, other = place("one"), place("other")
    process = one.begin(*arguments(QUICKEST, data), "-o", one.folder)
    while not (one.folder / "history.jsonl").exists():  # written under the lock
        assert process.is_alive()
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        other.search("resume", one.folder, code=1)
        said = other.said("err").splitlines()[-1]
        assert said.startswith(f"error: another process is using {one.folder}; wait for it")
    finally:
        os.kill(process.pid, signal.SIGCONT)
    process.join()
    assert process.exitcode == 0 and one.kept() == whole.kept()


def test_resume_keeps_the_number_of_threads(data, here, monkeypatch):
    before = torch.get_num_threads()
    with monkeypatch.context() as patch:
        killed_in(patch, run_folder, "save_checkpoint", 1)
        begin_and_be_killed(here, data)
    config = json.loads((here.folder / "config.json").read_text())
    assert config["threads"] == before and config["epochs"] == 3
    (here.folder / "config.json").write_text(json.dumps(config | {"threads": 3}))
    seen = []
    monkeypatch.setattr(run_folder, "save_checkpoint",
                        lambda *_: seen.append(torch.get_num_threads()))
    search("resume", here.folder)
    assert seen == [3, 3] and torch.get_num_threads() == before


@pytest.mark.parametrize("kind", [QUICKEST, "recurrent"])
def test_threads_are_measured_on_a_supernet_of_their_own(kind, data, here, monkeypatch):
    measured = []

    def measure(prepare, device):
        step = prepare()
        measured.extend([step(), step()])
        return 1

    monkeypatch.setattr(build, "fastest_threads", measure)
    search(*arguments(kind, data), "-o", here.path / "measured")
    assert len(measured) == 2
    search(*arguments(kind, data), "--threads", 1, "-o", here.path / "asked",
           "--name", "OTHER")
    assert len(measured) == 2
    for name in ("history.jsonl", "genotype.json"):
        assert (here.path / "measured" / name).read_bytes() == (
            here.path / "asked" / name).read_bytes()
    assert {json.loads((here.path / run / "config.json").read_text())["threads"]
            for run in ("measured", "asked")} == {1}


def test_a_search_killed_before_its_threads_are_known_measures_them(data, here, monkeypatch):
    def killed(prepare, device):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(build, "fastest_threads", killed)
        begin_and_be_killed(here, data)
    assert json.loads((here.folder / "config.json").read_text())["threads"] is None
    search("resume", here.folder)
    assert json.loads((here.folder / "config.json").read_text())["threads"] >= 1
def test_a_termination_says_how_to_continue(data, place):
    one = place("one")
    process = one.begin(*arguments(QUICKEST, data), "--epochs", "300", "-o", one.folder)
    while not (one.folder / "history.jsonl").exists():
        assert process.is_alive()
        time.sleep(0.005)
    process.terminate()
    process.join()
    assert process.exitcode == 143
    assert one.said("err").splitlines()[-1] == (
        f"terminated; continue with `search resume {one.folder}`")
    assert not (one.folder / "lock").exists()


def test_a_search_that_diverged_says_so_on_resume(data, here):
    words = [*arguments(QUICKEST, data), "--learning-rate", "1e30", "--set", "clip_norm=1e30"]
    first = search(*words, "-o", here.folder, code=1).splitlines()[-1]
    assert "search in a new folder with a smaller --learning-rate" in first
    again = search("resume", here.folder, code=1).splitlines()[-1]
    assert again == first.replace(
        "error: ", f"error: {here.folder} has diverged and would do so again: ")
