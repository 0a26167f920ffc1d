"""The graph of --inspect has the maps of the network, and an ablated edge is the network without
it."""

import json
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

import zoo
from export import inspection
from export.addition import kept
from export.checks import parity, verify
from export.network.inspected import InspectedNetwork, map_names, places
from export.pipeline import build
from export.sources.cell import from_model
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.export.conftest import images_of, trained_looking
from tests.export.test_hierarchical import FLAT, MOTIFS
from tests.export.test_pipeline import contents, small
from tests.zoo.models.test_nasbench201 import DEAD
from zoo import weights
from zoo.artifact.folder import read_manifest
from zoo.models.conv import Cell
from zoo.models.hierarchical import Motif
from zoo.models.operations import Zero
from zoo.plotting.cell import svg

SVG = "{http://www.w3.org/2000/svg}"

#: Equal edges twice; nodes without edges; `none` edges; inputs in the concat; another stem; one
#: input, with edges on no path to the output; motifs of motifs; a cell of operations alone.
NETWORKS = [("NASNet", {}), ("FairDARTS_a", {}), ("SNAS_aggressive", {}), ("AmoebaNet", {}),
            ("DARTS_V2", {"network": "imagenet"}), (zoo.parse(DEAD), {"layers": 3}),
            ("NB201_best_cifar10", {"layers": 3}), (MOTIFS, {"layers": 3}), (FLAT, {"layers": 3})]


def network(name, **settings):
    return trained_looking(name, **{"layers": 4} | settings)


