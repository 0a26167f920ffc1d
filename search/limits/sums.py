"""Figures that are sums over the edges of a cell: fast to evaluate, with a known extreme.

In the networks of the zoo an edge's parameters and multiply-adds depend on its cell, its operation
and on whether it reads an input of the cell, where a reduction cell halves the size; on
NAS-Bench-201 on the operation alone.  One network of each such class gives the terms of the sum.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TypeAlias

from search.limits.limit import Figure
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import ConvSpace, RecurrentSpace
from zoo.genotypes.cell import Cell, Edge
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.genotypes.serialization import Genotype

#: Number of the cell, does the edge read an input of the cell, operation.
_Class: TypeAlias = tuple[int, bool, str]
EdgeSpace: TypeAlias = ConvSpace | RecurrentSpace | NasBench201Space


class EdgeSum:
    """`figure` of the cells of `space`, as a base and a term for each edge.

    The caller makes sure that the figure is such a sum (`search.limits.measures.Measure.sums`).
    """

    def __init__(self, space: EdgeSpace, figure: Figure) -> None:
        self.space = space
        self._inputs = space.nodes + 1 if isinstance(space, NasBench201Space) else space.first
        self.base = figure(_probe(space, None))
        self.terms = {each: figure(_probe(space, each)) - self.base for each in _classes(space)}

    def __call__(self, genotype: Genotype) -> float:
        """The figure of a cell."""
        return self.base + sum(self._term(place, edge)
                               for place, cell in enumerate(genotype.cells().values())
                               for edge in cell.edges)

    def extreme(self, sign: str) -> Genotype:
        """The cell of the space with the smallest (`sign` ``<=``) or largest figure."""
        space, best = self.space, min if sign == "<=" else max
        if isinstance(space, NasBench201Space):
            return NasBench201Genotype.of(*(
                best(names, key=lambda name: self._term(0, (name, 0))) for names in space.options))
        numbers = range(space.first, space.first + space.nodes)
        return space.genotype(*(
            Cell([self._node(space, place, number, sign) for number in numbers], numbers)
            for place, _ in enumerate(space.cells)))

    def _node(self, space: ConvSpace | RecurrentSpace, place: int, number: int, sign: str
              ) -> list[Edge]:
        """The edges into a node with the smallest or largest terms, from different inputs."""
        term = functools.partial(self._term, place)
        best = min if sign == "<=" else max
        edges: list[Edge] = [
            best(((name, source) for name in space.options(place, number, source)), key=term)
            for source in range(number)]
        edges.sort(key=term, reverse=sign == ">=")
        return sorted(edges[:space.edges], key=lambda edge: edge[1])

    def _term(self, place: int, edge: Edge) -> float:
        operation, source = edge
        return self.terms[place, source < self._inputs, operation]


def _classes(space: EdgeSpace) -> Iterator[_Class]:
    """The classes of edges whose terms may differ."""
    if isinstance(space, NasBench201Space):
        yield from ((0, True, name) for name in space.operations)
        return
    for place, _ in enumerate(space.cells):
        for reads_input in (True, False) if space.nodes > 1 else (True,):
            yield from ((place, reads_input, name) for name in space.operations)


def _probe(space: EdgeSpace, changed: _Class | None) -> Genotype:
    """A cell all of whose edges are of one class, or with one edge of class `changed`."""
    plain = space.operations[0]
    if isinstance(space, NasBench201Space):
        first = plain if changed is None else changed[2]
        return NasBench201Genotype.of(first, *[plain] * (space.edges - 1))
    cells: list[Cell] = []
    for place, _ in enumerate(space.cells):
        nodes = [[(plain, source) for source in range(space.edges)] for _ in range(space.nodes)]
        if changed is not None and changed[0] == place:
            last = space.edges - 1 if changed[1] else space.first
            nodes[-1][-1] = changed[2], last
        cells.append(Cell(nodes, range(space.first, space.first + space.nodes)))
    return space.genotype(*cells)
