"""What a search does differently in each search space: one `Domain`, a file and a line of a table.

The table is in `search.tasks`.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch

from search.candidates.base import CandidateTraining
from search.settings import SupernetSettings, check_preset
from search.spaces.allowed import Allowed
from search.strategies.base import SearchTask
from search.strategies.sampled import SampleSpace
from zoo.recipes.base import Settings


class Domain(ABC):
    """A search space with the data that is searched on, and how it is learned from.

    `data` is the data set where none is named, whose preset is "quick" then.  `supernets` holds
    the settings of weight-sharing strategies by preset; it is empty for a space that no supernet
    spans.
    """

    space: ClassVar[str]
    data: ClassVar[str]
    supernets: ClassVar[Mapping[str, SupernetSettings]] = {}

    def preset(self, data: str) -> str:
        """The preset of a data set where none is named."""
        return "quick" if data == self.data else "paper"

    def placed(self, name: str, path: Path | None) -> tuple[str, Path | None]:
        """The data set and the path that `name` and `path` stand for."""
        return name, path

    @abstractmethod
    def load(self, name: str, path: Path | None, size: int | None, by: str | None) -> Any:
        """The data set `name`.  Raises DataError, ValueError for an option it has no use for."""

    @abstractmethod
    def fingerprint(self, data: Any) -> str:
        """sha256 of the training data: a run goes on only with what it began with."""

    # --- strategies that share weights ------------------------------------------------------

    def supernet_settings(self, preset: str, data: str) -> SupernetSettings:
        """Raises ValueError for a preset that there is not."""
        check_preset(preset, self.supernets)
        return self.supernets[preset]

    def read_supernet_settings(self, values: Mapping[str, Any]) -> SupernetSettings:
        """The settings that a run has stored."""
        return next(iter(self.supernets.values())).changed(values)

    @abstractmethod
    def epoch_cost(self, data: Any, settings: Any) -> float:
        """Training images or tokens that the weights see in an epoch."""

    @abstractmethod
    def supernet_task(self, data: Any, settings: Any, device: torch.device, seed: int,
                      share: tuple[int, int]) -> SearchTask:
        """What a supernet learns; `share` (rank, of) is that of one of several processes."""

    def within(self, budget: int, data: Any, settings: SupernetSettings) -> SupernetSettings:
        """As many epochs as the budget pays for.  Raises ValueError where it pays for none."""
        cost = self.epoch_cost(data, settings)
        epochs = int(budget // cost)
        if epochs < 1:
            raise ValueError(f"a budget of {budget:,} pays for no epoch; the smallest that works "
                             f"is --budget {math.ceil(cost)}")
        return dataclasses.replace(settings, epochs=epochs)

    # --- strategies that train candidates from scratch --------------------------------------

    @abstractmethod
    def cells(self, allowed: Allowed | None = None) -> SampleSpace:
        """The set of genotypes to draw from, see `search.spaces.space`; `allowed` are the
        operations of its edges where not all of them are."""

    @abstractmethod
    def recipe(self, preset: str, data: str) -> Settings:
        """How a candidate is trained on the data set `data`."""

    @abstractmethod
    def read_recipe(self, values: Mapping[str, Any]) -> Settings:
        """The recipe that a run has stored."""

    @abstractmethod
    def candidates(self, data: Any, recipe: Any, seed: int, device: str) -> CandidateTraining:
        """The training of candidates.  Raises DataError for data that none can learn from."""
