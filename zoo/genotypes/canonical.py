"""The canonical form of a genotype: equal for cells that differ only in the numbering of nodes.

A cell is a graph of inputs, nodes, edges with operations, and output nodes.  Two genotypes have the
same canonical form if their graphs, without dead edges, are isomorphic with fixed inputs.

Dead edges are ``none`` edges (which add zero to a sum), and all edges into a node from which no
live path leads to the output; such a node is removed too.  An edge from a node without edges is
*not* dead: the node is zero, but a convolution's batch-norm still adds its bias.  The order of
edges and of the concat is ignored: sums commute, and reordering channels only reorders the next
layer's weights.  Synonymous operations are equal, such as sep_conv_3x3 and sep_conv_3x3_2.

The graphs are small: color refinement (McKay & Piperno 2014, arXiv 1301.1493) orders the nodes by
their incoming and outgoing edges, and the smallest description over the remaining orders is the
canonical form.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.genotypes.cell import Cell
from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.serialization import Genotype
from zoo.system import json_text

#: Synonym of an operation: its canonical name.
_SYNONYMS = {f"sep_conv_{size}_2": f"sep_conv_{size}" for size in ("3x3", "5x5", "7x7")}


@dataclass(frozen=True)
class Graph:
    """`nodes[j]` holds the edges (operation, source) of node `inputs + j`; `outputs` are nodes."""

    inputs: int
    nodes: tuple[tuple[tuple[str, int], ...], ...]
    outputs: frozenset[int]


def graph(cell: Cell, inputs: int, zero: str = "none") -> Graph:
    """The live part of a cell whose first `inputs` nodes are its inputs, without the edges whose
    operation is `zero`.  Nodes are renumbered in order."""
    nodes = [[(_SYNONYMS.get(name, name), source) for name, source in edges if name != zero]
             for edges in cell.nodes]
    # Networks omit a node without edges from the concat (FairDARTS).
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
    """The live graph of each cell of a genotype, by name.  Raises TypeError for a hierarchical
    genotype, which consists of motifs.

    Examples:
        >>> import zoo
        >>> from zoo.genotypes.canonical import graphs
        >>> text = "|none~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"
        >>> graphs(zoo.parse(text))["cell"].nodes
        ((), (('nor_conv_1x1', 0), ('nor_conv_3x3', 1)), (('skip_connect', 2),))
    """
    if isinstance(genotype, HierarchicalGenotype):
        raise TypeError("a hierarchical genotype has motifs, not cells")
    # In a recurrent cell `none` is an activation: the node keeps a gated state.
    inputs, zero = {"conv": (2, "none"), "recurrent": (1, "")}.get(genotype.kind, (1, "none"))
    return {name: graph(cell, inputs, zero) for name, cell in genotype.cells().items()}


def canonical(genotype: Genotype) -> str:
    """The canonical form as JSON, equal for equivalent genotypes only."""
    if isinstance(genotype, HierarchicalGenotype):
        return json_text.dumps([genotype.kind, _motif(genotype, genotype.height, 1)])
    return json_text.dumps([genotype.kind, {name: _form(found)
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
    """The smallest description over all candidate orders of the nodes."""
    return min(_described(found, order) for order in _orders(found))


def _described(found: Graph, order: Sequence[int]) -> list[object]:
    """The description of the graph with its nodes in `order`."""
    place = {number: index for index, number in
             enumerate([*range(found.inputs), *order])}
    nodes = [sorted([name, place[source]] for name, source in found.nodes[number - found.inputs])
             for number in order]
    return [found.inputs, nodes, sorted(place[number] for number in found.outputs)]


def _orders(found: Graph) -> Iterator[list[int]]:
    """All orders of the nodes sorted by color, with only one order of twins, nodes of one color
    with the same edges."""
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
    """All interleavings of the lists."""
    if not any(twins):
        yield []
    for index, numbers in enumerate(twins):
        if numbers:
            for rest in _mixed([*twins[:index], numbers[1:], *twins[index + 1:]]):
                yield [numbers[0], *rest]


def _colors(found: Graph) -> list[int]:
    """A color for each node, shared by isomorphic nodes: refined by incoming and outgoing edges
    until the partition is stable."""
    count = found.inputs + len(found.nodes)
    edges = [(source, target, name) for target, into in enumerate(found.nodes, found.inputs)
             for name, source in into]
    # Sorting by the longest path from an input puts sources before their targets.
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
    """A motif with lower motifs expanded, since every use has its own weights."""
    edges = genotype.live_edges(level, number)
    names = {name: name if level == 2 else json_text.dumps(
        _motif(genotype, level - 1, int(name.removeprefix("motif_")))) for *_, name in edges}
    last = len(genotype.motif(level, number)) - 1
    into = [[(names[name], source) for source, target, name in edges if target == node]
            for node in range(1, last + 1)]
    return _form(graph(Cell(into, [last]), 1))
