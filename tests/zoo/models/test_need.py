"""The memory and time of a network are estimated before it is built."""

import re
import time

import pytest
import torch
from typer.testing import CliRunner

import zoo
from zoo.cli import app
from zoo.models import need as needs
from zoo.models.cost import cost
from zoo.models.factory import build_network
from zoo.models.need import Load, Need, check, duration, language_need, need
from zoo.system import memory
from zoo.system.live_tensors import LiveTensors
from zoo.system.memory import TooLargeError, free_memory, in_words

CPU = torch.device("cpu")
SETTINGS = {"channels": 4, "num_classes": 10, "in_channels": 3, "auxiliary": True}


def step(model, images):
    logits, auxiliary = model.train()(images)
    torch.autograd.grad(logits.sum() + auxiliary.sum(), list(model.parameters()))


@pytest.mark.parametrize("cell, kind, layers, batch", [
    ("DARTS", "cifar", 4, 3), ("DARTS", "cifar", 14, 2), ("PC_DARTS_cifar", "imagenet", 18, 8)])
def test_the_estimate_matches_a_real_step(cell, kind, layers, batch):
    genotype, shape = zoo.genotype(cell), (3, 48, 48)
    found = need(genotype, kind, SETTINGS | {"layers": layers}, shape, batch, step)
    model = build_network(genotype, kind, layers=layers, **SETTINGS)
    weights = [*model.parameters(), *model.buffers()]
    assert found.weights == pytest.approx(sum(w.nbytes for w in weights), rel=0.03)
    images = torch.zeros(batch, *shape)
    with LiveTensors([*weights, images]) as live:
        step(model, images)
    assert found.activations() == pytest.approx(live.peak, rel=0.06)
    assert live.peak <= found.at_most * 1.02
    assert found.multiply_adds() == pytest.approx(cost(model, shape).multiply_adds, rel=0.03)


def test_the_estimate_of_a_language_model_counts_its_weights():
    genotype = zoo.genotype("ENAS_RNN")
    model = build_network(genotype, "language", vocabulary=30, embedding=8, hidden=8)
    found = language_need(genotype, 30, 8, tokens=10)
    assert found.weights == sum(value.nbytes for value in model.parameters())


def test_networks_that_cannot_fit_are_refused_and_large_ones_noted(monkeypatch, caplog):
    found = Need(weights=100e6, at_most=2e9, activations=lambda: 1e9, multiply_adds=lambda: 1e9)

    for free, low, refused, told in ((1.1e9, False, True, False), (1.1e9, True, False, True),
                                     (1.3e9, False, False, True), (2.4e9, False, False, False)):
        caplog.clear()
        monkeypatch.setattr(needs, "free_memory", lambda device, free=free: free)
        try:
            check(found, "a net", Load(copies=2, passes=10, low_precision=low), "take less")
            assert not refused
        except TooLargeError as error:
            assert refused
            assert re.fullmatch(r"a net takes about 2.3 GB of memory and \d+ s or more; "
                                r"1.1 GB is free; take less", str(error))
        assert [record.getMessage().startswith("this may not fit: a net takes about 2.3 GB")
                for record in caplog.records] == [True] * told


@pytest.mark.parametrize("words", [
    ["train", "DARTS", "--layers", "100000"],
    ["train", "ENAS_RNN", "--hidden", "1000000"],
    ["build", "DARTS", "-e", "onnx", "--layers", "100000", "--channels", "64"],
    ["build", "DARTS", "-e", "onnx", "--size", "100000"],
    ["build", "ENAS_RNN", "-e", "onnx", "--hidden", "1000000"],
    ["bench", "DARTS", "--size", "100000"],
])
def test_commands_refuse_it_in_one_line_before_they_begin(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(needs, "free_memory", lambda device: 8e9)
    began = time.monotonic()
    result = CliRunner().invoke(app, words)
    assert time.monotonic() - began < 30
    assert result.exit_code == 1 and not result.stdout, result.output
    line, = result.stderr.splitlines()
    assert re.search(r"^error: (training|building) .* takes about [\d,.]+ [GT]B of memory "
                     r"and [\d,]+ \w+ or more; 8.0 GB is free; take ", line), line
    assert list(tmp_path.iterdir()) == []


def test_a_batch_is_no_larger_than_the_data(few, monkeypatch):
    """A batch of a million counts as the images of the data set."""
    from zoo.recipes.image import Recipe
    from zoo.training import fits

    monkeypatch.setattr(needs, "free_memory", lambda device: 1e9)
    recipe = Recipe(channels=4, layers=3, batch_size=10**6)
    fits.check_images(zoo.genotype("DARTS"), few, recipe, CPU, torch.float32)


@pytest.mark.parametrize("words", [["train", "DARTS"], ["build", "DARTS", "-e", "onnx"]])
def test_networks_deeper_than_an_artifact_allows_are_refused(words, tmp_path, monkeypatch):
    """Otherwise a training would fail at its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(needs, "free_memory", lambda device: 1e15)
    result = CliRunner().invoke(app, [*words, "--layers", "1001"])
    assert result.exit_code == 1
    assert result.stderr == "error: --layers must be at most 1,000, not 1,001\n"
    assert list(tmp_path.iterdir()) == []


def test_free_memory(tmp_path, monkeypatch):
    assert 1e7 < free_memory() < 1e14
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    for name, content in (("memory.max", "3000"), ("memory.current", "2500"),
                          ("memory.stat", "anon 1\ninactive_file 400\n")):
        (tmp_path / name).write_text(content)
    assert free_memory() == 900  # of the container
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() > 1e6
    assert (in_words(3.24e9), in_words(5e6), in_words(1.5e15)) == ("3.2 GB", "5 MB", "1,500.0 TB")
    assert (duration(7500), duration(3), duration(9e9)) == ("2 hours", "3 s", "285 years")
