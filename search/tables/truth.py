"""The two columns of a search against a table: one to search by, one to judge the result by."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from search.tables.limits import Limit, within
from search.tables.space import TableSpace
from zoo.genotypes.serialization import Genotype
from zoo.genotypes.table import Table, TableError, read_table


@dataclass(frozen=True)
class Truth:
    """The cells with figures in both columns; higher is better in both.

    `looked` holds the figures that the search sees, `judged` those that judge its result.
    `left_out` is the number of rows of `table` without a figure, `outside` the number beyond a
    limit.
    """

    table: Table
    look_at: str
    judge_by: str
    looked: dict[Genotype, float]
    judged: dict[Genotype, float]
    left_out: int
    outside: int = 0

    @cached_property
    def space(self) -> TableSpace:
        """The cells as a search space."""
        return TableSpace(tuple(self.looked))

    @cached_property
    def best(self) -> Genotype:
        """The cell with the highest `judged` figure, the first if several tie."""
        return max(self.judged, key=self.judged.__getitem__)

    def row(self, genotype: Genotype) -> int:
        """The row of a cell in the file, numbered as in a spreadsheet."""
        return self.table.rows[self.table.place[genotype]]


def read_truth(path: Path, look_at: str, judge_by: str, limits: Sequence[Limit] = ()) -> Truth:
    """Read two columns of the table in a file, for the cells within `limits`.

    Raises TableError for a file that is not a table, an unknown column, columns without figures,
    and limits that no cell meets; OSError.
    """
    table = read_table(path)
    columns = {name: table.column(name) for name in (look_at, judge_by)}
    met = within(table, limits)
    known = {genotype: (look, judge) for genotype, look, judge in zip(
        table.genotypes, columns[look_at], columns[judge_by], strict=True)
        if math.isfinite(look) and math.isfinite(judge)}
    inside = {genotype for genotype, keeps in zip(table.genotypes, met) if keeps}
    pairs = {genotype: pair for genotype, pair in known.items() if genotype in inside}
    if not pairs:
        raise TableError(f"{path} has no row with a figure in both {look_at} and {judge_by}")
    return Truth(table, look_at, judge_by, {g: look for g, (look, _) in pairs.items()},
                 {g: judge for g, (_, judge) in pairs.items()}, len(table) - len(known),
                 len(known) - len(pairs))


def table_sha256(path: Path) -> str:
    """sha256 of the file; a run resumes only with the table it started with."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
