"""What a search knows of a candidate beside its metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search.limits.limit import Figure
from zoo.genotypes.serialization import Genotype


@dataclass(frozen=True)
class Measured:
    """The limited or minimized figures of a candidate, by measure; `objectives` are those that the
    search minimizes beside its metric."""

    figures: Mapping[str, Figure]
    objectives: tuple[str, ...] = ()

    def of(self, genotype: Genotype) -> dict[str, float]:
        """Every figure of a cell."""
        return {name: figure(genotype) for name, figure in self.figures.items()}

    def costs(self, genotype: Genotype) -> tuple[float, ...]:
        """The objectives of a cell; lower is better."""
        return tuple(self.figures[name](genotype) for name in self.objectives)
