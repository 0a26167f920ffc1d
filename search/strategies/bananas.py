"""Predictor-based search: a random forest predicts the scores of cells from their paths.

After White, Neiswanger & Savani 2021, BANANAS (arXiv 1910.11858): path encoding, an
ensemble for uncertainty, independent Thompson sampling, and candidates mutated from the best cells.
The paper's ensemble of neural networks is replaced by scikit-learn's random forest (Breiman 2001),
which fits a hundred cells in a tenth of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from search.spaces.paths import Path, paths
from search.strategies.sampled import CandidateEvaluator, InitialSettings, SampleStrategy, Trial
from search.strategies.warm_start import MutableSpace
from zoo.genotypes.serialization import Genotype


@dataclass(frozen=True)
class BananasSettings(InitialSettings):
    """Settings of BANANAS.  Raises ValueError for a value out of range."""

    initial: int = 10  # random cells before the first prediction
    parents: int = 5  # best cells to mutate
    mutations: int = 20  # per parent, scored by the forest
    samples: int = 100  # random cells, also scored by the forest
    trees: int = 50  # of the forest


#: `paper`: 10 random cells, then batches of 10, 150 in all.
PRESETS = {"quick": BananasSettings(candidates=32, wave=4, initial=8),
           "paper": BananasSettings(candidates=150, wave=10)}
TABLE = BananasSettings(candidates=100, wave=10)  # on a table


class Bananas(SampleStrategy):
    """BANANAS with a random forest, on every space with mutations."""

    space: MutableSpace
    settings: BananasSettings

    def __init__(self, space: MutableSpace, evaluator: CandidateEvaluator,
                 settings: BananasSettings, seed: int = 0, budget: int | None = None) -> None:
        super().__init__(space, evaluator, settings, seed, budget)
        self.trials: list[Trial] = []
        self._paths: dict[Genotype, frozenset[Path]] = {}

    def propose(self, numbers: range) -> list[tuple[Genotype, int | None]]:
        """Random cells first, then the cells with the highest sampled predictions."""
        begin = [number for number in numbers if number < self.settings.initial]
        proposals: list[tuple[Genotype, int | None]] = [
            (self.sample(), None) for _ in begin]
        if count := len(numbers) - len(begin):
            proposals += self._promising(count) if self.trials else [
                (self.space.sample(self.rng), None) for _ in range(count)]
        return proposals

    def learn(self, candidates: list[Trial]) -> None:
        """Store the results to fit the next forest on."""
        self.trials += candidates

    def _promising(self, count: int) -> list[tuple[Genotype, int | None]]:
        settings = self.settings
        tried = {trial.genotype for trial in self.trials}
        pool: dict[Genotype, int | None] = {}
        best = sorted(self.trials, key=lambda trial: -trial.result.score)[:settings.parents]
        for parent in best:
            for _ in range(settings.mutations):
                pool.setdefault(self.space.mutate(self.rng, parent.genotype), parent.number)
        for _ in range(settings.samples):
            pool.setdefault(self.space.sample(self.rng), None)
        fresh = [genotype for genotype in pool if genotype not in tried]
        mean, deviation = self._predict(fresh)
        sampled = [self.rng.gauss(*each) for each in zip(mean, deviation)]
        order = sorted(range(len(fresh)), key=lambda place: -sampled[place])[:count]
        chosen = [(fresh[place], pool[fresh[place]]) for place in order]
        # Few untried cells are left in a small space.
        return chosen + [(self.space.sample(self.rng), None) for _ in range(count - len(chosen))]

    def _predict(self, genotypes: list[Genotype]) -> tuple[list[float], list[float]]:
        """Mean and standard deviation over the trees of each genotype's predicted score."""
        from sklearn.ensemble import RandomForestRegressor

        if not genotypes:
            return [], []
        columns = {path: number for number, path in enumerate(sorted(
            {path for trial in self.trials for path in self._paths_of(trial.genotype)}))}
        forest = RandomForestRegressor(self.settings.trees, max_features=1 / 3, n_jobs=1,
                                       random_state=self.rng.randrange(2**31))
        forest.fit(self._table([trial.genotype for trial in self.trials], columns),
                   [trial.result.score for trial in self.trials])
        table = self._table(genotypes, columns)
        predicted = np.stack([tree.predict(table) for tree in forest.estimators_])
        return predicted.mean(0).tolist(), predicted.std(0).tolist()

    def _table(self, genotypes: list[Genotype], columns: dict[Path, int]) -> np.ndarray:
        """(genotypes, columns) float32: 1 where a genotype has a path."""
        table = np.zeros((len(genotypes), len(columns)), np.float32)
        for row, genotype in enumerate(genotypes):
            table[row, [columns[path] for path in self._paths_of(genotype) if path in columns]] = 1
        return table

    def _paths_of(self, genotype: Genotype) -> frozenset[Path]:
        if genotype not in self._paths:
            self._paths[genotype] = paths(genotype)
        return self._paths[genotype]

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"trials": [trial.to_dict() for trial in self.trials]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.trials = [Trial.from_dict(value) for value in state["trials"]]
