"""Aging evolution: mutate the best of a sample, remove the oldest.

Real et al. 2018, Regularized Evolution for Image Classifier Architecture Search (AmoebaNet,
arXiv 1802.01548).  Their workers update one population asynchronously; here the parents of a wave
are selected from the population at its start, and the children are added in the order of their
numbers, so that a search is reproducible from its seed.

With objectives beside the metric, selection and survival are those of NSGA-II (Deb et al. 2002,
IEEE Transactions on Evolutionary Computation 6(2)): by non-dominated front, then by crowding
distance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from search.fronts.pareto import order
from search.strategies.sampled import (
    CandidateEvaluator,
    SampleSettings,
    SampleStrategy,
    Trial,
)
from search.strategies.warm_start import MutableSpace
from zoo.genotypes.serialization import Genotype


@dataclass(frozen=True)
class EvolutionSettings(SampleSettings):
    """Settings of aging evolution.  Raises ValueError for a value out of range."""

    population: int  # P: the first P candidates are sampled at random
    sample: int  # S: a parent is the best of S, sampled with replacement (2 in NSGA-II)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.wave > self.population:
            raise ValueError(f"a wave of {self.wave} is larger than the population of "
                             f"{self.population}; choose a smaller one with --set wave=N, or a "
                             "larger population with --set population=N")
        if self.candidates < self.population:
            raise ValueError(f"{self.candidates} candidates do not fill the population of "
                             f"{self.population}; use --candidates {self.population}, or a "
                             "smaller population with --set population=N")

    @property
    def fewest(self) -> int:
        return self.population


#: `paper`: Real et al. 2018, with a wave of 50 instead of its 450 workers.
PRESETS = {"quick": EvolutionSettings(candidates=32, wave=4, population=12, sample=4),
           "paper": EvolutionSettings(candidates=20000, wave=50, population=100, sample=25)}
#: On a table: Dong & Yang 2020 (arXiv 2001.00326), as in their release.
TABLE = EvolutionSettings(candidates=100, wave=1, population=10, sample=3)


class Evolution(SampleStrategy):
    """Aging evolution on every space with mutations."""

    space: MutableSpace
    settings: EvolutionSettings

    def __init__(self, space: MutableSpace, evaluator: CandidateEvaluator,
                 settings: EvolutionSettings, seed: int = 0, budget: int | None = None) -> None:
        super().__init__(space, evaluator, settings, seed, budget)
        self.population: list[Trial] = []  # oldest first

    def propose(self, numbers: range) -> list[tuple[Genotype, int | None]]:
        """Random genotypes until the population is full, then mutations of the best of a sample."""
        worth = self._worth()
        proposals: list[tuple[Genotype, int | None]] = []
        for number in numbers:
            if number < self.settings.population:
                proposals.append((self.sample(), None))
            else:
                parent = max(self.contestants(), key=worth)
                proposals.append((self.space.mutate(self.rng, parent.genotype), parent.number))
        return proposals

    def contestants(self) -> list[Trial]:
        """A sample of the population, whose best becomes a parent."""
        return self.rng.choices(self.population, k=self.settings.sample)

    def learn(self, candidates: list[Trial]) -> None:
        """Add the wave to the population and remove the oldest; with several objectives, those that
        NSGA-II orders last."""
        merged = self.population + candidates
        if self.objectives:
            kept = sorted(order(list(map(self.point, merged)))[:self.settings.population])
            self.population = [merged[place] for place in kept]
        else:
            self.population = merged[-self.settings.population:]

    def _worth(self) -> Callable[[Trial], float]:
        """Higher for the better of two candidates of the population."""
        if not self.objectives:
            return lambda candidate: candidate.result.score
        places = order(list(map(self.point, self.population)))
        numbers = {self.population[place].number: -worse for worse, place in enumerate(places)}
        return lambda candidate: numbers[candidate.number]

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {
            "population": [candidate.to_dict() for candidate in self.population]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.population = [Trial.from_dict(value) for value in state["population"]]
