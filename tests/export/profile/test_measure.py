"""`zoo profile` measures what its file says, and goes on after an interrupt."""

import operator
import random
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from export.network.deploy import rewritten
from export.profile import design, measure
from export.profile.fit import fit
from export.profile.models import Slice, model
from export.profile.timing import time_graphs
from zoo.artifact.manifest import Input
from zoo.cli import app
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS, NasBench201Genotype
from zoo.latency import exported
from zoo.latency.profile import Entry, Profile, measured_operations
from zoo.latency.sizes import Sizes

SIZES = {kind: Sizes(kind=kind, channels=4, layers=4, size=8, classes=3)
         for kind in ("conv", "nasbench201")}
SMALL = ("--channels", "4", "--layers", "4", "--size", "8", "--num-classes", "3", "--in-channels",
         "3", "--runs", "2")


def zoo(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def made_up(sizes, skip=0.0):
    """Random costs by operation and shape, and the times of graphs that they add up to."""
    rng = random.Random(1)
    costs = {(name, shape): rng.uniform(0.01, 0.1) for name in measured_operations(sizes.kind)
             for shape in sizes.shapes()}
    if sizes.kind == "conv":
        costs |= {key: skip for key in costs if key[0] == "skip_connect" and key[1].stride == 1}

    def times(graphs, *_, **__):
        return [(0.5 if graph.whole else 0.2) + sum(
            count * costs[feature] for feature, count in graph.features(sizes).items()
            if feature[0] != "none") for graph in graphs]

    return costs, times


@pytest.mark.parametrize("kind", SIZES)
def test_costs_that_add_up_are_found_again(kind):
    sizes = SIZES[kind]
    costs, times = made_up(sizes)
    graphs = design.graphs(sizes)
    entries, rest = fit(graphs, dict(zip([graph.name for graph in graphs], times(graphs))), sizes)
    assert rest == pytest.approx(0.5)
    assert {(each.operation, each.shape): each.ms for each in entries} == pytest.approx(costs)


def operations_of(genotype, sizes):
    """How often the deployed graph of a network has each operation of a NAS-Bench-201 cell."""
    spec = Input(height=sizes.size, width=sizes.size, channels=sizes.in_channels,
                 mean=[0.5] * sizes.in_channels, std=[0.5] * sizes.in_channels)
    graph, _ = rewritten(model(design.network("", sizes, genotype), sizes), spec)
    found = Counter()
    for node in graph.graph.nodes:
        called = graph.get_submodule(node.target) if node.op == "call_module" else None
        found["add"] += node.target is operator.add
        found["zero"] += isinstance(called, nn.MaxPool2d)
        found["avg_pool_3x3"] += isinstance(called, nn.AvgPool2d)
        if isinstance(called, nn.Conv2d):
            found["nor_conv_{}x{}".format(*called.kernel_size)] += 1
    return found


def test_the_operations_are_those_of_the_exported_graph():
    """Those of a network less those of a network whose cells do nothing."""
    sizes, rng = SIZES["nasbench201"], random.Random(0)
    bare = NasBench201Genotype.of(*["none"] * 3, "skip_connect", "none", "none")
    assert not exported.operations(bare.cell)
    rest, seen = operations_of(bare, sizes), Counter()
    for _ in range(25):
        genotype = NasBench201Genotype.of(
            *rng.choices(list(NASBENCH201_OPERATIONS), (2, 1, 1, 1, 2), k=6))
        wanted = Counter(exported.operations(genotype.cell) * sizes.layers)
        assert operations_of(genotype, sizes) - rest == wanted, genotype
        seen += wanted
    assert set(seen) == set(exported.OPERATIONS)


@pytest.mark.parametrize("kind", SIZES)
def test_the_graphs_follow_from_the_sizes(kind):
    first, again = design.graphs(SIZES[kind]), design.graphs(SIZES[kind])
    assert first == again and len({graph.name for graph in first}) == len(first)
    for graph in first:
        network = model(graph, SIZES[kind])
        size = SIZES[kind].size if graph.whole else graph.places[0].size
        with torch.no_grad():
            assert network(torch.zeros(1, 3, size, size)).shape == (1, 3)
        assert isinstance(network, Slice) != graph.whole


@pytest.mark.parametrize("kind", SIZES)
def test_graphs_are_timed_in_a_runtime(kind):
    graphs = [design.graphs(SIZES[kind])[index] for index in (0, -1)]
    written = []
    times = time_graphs(graphs, SIZES[kind], measure.one_backend("onnxruntime"), 1, 4,
                        written.append)
    assert all(ms > 0 for ms in times) and written == [1, 2]


def test_an_interrupted_profile_goes_on(tmp_path, monkeypatch):
    """Only what is missing is timed, and the result is that of an uninterrupted run."""
    path, whole = tmp_path / "profile.json", tmp_path / "whole.json"
    _, times = made_up(SIZES["conv"])
    timed = []

    def interrupted(graphs, *rest):
        if len(timed) == 2:
            raise KeyboardInterrupt
        timed.append([graph.name for graph in graphs])
        return times(graphs)

    monkeypatch.setattr(measure, "time_graphs", lambda graphs, *rest: times(graphs))
    assert zoo("profile", *SMALL, "-o", whole).exit_code == 0
    monkeypatch.setattr(measure, "time_graphs", interrupted)
    assert zoo("profile", *SMALL, "-o", path).exit_code != 0
    part = Profile.read_any(path)
    assert set(part.samples) == {name for batch in timed for name in batch} and not part.entries
    shown = zoo("profile", "--show", path)
    assert shown.exit_code == 1 and "is unfinished; go on with `zoo profile" in shown.stderr
    before = {name for batch in timed for name in batch}
    timed[:] = [[]] * 3
    result = zoo("profile", *SMALL, "-o", path)
    assert result.exit_code == 0, result.output
    clocks = {graph.name for graph in design.graphs(SIZES["conv"]) if graph.whole}
    assert not before & {name for batch in timed for name in batch} - clocks
    assert Profile.read(path).entries == Profile.read(whole).entries
    assert "next: search run --limit 'latency:onnxruntime:cpu<=" in result.stdout
    # A finished one is not measured again.
    content = path.read_bytes()
    monkeypatch.setattr(measure, "time_graphs", None)
    again = zoo("profile", *SMALL, "-o", path)
    assert again.exit_code == 0 and "measured before" in again.stdout
    assert path.read_bytes() == content


def test_a_slower_machine_cancels(tmp_path, monkeypatch):
    """The networks in every batch tell by how much."""
    costs, times = made_up(SIZES["conv"])
    speeds = iter([1.0, 3.0, 0.5, 2.0, 1.5])

    def timed(graphs, *rest):
        speed = next(speeds)
        return [speed * ms for ms in times(graphs)]

    monkeypatch.setattr(measure, "time_graphs", timed)
    found = measure.measure(tmp_path / "profile.json", SIZES["conv"],
                            measure.one_backend("onnxruntime"), 1, 2)
    assert found.table() == pytest.approx(costs) and measure.fit_error(found) < 1e-9


def test_another_profile_is_not_overwritten(tmp_path, monkeypatch):
    path = tmp_path / "profile.json"
    _, times = made_up(SIZES["conv"])
    monkeypatch.setattr(measure, "time_graphs", lambda graphs, *rest: times(graphs))
    assert zoo("profile", *SMALL, "-o", path).exit_code == 0
    content = path.read_bytes()
    for more, words in ((("--channels", 8), "channels: 4, not 8"),
                        (("--runtime", "tflite"), "runtime: onnxruntime, not tflite"),
                        (("--runs", 3), "runs: 2, not 3"),
                        (("--space", "nasbench201"), "kind: conv, not nasbench201")):
        result = zoo("profile", *SMALL, "-o", path, *more)
        assert result.exit_code == 1 and words in result.stderr, result.output
        assert "choose another file with -o" in result.stderr
    monkeypatch.setattr(measure, "machine", lambda: "another machine")
    assert "not another machine" in zoo("profile", *SMALL, "-o", path).stderr
    monkeypatch.undo()
    monkeypatch.setitem(design.NETWORKS, "conv", 11)  # as in another release
    assert "another profile (design" in zoo("profile", *SMALL, "-o", path).stderr
    assert path.read_bytes() == content
    path.write_text("{}")
    assert "is not a profile" in zoo("profile", *SMALL, "-o", path).stderr


@pytest.mark.parametrize("arguments, words", [
    (("--runtime", "tfsj"), "unknown runtime 'tfsj'"), (("--runtime", "all"), "one runtime"),
    (("--runtime", "tfjs:wasm,litert"), "one runtime"), (("--runs", "0"), "--runs must be"),
    (("--threads", "0"), "--threads must be"), (("--layers", "0"), "--layers must be"),
    (("--space", "darts"), "unknown space 'darts'"), (("--data", "imagenet"), "small images"),
    (("DARTS",), "omit DARTS"), (("-o", "nowhere/profile.json"), "nowhere: No such directory"),
    (("--show", "none.json"), "none.json: No such file"),
])
def test_bad_input_is_one_line(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = zoo("profile", *arguments)
    assert result.exit_code == 1 and words in result.stderr, result.output
    assert result.stderr.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_runtime_that_fails_is_one_line(tmp_path, monkeypatch):
    note = SimpleNamespace(ms=None, note="no such card")
    runtime = SimpleNamespace(load=None, title="Mine", times=lambda places, *_: [[note]])
    monkeypatch.setattr(measure, "time_graphs", lambda graphs, *rest: time_graphs(
        graphs[:1], SIZES["conv"], SimpleNamespace(
            runtime=SimpleNamespace(**vars(runtime), reads="onnx"), backends=("card",)), 1, 2))
    result = zoo("profile", *SMALL, "-o", tmp_path / "profile.json")
    assert result.exit_code == 1 and "error: Mine card: no such card" in result.stderr
    assert not list(tmp_path.iterdir())


def test_show_prints_operations_and_predictions(tmp_path):
    sizes = SIZES["conv"]
    costs, _ = made_up(sizes)
    made = Profile(runtime="tfjs", backend="wasm", threads=1, machine="here", runs=2,
                   network=sizes, rest=0.5, entries=[
                       Entry(operation=name, ms=ms, **shape._asdict())
                       for (name, shape), ms in costs.items()])
    made.write(tmp_path / "profile.json")
    table = zoo("profile", "--show", tmp_path / "profile.json").stdout
    assert all(name in table for name in measured_operations("conv"))
    cells = zoo("profile", "--show", tmp_path / "profile.json", "DARTS_V1", "DARTS_V2").stdout
    from zoo import registry

    for name in ("DARTS_V1", "DARTS_V2"):
        (line,) = [line for line in cells.splitlines() if line.startswith(name)]
        assert float(line.split()[-1]) == pytest.approx(
            made.predict(registry.genotype(name)), abs=5e-4)
    assert np.isfinite(made.predict(registry.genotype("DARTS_V1")))
