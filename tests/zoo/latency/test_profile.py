"""A profile predicts what its entries add up to, and refuses any other network and file."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from search.spaces import discretize
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import ConvSpace
from zoo import registry
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.latency import exported
from zoo.latency.profile import Entry, Profile, ProfileError, measured_operations
from zoo.latency.sizes import CELLS, OPERATIONS, Sizes, edges
from zoo.latency.turns import IN_A_TURN, steady
from zoo.models.factory import build_network

SPACES = {"conv": ConvSpace(), "nasbench201": NasBench201Space()}


def profile(kind, layers=6, **changes):
    """A profile with random entries."""
    sizes = Sizes(kind=kind, channels=4, layers=layers, size=9, classes=10)
    rng = random.Random(0)
    return Profile(runtime="tfjs", backend="wasm", threads=1, machine="here", runs=3,
                   network=sizes, rest=1.5, entries=[
                       Entry(operation=name, ms=rng.random(), **shape._asdict())
                       for name in measured_operations(kind) for shape in sizes.shapes()],
                   samples={"network, 0": 2.5}, **changes)


@pytest.mark.parametrize("kind", SPACES)
def test_the_tables_are_those_of_the_supernet(kind):
    assert edges(kind) == discretize.edges(kind)
    assert OPERATIONS[kind] == discretize.operations(kind)
    assert CELLS[kind] == discretize.tables(kind)
    assert set(SPACES[kind].operations) <= set(OPERATIONS[kind])


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("layers", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("size", [8, 9])
def test_the_places_are_the_cells_of_the_network(kind, layers, size):
    """Channels and sizes of every cell, by the inputs that the network's edges get."""
    genotype = SPACES[kind].sample(random.Random(0))
    network = build_network(genotype, "nasbench201" if kind == "nasbench201" else "cifar",
                            channels=4, layers=layers, num_classes=3).eval()
    cells = [cell for cell in network.cells if hasattr(cell, "nodes")]
    seen = {}

    def record(index, source, stride):
        def hook(_, inputs):
            seen[index, source] = (*inputs[0].shape[1:3], stride)
        return hook

    for index, cell in enumerate(cells):
        sources = [source for node in cell.nodes for _, source in node]
        for module, source in zip(cell._ops if kind == "conv" else cell.layers, sources):
            stride = 2 if kind == "conv" and cell.reduction and source < 2 else 1
            module.register_forward_pre_hook(record(index, source, stride))
    with torch.no_grad():
        network(torch.zeros(1, 3, size, size))
    places = Sizes(kind=kind, channels=4, layers=layers, size=size, classes=3).places()
    assert len(places) == len(cells) and seen
    for (index, source), shape in seen.items():
        assert places[index].shape(source) == shape


def shares_a_pool(genotype):
    """Whether two edges of a NAS-Bench-201 cell pool the same value."""
    return (exported.operations(genotype.cell).count("avg_pool_3x3")
            < genotype.operations.count("avg_pool_3x3"))


def _sum_over_edges(made, genotype):
    """Rest and edge costs of a genotype without `none`, by plain loops."""
    total, costs = made.rest, made.edge_costs()
    names, rows = OPERATIONS[genotype.kind], edges(genotype.kind)
    for name, cell in genotype.cells().items():
        for node, node_edges in enumerate(cell.nodes):
            for operation, source in node_edges:
                total += costs[name][rows.index((node, source)), names.index(operation)]
    return total


@pytest.mark.parametrize("kind", SPACES)
def test_a_prediction_is_the_rest_and_the_costs_of_the_edges(kind):
    made = profile(kind)
    assert {name: table.shape for name, table in made.edge_costs().items()} == {
        name: (len(edges(kind)), len(OPERATIONS[kind])) for name in CELLS[kind]}
    assert all((table[:, 0] == 0).all() for table in made.edge_costs().values())
    rng, edge_only = random.Random(0), 0
    while edge_only < 5:
        genotype = SPACES[kind].sample(rng)
        if kind == "nasbench201" and ("none" in genotype.operations or shares_a_pool(genotype)):
            continue
        edge_only += 1
        assert made.predict(genotype) == pytest.approx(_sum_over_edges(made, genotype), rel=1e-12)


def test_a_prediction_by_hand():
    """Three cells: normal at 9x9, reductions to 5x5 and 3x3."""
    made = profile("conv", layers=3)
    dearer = [entry.model_copy(update={"ms": float(
        entry.operation == "sep_conv_3x3" and entry.stride == 2)}) for entry in made.entries]
    made = made.model_copy(update={"entries": tuple(dearer), "rest": 0.25})
    genotype = registry.genotype("DARTS_V1")
    strided = sum(operation == "sep_conv_3x3" and source < 2
                  for operation, source in genotype.reduce.edges)
    assert made.predict(genotype) == 0.25 + 2 * strided


