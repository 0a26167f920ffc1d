"""A candidate to train, what came of it, and the record that is kept of that."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import torch

from zoo.genotypes.serialization import Genotype, to_dict
from zoo.system.device import pick_device
from zoo.system.files import write_whole
from zoo.training.run_folder import RunError


@dataclass(frozen=True)
class Task:
    """One candidate to train: its number in the run, its cell, the seed of its training."""

    number: int
    genotype: Genotype
    seed: int


@dataclass(frozen=True)
class Result:
    """What came of a task.

    `value` is the accuracy or the perplexity on held-out data, None when the training diverged;
    `measure` says which; `cost` counts the images or tokens that the budget is charged.
    """

    measure: str  # "valid_accuracy" or "valid_perplexity"
    value: float | None
    parameters: int
    cost: int

    @property
    def score(self) -> float:
        """More is better: the accuracy or one over the perplexity, 0 where training diverged."""
        if self.value is None:
            return 0.0
        return self.value if self.measure == "valid_accuracy" else 1 / self.value


def device_of(name: str, number: int) -> torch.device:
    """Candidates take turns on the GPUs of a machine that has several."""
    place = pick_device(name)
    if place.type == "cuda" and place.index is None:
        return torch.device("cuda", number % torch.cuda.device_count())
    return place


@contextlib.contextmanager
def one_thread():
    """Sums of floats depend on the number of threads; with one they are the same everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def folder_of(directory: Path, task: Task) -> Path:
    """Where a candidate trains; gone when it is finished."""
    return directory / f"candidate-{task.number:03d}"


def read_record(directory: Path, task: Task) -> Result | None:
    """The result of a candidate that is finished, else None.

    Raises RunError when the file is damaged or is that of another candidate.
    """
    path = _record(directory, task)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        same = record["genotype"] == to_dict(task.genotype) and record["seed"] == task.seed
        result = Result(**record["result"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path} is damaged; remove it and go on with `search resume`") from None
    if not same:
        raise RunError(f"{path} is of another search; choose another folder with -o")
    return result


def write_record(directory: Path, task: Task, result: Result) -> None:
    """Keep the result of a candidate; a kill leaves the whole file or none."""
    write_whole(_record(directory, task), (json.dumps({
        "genotype": to_dict(task.genotype), "seed": task.seed,
        "result": dataclasses.asdict(result)}) + "\n").encode())


def _record(directory: Path, task: Task) -> Path:
    return directory / f"candidate-{task.number:03d}.json"
