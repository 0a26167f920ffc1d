"""Evolution of hierarchical genotypes by tournament selection, without removal of candidates.

Liu et al. 2018, Hierarchical Representations for Efficient Architecture Search (arXiv
1711.00436).  Waves as in `search.strategies.evolution`.
"""

from __future__ import annotations

from dataclasses import dataclass

from search.strategies.evolution import Evolution, EvolutionSettings
from search.strategies.sampled import Trial


@dataclass(frozen=True)
class HierarchicalSettings(EvolutionSettings):
    """Settings of aging evolution, with a sample that grows with the population.

    Raises ValueError for a value out of range.
    """

    sample: int = 2  # least number of candidates in a tournament
    share: float = 0.05  # of the population in a tournament

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, not {self.share!r}")


#: `paper`: 200 random genotypes, 7000 steps of evolution, 200 workers.
PRESETS = {"quick": HierarchicalSettings(candidates=32, wave=4, population=12),
           "paper": HierarchicalSettings(candidates=7200, wave=50, population=200)}


class Hierarchical(Evolution):
    """Tournament evolution in a `HierarchicalSpace`."""

    settings: HierarchicalSettings

    def contestants(self) -> list[Trial]:
        """A tournament: a random share of all candidates so far, without replacement."""
        count = max(self.settings.sample, round(self.settings.share * len(self.population)))
        return self.rng.sample(self.population, min(count, len(self.population)))

    def learn(self, candidates: list[Trial]) -> None:
        """Add the wave to the population; nothing is removed, even with several objectives."""
        self.population += candidates
