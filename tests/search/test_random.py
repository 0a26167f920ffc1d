"""Random search: cells of the space, the best one registered, interruptions lose nothing."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from search.space import OPERATIONS, sample
from search.strategies.random import held_out, search
from zoo.datasets import load
from zoo.recipe import RECIPES
from zoo.run_folder import RunError


def test_sampled_cells_are_of_the_space():
    rng = random.Random(0)
    for genotype in (sample(rng) for _ in range(50)):
        for cell in genotype.cells().values():
            assert cell.concat == (2, 3, 4, 5)
            for edges in cell.nodes:
                assert len({source for _, source in edges}) == len(edges) == 2
                assert all(operation in OPERATIONS for operation, _ in edges)


def test_a_seed_gives_the_same_cells():
    first, second = (list(map(sample, [random.Random(3)] * 5)) for _ in range(2))
    assert first == second and len(set(first)) == 5


def test_held_out_images_are_training_images():
    data = load("digits")
    split = held_out(data, 0)
    assert len(split.train.labels) + len(split.test.labels) == len(data.train.labels)
    assert len(set(split.test.labels.tolist())) == 10


@pytest.fixture
def recipe():
    return RECIPES["digits"].but(epochs=1, channels=4, layers=3, drawings=0)


def test_an_interrupted_search_ends_as_an_uninterrupted_one(tmp_path, recipe):
    data = load("digits")
    whole = search(tmp_path / "whole", data, recipe, 2, seed=5)

    def stop(index, candidate):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "cut", data, recipe, 2, seed=5, report=stop)
    resumed = search(tmp_path / "cut", data, recipe, 2, seed=5)
    assert [(c.genotype, c.accuracy) for c in resumed] == [(c.genotype, c.accuracy) for c in whole]
    assert len((tmp_path / "cut/history.jsonl").read_text().splitlines()) == 2


def test_a_folder_that_is_no_search_is_left_alone(tmp_path, recipe):
    (tmp_path / "history.jsonl").write_text("mine")
    with pytest.raises(RunError, match="history.jsonl, which is not of a search"):
        search(tmp_path, load("digits"), recipe, 1)
    assert (tmp_path / "history.jsonl").read_text() == "mine"


def test_the_command_registers_its_winner(tmp_path):
    environment = {**os.environ, "GENOTYPE_ZOO_DATA": str(tmp_path / "data")}

    def run(command, *arguments):
        path = str(Path(sys.executable).with_name(command))
        return subprocess.run([path, *arguments], cwd=tmp_path, env=environment,
                              capture_output=True, text=True)

    result = run("search", "run", "--candidates", "1", "--epochs", "1", "--channels", "4",
                 "--layers", "3", "--name", "FOUND")
    assert result.returncode == 0, result.stderr
    assert "zoo train FOUND" in result.stdout
    listed = json.loads(run("zoo", "list", "FOUND", "--json").stdout)
    assert "random search on digits" in listed[0]["source"]
    for taken, message in (("FOUND", "already named 'FOUND'"), ("DARTS", "published cell")):
        refused = run("search", "run", "--name", taken, "--output", "other")  # before any work
        assert refused.returncode == 1 and message in refused.stderr
    assert not (tmp_path / "other").exists()
    refused = run("search", "run", "--strategy", "magic")
    assert refused.returncode == 1 and refused.stderr.startswith("error: unknown strategy 'magic'")
