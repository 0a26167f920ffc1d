"""Training-free search: cells that score best at initialization; only these are trained.

As in Mellor et al. 2021 (arXiv 2006.04647, section 4), with evolution (Real et al. 2018, arXiv
1802.01548) in place of random cells, see `search.strategies.warm_start`.  Training then says which
of the few is best, and what it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

from search.strategies.sampled import SampleSettings, SampleStrategy
from zoo.genotypes.serialization import Genotype


@dataclass(frozen=True)
class TrainingFreeSettings(SampleSettings):
    """Raises ValueError for a value out of range."""

    warm_start: str = "training-free"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warm_start != "training-free":
            raise ValueError(f"warm_start is training-free here, not {self.warm_start!r}")
        if self.scored < self.candidates:
            raise ValueError(f"of {self.scored} cells scored no {self.candidates} can be trained; "
                             "take fewer with --candidates, or more with --set scored=N")

    @property
    def warm_cells(self) -> int:
        return self.candidates


#: `paper`: the best of 1,000 cells, as Mellor et al. 2021 took.
PRESETS = {"quick": TrainingFreeSettings(candidates=4, wave=4),
           "paper": TrainingFreeSettings(candidates=1, wave=1, scored=1000)}


class TrainingFree(SampleStrategy):
    """On every space with mutations whose cells have image networks."""

    settings: TrainingFreeSettings

    def propose(self, numbers: range) -> list[tuple[Genotype, int | None]]:
        """The cells that score best."""
        return [(self.sample(), None) for _ in numbers]
