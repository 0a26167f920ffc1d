"""The search spaces of DARTS as sets of genotypes: sample, mutate, encode as choices.

Liu et al. 2019 (arXiv 1806.09055, section 3.1); mutations as in Real et al. 2018 (AmoebaNet,
arXiv 1802.01548).

The edges of a node are sorted by input, so that equal cells compare equal.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from search.spaces.discretize import EXTRA_OPERATIONS
from zoo.genotypes.cell import Cell, Edge
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.genotypes.serialization import Genotype

OPERATIONS = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5",
              "dil_conv_3x3", "dil_conv_5x5")
ACTIVATIONS = ("tanh", "relu", "sigmoid", "identity")

#: `search.spaces.allowed.Allowed` as a hashable value: operation names by cell and edge.
Frozen: TypeAlias = tuple[tuple[tuple[str, ...], ...], ...]


def frozen(allowed: Mapping[str, Sequence[Sequence[str]]] | None) -> Frozen | None:
    """Convert lists of operations to the `allowed` of a space."""
    return None if allowed is None else tuple(
        tuple(tuple(names) for names in rows) for rows in allowed.values())


@dataclass(frozen=True)
class _Space:
    """Base of the two spaces: cells whose nodes have `edges` edges from different inputs.

    A subclass defines the cells of a genotype, their operations, and the number of the first node
    after the inputs.
    """

    nodes: int
    allowed: Frozen | None = None  # operations of each edge; None for all
    kind: ClassVar[str]
    genotype: ClassVar[type[ConvGenotype] | type[RecurrentGenotype]]
    cells: ClassVar[tuple[str, ...]]
    operations: ClassVar[tuple[str, ...]]
    edges: ClassVar[int]
    first: ClassVar[int]

    def __post_init__(self) -> None:
        if self.nodes < 1:
            raise ValueError(f"a cell needs at least 1 node, not {self.nodes}")

    def __contains__(self, genotype: Genotype) -> bool:
        numbers = tuple(range(self.first, self.first + self.nodes))
        return isinstance(genotype, self.genotype) and all(
            cell.concat == numbers and len(cell.nodes) == self.nodes and all(
                len({source for _, source in edges}) == len(edges) == self.edges
                and edges == _ordered(edges)
                and all(operation in self.options(place, number, source)
                        for operation, source in edges)
                for number, edges in enumerate(cell.nodes, self.first))
            for place, cell in enumerate(genotype.cells().values()))

    def options(self, place: int, number: int, source: int) -> tuple[str, ...]:
        """The allowed operations of the edge from `source` to node `number` of cell `place`."""
        if self.allowed is None:
            return self.operations
        row = sum(range(self.first, number)) + source
        known = (*self.operations, *EXTRA_OPERATIONS.get(self.kind, ()))
        return tuple(name for name in known if name in self.allowed[place][row])

    def sample(self, rng: random.Random) -> Genotype:
        """A genotype sampled uniformly from the space."""
        return self._build([[
            [(rng.choice(self.options(place, number, source)), source)
             for source in sorted(rng.sample(range(number), self.edges))]
            for number in self._numbers()] for place, _ in enumerate(self.cells)])

    def mutate(self, rng: random.Random, genotype: Genotype) -> Genotype:
        """`genotype` with one change in one cell, never the genotype itself.

        With probability 1/2 an edge gets another earlier node as its input, else another
        operation; in a space with `allowed` operations the neighbors are sampled uniformly.
        Raises ValueError for a genotype outside the space.
        """
        if self.allowed is not None:
            return rng.choice(self.neighbors(genotype))
        if genotype not in self:
            raise ValueError(f"{genotype} is not in the search space")
        cells = [[list(edges) for edges in cell.nodes] for cell in genotype.cells().values()]
        nodes = rng.choice(cells)
        # A node that reads all earlier nodes has no free input.
        free = [number for number in self._numbers() if number > self.edges]
        if free and rng.random() < 0.5:
            number = rng.choice(free)
            edges = nodes[number - self.first]
            position = rng.randrange(self.edges)
            taken = {source for _, source in edges}
            others = [source for source in range(number) if source not in taken]
            edges[position] = (edges[position][0], rng.choice(others))
        else:
            edges = rng.choice(nodes)
            position = rng.randrange(self.edges)
            operation, source = edges[position]
            others = [name for name in self.operations if name != operation]
            edges[position] = (rng.choice(others), source)
        return self._build(cells)

    def neighbors(self, genotype: Genotype) -> list[Genotype]:
        """Every genotype that `mutate` can return.  Raises the errors of `mutate`."""
        if genotype not in self:
            raise ValueError(f"{genotype} is not in the search space")
        cells = [cell.nodes for cell in genotype.cells().values()]
        found: list[Genotype] = []
        for place, nodes in enumerate(cells):
            for node, edges in enumerate(nodes):
                taken = {source for _, source in edges}
                for position, (operation, source) in enumerate(edges):
                    number = node + self.first
                    changed = [(name, source) for name in self.options(place, number, source)
                               if name != operation]
                    for other in sorted(set(range(number)) - taken):
                        names = self.options(place, number, other)
                        changed += [(name, other) for name in
                                    ([operation] if operation in names else names)]
                    for edge in changed:
                        other = [[list(each) for each in one] for one in cells]
                        other[place][node][position] = edge
                        found.append(self._build(other))
        return found

    def decisions(self) -> list[int]:
        """The number of options of each decision that makes up a genotype, in order.

        For every cell and every node: an input for each edge, then an operation for each edge.
        The second input is chosen from those that the first left; if only one is left, the decision
        has one option.  With `allowed` operations every edge has as many options as the largest
        list, so shorter lists repeat.
        """
        most = [max(len(self.options(place, number, source)) for number in self._numbers()
                    for source in range(number)) for place, _ in enumerate(self.cells)]
        return [size for options in most for number in self._numbers()
                for size in (*range(number, number - self.edges, -1), *[options] * self.edges)]

    def decode(self, choices: list[int]) -> Genotype:
        """The genotype of one choice, from 0, for each of `decisions`.  Raises ValueError."""
        sizes = self.decisions()
        if len(choices) != len(sizes) or not all(0 <= c < n for c, n in zip(choices, sizes)):
            raise ValueError(f"choices must be {len(sizes)} numbers below {sizes}, not {choices}")
        remaining = iter(choices)
        cells = []
        for place, _ in enumerate(self.cells):
            nodes = []
            for number in self._numbers():
                left = list(range(number))
                sources = [left.pop(next(remaining)) for _ in range(self.edges)]
                options = [self.options(place, number, source) for source in sources]
                nodes.append([(names[next(remaining) % len(names)], source)
                              for names, source in zip(options, sources)])
            cells.append(nodes)
        return self._build(cells)

    def _numbers(self) -> range:
        """The numbers of the nodes, each also the number of nodes before it."""
        return range(self.first, self.first + self.nodes)

    def _build(self, cells: list[list[list[Edge]]]) -> Genotype:
        return self.genotype(*(
            Cell([_ordered(edges) for edges in nodes], self._numbers()) for nodes in cells))


def _ordered(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    return tuple(sorted(edges, key=lambda edge: edge[1]))


@dataclass(frozen=True)
class ConvSpace(_Space):
    """Two cells of `nodes` intermediate nodes; a node sums two edges from different nodes."""

    nodes: int = 4
    kind, genotype, cells = "conv", ConvGenotype, ("normal", "reduce")
    operations, edges, first = OPERATIONS, 2, 2


@dataclass(frozen=True)
class RecurrentSpace(_Space):
    """One recurrent cell of `nodes` nodes, one edge each; their mean is the output."""

    nodes: int = 8
    kind, genotype, cells = "recurrent", RecurrentGenotype, ("recurrent",)
    operations, edges, first = ACTIVATIONS, 1, 1
