"""Base of the strategies that train every candidate from scratch: propose, evaluate, learn.

One epoch of the run is one *wave* of candidates, trained in parallel.  Its size is a setting, not
the number of workers, so the result does not depend on the machine.
"""

from __future__ import annotations

import dataclasses
import math
import random
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np

from search.candidates.base import Candidate, Result, Scorer
from search.limits.measured import Measured
from search.progress import Report, silent
from search.spaces.discretize import operation_counts
from search.strategies.base import Strategy
from search.strategies.warm_start import MutableSpace, best_scoring
from zoo.genotypes.serialization import Genotype, from_dict, to_dict
from zoo.recipes.base import Settings
from zoo.scores import chosen


@dataclass(frozen=True)
class SampleSettings(Settings):
    """Settings of every sampling strategy.  Raises ValueError for a value out of range."""

    candidates: int  # cells trained in total
    wave: int  # candidates proposed together and trained in parallel
    warm_start: str = field(default="none", kw_only=True)  # or training-free
    scores: str = field(default="nwot", kw_only=True)  # comma-separated; ranks are summed
    scored: int = field(default=200, kw_only=True)  # cells scored by a warm start

    def __post_init__(self) -> None:
        if self.warm_start not in ("none", "training-free"):
            raise ValueError(f"warm_start must be none or training-free, not {self.warm_start!r}")
        if not self.score_names:
            raise ValueError("scores is empty; name at least one score, such as nwot")
        for name, value in dataclasses.asdict(self).items():
            if isinstance(value, int) and not isinstance(value, bool) and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")

    @property
    def score_names(self) -> list[str]:
        """The names in `scores`.  Raises ValueError for an unknown one."""
        return chosen(name.strip() for name in self.scores.split(",") if name.strip())

    @property
    def warm_cells(self) -> int:
        """The number of cells of a warm start, those proposed before the strategy learns."""
        return max(self.fewest, self.wave)

    @property
    def fewest(self) -> int:
        """The smallest number of candidates that these settings allow."""
        return 1

    def within(self, budget: int, cost: int, unit: str) -> SampleSettings:
        """The settings with as many candidates as `budget` covers, at `cost` each in `unit`.

        Raises ValueError if it covers too few.
        """
        if budget // cost < self.fewest:
            paid = f"{budget // cost} candidates" if budget >= cost else "no candidate"
            least = f", and a run needs {self.fewest}" if self.fewest > 1 else ""
            raise ValueError(f"a budget of {budget:,} {unit} pays for {paid}{least}; the smallest "
                             f"that works is --budget {self.fewest * cost}")
        return dataclasses.replace(self, candidates=budget // cost)


@dataclass(frozen=True)
class InitialSettings(SampleSettings):
    """Settings of a strategy that starts from random cells.  Raises ValueError for a value out of
    range."""

    initial: int  # random cells

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initial > self.candidates:
            raise ValueError(f"{self.candidates} candidates are fewer than the {self.initial} "
                             "initial cells; raise --candidates, or lower --set initial=N")

    @property
    def fewest(self) -> int:
        return self.initial


@dataclass(frozen=True)
class Trial:
    """An evaluated cell; `parent` is the number of the candidate it was mutated from."""

    number: int
    genotype: Genotype
    parent: int | None
    result: Result

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"number": self.number, "genotype": to_dict(self.genotype), "parent": self.parent,
                "result": dataclasses.asdict(self.result)}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Trial:
        """Restore a trial from its `to_dict`."""
        return cls(**value | {"genotype": from_dict(value["genotype"]),
                              "result": Result(**value["result"])})


class SampleSpace(Protocol):
    """A search space to sample from; a strategy may need more methods."""

    def sample(self, rng: random.Random) -> Genotype:
        """A random genotype."""
        ...


class CandidateEvaluator(Protocol):
    """Trains candidates (`search.candidates.workers.Evaluator`) or looks them up
    (`search.tables.evaluator.TableEvaluator`).

    `unit` ("images", "tokens" or "cells") is the unit of the `cost` of one candidate; `measure`
    ("valid_accuracy", "valid_perplexity" or "figure") is the metric of its results.
    """

    unit: str
    measure: str
    cost: int

    @property
    def scorer(self) -> Scorer | None:
        """Scores candidates without training them, None if they are not image networks."""
        ...

    @property
    def measured(self) -> Measured | None:
        """The limited and minimized figures of candidates, None without `--limit`."""
        ...

    def evaluate(self, tasks: list[Candidate], report: Report) -> list[Result]:
        """The results of `tasks`, in order."""
        ...


