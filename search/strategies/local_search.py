"""Local search: move to a better neighbor until there is none, then restart at a random cell.

White, Nolen & Savani 2021, Exploring the Loss Landscape in Neural Architecture Search (arXiv
2005.02960).  Neighbors differ in one operation or input; each is evaluated only once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from search.strategies.sampled import (
    CandidateEvaluator,
    InitialSettings,
    SampleSpace,
    SampleStrategy,
    Trial,
)
from zoo.genotypes.serialization import Genotype, from_dict, to_dict

_TRIES = 100  # to sample an untried cell


@dataclass(frozen=True)
class LocalSearchSettings(InitialSettings):
    """Settings of local search.  Raises ValueError for a value out of range."""

    initial: int = 1  # random cells; the search starts at the best of them
    greedy: bool = True  # move to the first better neighbor instead of the best one


#: `paper`: tries all neighbors and moves to the best.
PRESETS = {"quick": LocalSearchSettings(candidates=32, wave=4, initial=4),
           "paper": LocalSearchSettings(candidates=300, wave=10, initial=10, greedy=False)}
TABLE = LocalSearchSettings(candidates=100, wave=1, initial=10)  # on a table


class NeighborSpace(SampleSpace, Protocol):
    """A search space whose genotypes have neighbors."""

    def neighbors(self, genotype: Genotype) -> list[Genotype]:
        """Every genotype that differs in one operation or input."""
        ...


class LocalSearch(SampleStrategy):
    """Local search on every space whose genotypes have neighbors."""

    space: NeighborSpace
    settings: LocalSearchSettings

    def __init__(self, space: NeighborSpace, evaluator: CandidateEvaluator,
                 settings: LocalSearchSettings, seed: int = 0, budget: int | None = None) -> None:
        super().__init__(space, evaluator, settings, seed, budget)
        self.tried: dict[Genotype, Trial] = {}
        self.current: Trial | None = None  # None: the next wave restarts
        self.waiting: list[Genotype] = []  # untried neighbors of the current cell, popped last

    def propose(self, numbers: range) -> list[tuple[Genotype, int | None]]:
        """Untried neighbors of the current cell, then random cells."""
        proposals: list[tuple[Genotype, int | None]] = []
        for number in numbers:
            if number < self.settings.initial or self.current is None or not self.waiting:
                proposals.append((self._elsewhere(), None))
            else:
                proposals.append((self.waiting.pop(), self.current.number))
        return proposals

    def _elsewhere(self) -> Genotype:
        for _ in range(_TRIES):
            genotype = self.sample()
            if genotype not in self.tried:
                break
        return genotype

    def learn(self, candidates: list[Trial]) -> None:
        """Move to a better neighbor, or restart at a random cell if no neighbor is better."""
        starts = len(self.tried) < self.settings.initial
        # A random cell may repeat; only its first trial counts.
        candidates = [self.tried.setdefault(c.genotype, c) for c in candidates]
        if len(self.tried) < self.settings.initial:
            return
        if self.current is None:
            # Start at the best of the initial cells; restart at the best of this wave.
            self._move(_best(list(self.tried.values()) if starts else candidates))
            return
        best = _best([self.current, *candidates])
        if self.settings.greedy and best is not self.current:
            self._move(best)
        elif not self.waiting:  # the best of all neighbors, most of them from earlier waves
            known = [self.tried[each] for each in self.space.neighbors(self.current.genotype)
                     if each in self.tried]
            best = _best([best, *known])
            if best is self.current:
                self.current = None
            else:
                self._move(best)

    def _move(self, trial: Trial) -> None:
        """Make `trial` the current cell, after climbing over its better tried neighbors."""
        while True:
            neighbors = self.space.neighbors(trial.genotype)
            known = [self.tried[each] for each in neighbors if each in self.tried]
            highest = _best([trial, *known])
            if highest is trial:
                break
            trial = highest
        self.current = trial
        self.waiting = [each for each in neighbors if each not in self.tried]
        self.rng.shuffle(self.waiting)
        if not self.waiting:
            self.current = None  # a known local optimum

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {
            "tried": [trial.to_dict() for trial in self.tried.values()],
            "current": None if self.current is None else self.current.number,
            "waiting": [to_dict(genotype) for genotype in self.waiting]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        trials = [Trial.from_dict(value) for value in state["tried"]]
        self.tried = {trial.genotype: trial for trial in trials}
        self.current = next((trial for trial in trials if trial.number == state["current"]), None)
        self.waiting = [from_dict(value) for value in state["waiting"]]


def _best(trials: list[Trial]) -> Trial:
    """The trial with the highest score, the first if several tie."""
    return max(trials, key=lambda trial: trial.result.score)
