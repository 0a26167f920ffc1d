"""Pareto fronts of points, all of whose coordinates are minimized.

Non-dominated sorting and crowding distance: Deb et al. 2002, A Fast and Elitist Multiobjective
Genetic Algorithm: NSGA-II (IEEE Transactions on Evolutionary Computation 6(2), section III).
Hypervolume: Zitzler & Thiele 1999 (IEEE Transactions on Evolutionary Computation 3(4)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

#: The objectives of one cell; lower is better in each.
Point: TypeAlias = Sequence[float]


def ranks(points: Sequence[Point]) -> list[int]:
    """The front of each point: 0 if no other point dominates it, 1 if only points of front 0 do...

    A point dominates another if it is no worse in every coordinate and better in one.

    Examples:
        >>> from search.fronts.pareto import ranks
        >>> ranks([(1, 4), (2, 2), (3, 3), (4, 1), (2, 2)])
        [0, 0, 1, 0, 0]
    """
    import numpy as np  # not for `search show`, which needs `front` alone

    if not len(points):
        return []
    table = np.asarray(points, float)
    no_worse = (table[:, None] <= table[None]).all(2)
    dominates = no_worse & ~no_worse.T
    found = np.full(len(table), -1)
    left = np.ones(len(table), bool)
    rank = 0
    while left.any():
        first = left & ~dominates[left].any(0)
        found[first] = rank
        left &= ~first
        rank += 1
    return found.tolist()


def front(points: Sequence[Point]) -> list[int]:
    """The indices of the points that no other point dominates, in order of the coordinates; of
    equal points the first.

    Examples:
        >>> from search.fronts.pareto import front
        >>> front([(3, 3), (2, 2), (4, 1), (2, 2)])
        [1, 2]
    """
    kept: list[int] = []
    for place in sorted(range(len(points)), key=lambda place: tuple(points[place])):
        # A point that dominates this one comes earlier.
        if not any(all(one <= other for one, other in zip(points[each], points[place]))
                   for each in kept):
            kept.append(place)
    return kept


def crowding(points: Sequence[Point]) -> list[float]:
    """The crowding distance of each point among `points`, a single front: the sum over coordinates
    of the gap between its neighbors, relative to the range; infinite at the ends.

    Examples:
        >>> from search.fronts.pareto import crowding
        >>> crowding([(0, 4), (1, 2), (4, 0)])
        [inf, 2.0, inf]
    """
    found = [0.0] * len(points)
    for coordinate in zip(*points):
        order = sorted(range(len(points)), key=coordinate.__getitem__)
        span = coordinate[order[-1]] - coordinate[order[0]]
        found[order[0]] = found[order[-1]] = math.inf
        for before, place, after in zip(order, order[1:], order[2:]):
            if 0 < span < math.inf:
                found[place] += (coordinate[after] - coordinate[before]) / span
    return found


def order(points: Sequence[Point]) -> list[int]:
    """The indices of the points, best first: by front, then by decreasing crowding distance within
    the front, then by index."""
    by_front: dict[int, list[int]] = {}
    for place, rank in enumerate(ranks(points)):
        by_front.setdefault(rank, []).append(place)
    found: list[int] = []
    for rank in sorted(by_front):
        places = by_front[rank]
        distance = dict(zip(places, crowding([points[place] for place in places])))
        found += sorted(places, key=lambda place: (-distance[place], place))
    return found


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The volume that `points` dominate, bounded by the `reference` point; points that are not
    better than it in every coordinate add nothing.

    Exact, by slicing along the last coordinate, for a few coordinates.

    Examples:
        >>> from search.fronts.pareto import hypervolume
        >>> hypervolume([(1, 2), (2, 1)], (3, 3))
        3.0
    """
    inside = [tuple(map(float, point)) for point in points
              if all(one < other for one, other in zip(point, reference))]
    return _volume([inside[place] for place in front(inside)], tuple(map(float, reference)))


def _volume(points: list[tuple[float, ...]], reference: tuple[float, ...]) -> float:
    if not points:
        return 0.0
    if len(reference) == 1:
        return reference[0] - min(point[0] for point in points)
    total = 0.0
    levels = sorted({point[-1] for point in points})
    for level, above in zip(levels, [*levels[1:], reference[-1]]):
        below = [point[:-1] for point in points if point[-1] <= level]
        total += (above - level) * _volume([below[place] for place in front(below)],
                                           reference[:-1])
    return total
