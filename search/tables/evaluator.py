"""Evaluation of candidates by table lookup, without training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from search.candidates.base import Candidate, Result
from search.limits.measured import Measured
from search.progress import Report, silent
from zoo.genotypes.serialization import Genotype


@dataclass(frozen=True)
class TableEvaluator:
    """Look candidates up in `figures`, higher is better; each lookup costs one cell, even of a
    repeated candidate."""

    figures: Mapping[Genotype, float]
    measured: Measured | None = None
    measure: ClassVar[str] = "figure"  # whatever the name of its column
    unit: ClassVar[str] = "cells"
    cost: ClassVar[int] = 1
    scorer: ClassVar[None] = None

    def evaluate(self, tasks: list[Candidate], report: Report = silent) -> list[Result]:
        """The figures of `tasks`, in order."""
        return [Result(self.measure, self.figures[task.genotype], 0, 1) for task in tasks]
