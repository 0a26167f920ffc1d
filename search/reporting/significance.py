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
    """Mean of the differences over `count` seeds, Student's interval of it (None for one seed), how
    often the first was larger and smaller, and the p-value of Wilcoxon's test."""

    mean: float
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
    mean, count = statistics.fmean(differences), len(differences)
    interval = None
    if count > 1:
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * statistics.stdev(
            differences) / math.sqrt(count)
        interval = mean - half, mean + half
    # Differences of zero say nothing; where all are, neither is better.
    p = 1.0 if not any(differences) else float(
        stats.wilcoxon(differences).pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    return Difference(mean, interval, sum(each > 0 for each in differences),
                      sum(each < 0 for each in differences), p, count)
