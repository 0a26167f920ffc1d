"""A training killed at any moment, as by a power cut, ends like an uninterrupted one on resume."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests import processes
from zoo.artifact.folder import check_files, check_place, read_manifest
from zoo.runs import run_folder
from zoo.runs.run_state import is_at_work

pytestmark = pytest.mark.xdist_group("processes")

ROOT = Path(__file__).parents[3]
WORDS = ["train", "DARTS", "--channels", "4", "--layers", "3", "--epochs", "4", "--device", "cpu",
         "--batch-size", "256", "--validation", "137", "-o"]


class Training:
    """`zoo train` in a separate process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self._err = folder, folder.parent / "stderr"
        self.process = processes.begin("zoo", [*WORDS, folder, *options], err=self._err,
                                       folder=folder.parent)

    def wait_for(self, rows: int) -> None:
        """Wait until the history has `rows` rows."""
        file, until = self.folder / run_folder.HISTORY, time.monotonic() + 120
        while not file.exists() or file.read_bytes().count(b"\n") < rows:
            assert self.process.is_alive() and time.monotonic() < until, self._err.read_text()
            time.sleep(0.01)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def finish(self) -> None:
        self.process.join(300)
        assert self.process.exitcode == 0, self._err.read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted training, started as if typed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    done = subprocess.run([sys.executable, "-m", "zoo", *WORDS, str(folder)], cwd=folder.parent,
                          env={**os.environ, "PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def check_same(folder: Path, whole: Path) -> None:
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    check_place(folder)  # nothing is left over
    first, second = (load_file(run / "model.safetensors") for run in (folder, whole))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    facts = [{**read_manifest(run).metrics, "seconds": 0} for run in (folder, whole)]
    assert facts[0] == facts[1]


def test_killed_once(whole, tmp_path):
    folder = tmp_path / "run"
    training = Training(folder)
    training.wait_for(rows=1)
    assert is_at_work(folder)
    training.kill()
    assert not is_at_work(folder)
    assert not (folder / "manifest.json").exists()
    assert (folder / "best.pt").exists()  # the checkpoint comes after the row
    Training(folder, "--resume").finish()
    check_same(folder, whole)


def test_one_at_a_time_and_the_hint_of_a_termination(tmp_path):
    folder = tmp_path / "run"
    training = Training(folder, "--epochs", "400")
    training.wait_for(rows=1)
    second = tmp_path / "second"
    second.mkdir()
    other = processes.begin("zoo", [*WORDS, folder, "--resume"], err=second / "stderr")
    other.join(120)
    assert other.exitcode == 1
    assert (second / "stderr").read_text().splitlines()[-1] == (
        f"error: another process is using {folder}; wait for it, or choose another folder "
        "with -o")
    training.process.terminate()
    training.process.join(60)
    assert training.process.exitcode == 143
    last = (tmp_path / "stderr").read_text().splitlines()[-1]
    assert last.startswith("terminated; go on with `zoo train DARTS ")
    assert last.endswith(f" --resume` (whole epochs are kept in {folder})")
    assert not (folder / run_folder.LOCK).exists()


@pytest.mark.slow
def test_killed_again_and_again(whole, tmp_path):
    folder, moments = tmp_path / "run", random.Random(0)
    training = Training(folder)
    for rows in (0, 1, 1, 2, 3):
        if rows:
            training.wait_for(rows)
        else:  # in the first epoch
            while not (folder / run_folder.CONFIG).exists():
                time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.6))
        training.kill()
        training = Training(folder, "--resume")
    training.finish()
    check_same(folder, whole)
