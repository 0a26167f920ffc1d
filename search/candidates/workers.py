"""Train candidates in parallel: in processes of this machine, or on a Ray cluster.

Moritz et al. 2018 (arXiv 1712.05889).  A result depends on its task only, so the number and kind
of workers change the duration of a search and nothing else.
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
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import torch

from search.candidates.base import (
    Candidate,
    CandidateTraining,
    Result,
    folder_of,
    read_record,
    write_record,
)
from search.progress import Report, silent
from zoo.genotypes.serialization import Genotype
from zoo.system.device import pick_device
from zoo.system.memory import is_exhausted
from zoo.system.threads import use_threads

if TYPE_CHECKING:
    from multiprocessing.connection import _ConnectionBase


class WorkerError(ValueError):
    """A candidate could not be trained to its end; the message says how to go on."""


class _Pool(Protocol):
    """Where candidates are trained."""

    def train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        """Train every task; each with its result, in the order in which they finish."""
        ...

    def close(self) -> None:
        """End the workers."""


class Evaluator:
    """Trains candidates as `training` says, in subfolders of `directory`.

    `workers` is a number of processes, by default one per core (or GPU); "ray" for the Ray cluster
    of this machine, which is started if there is none; "ray://HOST:PORT" for a remote one, whose
    machines have this package installed and need no shared disk.  The workers start with the first
    candidate; `close` ends them, as does a ``with``.

    Raises ValueError for other workers and where Ray is not installed or does not answer.
    """

    def __init__(self, training: CandidateTraining, directory: Path,
                 workers: int | str | None = None) -> None:
        self.training, self.directory = training, Path(directory)
        self.unit, self.measure, self.cost = training.unit, training.measure, training.cost
        self.scorable = training.scorable
        self._workers = _parse(workers, training.device)
        self._pool: _Pool | None = None

    def evaluate(self, tasks: list[Candidate], report: Report = silent) -> list[Result]:
        """The results of `tasks`, in their order.

        Results of an earlier call or run are read from their records; an interrupted training is
        resumed.  `report(candidates done, in total, metrics)` is called as each one finishes.

        Raises WorkerError when a worker is killed or runs out of memory, RunError when
        `directory` holds candidates of another run.
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

    def scores(self, genotype: Genotype, names: Sequence[str], seed: int) -> dict[str, float]:
        """The scores of a candidate's network before any training, computed in this process."""
        return self.training.scores(genotype, names, seed)

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
        return _Here(self.training, self.directory)

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
    raise ValueError(f"--workers is a number from 1, ray or ray://HOST:PORT, not {workers!r}")


def _trained(training: CandidateTraining, task: Candidate, directory: Path) -> Result:
    """Train one candidate.  Raises WorkerError when memory runs out."""
    try:
        with use_threads(1):  # so that a result is the same with any number of workers
            return training.train(task, folder_of(directory, task))
    except (MemoryError, RuntimeError) as error:
        if not is_exhausted(error):
            raise
        raise WorkerError(f"candidate {task.number} does not fit in memory; go on with `search "
                          "resume` and fewer --workers, or search with a smaller network") from None


def _killed(tasks: list[Candidate]) -> WorkerError:
    numbers = ", ".join(str(task.number) for task in sorted(tasks, key=lambda task: task.number))
    return WorkerError(f"a worker was killed, perhaps for lack of memory, before candidates "
                       f"{numbers} were done; go on with `search resume` and fewer --workers")


class _Here:
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

    They exit when this process closes its end of their lifeline, in `close` or because it died.
    Else a killed search would leave workers that write where the resumed search writes.
    """

    def __init__(self, training: CandidateTraining, directory: Path, workers: int) -> None:
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        lifeline, self._lifeline = context.Pipe(duplex=False)
        self._pool = concurrent.futures.ProcessPoolExecutor(
            workers, context, _begin, (training, directory, lifeline))

    def train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        left = {task.number: task for task in tasks}
        try:
            with _unheard(signal.SIGINT):  # by the processes that this starts
                futures = {self._pool.submit(_work, task): task for task in tasks}
            for future in concurrent.futures.as_completed(futures):
                result = future.result()
                yield left.pop(futures[future].number), result
        except BrokenProcessPool:  # now, or between two calls
            raise _killed(list(left.values())) from None

    def close(self) -> None:
        self._lifeline.close()
        self._pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _unheard(number: signal.Signals) -> Iterator[None]:
    """Block a signal in this thread, which hears it after the block, and in processes that the
    block starts, which do not."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_of_process: tuple[CandidateTraining, Path] | None = None  # of a worker, set when it starts


def _begin(training: CandidateTraining, directory: Path, lifeline: _ConnectionBase[Any, Any]
           ) -> None:
    global _of_process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _of_process = training, directory

    def watch() -> None:
        with contextlib.suppress(EOFError, OSError):
            lifeline.recv()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(task: Candidate) -> Result:
    assert _of_process is not None  # the pool has called `_begin`
    training, directory = _of_process
    return _trained(training, task, directory)


# --- Ray ------------------------------------------------------------------------------------


class _Ray:
    """Tasks of a Ray cluster, one core each; each trains in a temporary folder of its machine."""

    def __init__(self, training: CandidateTraining, workers: str) -> None:
        try:
            import ray
        except ModuleNotFoundError:
            raise ValueError(f"--workers {workers} needs the package ray, which is not installed: "
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
        self._work = ray.remote(num_cpus=1, num_gpus=int(on_gpu))(_work_far)
        self._training = ray.put(training)

    def train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        left = {self._work.remote(self._training, task): task for task in tasks}
        while left:
            ready, _ = self.ray.wait(list(left))
            try:
                result = self.ray.get(ready[0])
            except self.ray.exceptions.RayTaskError as error:
                raise error.cause from None  # as if it had been raised here
            except self.ray.exceptions.RayError:
                raise _killed(list(left.values())) from None
            yield left.pop(ready[0]), result

    def close(self) -> None:
        if self.ours:
            self.ray.shutdown()


def _work_far(training: CandidateTraining, task: Candidate) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        return _trained(training, task, Path(folder))
