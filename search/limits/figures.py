"""The figures of a run's candidates, each in its fastest exact form."""

from __future__ import annotations

import functools
from typing import Any

from search.limits.limit import Figure, Limits
from search.limits.measures import CandidateNetwork, measure
from search.limits.sums import EdgeSum
from zoo.latency.profile import Profile


def figures_of(limits: Limits, space: Any, network: CandidateNetwork, profile: Profile | None
               ) -> dict[str, Figure]:
    """The figure of every measure in `limits`, for the candidates' `network`.

    A sum over the edges of a cell where the measure is one in this space, otherwise computed from
    each network, once.  Raises ValueError for a measure that the network lacks, and for a missing
    latency profile or one of another network or runtime.
    """
    figures: dict[str, Figure] = {}
    for name in limits.measures:
        found = measure(name)
        figure = found.figure(name, network, profile)
        figures[name] = (EdgeSum(space, figure) if space.kind in found.sums else
                         functools.lru_cache(100_000)(figure))
    return figures
