"""`search run --limit` as typed: what is refused before anything is written, and a whole run."""

import json
import re

import pytest
from typer.testing import CliRunner

from search.cli import app
from search.config import RunConfig, SearchOptions, plan
from search.reporting.history import read_run
from tests.search.limits.test_limits import profile
from tests.search.small_data import SAMPLED, digits_folder
from zoo.genotypes.serialization import from_dict
from zoo.latency.profile import Profile

RANDOM = ["--strategy", "random", *SAMPLED, "--candidates", "3", "--set", "wave=3"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "mine"))
    digits_folder(tmp_path / "images", 32)
    return tmp_path


def search(*words, code=0):
    result = CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "100"})
    assert result.exit_code == code, result.output + repr(result.exception)
    return " ".join(result.output.split())


def written(path, **changes):
    """A profile of the candidates of RANDOM on the images: which have four classes."""
    made = profile("conv")
    network = made.network.model_copy(update={"classes": 4} | changes)
    Profile.model_validate(dict(made) | {"network": network}).write(path)
    return path


@pytest.mark.parametrize("words, message", [
    (["--limit", "params<=1"],
     r"no cell meets --limit params<=1; the smallest figure is \d+$"),
    (["--limit", "params<=9ms"], "unknown unit 'ms'; params is in k, M or G"),
    (["--limit", "latency:litert:wasm<=5ms"],
     "measure one with `zoo profile --runtime litert:wasm --space conv --channels 4 --layers 3 "
     "--size 8 --num-classes 4 --in-channels 1 -o profile.json` and add --profile profile.json"),
    (["--limit", "latency:litert:wasm<=5ms", "--profile", "other.json"],
     "holds for another network: layers is 6 there and 3 here"),
    (["--limit", "latency:litert:wasm<=5ms", "--profile", "nowhere.json"], "nowhere.json"),
    (["--limit", "latency:litert:wasm<=5ms", "--profile", "images/train/0"], "images/train/0"),
    (["--limit", "latency:litert:wasm<=1us", "--profile", "profile.json"],
     r"no cell meets --limit latency:litert:wasm<=1us; the smallest figure is \d+ us$"),
    (["--profile", "profile.json"],
     "--profile is for --limit latency:RUNTIME:BACKEND; add it, or leave --profile out"),
    (["--strategy", "darts", "--limit", "params"],
     "--limit is for strategies that train candidates, but darts trains one supernet; leave it"),
])
def test_a_limit_that_cannot_be_kept_is_refused_before_the_search(words, message, here):
    written(here / "profile.json")
    written(here / "other.json", layers=6)
    strategy = RANDOM[2:] if "--strategy" in words else RANDOM
    strategy = [*SAMPLED[:-2]] if "--strategy" in words else strategy
    output = search("run", *strategy, *words, "--data", "folder", "--path", "images", code=1)
    assert re.search(message, output) and "Traceback" not in output
    assert not (here / "runs").exists() and not (here / "mine").exists()


def test_a_run_within_limits_ends_in_its_front(here):
    made = Profile.read(written(here / "profile.json"))
    words = ["run", *RANDOM, "--data", "folder", "--path", "images", "--profile", "profile.json",
             "--limit", "latency:litert:wasm", "--limit", "params<=9k", "-o", "run"]
    assert "front: run/front.json, see `search show run`" in search(*words)
    record = read_run(here / "run")
    for one in record.rows[0]["candidates"]:
        figures = one["measures"]
        assert figures["params"] == one["parameters"] <= 9000
        assert figures["latency:litert:wasm"] == pytest.approx(
            made.predict(from_dict(one["genotype"])))
    front = json.loads((here / "run" / "front.json").read_text())
    assert front["objectives"] == ["latency:litert:wasm"] and front["cells"]
    (here / "profile.json").write_text((here / "profile.json").read_text() + "\n")
    (here / "run" / "result.json").unlink()
    refused = search("resume", "run", code=1)
    assert "profile.json has changed since this search was started" in refused


def test_limits_are_stored_and_repeated(here):
    def planned(**options):
        return plan(SearchOptions(strategy="random", preset="quick", **options))[0]

    config = planned(limits=["params <= 50k", "bytes"], data="digits")
    assert config.limits == ["params<=50k", "bytes"]
    (here / "config.json").write_text(json.dumps(vars(config)))
    again, _ = plan(SearchOptions().over_file(here / "config.json"))
    read = RunConfig.read(json.loads((here / "config.json").read_text()))
    assert again.limits == read.limits == config.limits
    assert again.digest == read.digest == config.digest
    assert config.digest != planned(data="digits").digest
    with pytest.raises(ValueError, match="unknown measure"):
        RunConfig.read(vars(config) | {"limits": ["size<=3"]})