class SampleStrategy(Strategy):
    """Samples candidates from `space` and trains them with `evaluator`.

    A `budget`, in the evaluator's unit, determines the number of candidates.

    Examples:
        >>> class Uniform(SampleStrategy):
        ...     def propose(self, numbers):
        ...         return [(self.sample(), None) for _ in numbers]
    """

    def __init__(self, space: SampleSpace, evaluator: CandidateEvaluator, settings: SampleSettings,
                 seed: int = 0, budget: int | None = None) -> None:
        self.space, self.evaluator, self.seed = space, evaluator, seed
        self.unit = evaluator.unit
        if budget is not None:
            settings = settings.within(budget, evaluator.cost, self.unit)
        self.settings = settings
        if settings.warm_start != "none" and evaluator.scorer is None:
            raise ValueError("a training-free start scores image networks only; leave --warm-start "
                             "out")
        self.warm: list[Genotype] = []  # untried cells of a warm start
        self.epochs = math.ceil(settings.candidates / settings.wave)
        self.rng = random.Random(seed)
        self.cost = 0
        self.best: Trial | None = None

    @abstractmethod
    def propose(self, numbers: range) -> list[tuple[Genotype, int | None]]:
        """A genotype for each candidate number of a wave, and the number of its parent."""

    def sample(self) -> Genotype:
        """The next cell of the warm start, or a random cell if none is left."""
        return self.warm.pop(0) if self.warm else self.space.sample(self.rng)

    def learn(self, candidates: list[Trial]) -> None:
        """Update the strategy with the results of a wave.  Random search does not learn."""

    def epoch(self, number: int, report: Report = silent) -> dict[str, Any]:
        """Propose a wave, train it and learn from it; return the row of the history."""
        candidates = self.wave(number, report)
        assert self.best is not None  # a wave has candidates
        return self._row(number, self.best, candidates)

    def wave(self, number: int, report: Report = silent) -> list[Trial]:
        """Propose wave `number` (from 1), train it and learn from it; return its candidates."""
        settings = self.settings
        if number == 1 and settings.warm_start != "none" and self.evaluator.scorer:
            self.warm = best_scoring(
                cast("MutableSpace", self.space), self.evaluator.scorer, settings.score_names,
                settings.scored, settings.warm_cells, self.seed, report)
        first = (number - 1) * self.settings.wave
        numbers = range(first, min(first + self.settings.wave, self.settings.candidates))
        proposals = self.propose(numbers)
        tasks = [Candidate(n, genotype, _seed_of(self.seed, n))
                 for n, (genotype, _) in zip(numbers, proposals)]
        results = self.evaluator.evaluate(tasks, report)
        candidates = [Trial(n, genotype, parent, result) for n, (genotype, parent), result
                      in zip(numbers, proposals, results)]
        self.learn(candidates)
        self.cost += sum(result.cost for result in results)
        known = candidates if self.best is None else [self.best, *candidates]
        self.best = max(known, key=lambda candidate: candidate.result.score)  # the first if tied
        return candidates

    def _row(self, number: int, best: Trial, candidates: list[Trial]) -> dict[str, Any]:
        counts, measured = operation_counts(best.genotype), self.evaluator.measured
        return {
            "epoch": number,
            "cost": {self.unit: self.cost},
            self.evaluator.measure: _shown(best.result),
            "operations": counts,
            "skip_connections": {
                cell: count.get("skip_connect", 0) + count.get("identity", 0)
                for cell, count in counts.items()},
            "warnings": [
                f"the training of candidate {c.number} diverged; it counts as the worst"
                for c in candidates if c.result.value is None],
            "genotype": to_dict(best.genotype),
            "candidates": [{
                "number": c.number, "genotype": to_dict(c.genotype),
                self.evaluator.measure: _shown(c.result), "parameters": c.result.parameters,
                self.unit: c.result.cost, "parent": c.parent,
            } | ({} if measured is None else {"measures": measured.of(c.genotype)})
                for c in candidates],
        }

    @property
    def objectives(self) -> tuple[str, ...]:
        """The measures that the search minimizes beside its metric."""
        return () if self.evaluator.measured is None else self.evaluator.measured.objectives

    def point(self, trial: Trial) -> tuple[float, ...]:
        """A candidate among several objectives, all of them minimized: the negated score, then the
        measures."""
        measured = self.evaluator.measured
        costs = () if measured is None else measured.costs(trial.genotype)
        if trial.result.value is None:  # diverged: cheap or not, worse than any other
            return (math.inf,) * (1 + len(costs))
        return -trial.result.score, *costs

    def genotype(self) -> Genotype:
        """The best candidate's genotype.  Raises ValueError before the first epoch."""
        if self.best is None:
            raise ValueError("no candidate has been trained yet")
        return self.best.genotype

    def state_dict(self) -> dict[str, Any]:
        version, words, gauss = self.rng.getstate()
        return {"random": [version, list(words), gauss], "cost": self.cost,
                "warm": [to_dict(genotype) for genotype in self.warm],
                "best": None if self.best is None else self.best.to_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        version, words, gauss = state["random"]
        self.rng.setstate((version, tuple(words), gauss))
        self.cost = state["cost"]
        self.warm = [from_dict(genotype) for genotype in state.get("warm", [])]  # since 0.6
        self.best = None if state["best"] is None else Trial.from_dict(state["best"])


def _seed_of(seed: int, number: int) -> int:
    """The seed of a candidate's training, from the run's seed and the candidate's number."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _shown(result: Result) -> float | None:
    """The value for the history; a diverged network has accuracy 0 and no perplexity."""
    if result.value is None and result.measure == "valid_accuracy":
        return 0.0
    return result.value
