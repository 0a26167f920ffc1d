"""A training that is killed at any moment, as by a power cut, ends as if it had not been."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from zoo.artifact.folder import check_files, check_place, read_manifest
from zoo.training import run_folder

ROOT = Path(__file__).parents[3]
WORDS = ["train", "DARTS", "--channels", "4", "--layers", "3", "--epochs", "4", "--device", "cpu",
         "--batch-size", "256", "--validation", "137", "-o"]


def start(folder: Path, *options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "zoo", *WORDS, str(folder), *options], cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(folder: Path, *options: str) -> None:
    process = start(folder, *options)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr


def wait_for(process: subprocess.Popen, folder: Path, rows: int) -> None:
    """Until the history has so many rows."""
    file, until = folder / run_folder.HISTORY, time.monotonic() + 120
    while not file.exists() or file.read_bytes().count(b"\n") < rows:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    finish(folder)
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
    process = start(folder)
    wait_for(process, folder, rows=1)
    process.kill()
    process.communicate()
    assert not (folder / "manifest.json").exists()
    assert (folder / "best.pt").exists()  # the checkpoint comes after the row
    finish(folder, "--resume")
    check_same(folder, whole)


@pytest.mark.slow
def test_killed_again_and_again(whole, tmp_path):
    folder, moments = tmp_path / "run", random.Random(0)
    process = start(folder)
    for rows in (0, 1, 1, 2, 3):
        if rows:
            wait_for(process, folder, rows)
        else:  # in the first epoch
            while not (folder / run_folder.CONFIG).exists():
                time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.6))
        process.kill()
        process.communicate()
        process = start(folder, "--resume")
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    check_same(folder, whole)
