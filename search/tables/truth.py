"""The two columns of a search against a table: one to search by, one to judge the result by."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from search.fronts.pareto import front, hypervolume
from search.limits.limit import Limits
from search.limits.measured import Measured
from search.tables.limits import within
from search.tables.space import TableSpace
from zoo.genotypes.serialization import Genotype
from zoo.genotypes.table import Table, TableError, read_table


@dataclass(frozen=True)
class Truth:
    """The cells with figures in both columns; higher is better in both.

    `looked` holds the figures that the search sees, `judged` those that judge its result.
    `left_out` is the number of rows of `table` without a figure, `outside` the number beyond a
    limit.  `costs` are the columns of the objectives, by name; lower is better.
    """

    table: Table
    look_at: str
    judge_by: str
    looked: dict[Genotype, float]
    judged: dict[Genotype, float]
    left_out: int
    outside: int = 0
    costs: dict[str, dict[Genotype, float]] = field(default_factory=dict)

    @cached_property
    def space(self) -> TableSpace:
        """The cells as a search space."""
        return TableSpace(tuple(self.looked))

    @cached_property
    def best(self) -> Genotype:
        """The cell with the highest `judged` figure, the first if several tie."""
        return max(self.judged, key=self.judged.__getitem__)

    @property
    def measured(self) -> Measured | None:
        """The objectives of a search, if there are any."""
        return Measured({name: of.__getitem__ for name, of in self.costs.items()},
                        tuple(self.costs)) if self.costs else None

    def point(self, genotype: Genotype, figures: Mapping[Genotype, float]) -> tuple[float, ...]:
        """A cell among the objectives, all minimized: one of `looked` and `judged`, negated, after
        the costs."""
        return *(of[genotype] for of in self.costs.values()), -figures[genotype]

    def front_of(self, genotypes: Iterable[Genotype], figures: Mapping[Genotype, float]
                 ) -> list[Genotype]:
        """The cells that no other one dominates by `figures` and the costs, cheapest first."""
        cells = list(genotypes)
        return [cells[place] for place in front([self.point(cell, figures) for cell in cells])]

    @cached_property
    def front(self) -> list[Genotype]:
        """The true front: of all cells, by `judged` and the costs."""
        return self.front_of(self.judged, self.judged)

    def quality(self, genotypes: Iterable[Genotype]) -> float:
        """The hypervolume of cells by `judged` and the costs, relative to that of the true front.

        The coordinates are normalized to the range of the true front, and the reference point of
        1.1 in each is slightly worse than its worst, as usual (Ishibuchi et al. 2018, How to
        Specify a Reference Point in Hypervolume Calculation for Fair Performance Comparison).
        """
        best = np.array([self.point(cell, self.judged) for cell in self.front])
        low, span = best.min(0), np.ptp(best, 0)
        span[span == 0] = 1
        reference = [1.1] * best.shape[1]
        found = np.array([self.point(cell, self.judged) for cell in genotypes])
        volume, whole = (hypervolume(((points - low) / span).tolist(), reference)
                         for points in (found, best))
        return volume / whole

    def row(self, genotype: Genotype) -> int:
        """The row of a cell in the file, numbered as in a spreadsheet."""
        return self.table.rows[self.table.place[genotype]]


def read_truth(path: Path, look_at: str, judge_by: str, limits: Limits = Limits()) -> Truth:  # noqa: B008 - frozen
    """Read two columns of the table in a file, and those of the objectives, for the cells within
    `limits`.

    Raises TableError for a file that is not a table, an unknown column, columns without figures,
    and limits that no cell meets; OSError.
    """
    table = read_table(path)
    names = (look_at, judge_by, *limits.objectives)
    met = within(table, limits.bounds)
    known = {genotype: figures for genotype, *figures in zip(
        table.genotypes, *map(table.column, names), strict=True)
        if all(map(math.isfinite, figures))}
    inside = {genotype for genotype, keeps in zip(table.genotypes, met) if keeps}
    pairs = {genotype: pair for genotype, pair in known.items() if genotype in inside}
    if not pairs:
        both = f"both {look_at} and {judge_by}" if not limits.objectives else ", ".join(names)
        raise TableError(f"{path} has no row with a figure in {both}")
    looked, judged, *costs = ({genotype: figures[place] for genotype, figures in pairs.items()}
                              for place in range(len(names)))
    return Truth(table, look_at, judge_by, looked, judged, len(table) - len(known),
                 len(known) - len(pairs), dict(zip(limits.objectives, costs)))


def table_sha256(path: Path) -> str:
    """sha256 of the file; a run resumes only with the table it started with."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
