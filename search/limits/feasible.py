"""A cell within the limits, found before the search; or the nearest figure, if there is none."""

from __future__ import annotations

import dataclasses
import decimal
import functools
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.limits.limit import Figure, Limit
from search.limits.sums import EdgeSum
from zoo.genotypes.serialization import Genotype

_SAMPLES = {True: 1000, False: 50}  # of figures that are all sums, or built from networks
_MUTATIONS = 20  # per step of a descent, in a space without neighbors
_STEPS = 10  # of a descent, in such a space


def anchor(space: Any, bounds: Sequence[Limit], figures: Mapping[str, Figure]) -> Genotype:
    """A cell of `space` within all `bounds`: the first of many samples; else the extreme cell of a
    limit; else the end of a descent.

    The extreme of a figure that is a sum over edges is exact; otherwise it is the best that samples
    and a descent over neighbors find.  Raises ValueError for a limit that no cell meets, with the
    nearest figure that a cell has, and for limits that no cell found meets at once.
    """
    excess = functools.cache(lambda genotype: sum(
        limit.excess(figures[limit.measure](genotype)) for limit in bounds))
    rng = random.Random("limits")
    exact = all(isinstance(figures[limit.measure], EdgeSum) for limit in bounds)
    starts: list[Genotype] = [space.trivial()] if hasattr(space, "trivial") else []
    for _ in range(_SAMPLES[exact]):
        starts.append(space.sample(rng))
        if excess(starts[-1]) == 0:
            return starts[-1]
    extremes = [_extreme(space, limit, figures[limit.measure], starts) for limit in bounds]
    for limit, found in zip(bounds, extremes):
        figure = figures[limit.measure](found)
        if not limit.met_by(figure):
            which = "smallest" if limit.sign == "<=" else "largest"
            known = "" if isinstance(figures[limit.measure], EdgeSum) else " found"
            raise ValueError(f"no cell meets --limit {limit}; the {which} figure{known} is "
                             f"{_in_unit(limit, figure)}")
    for start in [*extremes, min(starts, key=excess)]:
        found = _descent(space, start, excess)
        if excess(found) == 0:
            return found
    raise ValueError(f"no cell was found that meets {' and '.join(map(str, bounds))} at once; "
                     "relax one of them")


def _extreme(space: Any, limit: Limit, figure: Figure, starts: Sequence[Genotype]) -> Genotype:
    """The cell with the smallest or largest figure."""
    if isinstance(figure, EdgeSum):
        return figure.extreme(limit.sign)
    sign = 1 if limit.sign == "<=" else -1
    signed = functools.cache(lambda genotype: sign * figure(genotype))
    return _descent(space, min(starts, key=signed), signed)


def _descent(space: Any, start: Genotype, figure: Figure) -> Genotype:
    """The local minimum of a figure that steps to the best neighbor lead to."""
    rng = random.Random("descent")
    current = start
    for step in itertools.count():
        if step == _STEPS and not hasattr(space, "neighbors"):
            break
        best = min(_near(space, current, rng), key=figure, default=current)
        if figure(best) >= figure(current):
            break
        current = best
    return current


def _near(space: Any, genotype: Genotype, rng: random.Random) -> Iterator[Genotype]:
    if hasattr(space, "neighbors"):
        yield from space.neighbors(genotype)
    else:
        for _ in range(_MUTATIONS):
            yield space.mutate(rng, genotype)


def _in_unit(limit: Limit, figure: float) -> str:
    """A figure in the unit of a limit, rounded so that a limit of the rounded figure is met."""
    number = figure / limit.factor
    rounding = decimal.ROUND_CEILING if limit.sign == "<=" else decimal.ROUND_FLOOR
    short = f"{float(decimal.Context(prec=6, rounding=rounding).create_decimal(number)):.6g}"
    if not dataclasses.replace(limit, number=float(short)).met_by(figure):
        short = repr(number)  # by the last bit of the factor
    return f"{short}{' ' * bool(limit.unit)}{limit.unit}"
