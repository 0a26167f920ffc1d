"""Random search: the best of many sampled cells, each trained from scratch with the same budget.

The baseline of Liu et al. 2019 (arXiv 1806.09055, table 1) and of Li & Talwalkar 2019
(arXiv 1902.07638), which many search methods fail to beat.
"""

from __future__ import annotations

from search.strategies.sampled import SampleSettings, SampleStrategy
from zoo.genotypes.serialization import Genotype

#: `paper`: Liu et al. 2019 took the best of 24 cells.
PRESETS = {"quick": SampleSettings(candidates=32, wave=4),
           "paper": SampleSettings(candidates=24, wave=8)}
TABLE = SampleSettings(candidates=100, wave=1)  # on a table


class Random(SampleStrategy):
    """Random search: samples uniformly from `space`."""

    def propose(self, numbers: range) -> list[tuple[Genotype, int | None]]:
        """Random genotypes, after those of a warm start."""
        return [(self.sample(), None) for _ in numbers]
