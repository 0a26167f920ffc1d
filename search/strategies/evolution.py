"""Aging evolution: the best of a sample has a child, the oldest dies.

Real et al. 2018, Regularized Evolution for Image Classifier Architecture Search (AmoebaNet,
arXiv 1802.01548).  There many workers change one population whenever they are done; here the
parents of a wave are chosen from the population as it stood when the wave began, and its
children join in the order of their numbers, so that a seed gives the same search again.
"""

from __future__ import annotations

from dataclasses import dataclass

from search.strategies.sampled import SampleSettings, SampleStrategy, Trial
from zoo.genotypes.serialization import Genotype


@dataclass(frozen=True)
class EvolutionSettings(SampleSettings):
    """Raises ValueError for a value out of range."""

    population: int  # P: the first ones are drawn at random
    sample: int  # S: a parent is the best of so many, drawn with replacement

    def __post_init__(self):
        super().__post_init__()
        if self.wave > self.population:
            raise ValueError(f"a wave of {self.wave} is larger than the population of "
                             f"{self.population}")
        if self.candidates < self.population:
            raise ValueError(f"{self.candidates} candidates do not fill the population of "
                             f"{self.population}; take more, or a smaller population")


#: `paper`: section 4 of Real et al. 2018, whose 450 workers are a wave of 50 here.
PRESETS = {"quick": EvolutionSettings(candidates=32, wave=4, population=12, sample=4),
           "paper": EvolutionSettings(candidates=20000, wave=50, population=100, sample=25)}


class Evolution(SampleStrategy):
    """`space` has `sample` and `mutate`."""

    settings: EvolutionSettings

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.population: list[Trial] = []  # the oldest first

    def propose(self, numbers: range) -> list[tuple[Genotype, int | None]]:
        proposals = []
        for number in numbers:
            if number < self.settings.population:
                proposals.append((self.space.sample(self.rng), None))
            else:
                parent = max(self.contestants(), key=lambda candidate: candidate.result.score)
                proposals.append((self.space.mutate(self.rng, parent.genotype), parent.number))
        return proposals

    def contestants(self) -> list[Trial]:
        """Those of the population among whom the best becomes a parent."""
        return self.rng.choices(self.population, k=self.settings.sample)

    def learn(self, candidates: list[Trial]) -> None:
        self.population = (self.population + candidates)[-self.settings.population:]

    def state_dict(self) -> dict:
        return super().state_dict() | {
            "population": [candidate.to_dict() for candidate in self.population]}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.population = [Trial.from_dict(value) for value in state["population"]]
