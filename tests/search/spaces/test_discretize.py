"""Discretization from alphas to a genotype by the published rule, and back."""

import math
import random

import pytest
import torch

from search.spaces.discretize import (
    CONV_OPERATIONS,
    RECURRENT_OPERATIONS,
    discretize,
    edges,
    entropy,
    one_hot,
    operation_counts,
)
from search.spaces.hierarchical import HierarchicalSpace
from search.spaces.space import ConvSpace, RecurrentSpace
from zoo.genotypes.cell import Cell
from zoo.genotypes.conv import ConvGenotype
from zoo.registry import genotype as published


def published_rule(table, names, inputs, keep):
    """`parse` of the 2018 release's ``model_search.py``."""
    gene, n, start = [], inputs, 0
    for i in range(4 if inputs == 2 else 8):
        end = start + n
        rows = table[start:end].tolist()
        none = names.index("none")
        found = sorted(range(i + inputs), key=lambda x: -max(
            rows[x][k] for k in range(len(rows[x])) if k != none))[:keep]
        for j in found:
            k_best = None
            for k in range(len(rows[j])):
                if k != none and (k_best is None or rows[j][k] > rows[j][k_best]):
                    k_best = k
            gene.append((names[k_best], j))
        start = end
        n += 1
    return gene


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("coarse", [False, True])  # coarse: many ties
def test_the_rule_is_the_published_one(seed, coarse):
    torch.manual_seed(seed)
    conv = {name: torch.randn(14, 8) for name in ("normal", "reduce")}
    text = {"recurrent": torch.randn(36, 5)}
    if coarse:
        conv, text = ({name: table.round() for name, table in mixing.items()}
                      for mixing in (conv, text))
    for mixing, names, inputs, keep in ((conv, CONV_OPERATIONS, 2, 2),
                                        (text, RECURRENT_OPERATIONS, 1, 1)):
        mixing = {name: table.softmax(-1) for name, table in mixing.items()}
        cells = discretize(mixing).cells()
        for name, table in mixing.items():
            assert list(cells[name].edges) == published_rule(table, names, inputs, keep)


def test_none_is_never_kept_and_weakens_no_edge():
    table = torch.zeros(14, 8)
    table[:, CONV_OPERATIONS.index("none")] = 9.0
    table[0, CONV_OPERATIONS.index("max_pool_3x3")] = 0.1
    table[1, CONV_OPERATIONS.index("sep_conv_5x5")] = 0.2
    cell = discretize({"normal": table, "reduce": table}).normal
    assert cell.nodes[0] == (("sep_conv_5x5", 1), ("max_pool_3x3", 0))  # the stronger one first
    assert "none" not in {operation for operation, _ in cell.edges}
    assert cell.concat == (2, 3, 4, 5)


def test_equal_alphas_keep_the_first_inputs_and_the_first_operation():
    cell = discretize({name: torch.full((14, 8), 0.125) for name in ("normal", "reduce")}).normal
    assert set(cell.nodes) == {(("max_pool_3x3", 0), ("max_pool_3x3", 1))}
    recurrent, = discretize({"recurrent": torch.full((36, 5), 0.2)}).cells().values()
    assert set(recurrent.nodes) == {(("tanh", 0),)} and recurrent.concat == tuple(range(1, 9))


def test_edges_are_in_the_order_of_the_release():
    assert edges("conv")[:5] == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    assert (len(edges("conv")), len(edges("recurrent"))) == (14, 36)
    assert edges("recurrent")[:3] == [(0, 0), (1, 0), (1, 1)]


def by_input(genotype):
    """A genotype's edges as sets, since their order within a node is irrelevant."""
    return {name: [frozenset(node) for node in cell.nodes]
            for name, cell in genotype.cells().items()}


@pytest.mark.parametrize("space, like", [
    (ConvSpace(), {name: torch.zeros(14, 8) for name in ("normal", "reduce")}),
    (RecurrentSpace(), {"recurrent": torch.zeros(36, 5)})])
def test_a_one_hot_mixing_discretizes_to_its_genotype(space, like):
    for seed in range(10):
        genotype = space.sample(random.Random(seed))
        mixing = one_hot(genotype, like)
        assert by_input(discretize(mixing)) == by_input(genotype)
        assert {name: int(table.sum()) for name, table in mixing.items()} == {
            name: len(cell.edges) for name, cell in genotype.cells().items()}
        assert all((table == 0).logical_or(table == 1).all() for table in mixing.values())


def test_a_genotype_of_another_space():
    like = {name: torch.zeros(14, 8) for name in ("normal", "reduce")}
    with pytest.raises(ValueError, match="is not in the search space"):
        one_hot(published("NASNet"), like)
    other = Cell([[("skip_connect", 0), ("skip_connect", 1)]] * 5, range(2, 7))
    with pytest.raises(ValueError, match="is not in the search space"):
        one_hot(ConvGenotype(Cell([*other.nodes[:4], [("skip_connect", 0), ("skip_connect", 5)]],
                                  range(2, 7)), other), like)


def test_a_cell_of_another_kind():
    like = {name: torch.zeros(14, 8) for name in ("normal", "reduce")}
    for space, kind in ((HierarchicalSpace(), "hierarchical"), (RecurrentSpace(), "recurrent")):
        with pytest.raises(ValueError, match=f"a {kind} cell is not in the conv search space"):
            one_hot(space.sample(random.Random(0)), like)


def test_counts():
    counts = operation_counts(published("DARTS_V1"))
    assert counts["normal"] == {"sep_conv_3x3": 5, "skip_connect": 3}
    assert sum(counts["reduce"].values()) == 8
    assert list(counts["reduce"].values()) == sorted(counts["reduce"].values(), reverse=True)


def test_entropy():
    table = torch.zeros(14, 8)
    sure = table.clone()
    sure[:, 3] = 100.0
    half = table.clone()
    half[:, 2:] = -100.0
    found = entropy({"even": table, "sure": sure, "half": half})
    assert found["even"] == pytest.approx(math.log(8))
    assert found["sure"] == pytest.approx(0, abs=1e-9)
    assert found["half"] == pytest.approx(math.log(2))
