"""The search space of NAS-Bench-201: one of five operations on every edge of a complete graph.

Dong & Yang 2020 (arXiv 2001.00326): 5^6 = 15,625 cells of four nodes.
"""

from __future__ import annotations

import operator
import random
from dataclasses import dataclass
from typing import ClassVar

from search.spaces.space import Frozen
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS, NasBench201Genotype
from zoo.genotypes.serialization import Genotype


@dataclass(frozen=True)
class NasBench201Space:
    """Cells of `nodes` nodes after the input, with one of `operations` on each edge.

    `allowed`, from `search.spaces.space.frozen`, restricts the operations of each edge.
    """

    nodes: int = 3
    operations: tuple[str, ...] = tuple(NASBENCH201_OPERATIONS)
    allowed: Frozen | None = None
    kind: ClassVar[str] = "nasbench201"

    @property
    def edges(self) -> int:
        """The number of edges of a cell."""
        return self.nodes * (self.nodes + 1) // 2

    @property
    def options(self) -> list[tuple[str, ...]]:
        """The allowed operations of each edge."""
        rows = [self.operations] * self.edges if self.allowed is None else self.allowed[0]
        return [tuple(name for name in self.operations if name in row) for row in rows]

    def __contains__(self, genotype: Genotype) -> bool:
        return (isinstance(genotype, NasBench201Genotype)
                and len(genotype.cell.nodes) == self.nodes
                and all(map(operator.contains, self.options, genotype.operations)))

    def sample(self, rng: random.Random) -> NasBench201Genotype:
        """A genotype sampled uniformly from the space."""
        return NasBench201Genotype.of(*map(rng.choice, self.options))

    def mutate(self, rng: random.Random, genotype: Genotype) -> NasBench201Genotype:
        """`genotype` with another operation on one edge.  Raises ValueError for a genotype outside
        the space."""
        operations, options = self._operations(genotype), self.options
        edge = rng.choice([edge for edge, names in enumerate(options) if len(names) > 1])
        operations[edge] = rng.choice([name for name in options[edge]
                                       if name != operations[edge]])
        return NasBench201Genotype.of(*operations)

    def neighbors(self, genotype: Genotype) -> list[Genotype]:
        """Every genotype that `mutate` can return.  Raises the errors of `mutate`."""
        operations = self._operations(genotype)
        return [NasBench201Genotype.of(*operations[:edge], name, *operations[edge + 1:])
                for edge, before in enumerate(operations)
                for name in self.options[edge] if name != before]

    def decisions(self) -> list[int]:
        """The number of allowed operations of each edge, in the order of the text."""
        return [len(names) for names in self.options]

    def decode(self, choices: list[int]) -> NasBench201Genotype:
        """The genotype of one choice, from 0, for each of `decisions`.  Raises ValueError."""
        sizes = self.decisions()
        if len(choices) != len(sizes) or not all(0 <= c < n for c, n in zip(choices, sizes)):
            raise ValueError(f"choices must be {len(sizes)} numbers below {sizes}, not {choices}")
        return NasBench201Genotype.of(*(names[choice] for names, choice in
                                        zip(self.options, choices)))

    def _operations(self, genotype: Genotype) -> list[str]:
        if not isinstance(genotype, NasBench201Genotype) or genotype not in self:
            raise ValueError(f"{genotype} is not in the search space")
        return list(genotype.operations)
