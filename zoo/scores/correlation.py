"""Rank correlation: Spearman's and Kendall's coefficients with bootstrap intervals.

Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13: percentile intervals over
resampled cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000


@dataclass(frozen=True)
class Correlation:
    """A coefficient of `count` pairs and its 95 % interval; None if either side is constant."""

    value: float | None
    low: float | None
    high: float | None
    count: int


def spearman(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Correlation:
    """Spearman's rank correlation; pairs with NaN are left out.  Needs scipy.

    Examples:
        >>> from zoo.scores.correlation import spearman
        >>> round(spearman([1, 2, 3, 4], [1, 4, 9, 16]).value, 6)
        1.0
    """
    from scipy.stats import rankdata

    def coefficient(x: np.ndarray, y: np.ndarray) -> float:
        x, y = rankdata(x), rankdata(y)
        return float(np.corrcoef(x, y)[0, 1])

    return _with_interval(first, second, coefficient, seed)


def kendall(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Correlation:
    """Kendall's tau-b; pairs with NaN are left out.  Needs scipy.

    Examples:
        >>> from zoo.scores.correlation import kendall
        >>> round(kendall([1, 2, 3], [3, 2, 1]).value, 6)
        -1.0
    """
    from scipy.stats import kendalltau

    def coefficient(x: np.ndarray, y: np.ndarray) -> float:
        return float(kendalltau(x, y).statistic)  # pyright: ignore[reportAttributeAccessIssue]

    return _with_interval(first, second, coefficient, seed)


def _with_interval(first: Sequence[float], second: Sequence[float],
                   coefficient: Callable[[np.ndarray, np.ndarray], float], seed: int
                   ) -> Correlation:
    x, y = np.asarray(first, float), np.asarray(second, float)
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    count = len(x)
    if len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        return Correlation(None, None, None, count)
    generator = np.random.default_rng(seed)
    drawn: list[float] = []
    for _ in range(RESAMPLES):
        chosen = generator.integers(count, size=count)
        one, other = x[chosen], y[chosen]
        if one.min() < one.max() and other.min() < other.max():  # else undefined
            drawn.append(coefficient(one, other))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Correlation(coefficient(x, y), float(low), float(high), count)
