"""Whether one strategy is better than another: paired differences over seeds.

Wilcoxon 1945, Individual comparisons by ranking methods: the signed-rank test, two-sided.  With
five seeds its p-value is at least 0.0625, with six 0.03125: fewer cannot be significant at 5 %.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """Mean of the differences over `count` seeds, their sample standard deviation and Student's
    interval of the mean (both None for one seed), how often the first was larger and smaller, and
    the p-value of Wilcoxon's test."""

    mean: float
    deviation: float | None
    interval: tuple[float, float] | None
    larger: int
    smaller: int
    p: float
    count: int


def paired(first: Sequence[float], second: Sequence[float]) -> Difference:
    """The difference of two sequences of equal length, each pair of one seed.  Needs scipy.

    Raises ValueError for sequences of other lengths, or empty ones.

    Examples:
        >>> from search.reporting.significance import paired
        >>> found = paired([3, 5, 4, 6, 7, 9], [2, 3, 1, 2, 2, 3])
        >>> found.mean, found.larger, found.p
        (3.5, 6, 0.03125)
    """
    from scipy import stats

    differences = [float(one - other) for one, other in zip(first, second, strict=True)]
    if not differences:
        raise ValueError("there is no pair to compare")
    # Differences of zero say nothing; where all are, neither is better.
    p = 1.0 if not any(differences) else float(
        stats.wilcoxon(differences).pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    return Difference(statistics.fmean(differences), *spread(differences),
                      sum(each > 0 for each in differences),
                      sum(each < 0 for each in differences), p, len(differences))


def spread(values: Sequence[float]) -> tuple[float | None, tuple[float, float] | None]:
    """Sample standard deviation and Student's interval of the mean; None for one value.  Needs
    scipy.

    Examples:
        >>> from search.reporting.significance import spread
        >>> spread([1, 2, 3])[0]
        1.0
    """
    from scipy import stats

    if len(values) < 2:
        return None, None
    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * deviation / math.sqrt(
        len(values))
    return deviation, (mean - half, mean + half)
