"""The search space of NAS-Bench-201: one of five operations on every edge of a complete graph.

Dong & Yang 2020 (arXiv 2001.00326, section 2.1): 5^6 = 15,625 cells of four nodes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS, NasBench201Genotype
from zoo.genotypes.serialization import Genotype


@dataclass(frozen=True)
class NasBench201Space:
    """Cells of `nodes` nodes after the input, with one of `operations` on each edge."""

    nodes: int = 3
    operations: tuple[str, ...] = tuple(NASBENCH201_OPERATIONS)
    kind: ClassVar[str] = "nasbench201"

    @property
    def edges(self) -> int:
        """The number of edges of a cell."""
        return self.nodes * (self.nodes + 1) // 2

    def __contains__(self, genotype: Genotype) -> bool:
        return (isinstance(genotype, NasBench201Genotype)
                and len(genotype.cell.nodes) == self.nodes
                and all(operation in self.operations for operation in genotype.operations))

    def sample(self, rng: random.Random) -> NasBench201Genotype:
        """A genotype sampled uniformly from the space."""
        return NasBench201Genotype.of(*(rng.choice(self.operations) for _ in range(self.edges)))

    def mutate(self, rng: random.Random, genotype: Genotype) -> NasBench201Genotype:
        """`genotype` with another operation on one edge.  Raises ValueError for a genotype of
        another space."""
        operations = self._operations(genotype)
        edge = rng.randrange(self.edges)
        operations[edge] = rng.choice([name for name in self.operations
                                       if name != operations[edge]])
        return NasBench201Genotype.of(*operations)

    def neighbors(self, genotype: Genotype) -> list[Genotype]:
        """Every genotype that `mutate` can give.  Raises ValueError as it does."""
        operations = self._operations(genotype)
        return [NasBench201Genotype.of(*operations[:edge], name, *operations[edge + 1:])
                for edge, before in enumerate(operations)
                for name in self.operations if name != before]

    def decisions(self) -> list[int]:
        """The number of operations of each edge, in the order of the text."""
        return [len(self.operations)] * self.edges

    def decode(self, choices: list[int]) -> NasBench201Genotype:
        """The genotype of one choice, from 0, for each of `decisions`.  Raises ValueError."""
        if len(choices) != self.edges or not all(0 <= c < len(self.operations) for c in choices):
            raise ValueError(f"choices must be {self.edges} numbers below {len(self.operations)}, "
                             f"not {choices}")
        return NasBench201Genotype.of(*(self.operations[choice] for choice in choices))

    def _operations(self, genotype: Genotype) -> list[str]:
        if not isinstance(genotype, NasBench201Genotype) or genotype not in self:
            raise ValueError(f"{genotype} is not of the search space")
        return list(genotype.operations)