def outputs_of(model, images, keep=None) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The logits and the maps by name."""
    inspected = InspectedNetwork(model)
    with torch.no_grad():
        logits, *maps = inspected(images, inspected.everything if keep is None else keep)
    return logits, dict(zip(map_names(model), maps, strict=True))


def operations(cell) -> dict[int, torch.nn.Module]:
    """The operations of a cell by the number of their edge."""
    if isinstance(cell, Motif):
        return dict(zip(cell.edge_numbers, cell.ops, strict=True))
    modules = cell._ops if isinstance(cell, Cell) else cell.layers
    present = [module for module in modules if not isinstance(module, Zero)]
    return dict(zip(cell.edge_numbers, present, strict=True))


@pytest.mark.parametrize("name, settings", NETWORKS)
def test_it_returns_the_values_inside_the_cells(name, settings):
    model = network(name, **settings)
    images = torch.randn(1, 3, 32, 32)
    logits, maps = outputs_of(model, images)
    seen, inputs = {}, {}

    def keep(name):
        def hook(module, given, output):
            seen[name], inputs[name] = output, given
        return hook

    cells = [module for module, _ in places(model)]
    hooks = [module.register_forward_hook(keep(f"cell{index}_edge{number}"))
             for index, cell in enumerate(cells) for number, module in operations(cell).items()]
    hooks += [cell.register_forward_hook(keep(f"cell{index}")) for index, cell in enumerate(cells)]
    with torch.no_grad():
        assert torch.equal(model(images), logits)
    for hook in hooks:
        hook.remove()
    edges = [key for key in seen if "_" in key]
    assert all(torch.equal(maps[key], seen[key]) for key in edges)
    assert sorted(edges) == sorted(key for key in maps if "edge" in key)  # all but `none`
    for index, cell in enumerate(cells):
        states = {number: maps[f"cell{index}_node{number}"] for number in cell.node_numbers}
        assert torch.equal(cell.joined(states), seen[f"cell{index}"])
        first = [cell.preprocess0, cell.preprocess1] if isinstance(cell, Cell) else [lambda x: x]
        with torch.no_grad():
            for number, (come, given) in enumerate(zip(first, inputs[f"cell{index}"])):
                assert torch.equal(states[number], come(given))


@pytest.mark.parametrize("name, settings", NETWORKS)
def test_an_ablated_edge_is_zero(name, settings):
    model = network(name, **settings)
    images = torch.randn(1, 3, 32, 32)
    inspected = InspectedNetwork(model)
    whole, maps = outputs_of(model, images)
    changes = 0
    for key in [key for key in maps if "edge" in key][1::3]:
        index, number = map(int, key.removeprefix("cell").split("_edge"))
        keep = inspected.everything
        keep[0, index * inspected.edges + number] = 0
        found, after = outputs_of(model, images, keep)
        hook = operations(places(model)[index].module)[number].register_forward_hook(
            lambda module, inputs, output: torch.zeros_like(output))
        with torch.no_grad():
            assert torch.equal(model(images), found)
        hook.remove()
        assert not after[key].any()
        changes += not torch.equal(whole, found)
    assert changes


@pytest.mark.parametrize("name, settings", NETWORKS)
def test_the_parts_are_those_of_the_drawing(name, settings):
    """A drawn edge is its operation on its source, and a node joins the edges drawn into it."""
    model = network(name, **settings)
    _, maps = outputs_of(model, torch.randn(1, 3, 32, 32))
    groups = ElementTree.fromstring(svg(model.genotype, "")).iter(f"{SVG}g")
    drawn = {group.get("data-cell"): [rect.get("data-edge").split()
                                      for rect in group.iter(f"{SVG}rect") if rect.get("data-edge")]
             for group in groups if group.get("data-cell")}
    join = partial(torch.cat, dim=1) if model.genotype.kind == "hierarchical" else sum
    for index, (module, within) in enumerate(places(model)):
        into: dict[str, dict[int, torch.Tensor]] = {}
        for number, source, target in drawn[module.title]:
            if int(number) in module.edge_numbers:
                place = {"c_k-2": 0, "c_k-1": 1}.get(source, source)
                found = maps[f"cell{index}_edge{number}"]
                with torch.no_grad():
                    expected = operations(module)[int(number)](maps[f"cell{index}_node{place}"])
                assert torch.equal(found, expected)
                into.setdefault(target, {})[int(number)] = found
        for target, terms in into.items():
            joined = join([terms[number] for number in sorted(terms)])
            assert torch.allclose(maps[f"cell{index}_node{target}"], joined)
        assert sum(map(len, into.values())) == len(module.edge_numbers)
        if within:
            states = {number: maps[f"cell{index}_node{number}"] for number in module.node_numbers}
            with torch.no_grad():
                whole = module.joined(states)
            assert torch.equal(whole, maps["cell{}_edge{}".format(*within)])


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


@pytest.mark.parametrize("cell", [DEAD, MOTIFS, FLAT], ids=["nasbench201", "motifs", "flat"])
def test_every_kind_of_cell_builds(cell, tmp_path):
    """The TensorFlow.js files agree with PyTorch in every map, with half of the edges ablated."""
    model = trained_looking(zoo.parse(cell) if isinstance(cell, str) else cell, layers=3)
    build(from_model(model, "mine", images_of(8)), ["tfjs"], tmp_path / "out", inspect=True)
    about = json.loads((tmp_path / "out/inspect/model.json").read_text())
    facts = about["userDefinedMetadata"]["zoo"]
    assert facts["cells"] == [module.title for module, _ in places(model)]
    assert facts["within"] == [within and list(within) for _, within in places(model)]
    names = set(about["signature"]["outputs"])
    assert names == {"logits", "probabilities", *map_names(model)}


def language():
    sizes = {"vocabulary": 10, "embedding": 8, "hidden": 8}
    return from_model(zoo.create_model("ENAS_RNN", network="language", **sizes), "mine")


@pytest.mark.parametrize("source, formats, match", [
    (language, ["tfjs"], "of convolutional cells, which mine does not have; leave it out"),
    (small, ["onnx"], "add --export tfjs"),
])
def test_what_it_is_not_for(source, formats, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        build(source(), formats, tmp_path / "out", inspect=True)
    assert not contents(tmp_path)
