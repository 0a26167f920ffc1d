"""Trains candidates in parallel, in processes of this machine or on a Ray cluster."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import torch

from search.candidates.base import (
    Candidate,
    CandidateTraining,
    Result,
    Scorer,
    folder_of,
    read_record,
    write_record,
)
from search.limits.measured import Measured
from search.progress import Report, silent
from search.workers import Pool, WorkerError, WorkersLost, parse, pool
from zoo.system.device import pick_device
from zoo.system.memory import is_exhausted
from zoo.system.threads import use_threads


class Evaluator:
    """Trains candidates as `training` says, in subfolders of `directory`.

    `workers` is a number of processes, by default one per core (or GPU); "ray" for the Ray cluster
    of this machine, started if there is none; "ray://HOST:PORT" for a remote one, whose machines
    have this package installed and need no shared disk.  The workers start with the first
    candidate and end with `close` or the ``with`` block.  `measured` are the limited and minimized
    figures of a candidate.

    Raises ValueError for invalid `workers`, or if Ray is missing or does not answer.
    """

    def __init__(self, training: CandidateTraining, directory: Path,
                 workers: int | str | None = None, measured: Measured | None = None) -> None:
        self.training, self.directory, self.measured = training, Path(directory), measured
        self.unit, self.measure, self.cost = training.unit, training.measure, training.cost
        self.scorer = training if isinstance(training, Scorer) else None
        self._workers = parse(workers, lambda: one_per_device(training.device))
        self._pool: Pool[Candidate, Result] | None = None

    def evaluate(self, tasks: list[Candidate], report: Report = silent) -> list[Result]:
        """The results of `tasks`, in their order.

        Results of an earlier call or run are read from their records; an interrupted training is
        resumed.  `report(candidates done, in total, metrics)` is called as each one finishes.

        Raises WorkerError if a worker is killed or runs out of memory, RunError if `directory`
        holds candidates of another run.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        results: dict[int, Result] = {}
        for task in tasks:
            known = read_record(self.directory, task)
            if known is not None:
                results[task.number] = known
        report(len(results), len(tasks), {})
        missing = [task for task in tasks if task.number not in results]
        try:
            for task, result in self._train(missing):
                results[task.number] = result
                write_record(self.directory, task, result)
                facts = {"candidate": task.number, self.measure: result.value}
                report(len(results), len(tasks), facts)
        except BaseException as error:
            self.close()
            if isinstance(error, WorkersLost):
                raise _killed(error.tasks) from None
            raise
        for task in tasks:  # including one killed right after its record was written
            shutil.rmtree(folder_of(self.directory, task), ignore_errors=True)
        return [results[task.number] for task in tasks]

    def _train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        if not tasks:
            return iter(())
        if self._pool is None:
            self._pool = self._start()
        return self._pool.run(tasks)

    def _start(self) -> Pool[Candidate, Result]:
        device = self.training.device
        on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
        on_ray = isinstance(self._workers, str)
        return pool(self._workers, _Training(self.training, None if on_ray else self.directory),
                    on_gpu)

    def close(self) -> None:
        """End the workers, at once if they are still training."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()


def one_per_device(device: str) -> int:
    """The number of GPUs that `device` means, or of cores."""
    place = pick_device(device)
    if place.type == "cuda":
        return torch.cuda.device_count() if place.index is None else 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class _Training:
    """The work of a worker: train a candidate in a subfolder of `directory`, or in a temporary
    folder if that is None, as on a machine without a shared disk."""

    training: CandidateTraining
    directory: Path | None

    def __call__(self, task: Candidate) -> Result:
        """Raises WorkerError if memory runs out."""
        if self.directory is None:
            with tempfile.TemporaryDirectory() as folder:
                return self._trained(task, Path(folder))
        return self._trained(task, self.directory)

    def _trained(self, task: Candidate, directory: Path) -> Result:
        try:
            with use_threads(1):  # the same result with any number of workers
                return self.training.train(task, folder_of(directory, task))
        except (MemoryError, RuntimeError) as error:
            if not is_exhausted(error):
                raise
            raise WorkerError(f"candidate {task.number} does not fit in memory; continue with "
                              "`search resume` and fewer --workers, or search with a smaller "
                              "network") from None


def _killed(tasks: list[Candidate]) -> WorkerError:
    numbers = ", ".join(str(task.number) for task in sorted(tasks, key=lambda task: task.number))
    return WorkerError(f"a worker was killed, perhaps for lack of memory, before candidates "
                       f"{numbers} were done; continue with `search resume` and fewer --workers")
