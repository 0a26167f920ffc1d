"""A search space restricted to the cells within limits."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from search.limits.limit import Figure, Limit
from zoo.genotypes.serialization import Genotype

TRIES = 200  # samples or mutations before another way is taken
STEPS = 100  # of the random walk that replaces samples


class OutsideLimits(ValueError):
    """A sequence of decisions that is a cell beyond a limit."""


class LimitedSpace:
    """The cells of `space` whose `figures` are within all `bounds`.

    Samples and mutations are those of `space`, rejected until one is within.  Where `TRIES` samples
    are all beyond a limit, a random walk of mutations within the limits starts at `anchor`, a cell
    within them; where all mutations are, a sample replaces the mutation.

    Examples:
        >>> import random
        >>> from search.limits.limit import Limit
        >>> from search.limits.space import LimitedSpace
        >>> from search.spaces.nasbench201 import NasBench201Space
        >>> count = lambda genotype: genotype.operations.count("nor_conv_3x3")
        >>> space, rng = NasBench201Space(), random.Random(0)
        >>> limited = LimitedSpace(space, [Limit.read("convolutions<=1")],
        ...                        {"convolutions": count}, space.decode([0] * 6))
        >>> max(count(limited.sample(rng)) for _ in range(20))
        1
    """

    def __init__(self, space: Any, bounds: Sequence[Limit], figures: Mapping[str, Figure],
                 anchor: Genotype) -> None:
        self.space, self.bounds, self.figures, self.anchor = space, bounds, figures, anchor

    def __contains__(self, genotype: Genotype) -> bool:
        return all(limit.met_by(self.figures[limit.measure](genotype)) for limit in self.bounds)

    def sample(self, rng: random.Random) -> Genotype:
        """A random cell: uniform among those within the limits, if the space samples uniformly and
        they are not rare."""
        for _ in range(TRIES):
            genotype = self.space.sample(rng)
            if genotype in self:
                return genotype
        genotype = self.anchor
        for _ in range(STEPS):
            step = self.space.mutate(rng, genotype)
            if step in self:
                genotype = step
        return genotype

    def mutate(self, rng: random.Random, genotype: Genotype) -> Genotype:
        """`genotype` with one random change, or a sample if every change is beyond a limit."""
        for _ in range(TRIES):
            changed = self.space.mutate(rng, genotype)
            if changed in self:
                return changed
        return self.sample(rng)

    def neighbors(self, genotype: Genotype) -> list[Genotype]:
        """The neighbors within the limits."""
        return [each for each in self.space.neighbors(genotype) if each in self]

    def decisions(self) -> list[int]:
        """The number of options of each decision, as in `space`."""
        return self.space.decisions()

    def decode(self, choices: list[int]) -> Genotype:
        """The genotype of one choice for each decision.  Raises OutsideLimits, ValueError."""
        genotype = self.space.decode(choices)
        if genotype not in self:
            raise OutsideLimits(f"{genotype} is beyond a limit")
        return genotype
