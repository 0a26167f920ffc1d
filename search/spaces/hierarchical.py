"""The space of hierarchical genotypes, and its mutations.

Liu et al. 2018, Hierarchical Representations for Efficient Architecture Search (arXiv
1711.00436).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.serialization import Genotype


@dataclass(frozen=True)
class HierarchicalSpace:
    """`motifs[k]` motifs of `sizes[k]` nodes at level k + 2; the paper's numbers by default.

    A sample is the trivial genotype, all of whose motifs are chains of identities, after
    `mutations` random mutations.
    """

    motifs: tuple[int, ...] = (6, 1)
    sizes: tuple[int, ...] = (4, 5)
    mutations: int = 1000
    kind: ClassVar[str] = "hierarchical"

    def trivial(self) -> HierarchicalGenotype:
        """Chains only: the whole cell is an identity."""
        return HierarchicalGenotype([
            [[["none"] * (target - 1) + ["identity" if level == 0 else "motif_1"]
              for target in range(1, size)]] * count
            for level, (count, size) in enumerate(zip(self.motifs, self.sizes))])

    def sample(self, rng: random.Random) -> HierarchicalGenotype:
        """The trivial genotype after `mutations` mutations."""
        genotype = self.trivial()
        for _ in range(self.mutations):
            genotype = self.mutate(rng, genotype)
        return genotype

    def mutate(self, rng: random.Random, genotype: Genotype) -> HierarchicalGenotype:
        """`genotype` with another operation on one edge of one motif, never itself.

        Level, motif, target node, source node and operation are sampled in this order; changing
        to 'none' removes an edge, changing from it adds one.  A change that would leave no path
        through the cell is resampled.  Raises ValueError for a genotype of another kind.
        """
        if not isinstance(genotype, HierarchicalGenotype):
            raise ValueError(f"{genotype} is not in the search space")
        while True:
            level = rng.randrange(len(self.motifs))
            number = rng.randrange(self.motifs[level])
            target = rng.randrange(1, self.sizes[level])
            source = rng.randrange(target)
            edge = level + 2, number + 1, source, target
            before = genotype.operation(*edge)
            options = [name for name in genotype.allowed(level + 2) if name != before]
            try:
                return genotype.with_operation(*edge, rng.choice(options))
            except GenotypeError:
                continue
