"""The canonical form of a genotype: equal for cells that differ in the names of nodes only.

A cell is a graph: its inputs, its nodes, operations on its edges, and the nodes that are its
output.  Two genotypes have one canonical form where their graphs are isomorphic, inputs kept,
after dead edges are dropped.

Dead are edges that are ``none`` (where it adds zero to a sum), and all edges of a node that no
path of such edges leads from to the output; that node goes too.  An edge from a node without
edges is *not* dead: the node is zero, yet a convolution's batch-norm still adds its bias.  The
order of edges and of the concat does not count: a sum has none, and another order of channels is
another order of the next layer's weights.  Two names of one operation are the same, such as
sep_conv_3x3 and sep_conv_3x3_2.

The graphs are small: nodes are ordered by what they compute and by what reads them (McKay &
Piperno 2014, arXiv 1301.1493, refine colors so), and of all orders of nodes that stay alike the
smallest description is taken.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.genotypes.cell import Cell
from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.serialization import Genotype

#: Other names of an operation.
_SYNONYMS = {f"sep_conv_{size}_2": f"sep_conv_{size}" for size in ("3x3", "5x5", "7x7")}


@dataclass(frozen=True)
class Graph:
    """`nodes[j]` holds the edges (operation, source) of node `inputs + j`; `outputs` are nodes."""

    inputs: int
    nodes: tuple[tuple[tuple[str, int], ...], ...]
    outputs: frozenset[int]


def graph(cell: Cell, inputs: int, zero: str = "none") -> Graph:
    """The live part of a cell whose first `inputs` nodes are its inputs; edges that are `zero` are
    dropped.  Nodes are numbered anew, in their order."""
    nodes = [[(_SYNONYMS.get(name, name), source) for name, source in edges if name != zero]
             for edges in cell.nodes]
    # A node without any edge is left out of a concat when it is built (FairDARTS).
    outputs = {number for number in cell.concat if number < inputs or cell.nodes[number - inputs]}
    used = set(outputs)
    for number in range(inputs + len(nodes) - 1, inputs - 1, -1):
        if number in used:
            used.update(source for _, source in nodes[number - inputs])
    kept = [*range(inputs), *(number for number in range(inputs, inputs + len(nodes))
                              if number in used)]
    place = {number: index for index, number in enumerate(kept)}
    return Graph(inputs, tuple(tuple((name, place[source]) for name, source in
                                     nodes[number - inputs]) for number in kept[inputs:]),
                 frozenset(place[number] for number in outputs))


def graphs(genotype: Genotype) -> dict[str, Graph]:
    """The live graph of each cell of a genotype by name.  Raises TypeError for a hierarchical one,
    whose motifs are no cells.

    Examples:
        >>> import zoo
        >>> from zoo.genotypes.canonical import graphs
        >>> text = "|none~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"
        >>> graphs(zoo.parse(text))["cell"].nodes
        ((), (('nor_conv_1x1', 0), ('nor_conv_3x3', 1)), (('skip_connect', 2),))
    """
    if isinstance(genotype, HierarchicalGenotype):
        raise TypeError("a hierarchical genotype has motifs, not cells")
    # `none` of a recurrent cell is an activation like the others: the node keeps a gated state.
    inputs, zero = {"conv": (2, "none"), "recurrent": (1, "")}.get(genotype.kind, (1, "none"))
    return {name: graph(cell, inputs, zero) for name, cell in genotype.cells().items()}


def canonical(genotype: Genotype) -> str:
    """The canonical form as JSON: equal for two genotypes if and only if they are the same."""
    if isinstance(genotype, HierarchicalGenotype):
        return json.dumps([genotype.kind, _motif(genotype, genotype.height, 1)])
    return json.dumps([genotype.kind, {name: _form(found)
                                       for name, found in graphs(genotype).items()}])


def digest(genotype: Genotype) -> str:
    """sha256 of the canonical form.

    Examples:
        >>> import zoo
        >>> from zoo.genotypes.canonical import digest
        >>> ab = zoo.Cell([[("skip_connect", 0)], [("sep_conv_3x3", 1)]], [2, 3])
        >>> ba = zoo.Cell([[("sep_conv_3x3", 1)], [("skip_connect", 0)]], [2, 3])
        >>> digest(zoo.ConvGenotype(ab, ab)) == digest(zoo.ConvGenotype(ba, ba))
        True
    """
    return hashlib.sha256(canonical(genotype).encode()).hexdigest()


def _form(found: Graph) -> list[object]:
    """The smallest description over all orders of the nodes that may be the same."""
    return min(_described(found, order) for order in _orders(found))


def _described(found: Graph, order: Sequence[int]) -> list[object]:
    """The graph with its nodes in another order."""
    place = {number: index for index, number in
             enumerate([*range(found.inputs), *order])}
    nodes = [sorted([name, place[source]] for name, source in found.nodes[number - found.inputs])
             for number in order]
    return [found.inputs, nodes, sorted(place[number] for number in found.outputs)]


def _orders(found: Graph) -> Iterator[list[int]]:
    """Orders of the nodes by color, and of nodes of one color all, but of twins, which have the
    same edges, one."""
    colors = _colors(found)
    groups: dict[int, dict[object, list[int]]] = {}
    for number in range(found.inputs, found.inputs + len(found.nodes)):
        into = tuple(sorted(found.nodes[number - found.inputs]))
        out = tuple(sorted((target, name) for target, edges in enumerate(found.nodes)
                           for name, source in edges if source == number))
        groups.setdefault(colors[number], {}).setdefault((into, out), []).append(number)
    for chosen in itertools.product(*(list(_mixed(list(groups[color].values())))
                                      for color in sorted(groups))):
        yield [number for group in chosen for number in group]


def _mixed(twins: list[list[int]]) -> Iterator[list[int]]:
    """All orders of the numbers that keep the order within each list."""
    if not any(twins):
        yield []
    for index, numbers in enumerate(twins):
        if numbers:
            for rest in _mixed([*twins[:index], numbers[1:], *twins[index + 1:]]):
                yield [numbers[0], *rest]


def _colors(found: Graph) -> list[int]:
    """A number for each node that isomorphic nodes share: refined by the edges into it and out of
    it until no more nodes are told apart."""
    count = found.inputs + len(found.nodes)
    edges = [(source, target, name) for target, into in enumerate(found.nodes, found.inputs)
             for name, source in into]
    # The longest path from an input comes first, so that sources stand before their targets.
    depths = [0] * count
    for source, target, _ in edges:
        depths[target] = max(depths[target], depths[source] + 1)
    keys: list[tuple[Any, ...]] = [(number if number < found.inputs else -1,
                                    depths[number], number in found.outputs)
                                   for number in range(count)]
    while True:
        ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
        colors = [ranks[key] for key in keys]
        keys = [(colors[number],
                 tuple(sorted((name, colors[source]) for source, target, name in edges
                              if target == number)),
                 tuple(sorted((name, colors[target]) for source, target, name in edges
                              if source == number))) for number in range(count)]
        if len(set(keys)) == len(ranks):
            return colors


def _motif(genotype: HierarchicalGenotype, level: int, number: int) -> list[object]:
    """A motif with those below it in the place of their names: each use has weights of its own."""
    edges = genotype.live_edges(level, number)
    names = {name: name if level == 2 else json.dumps(
        _motif(genotype, level - 1, int(name.removeprefix("motif_")))) for *_, name in edges}
    last = len(genotype.motif(level, number)) - 1
    into = [[(names[name], source) for source, target, name in edges if target == node]
            for node in range(1, last + 1)]
    return _form(graph(Cell(into, [last]), 1))
