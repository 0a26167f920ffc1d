"""A candidate to train, how that is done, what came of it, and the record that is kept of that.

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
from typing import ClassVar

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
    """What came of a candidate.

    `value` is the accuracy or the perplexity on held-out data, None when the training diverged;
    `measure` says which; `cost` counts the images or tokens that the budget is charged.
    """

    measure: str  # "valid_accuracy", "valid_perplexity", or the column of a table
    value: float | None
    parameters: int
    cost: int

    @property
    def score(self) -> float:
        """More is better: the value, or one over the perplexity; 0 where training diverged."""
        if self.value is None:
            return 0.0
        return 1 / self.value if self.measure == "valid_perplexity" else self.value


class CandidateTraining(ABC):
    """How every candidate of a search is trained, and measured on held-out data.

    `cost` is what one candidate costs, in images or tokens (`unit`) that its weights are updated
    with; `measure` says what its value is.
    """

    unit: ClassVar[str]
    measure: ClassVar[str]
    recipe: Recipe | LanguageRecipe
    device: str
    scorable: ClassVar[bool] = False  # does `scores` answer?

    @property
    @abstractmethod
    def cost(self) -> int: ...

    @abstractmethod
    def task(self, candidate: Candidate, device: torch.device) -> Task:
        """The training of a candidate."""

    @abstractmethod
    def value(self, model: nn.Module) -> float | None:
        """Accuracy or perplexity of a trained network; None where it is NaN or infinite."""

    def scores(self, genotype: Genotype, names: Sequence[str], seed: int) -> dict[str, float]:
        """The scores (`zoo.scores`) of a candidate's network before any training, initialized and
        shown images by `seed`."""
        raise NotImplementedError

    def train(self, candidate: Candidate, folder: Path) -> Result:
        """Train in `folder`, where a training that was cut short goes on, or begins again."""
        try:
            trainer, value = self._fit(candidate, folder)
        except RunError:  # nothing that can go on
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
    """Candidates take turns on the GPUs of a machine that has several."""
    place = pick_device(name)
    if place.type == "cuda" and place.index is None:
        return torch.device("cuda", number % torch.cuda.device_count())
    return place


def folder_of(directory: Path, candidate: Candidate) -> Path:
    """Where a candidate trains; gone when it is finished."""
    return directory / f"candidate-{candidate.number:03d}"


def read_record(directory: Path, candidate: Candidate) -> Result | None:
    """The result of a candidate that is finished, else None.

    Raises RunError when the file is damaged or is that of another candidate.
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
        raise RunError(f"{path} is damaged; remove it and go on with `search resume`") from None
    if not same:
        raise RunError(f"{path} is of another search; choose another folder with -o")
    return result


def write_record(directory: Path, candidate: Candidate, result: Result) -> None:
    """Keep the result of a candidate; a kill leaves the whole file or none."""
    write_whole(_record(directory, candidate), (json_text.dumps({
        "genotype": to_dict(candidate.genotype), "seed": candidate.seed,
        "result": dataclasses.asdict(result)}) + "\n").encode())


def _record(directory: Path, candidate: Candidate) -> Path:
    return directory / f"candidate-{candidate.number:03d}.json"
