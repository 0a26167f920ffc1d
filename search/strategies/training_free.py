"""Training-free search: trains only the cells that score best at initialization.

As in Mellor et al. 2021 (arXiv 2006.04647, section 4), with evolution (Real et al. 2018, arXiv
1802.01548) instead of random cells, see `search.strategies.warm_start`.  Training ranks the few
selected cells.
"""

from __future__ import annotations

from dataclasses import dataclass

from search.strategies.sampled import SampleSettings, SampleStrategy
from zoo.genotypes.serialization import Genotype


@dataclass(frozen=True)
class TrainingFreeSettings(SampleSettings):
    """Settings of a training-free search.  Raises ValueError for a value out of range."""

    warm_start: str = "training-free"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warm_start != "training-free":
            raise ValueError(f"warm_start must be training-free, not {self.warm_start!r}")
        if self.scored < self.candidates:
            raise ValueError(f"{self.scored} scored cells are fewer than the {self.candidates} to "
                             "train; lower --candidates, or raise --set scored=N")

    @property
    def warm_cells(self) -> int:
        return self.candidates


#: `paper`: the best of 1,000 cells, as in Mellor et al. 2021.
PRESETS = {"quick": TrainingFreeSettings(candidates=4, wave=4),
           "paper": TrainingFreeSettings(candidates=1, wave=1, scored=1000)}


class TrainingFree(SampleStrategy):
    """Training-free search on every image space with mutations."""

    settings: TrainingFreeSettings

    def propose(self, numbers: range) -> list[tuple[Genotype, int | None]]:
        """The best-scoring cells."""
        return [(self.sample(), None) for _ in numbers]
