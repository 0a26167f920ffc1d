"""A cell found by a search is registered and exported, and keeps its source."""

import dataclasses
import json
import random

import pytest
from typer.testing import CliRunner

import zoo
from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from search.cli import app as search
from search.spaces.hierarchical import HierarchicalSpace
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import ConvSpace, RecurrentSpace
from web_demo.artifacts import find_artifacts, index_json
from zoo.artifact.folder import read_manifest
from zoo.cli import app as zoo_app
from zoo.data.base import Split
from zoo.data.images import load
from zoo.recipes.image import Recipe
from zoo.registry import origin_lines
from zoo.training.classification import train

SOURCE = "search run search-darts1-digits-0: darts order 1 on digits, seed 0"
SPACES = {"conv": ConvSpace(), "recurrent": RecurrentSpace(), "hierarchical": HierarchicalSpace(),
          "nasbench201": NasBench201Space()}
SMALL = {"conv": {"channels": 4, "layers": 3}, "hierarchical": {"channels": 4, "layers": 3},
         "recurrent": {"vocabulary": 11, "hidden": 6}, "nasbench201": {"channels": 4, "layers": 3}}


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """A separate, empty data folder."""
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "data"))


def found(kind="conv", source=SOURCE):
    genotype = SPACES[kind].sample(random.Random(1))
    zoo.register("FOUND", genotype, source)
    return genotype


@pytest.mark.parametrize("kind", SPACES)
def test_a_found_cell_is_exported_with_its_source(kind, tmp_path):
    genotype = found(kind)
    build(find("FOUND", BuildOptions(**SMALL[kind])), ["onnx", "tfjs"], tmp_path / "out")
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.genotype, manifest.source, manifest.paper) == ("FOUND", SOURCE, "")
    assert all(entry.max_difference <= entry.limit for entry in manifest.parity)
    card = (tmp_path / "out/README.md").read_text()
    assert f"## The cell\n\nNot a published cell; found by {SOURCE}.\n" in card
    assert zoo.parse((tmp_path / "out/genotype.json").read_text()) == genotype
    again = find(str(tmp_path / "out"), BuildOptions())  # an artifact carries the source
    assert again.manifest.source == SOURCE


def test_from_the_search_to_the_zoo_and_to_an_artifact(tmp_path):
    """The commands as a user runs them."""
    def succeeded(app, *words):
        result = CliRunner().invoke(app, list(map(str, words)))
        assert result.exit_code == 0, result.output
        return result.output

    small = ["--channels", 4, "--layers", 3]
    output = succeeded(search, "run", "--epochs", 1, *small, "--batch-size", 300, "-o",
                     tmp_path / "run-7", "--seed", 3)
    assert "zoo build DARTS1_DIGITS_3 --export tfjs" in output
    source = "search run run-7: darts order 1 on digits, seed 3"
    assert f"yours: {source}" in succeeded(zoo_app, "list")
    assert f"source    {source}" in succeeded(zoo_app, "show", "darts1_digits_3")
    succeeded(zoo_app, "build", "DARTS1_DIGITS_3", "--export", "tfjs", *small, "-o",
              tmp_path / "out")
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.genotype, manifest.source) == ("DARTS1_DIGITS_3", source)
    index = json.loads(index_json(find_artifacts([tmp_path])))
    assert [(model["name"], model["genotype"]) for model in index["models"]] == [
        ("out", "DARTS1_DIGITS_3")]


def test_any_other_source_is_kept(tmp_path):
    found(source="a talk\nof 2026")
    build(find("FOUND", BuildOptions(**SMALL["conv"])), ["onnx"], tmp_path / "out")
    assert read_manifest(tmp_path / "out").source == "a talk of 2026"
    card = (tmp_path / "out/README.md").read_text()
    assert "Not a published cell; its source: a talk of 2026.\n" in card


def test_a_trained_artifact_keeps_the_source(tmp_path):
    found()
    digits = load("digits")
    few = dataclasses.replace(digits, train=Split(digits.train.images[:40],
                                                  digits.train.labels[:40]))
    train("FOUND", few, Recipe(channels=4, layers=3, epochs=1, batch_size=20), tmp_path / "run")
    assert read_manifest(tmp_path / "run").source == SOURCE


def test_a_published_cell_has_a_paper_and_no_source():
    origin = find("DARTS", BuildOptions()).manifest
    assert origin.paper.startswith("H. Liu") and origin.source == ""


def test_only_the_cell_itself_has_the_source():
    genotype = found()
    other = ConvSpace().mutate(random.Random(0), genotype)
    assert origin_lines("found", genotype) == {"paper": "", "source": SOURCE}
    nothing = {"paper": "", "source": ""}
    assert origin_lines("FOUND", other) == origin_lines("NOBODY", genotype) == nothing
