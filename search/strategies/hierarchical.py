"""Evolution of hierarchical genotypes: tournaments in a population that only grows.

Liu et al. 2018, Hierarchical Representations for Efficient Architecture Search (arXiv
1711.00436, section 3).  Waves as in `search.strategies.evolution`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from search.sampled import Candidate
from search.strategies.evolution import Evolution, EvolutionSettings
from zoo.genotype import GenotypeError
from zoo.hierarchical_genotype import HierarchicalGenotype


@dataclass(frozen=True)
class HierarchicalSpace:
    """`motifs[k]` motifs of `sizes[k]` nodes at level k + 2; the paper's numbers by default.

    A sample is the trivial genotype, whose motifs are all chains of identities, after
    `mutations` random mutations.
    """

    motifs: tuple[int, ...] = (6, 1)
    sizes: tuple[int, ...] = (4, 5)
    mutations: int = 1000
    kind = "hierarchical"

    def trivial(self) -> HierarchicalGenotype:
        """Chains only: the whole cell is an identity."""
        return HierarchicalGenotype([
            [[["none"] * (target - 1) + ["identity" if level == 0 else "motif_1"]
              for target in range(1, size)]] * count
            for level, (count, size) in enumerate(zip(self.motifs, self.sizes))])

    def sample(self, rng: random.Random) -> HierarchicalGenotype:
        genotype = self.trivial()
        for _ in range(self.mutations):
            genotype = self.mutate(rng, genotype)
        return genotype

    def mutate(self, rng: random.Random, genotype: HierarchicalGenotype) -> HierarchicalGenotype:
        """`genotype` with another operation on one edge of one motif, never itself.

        Level, motif, target node, source node and operation are drawn in this order; 'none'
        removes an edge, or is what an added one replaces.  A change that would leave no path
        through the cell is drawn again.
        """
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


@dataclass(frozen=True)
class HierarchicalSettings(EvolutionSettings):
    """As those of aging evolution, without a fixed sample.  Raises ValueError."""

    sample: int = 2  # contestants of a tournament, at least
    share: float = 0.05  # of the population that takes part in a tournament


#: `paper`: 200 random genotypes, 7000 steps of evolution, 200 workers.
PRESETS = {"quick": HierarchicalSettings(candidates=32, wave=4, population=12),
           "paper": HierarchicalSettings(candidates=7200, wave=50, population=200)}


class Hierarchical(Evolution):
    """`space` is a HierarchicalSpace."""

    settings: HierarchicalSettings

    def contestants(self) -> list[Candidate]:
        """A tournament: a share of all candidates so far, each at most once."""
        count = max(self.settings.sample, round(self.settings.share * len(self.population)))
        return self.rng.sample(self.population, min(count, len(self.population)))

    def learn(self, candidates: list[Candidate]) -> None:
        self.population += candidates  # nobody dies
