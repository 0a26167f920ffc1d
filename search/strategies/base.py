"""What every search strategy is to the loop that runs it (`search.runner`): epochs that give rows.

A strategy keeps all that its next epoch depends on in its state, so that a run that was killed
and resumed ends as one that was not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from search.progress import Report
from zoo.genotypes.serialization import Genotype


class Strategy(ABC):
    """One way to search, one instance for each run.

    `unit` ("images" or "tokens") is what its cost is counted in; `epochs` is the number of rows
    that a whole run has.
    """

    unit: str
    epochs: int

    @abstractmethod
    def epoch(self, number: int, report: Report) -> dict:
        """Do epoch `number`, from 1; its row of the history, in which no time is told."""

    @abstractmethod
    def genotype(self) -> Genotype:
        """The best genotype found so far."""

    @abstractmethod
    def state_dict(self) -> dict:
        """All that the next epoch depends on: tensors, numbers, text, lists and dicts of them."""

    @abstractmethod
    def load_state_dict(self, state: dict) -> None:
        """Go back to a state that `state_dict` gave."""
