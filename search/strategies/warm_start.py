"""Training-free choice of the initial cells: evolution on scores at initialization.

Mellor et al. 2021 (arXiv 2006.04647, section 4.1) start aging evolution from the cells that score
best (AREA).  The scores (`zoo.scores`) are computed on the candidates' networks and data; several
scores are combined by summing ranks.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from search.candidates.base import Scorer
from search.progress import Report, silent
from zoo.genotypes.serialization import Genotype

SAMPLE = 5  # size of the tournament that selects a parent


class MutableSpace(Protocol):
    """A search space with mutations."""

    def sample(self, rng: random.Random) -> Genotype:
        """A random genotype."""
        ...

    def mutate(self, rng: random.Random, genotype: Genotype) -> Genotype:
        """`genotype` with one random change."""
        ...


def best_scoring(space: MutableSpace, scorer: Scorer, names: Sequence[str],
                 scored: int, count: int, seed: int, report: Report = silent) -> list[Genotype]:
    """Score `scored` cells and return the `count` distinct ones with the highest rank sums, best
    first; fewer if fewer are found.

    Half of the cells are random; the others mutate the best of a sample of the most recent half,
    as in aging evolution.  All are scored with the same seed and images.
    """
    rng = random.Random(f"training-free {seed}")
    cells: list[Genotype] = []
    values: list[list[float]] = []
    known: dict[Genotype, list[float]] = {}
    half = max(1, scored // 2)
    for number in range(scored):
        if number < half:
            cell = space.sample(rng)
        else:
            first = number - half
            ranks = rank_sums(values[first:])
            drawn = rng.choices(range(len(ranks)), k=SAMPLE)
            cell = space.mutate(rng, cells[first + max(drawn, key=lambda n: ranks[n])])
        if cell not in known:
            scores = scorer.scores(cell, names, seed)
            known[cell] = [scores[name] for name in names]
        cells.append(cell)
        values.append(known[cell])
        report(number + 1, scored, {"scored": number + 1})
    distinct = list(known)
    ranks = rank_sums(list(known.values()))
    order = sorted(range(len(distinct)), key=lambda n: -ranks[n])  # stable if several tie
    return [distinct[n] for n in order[:count]]


def rank_sums(values: Sequence[Sequence[float]]) -> list[float]:
    """The sum over the columns of each row's rank; ties get their mean rank, NaN ranks lowest.

    Examples:
        >>> from search.strategies.warm_start import rank_sums
        >>> rank_sums([[0.1, 7], [0.3, 5], [0.2, 5]])
        [4.0, 4.5, 3.5]
    """
    from scipy.stats import rankdata

    table = np.nan_to_num(np.asarray(values, float), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    return [float(total) for total in rankdata(table, axis=0).sum(axis=1)]
