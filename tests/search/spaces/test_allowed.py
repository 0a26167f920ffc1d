"""Restricted spaces: operations that are not allowed are never proposed, sampled or found."""

import json
import random

import pytest
import torch

import zoo
from search.config import RunConfig, SearchOptions, plan
from search.spaces.allowed import check_allowed, columns, masks, read_allowed
from search.spaces.discretize import NODES, discretize, edges, operations, tables
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.robust_darts import SPACES as PUBLISHED
from search.spaces.space import ConvSpace, RecurrentSpace, frozen
from search.supernets.conv import Supernet
from search.supernets.conv_fused import MergedCell
from search.supernets.nasbench201 import EdgeSupernet

SPACES = {"conv": ConvSpace, "recurrent": RecurrentSpace, "nasbench201": NasBench201Space}
FEW = {"conv": "skip_connect,sep_conv_3x3", "recurrent": "tanh, relu",
       "nasbench201": "none,skip_connect,nor_conv_3x3"}


def of_each_edge(kind, seed=0):
    """One to three operations for each edge, `none` never alone."""
    draw = random.Random(seed)
    names = [name for name in operations(kind) if name != "none"]
    return check_allowed({table: [draw.sample(names, draw.randint(1, 3)) for _ in edges(kind)]
                          for table in tables(kind)}, kind)


def found(genotype):
    """(place of the cell, node from 0, source, operation) of every edge."""
    first = 2 if genotype.kind == "conv" else 1
    return [(place, number, source, operation)
            for place, cell in enumerate(genotype.cells().values())
            for number, node in enumerate(cell.nodes)
            for operation, source in node if first]


def inside(genotype, allowed):
    rows = {edge: row for row, edge in enumerate(edges(genotype.kind))}
    lists = list(allowed.values())
    return all(operation in lists[place][rows[node, source]]
               for place, node, source, operation in found(genotype))


@pytest.mark.parametrize("kind, which", [
    *((kind, which) for kind in SPACES for which in ("few", "of each edge")),
    *(("conv", name) for name in PUBLISHED)])
def test_a_space_generates_only_allowed_operations(kind, which):
    allowed = (of_each_edge(kind) if which == "of each edge" else
               read_allowed(FEW[kind] if which == "few" else which, kind))
    space, draw = SPACES[kind](allowed=frozen(allowed)), random.Random(0)
    cell = space.sample(draw)
    for _ in range(60):
        near = space.neighbors(cell)
        assert near and all(one in space and one != cell for one in near)
        decoded = space.decode([draw.randrange(size) for size in space.decisions()])
        for one in (cell, decoded, *draw.sample(near, min(5, len(near)))):
            assert inside(one, allowed) and one in space
        cell = space.mutate(draw, cell)
    free = SPACES[kind]()
    outside = [one for one in (free.sample(draw) for _ in range(200)) if not inside(one, allowed)]
    assert outside and not any(one in space for one in outside)


@pytest.mark.parametrize("kind, net, which", [
    ("conv", lambda: Supernet(MergedCell, 4, 3), None),
    ("conv", lambda: Supernet(MergedCell, 4, 3, operations=9), "s4"),
    ("nasbench201", lambda: EdgeSupernet(4, 3), None)])
def test_a_supernet_gives_weight_0_to_operations_that_are_not_allowed(kind, net, which):
    allowed, network = read_allowed(which, kind) if which else of_each_edge(kind), net()
    network.restrict(masks(allowed, kind))
    for table in network.alphas.values():  # strongest where it is not allowed
        table.data.normal_(std=3)
    mixing = network.mixing()
    for table, rows in allowed.items():
        assert torch.allclose(mixing[table].sum(-1), torch.ones(len(rows)))
        for weights, names in zip(mixing[table].tolist(), rows):
            assert all((weight == 0) != (name in names)
                       for name, weight in zip(columns(allowed, kind), weights, strict=True))
    assert inside(discretize(mixing), allowed)
    batch = torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 3])
    gradients = torch.autograd.grad(network.loss(batch, network.mixing()).loss,
                                    list(network.alphas.values()))
    for gradient, mask in zip(gradients, masks(allowed, kind).values()):
        assert gradient.isfinite().all() and not gradient[~mask].any()


def test_the_published_spaces():
    pairs = {"s2": {"skip_connect", "sep_conv_3x3"}, "s4": {"noise", "sep_conv_3x3"},
             "s3": {"none", "skip_connect", "sep_conv_3x3"}}
    for name, wanted in pairs.items():
        assert all(set(row) == wanted for rows in read_allowed(name, "conv").values()
                   for row in rows)
    assert read_allowed("S2", "conv") == read_allowed("skip_connect,sep_conv_3x3", "conv")
    first = read_allowed("s1", "conv")
    assert all(len(row) == 2 and "none" not in row for rows in first.values() for row in rows)
    # The cell that DARTS found on S1 (robust_darts.py) is one of it.
    found = zoo.genotype("DARTS_S1_collapse_example")
    assert inside(found, first) and not inside(zoo.genotype("DARTS_V2"), first)
    assert [columns(read_allowed(name, "conv"), "conv")[8:] for name in ("s1", "s4")] == [
        (), ("noise",)]
    with pytest.raises(ValueError, match="unknown operation 's4'"):
        read_allowed("s4", "nasbench201")


@pytest.mark.parametrize("kind", NODES)
def test_a_file_has_a_list_for_each_edge(kind, tmp_path):
    allowed = of_each_edge(kind)
    (tmp_path / "edges.json").write_text(json.dumps(allowed))
    assert read_allowed(str(tmp_path / "edges.json"), kind) == allowed
    assert read_allowed(FEW[kind], kind) == {table: [
        FEW[kind].replace(" ", "").split(",")] * len(edges(kind)) for table in tables(kind)}


@pytest.mark.parametrize("given, message", [
    ("skip_connect,sep_conv", "edge from input 0 to node 0: unknown operation 'sep_conv'; did you"),
    ("none", "no operation to choose from; name at least one that is not none"),
    ("", "no operation to choose from"),
    ({"normal": []}, "expected an object with normal and reduce, found normal"),
    ([], "expected an object with normal and reduce, found list"),
    ({"normal": [["skip_connect"]] * 14, "reduce": [["skip_connect"]] * 13},
     "reduce: expected 14 lists of operations"),
    ({"normal": [["skip_connect"]] * 14, "reduce": ["skip_connect"] * 14},
     "reduce, edge from input 0 to node 0: expected a list"),
])
def test_invalid_restrictions_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        read_allowed(given, "conv") if isinstance(given, str) else check_allowed(given, "conv")


def test_a_space_of_one_cell_is_refused():
    with pytest.raises(ValueError, match="--operations: a single cell is left to search"):
        read_allowed("nor_conv_3x3", "nasbench201")
    assert read_allowed("none,nor_conv_3x3", "nasbench201")


def test_a_run_stores_its_restriction():
    plain, _ = plan(SearchOptions(strategy="random"))
    config, _ = plan(SearchOptions(strategy="random", operations=FEW["conv"]))
    assert plain.operations is None and config.digest != plain.digest
    assert config.operations == read_allowed(FEW["conv"], "conv")
    again, _ = plan(SearchOptions(strategy="random", operations=config.operations))
    assert again.digest == config.digest
    with pytest.raises(ValueError, match="restricts the conv, recurrent, nasbench201 spaces, not"):
        plan(SearchOptions(strategy="hierarchical", operations="identity"))
    with pytest.raises(ValueError, match="expected an object with normal and reduce"):
        RunConfig.read(vars(config) | {"operations": {"cell": []}})
