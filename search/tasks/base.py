"""The interface of a search space: one `Domain` per file, listed in the table of `search.tasks`."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch

from search.candidates.base import CandidateTraining
from search.limits.measures import CandidateNetwork
from search.settings import SupernetSettings, check_preset
from search.spaces.allowed import Allowed
from search.strategies.base import SearchTask
from search.strategies.sampled import SampleSpace
from zoo.recipes.base import Settings


class Domain(ABC):
    """A search space, its data, and the training of supernets and candidates.

    `data` is the default data set, whose preset is "quick".  `supernets` holds the settings of
    weight-sharing strategies by preset; it is empty for a space without a supernet.
    """

    space: ClassVar[str]
    data: ClassVar[str]
    supernets: ClassVar[Mapping[str, SupernetSettings]] = {}

    def preset(self, data: str) -> str:
        """The default preset of a data set."""
        return "quick" if data == self.data else "paper"

    def placed(self, name: str, path: Path | None) -> tuple[str, Path | None]:
        """The data set and the path that `name` and `path` refer to."""
        return name, path

    @abstractmethod
    def load(self, name: str, path: Path | None, size: int | None, by: str | None) -> Any:
        """Load the data set `name`.  Raises DataError, ValueError for an option of other data."""

    @abstractmethod
    def fingerprint(self, data: Any) -> str:
        """sha256 of the training data; a run resumes only on the data it started with."""

    # --- strategies that share weights ------------------------------------------------------

    def supernet_settings(self, preset: str, data: str) -> SupernetSettings:
        """The settings of a preset.  Raises ValueError for an unknown one."""
        check_preset(preset, self.supernets)
        return self.supernets[preset]

    @abstractmethod
    def epoch_cost(self, data: Any, settings: Any) -> float:
        """Training images or tokens per epoch of the weights."""

    @abstractmethod
    def supernet_task(self, data: Any, settings: Any, device: torch.device, seed: int,
                      share: tuple[int, int]) -> SearchTask:
        """The task of a supernet; `share` is (rank, number of processes)."""

    def within(self, budget: int, data: Any, settings: SupernetSettings) -> SupernetSettings:
        """`settings` with as many epochs as the budget covers.  Raises ValueError if it covers
        none."""
        cost = self.epoch_cost(data, settings)
        epochs = int(budget // cost)
        if epochs < 1:
            raise ValueError(f"a budget of {budget:,} pays for no epoch; the smallest that works "
                             f"is --budget {math.ceil(cost)}")
        return dataclasses.replace(settings, epochs=epochs)

    # --- strategies that train candidates from scratch --------------------------------------

    @abstractmethod
    def cells(self, allowed: Allowed | None = None) -> SampleSpace:
        """The search space of genotypes, see `search.spaces.space`; `allowed` restricts the
        operations of its edges."""

    @abstractmethod
    def recipe(self, preset: str, data: str) -> Settings:
        """The recipe of candidates on the data set `data`."""

    @abstractmethod
    def read_recipe(self, values: Mapping[str, Any]) -> Settings:
        """Parse the recipe of a stored run."""

    @abstractmethod
    def network(self, data: Any, recipe: Any) -> CandidateNetwork:
        """The network that is trained for each candidate."""

    @abstractmethod
    def candidates(self, data: Any, recipe: Any, seed: int, device: str) -> CandidateTraining:
        """The training of candidates.  Raises DataError for data that a search cannot use."""
