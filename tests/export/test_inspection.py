"""The graph of --inspect has the maps of the network, and an ablated edge is the network without
it."""

import numpy as np
import pytest
import torch

import zoo
from export import inspection
from export.addition import kept
from export.checks import parity, verify
from export.network.inspected import InspectedNetwork, map_names
from export.pipeline import build
from export.sources.cell import from_model
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.export.conftest import images_of, trained_looking
from tests.export.test_pipeline import contents, small
from zoo import weights
from zoo.artifact.folder import read_manifest
from zoo.genotypes.nasbench201 import NasBench201Genotype

#: Equal edges twice; nodes without edges; `none` edges; inputs in the concat; another stem.
NETWORKS = [("NASNet", {}), ("FairDARTS_a", {}), ("SNAS_aggressive", {}), ("AmoebaNet", {}),
            ("DARTS_V2", {"network": "imagenet"})]


def network(name: str, **settings):
    return trained_looking(name, **{"layers": 4} | settings)


def outputs_of(model, images, keep=None) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The logits and the maps by name."""
    inspected = InspectedNetwork(model)
    with torch.no_grad():
        logits, *maps = inspected(images, inspected.everything if keep is None else keep)
    return logits, dict(zip(map_names(model), maps, strict=True))


@pytest.mark.parametrize("name, settings", NETWORKS)
def test_it_returns_the_values_inside_the_cells(name, settings):
    model = network(name, **settings)
    images = torch.randn(1, 3, 32, 32)
    logits, maps = outputs_of(model, images)
    seen = {}

    def keep(name):
        return lambda module, inputs, output: seen.update({name: output})

    hooks = [module.register_forward_hook(keep(f"cell{index}_{what}{number}"))
             for index, cell in enumerate(model.cells)
             for what, modules in (("edge", cell._ops), ("node", (cell.preprocess0,
                                                                  cell.preprocess1)))
             for number, module in enumerate(modules)]
    hooks += [cell.register_forward_hook(keep(f"cell{index}"))
              for index, cell in enumerate(model.cells)]
    with torch.no_grad():
        assert torch.equal(model(images), logits)
    for hook in hooks:
        hook.remove()
    edges = [key for key in seen if "edge" in key]
    assert edges and all(torch.equal(maps[key], seen[key]) for key in seen if "_" in key)
    assert edges == [key for key in maps if "edge" in key]  # all but `none`
    for index, cell in enumerate(model.cells):
        states = [maps[f"cell{index}_node{number}"] for number in range(2 + len(cell.nodes))]
        assert torch.equal(cell.joined(states), seen[f"cell{index}"])


@pytest.mark.parametrize("name, settings", NETWORKS)
def test_an_ablated_edge_is_zero(name, settings):
    model = network(name, **settings)
    images = torch.randn(1, 3, 32, 32)
    inspected = InspectedNetwork(model)
    whole, maps = outputs_of(model, images)
    changes = 0
    for key in [key for key in maps if "edge" in key][::3]:
        index, number = map(int, key.removeprefix("cell").split("_edge"))
        keep = inspected.everything
        keep[0, index * inspected.edges + number] = 0
        found, after = outputs_of(model, images, keep)
        hook = model.cells[index]._ops[number].register_forward_hook(
            lambda module, inputs, output: torch.zeros_like(output))
        with torch.no_grad():
            assert torch.equal(model(images), found)
        hook.remove()
        assert not after[key].any()
        changes += not torch.equal(whole, found)
    assert changes > 2


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A small artifact with the graph."""
    folder = tmp_path_factory.mktemp("inspect") / "out"
    build(small(), ["tfjs"], folder, inspect=True)
    return folder


def test_it_is_a_listed_and_verified_part_of_the_artifact(built):
    manifest = read_manifest(built)
    assert {"inspect/model.json", "inspect/group1-shard1of1.bin"} <= set(manifest.files)
    assert [entry.hop for entry in manifest.parity] == ["onnx", "savedmodel", "tfjs", "inspect"]
    entry = manifest.parity[-1]
    assert {"logits", "probabilities"} <= set(entry.outputs)
    assert all(each.max_difference <= each.limit for each in entry.outputs.values())
    rows = {row.name: row for row in verify.formats_of(built)}
    assert rows["inspect"].verdict == "agrees"


def test_every_map_is_compared_with_pytorch(built):
    model, manifest = weights.load_artifact(built)
    plain = parity.reference(model, manifest.input, None)
    expected = inspection.reference(model, manifest.input, plain)
    assert set(expected.outputs) == {"logits", "probabilities", *map_names(model)}
    assert np.array_equal(expected.outputs["logits"][:2], plain.outputs["logits"][[0, -1]])
    inspection.check(built / "inspect", expected)
    expected.outputs["cell1_edge3"][2] += 0.01
    with pytest.raises(parity.ParityError, match="cell1_edge3 differs"):
        inspection.check(built / "inspect", expected)


def test_it_stays_until_it_is_made_again(built):
    source = find(str(built), BuildOptions())
    stays = kept(source, ["onnx"], built, "float32", "zoo")
    assert "inspect/model.json" in stays.files
    assert [entry.hop for entry in stays.parity([])] == ["tfjs", "inspect"]
    for options in ({"inspect": True}, {"replace": True}):
        stays = kept(source, ["onnx"], built, "float32", "zoo", **options)
        assert not any(name.startswith("inspect/") for name in stays.files)


def nas_bench():
    cell = NasBench201Genotype.of(*["nor_conv_3x3"] * 6)
    model = zoo.create_model(cell, "nasbench201", layers=3, channels=4).eval()
    return from_model(model, "mine", images_of(32))


@pytest.mark.parametrize("source, formats, match", [
    (nas_bench, ["tfjs"], "which mine does not have; leave it out"),
    (small, ["onnx"], "add --export tfjs"),
])
def test_what_it_is_not_for(source, formats, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        build(source(), formats, tmp_path / "out", inspect=True)
    assert not contents(tmp_path)
