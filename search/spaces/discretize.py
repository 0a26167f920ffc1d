"""Discretization of operation weights to a genotype, and statistics of both.

Liu et al. 2019 (arXiv 1806.09055, section 2.4): the strongest operation of every edge, except
`none`, and the two strongest edges into every node (one in a recurrent cell).  On NAS-Bench-201
the strongest operation of every edge, including `none` (Dong & Yang 2020, arXiv 2001.00326).
"""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

import torch
from torch import Tensor

from zoo.genotypes.cell import Cell
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS, NasBench201Genotype
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.genotypes.serialization import Genotype

#: The columns of a table of alphas, in the order of the 2018 release.
CONV_OPERATIONS = ("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3",
                   "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")
#: Further columns of a space that is restricted to them, see `search.spaces.robust_darts`.
EXTRA_OPERATIONS = {"conv": ("noise",)}
RECURRENT_OPERATIONS = ("none", "tanh", "relu", "sigmoid", "identity")
_OPERATIONS = {"conv": CONV_OPERATIONS, "recurrent": RECURRENT_OPERATIONS,
               "nasbench201": tuple(NASBENCH201_OPERATIONS)}
NODES = {"conv": 4, "recurrent": 8, "nasbench201": 3}  # nodes of a cell after its inputs
EDGES_OF_NODE = {"conv": 2, "recurrent": 1}  # edges that discretization keeps; other kinds keep all
_TABLES = {"recurrent": "recurrent", "cell": "nasbench201"}  # table name: kind of cell

#: The table of each cell: alphas (edges, operations), or the weights derived from them.
Mixing: TypeAlias = dict[str, Tensor]


def edges(kind: str) -> list[tuple[int, int]]:
    """(node, input) of each row of a table of alphas; intermediate nodes are counted from 0."""
    inputs = 2 if kind == "conv" else 1
    return [(node, source) for node in range(NODES[kind]) for source in range(node + inputs)]


def kind_of(mixing: Mixing) -> str:
    """The kind of cell that `mixing` belongs to."""
    return kind_of_table(next(iter(mixing)))


def kind_of_table(name: str) -> str:
    """The kind of cell with a table `name`."""
    return _TABLES.get(name, "conv")


def tables(kind: str) -> tuple[str, ...]:
    """The names of the tables of alphas, one per cell."""
    return {"conv": ("normal", "reduce"), "recurrent": ("recurrent",)}.get(kind, ("cell",))


def operations(kind: str) -> tuple[str, ...]:
    """The columns of a table of alphas of the whole space."""
    return _OPERATIONS[kind]


def all_operations(kind: str) -> tuple[str, ...]:
    """Every possible column, in order; a table of alphas has the first ones."""
    return *_OPERATIONS[kind], *EXTRA_OPERATIONS.get(kind, ())


def discretize(mixing: Mixing) -> Genotype:
    """The genotype of {"normal": (14, 8), "reduce": (14, 8)}, {"recurrent": (36, 5)} or
    {"cell": (6, 5)}.

    The edges of a node are sorted by strength, as in the 2018 release.
    """
    kind = kind_of(mixing)
    if kind == "nasbench201":
        best = mixing["cell"].detach().double().cpu().argmax(dim=1)
        return NasBench201Genotype.of(*(operations(kind)[column] for column in best.tolist()))
    cells = [_cell(table.detach().double().cpu(), kind) for table in mixing.values()]
    return ConvGenotype(*cells) if kind == "conv" else RecurrentGenotype(*cells)


def _cell(table: Tensor, kind: str) -> Cell:
    names, keep, first = all_operations(kind), EDGES_OF_NODE[kind], 2 if kind == "conv" else 1
    strength, best = table[:, 1:].max(dim=1)  # column 0 is `none`
    nodes: list[list[tuple[float, int, str]]] = [[] for _ in range(NODES[kind])]
    for row, (node, source) in enumerate(edges(kind)):
        nodes[node].append((-strength[row].item(), source, names[1 + int(best[row])]))
    chosen = [[(name, source) for _, source, name in sorted(node)[:keep]] for node in nodes]
    return Cell(chosen, range(first, first + len(nodes)))


def one_hot(genotype: Genotype, like: Mixing) -> Mixing:
    """The mixing with weight 1 on the edges of `genotype` and 0 elsewhere.

    Raises ValueError for a genotype outside the search space.
    """
    kind = genotype.kind
    if kind != kind_of(like):
        raise ValueError(f"a {kind} cell is not in the {kind_of(like)} search space")
    every, rows = all_operations(kind), {edge: row for row, edge in enumerate(edges(kind))}
    mixing = {}
    for name, cell in genotype.cells().items():
        table = torch.zeros_like(like[name])
        names = every[:table.shape[1]]
        for node, node_edges in enumerate(cell.nodes):
            for operation, source in node_edges:
                if operation not in names or (node, source) not in rows:
                    raise ValueError(f"{operation!r} from node {source} is not in the search space")
                table[rows[node, source], names.index(operation)] = 1
        mixing[name] = table
    return mixing


def entropy(alphas: Mixing) -> dict[str, float]:
    """Mean entropy of softmax(alphas) over the edges of each cell, in nats."""
    return {name: -(table.softmax(-1) * table.log_softmax(-1)).sum(-1).mean().item()
            for name, table in alphas.items()}


def operation_counts(genotype: Genotype) -> dict[str, dict[str, int]]:
    """The number of edges with each operation in each cell, most frequent first."""
    return {name: dict(Counter(operation for operation, _ in cell.edges).most_common())
            for name, cell in genotype.cells().items()}
