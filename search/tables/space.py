"""The cells of a table as a search space; strategies propose no others.

In a table of the whole space, such as NAS-Bench-201 (Dong & Yang 2020, arXiv 2001.00326), the
neighbors of a cell are the cells that differ in one operation.  In a partial table they are the
most similar rows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from zoo.genotypes.serialization import Genotype

#: The smallest number of neighbors, if the table has as many rows; ties add more.
NEAREST = 10


class TableSpace:
    """`genotypes` as a search space: every sample, mutation and decoded cell is one of them.

    The distance of two cells is the number of operations and inputs in which their edges differ,
    regardless of the order of a node's edges.
    """

    def __init__(self, genotypes: Sequence[Genotype]) -> None:
        self.genotypes = tuple(genotypes)
        self._place = {genotype: place for place, genotype in enumerate(self.genotypes)}
        features = [_features(genotype) for genotype in self.genotypes]
        width = max(map(len, features))
        padded = [[*each, *[""] * (width - len(each))] for each in features]
        self._options = [sorted(set(column)) for column in zip(*padded)]
        numbers = [{value: number for number, value in enumerate(options)}
                   for options in self._options]
        self._codes = np.array([[number[value] for number, value in zip(numbers, each)]
                                for each in padded], np.int16)
        self._by_code = {code: place for place, code in enumerate(map(tuple, self._codes.tolist()))}
        self._neighbors: dict[int, list[Genotype]] = {}

    def sample(self, rng: random.Random) -> Genotype:
        """A row sampled uniformly."""
        return self.genotypes[rng.randrange(len(self.genotypes))]

    def mutate(self, rng: random.Random, genotype: Genotype) -> Genotype:
        """One of the nearest rows."""
        return rng.choice(self.neighbors(genotype))

    def neighbors(self, genotype: Genotype) -> list[Genotype]:
        """At least `NEAREST` nearest rows, if there are as many, in the order of the table."""
        place = self._place[genotype]
        if place not in self._neighbors:
            distances = (self._codes != self._codes[place]).sum(1)
            distances[place] = self._codes.shape[1] + 1
            last = min(NEAREST, len(self.genotypes) - 1)
            limit = np.partition(distances, last - 1)[last - 1]
            self._neighbors[place] = [self.genotypes[near] for near in
                                      np.flatnonzero(distances <= limit).tolist()
                                      if near != place]
        return list(self._neighbors[place])

    def decisions(self) -> list[int]:
        """The number of options of each decision, an operation or input that some row has."""
        return [len(options) for options in self._options]

    def decode(self, choices: list[int]) -> Genotype:
        """The row with one choice for each of `decisions`, or the nearest row."""
        place = self._by_code.get(tuple(choices))
        if place is None:
            place = int((self._codes != np.array(choices, np.int16)).sum(1).argmin())
        return self.genotypes[place]


def _features(genotype: Genotype) -> list[str]:
    """The operation and input of every edge, sorted within each node; without the inputs where
    the space fixes them."""
    found: list[str] = []
    for cell in genotype.cells().values():
        for edges in cell.nodes:
            for operation, source in sorted(edges, key=lambda edge: (edge[1], edge[0])):
                found += [operation] if genotype.kind == "nasbench201" else [
                    operation, str(source)]
    return found
