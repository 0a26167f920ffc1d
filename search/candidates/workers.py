"""Trains candidates in parallel, in processes of this machine or on a Ray cluster.

Ray: Moritz et al. 2018 (arXiv 1712.05889).  A result depends only on its task, so the number and
kind of workers change nothing but the duration of a search.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

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
from zoo.system.device import pick_device
from zoo.system.memory import is_exhausted
from zoo.system.threads import use_threads

if TYPE_CHECKING:
    from multiprocessing.connection import _ConnectionBase


class WorkerError(ValueError):
    """The training of a candidate failed; the message says how to continue."""


class _Pool(Protocol):
    """Where candidates are trained."""

    def train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        """Train every task; yield each with its result, in the order in which they finish."""
        ...

    def close(self) -> None:
        """End the workers."""


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
        self._workers = _parse(workers, training.device)
        self._pool: _Pool | None = None

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
        except BaseException:
            self.close()
            raise
        for task in tasks:  # including one killed right after its record was written
            shutil.rmtree(folder_of(self.directory, task), ignore_errors=True)
        return [results[task.number] for task in tasks]

    def _train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        if not tasks:
            return iter(())
        if self._pool is None:
            self._pool = self._start()
        return self._pool.train(tasks)

    def _start(self) -> _Pool:
        if isinstance(self._workers, str):
            return _Ray(self.training, self._workers)
        if self._workers > 1:
            return _Processes(self.training, self.directory, self._workers)
        return _InProcess(self.training, self.directory)

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


def _parse(workers: int | str | None, device: str) -> int | str:
    if workers is None or workers == "auto":
        place = pick_device(device)
        if place.type == "cuda":
            return torch.cuda.device_count() if place.index is None else 1
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if isinstance(workers, str) and (workers == "ray" or workers.startswith("ray://")):
        return workers
    if str(workers).isdecimal() and int(workers) > 0:
        return int(workers)
    raise ValueError(f"--workers must be a number from 1, ray or ray://HOST:PORT, not {workers!r}")


def _trained(training: CandidateTraining, task: Candidate, directory: Path) -> Result:
    """Train one candidate.  Raises WorkerError if memory runs out."""
    try:
        with use_threads(1):  # the same result with any number of workers
            return training.train(task, folder_of(directory, task))
    except (MemoryError, RuntimeError) as error:
        if not is_exhausted(error):
            raise
        raise WorkerError(f"candidate {task.number} does not fit in memory; continue with `search "
                          "resume` and fewer --workers, or search with a smaller network") from None


def _killed(tasks: list[Candidate]) -> WorkerError:
    numbers = ", ".join(str(task.number) for task in sorted(tasks, key=lambda task: task.number))
    return WorkerError(f"a worker was killed, perhaps for lack of memory, before candidates "
                       f"{numbers} were done; continue with `search resume` and fewer --workers")


class _InProcess:
    """Trains in this process, one candidate after another."""

    def __init__(self, training: CandidateTraining, directory: Path) -> None:
        self.training, self.directory = training, directory

    def train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        for task in tasks:
            yield task, _trained(self.training, task, self.directory)

    def close(self) -> None:
        pass


# --- processes ------------------------------------------------------------------------------


class _Processes:
    """Processes that hold the data and train one candidate after another.

    They exit when this process closes its end of their lifeline, in `close` or by dying.
    Otherwise the workers of a killed search would write into the folder of the resumed one.
    """

    def __init__(self, training: CandidateTraining, directory: Path, workers: int) -> None:
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        lifeline, self._lifeline = context.Pipe(duplex=False)
        self._pool = concurrent.futures.ProcessPoolExecutor(
            workers, context, _start_worker, (training, directory, lifeline))

    def train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        left = {task.number: task for task in tasks}
        try:
            with _blocked(signal.SIGINT):  # in the processes that this starts
                futures = {self._pool.submit(_train_in_worker, task): task for task in tasks}
            for future in concurrent.futures.as_completed(futures):
                result = future.result()
                yield left.pop(futures[future].number), result
        except BrokenProcessPool:  # now, or between two calls
            raise _killed(list(left.values())) from None

    def close(self) -> None:
        self._lifeline.close()
        self._pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _blocked(number: signal.Signals) -> Iterator[None]:
    """Delay a signal to this thread until the block ends; block it in processes started within."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_worker_state: tuple[CandidateTraining, Path] | None = None  # set when a worker starts


def _start_worker(training: CandidateTraining, directory: Path,
                  lifeline: _ConnectionBase[Any, Any]) -> None:
    global _worker_state
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _worker_state = training, directory

    def watch() -> None:
        with contextlib.suppress(EOFError, OSError):
            lifeline.recv()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _train_in_worker(task: Candidate) -> Result:
    assert _worker_state is not None  # the pool has called `_start_worker`
    training, directory = _worker_state
    return _trained(training, task, directory)


# --- Ray ------------------------------------------------------------------------------------


class _Ray:
    """Tasks of a Ray cluster, with one core and a temporary folder each."""

    def __init__(self, training: CandidateTraining, workers: str) -> None:
        try:
            import ray
        except ModuleNotFoundError:
            raise ValueError(f"--workers {workers} needs ray, which is not installed: "
                             "pip install 'genotype-zoo[ray]'") from None
        self.ray, self.ours = ray, not ray.is_initialized()
        if self.ours:
            logging.getLogger("ray").setLevel(logging.ERROR)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ray.init(None if workers == "ray" else workers, log_to_driver=False)
            except (OSError, RuntimeError, ValueError) as error:
                raise ValueError(f"no Ray cluster at {workers}: {' '.join(str(error).split())}; "
                                 "it needs the same Ray and Python as here, and RAY_AUTH_MODE as "
                                 "it was started with") from None
        on_gpu = training.device.startswith("cuda") or (
            training.device == "auto" and torch.cuda.is_available())
        self._remote = ray.remote(num_cpus=1, num_gpus=int(on_gpu))(_train_on_ray)
        self._training = ray.put(training)

    def train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        left = {self._remote.remote(self._training, task): task for task in tasks}
        while left:
            ready, _ = self.ray.wait(list(left))
            try:
                result = self.ray.get(ready[0])
            except self.ray.exceptions.RayTaskError as error:
                raise error.cause from None  # as if raised here
            except self.ray.exceptions.RayError:
                raise _killed(list(left.values())) from None
            yield left.pop(ready[0]), result

    def close(self) -> None:
        if self.ours:
            self.ray.shutdown()


def _train_on_ray(training: CandidateTraining, task: Candidate) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        return _trained(training, task, Path(folder))