@pytest.mark.parametrize("text, operations", [
    ("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|", []),  # a dead edge
    ("|none~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|",
     ["zero", "nor_conv_1x1"]),  # of zeros: the bias
    ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", ["zero"]),
    ("|none~0|+|none~0|none~1|+|none~0|skip_connect~1|skip_connect~2|", ["zero", "add"]),
    ("|skip_connect~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|none~0|avg_pool_3x3~1|nor_conv_1x1~2|",
     ["avg_pool_3x3", "add", "nor_conv_1x1", "add"]),  # all pools are of the input
    ("|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|"
     "avg_pool_3x3~2|", ["nor_conv_3x3", "nor_conv_3x3", "add", "avg_pool_3x3", "avg_pool_3x3",
                         "add", "add"]),
])
def test_a_nasbench201_cell_costs_its_exported_operations(text, operations):
    made, genotype = profile("nasbench201"), NasBench201Genotype.from_text(text)
    assert exported.operations(genotype.cell) == operations
    table = made.table()
    assert made.predict(genotype) == pytest.approx(made.rest + sum(
        table[name, place.shape(0)] for place in made.network.places() for name in operations))


def test_cells_outside_the_space_are_refused():
    made = profile("conv")
    for name, reason in (("NASNet_A", "outside the search space|has the operation"),
                         ("DARTS_V2_RNN", "a recurrent cell does not fit"),
                         ("NB201_ResNet", "a NAS-Bench-201 cell does not fit")):
        if name in registry.list_cells("*"):
            with pytest.raises(ValueError, match=reason):
                made.predict(registry.genotype(name))


def test_a_file_reads_back(tmp_path):
    made = profile("conv")
    made.write(tmp_path / "profile.json")
    assert Profile.read(tmp_path / "profile.json") == made
    assert [path.name for path in tmp_path.iterdir()] == ["profile.json"]


def test_other_sizes_are_refused_with_the_command():
    made = profile("conv")
    fitting = {"kind": "conv", "channels": 4, "layers": 6, "size": 9, "classes": 10}
    made.check(**fitting)
    made.check(**fitting, in_channels=3)
    for name, value, words in (("kind", "nasbench201", "the space is conv there"),
                               ("channels", 16, "channels is 4 there and 16 here"),
                               ("layers", 8, "layers is 6 there and 8 here"),
                               ("size", 32, "the image size is 9 there and 32 here"),
                               ("classes", 100, "the number of classes is 10 there")):
        with pytest.raises(ProfileError, match=words) as caught:
            made.check(**fitting | {name: value})
        option = {"kind": "--space", "classes": "--num-classes"}.get(name, f"--{name}")
        assert f"{option} {value}" in str(caught.value)
        assert "zoo profile --runtime tfjs:wasm" in str(caught.value)


def _changed(change):
    content = json.loads(profile("conv").model_dump_json())
    change(content)
    return json.dumps(content).encode()


@pytest.mark.parametrize("content, reason", [
    (b"", "it is not JSON"), (b"\xff\xfe", "it is not JSON"), (b"[]", "the file: it must be"),
    (b'{"format": 2}', "it is missing"),
    (_changed(lambda one: one.update(format=1)), "format: it must be 2"),
    (_changed(lambda one: one.update(extra=1)), "extra: there is no such field"),
    (_changed(lambda one: one["entries"].pop()), "entries lacks dil_conv_5x5"),
    (_changed(lambda one: one["entries"].append(one["entries"][0])), "twice"),
    (_changed(lambda one: one["entries"][0].update(ms=-1)), "entries.0.ms: it must be at least 0"),
    (_changed(lambda one: one["entries"][0].update(ms=None)), "entries.0.ms: it must be a number"),
    (_changed(lambda one: one["network"].update(layers=10**9)), "network.layers: it must be at "),
    (_changed(lambda one: one.update(entries=[])), "is unfinished; go on with `zoo profile"),
])
def test_a_bad_file_is_one_line(content, reason, tmp_path):
    path = tmp_path / "profile.json"
    path.write_bytes(content)
    with pytest.raises(ProfileError) as caught:
        Profile.read(path)
    assert reason in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_changing_speed_of_the_machine_cancels():
    """Networks of 1 to 5 ms; some turns take up to four times as long."""
    rng = np.random.default_rng(0)
    truth = np.linspace(1, 5, 9)
    speed = np.repeat(np.where(rng.random(21) < 0.4, rng.uniform(1, 4, 21), 1), IN_A_TURN)
    times = truth[:, None] * speed * rng.uniform(0.99, 1.01, (9, len(speed)))
    assert np.allclose(steady(times.tolist()), truth, rtol=0.01)


def test_reading_needs_no_torch():
    code = "import sys, zoo.latency.profile\nprint('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True,
                          text=True).stdout == "False\n"
