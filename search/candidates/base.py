"""Candidates, their training, its results, and the stored records of these.

As in Zoph et al. 2018 (arXiv 1707.07012), Real et al. 2018 (arXiv 1802.01548) and the random
search of Liu et al. 2019 (arXiv 1806.09055).  `search.candidates.workers` trains many at a time.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import nn

from zoo.genotypes.serialization import Genotype, to_dict
from zoo.models.cost import parameters
from zoo.recipes.image import Recipe
from zoo.recipes.language import LanguageRecipe
from zoo.runs.run_folder import DivergedError, RunError
from zoo.system import json_text
from zoo.system.device import pick_device, pick_precision
from zoo.system.files import write_whole
from zoo.training.tasks.base import Task
from zoo.training.trainer import Trainer, seeded


@dataclass(frozen=True)
class Candidate:
    """A cell to train: its number in the run, its genotype, the seed of its training."""

    number: int
    genotype: Genotype
    seed: int


@dataclass(frozen=True)
class Result:
    """The result of training a candidate.

    `value` is the accuracy or perplexity on held-out data, None if the training diverged;
    `measure` says which; `cost` is in images or tokens, charged to the budget.
    """

    measure: str  # "valid_accuracy", "valid_perplexity", or "figure" of a table
    value: float | None
    parameters: int
    cost: int

    @property
    def score(self) -> float:
        """Higher is better: the value, or 1 / perplexity; 0 if the training diverged."""
        if self.value is None:
            return 0.0
        return 1 / self.value if self.measure == "valid_perplexity" else self.value


@runtime_checkable
class Scorer(Protocol):
    """A training of candidates that can also score them untrained."""

    def scores(self, genotype: Genotype, names: Sequence[str], seed: int) -> dict[str, float]:
        """The scores (`zoo.scores`) of a candidate's network before any training, initialized and
        shown images by `seed`; higher is better."""
        ...


class CandidateTraining(ABC):
    """The training of every candidate of a search, and its evaluation on held-out data.

    `cost` is the number of training images or tokens (`unit`) of one candidate; `measure` names
    the metric.
    """

    unit: ClassVar[str]
    measure: ClassVar[str]
    recipe: Recipe | LanguageRecipe
    device: str

    @property
    @abstractmethod
    def cost(self) -> int: ...

    @abstractmethod
    def task(self, candidate: Candidate, device: torch.device) -> Task:
        """The training of a candidate."""

    @abstractmethod
    def value(self, model: nn.Module) -> float | None:
        """Accuracy or perplexity of a trained network; None if it is not finite."""

    def train(self, candidate: Candidate, folder: Path) -> Result:
        """Train in `folder`, resuming an interrupted training where possible."""
        try:
            trainer, value = self._fit(candidate, folder)
        except RunError:  # not resumable
            shutil.rmtree(folder)
            trainer, value = self._fit(candidate, folder)
        return Result(self.measure, value, parameters(trainer.model), self.cost)

    def _fit(self, candidate: Candidate, folder: Path) -> tuple[Trainer, float | None]:
        place = device_of(self.device, candidate.number)
        folder.mkdir(parents=True, exist_ok=True)
        with seeded(candidate.seed, place):
            trainer = Trainer(self.task(candidate, place), folder, candidate.seed, place,
                              pick_precision("auto", place, self.recipe.precision))
            trainer.restore()
            try:
                trainer.run()
            except DivergedError:
                return trainer, None
        return trainer, self.value(trainer.result())


def device_of(name: str, number: int) -> torch.device:
    """The device of candidate `number`: candidates take turns on several GPUs."""
    place = pick_device(name)
    if place.type == "cuda" and place.index is None:
        return torch.device("cuda", number % torch.cuda.device_count())
    return place


def folder_of(directory: Path, candidate: Candidate) -> Path:
    """The folder in which a candidate trains; removed when it is finished."""
    return directory / f"candidate-{candidate.number:03d}"


def read_record(directory: Path, candidate: Candidate) -> Result | None:
    """The result of a finished candidate, else None.

    Raises RunError if the file is damaged or belongs to another candidate.
    """
    path = _record(directory, candidate)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        same = (record["genotype"] == to_dict(candidate.genotype)
                and record["seed"] == candidate.seed)
        result = Result(**record["result"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path} is damaged; remove it and continue with `search resume`") from None
    if not same:
        raise RunError(f"{path} belongs to another search; choose another folder with -o")
    return result


def write_record(directory: Path, candidate: Candidate, result: Result) -> None:
    """Store the result of a candidate, atomically."""
    write_whole(_record(directory, candidate), (json_text.dumps({
        "genotype": to_dict(candidate.genotype), "seed": candidate.seed,
        "result": dataclasses.asdict(result)}) + "\n").encode())


def _record(directory: Path, candidate: Candidate) -> Path:
    return directory / f"candidate-{candidate.number:03d}.json"
