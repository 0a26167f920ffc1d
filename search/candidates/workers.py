"""Many candidates at a time: in processes of this machine, or on a Ray cluster.

Moritz et al. 2018 (arXiv 1712.05889).  A result is a function of its task alone, so the number
and kind of workers change how long a search takes and nothing else.
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

import torch

from search.candidates.base import (
    Candidate,
    Result,
    folder_of,
    one_thread,
    read_record,
    write_record,
)
from search.progress import Report, silent
from zoo.system.device import pick_device


class WorkerError(ValueError):
    """A candidate could not be trained to its end; the message says how to go on."""


class Evaluator:
    """Trains candidates as `training` says (see `search.candidates.image`), in folders of
    `directory`.

    `workers` is a number of processes, as many as there are cores (or GPUs) when left out; "ray"
    for the Ray cluster of this machine, which is started if there is none; "ray://HOST:PORT" for
    one elsewhere, whose machines have this package and need not share a disk with this one.
    Everything starts with the first candidate; `close` ends it, as does a ``with``.

    Raises ValueError for other workers and where Ray is not installed or does not answer.
    """

    def __init__(self, training, directory: Path, workers: int | str | None = None):
        self.training, self.directory = training, Path(directory)
        self.unit, self.measure, self.cost = training.unit, training.measure, training.cost
        self._workers, self._pool = _parse(workers, training.device), None

    def evaluate(self, tasks: list[Candidate], report: Report = silent) -> list[Result]:
        """The results of `tasks`, in their order.

        What an earlier call or run has finished is read back; a training that was cut short goes
        on.  `report(candidates done, in all, facts)` is called as each one ends.

        Raises WorkerError when a worker is killed or runs out of memory, RunError when
        `directory` holds candidates of another run.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        results = {task.number: read_record(self.directory, task) for task in tasks}
        missing = [task for task in tasks if results[task.number] is None]
        report(len(tasks) - len(missing), len(tasks), {})
        try:
            for task, result in self._train(missing):
                results[task.number] = result
                write_record(self.directory, task, result)
                done = sum(result is not None for result in results.values())
                report(done, len(tasks), {"candidate": task.number, self.measure: result.value})
        except BaseException:
            self.close()
            raise
        for task in tasks:  # also one that was killed right after its record was written
            shutil.rmtree(folder_of(self.directory, task), ignore_errors=True)
        return [results[task.number] for task in tasks]

    def _train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        if tasks and self._pool is None:
            kind = _Ray if isinstance(self._workers, str) else (
                _Processes if self._workers > 1 else _Here)
            self._pool = kind(self.training, self.directory, self._workers)
        return self._pool.train(tasks) if tasks else iter(())

    def close(self) -> None:
        """End the workers, at once where they still train."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(self, *error) -> None:
        self.close()


def _parse(workers: int | str | None, device: str) -> int | str:
    if workers in (None, "auto"):
        if pick_device(device).type == "cuda":
            return torch.cuda.device_count()
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if isinstance(workers, str) and (workers == "ray" or workers.startswith("ray://")):
        return workers
    if str(workers).isdecimal() and int(workers) > 0:
        return int(workers)
    raise ValueError(f"--workers is a number from 1, ray or ray://HOST:PORT, not {workers!r}")


def _trained(training, task: Candidate, directory: Path) -> Result:
    """What a worker does.  Raises WorkerError when memory runs out."""
    try:
        with one_thread():
            return training.train(task, folder_of(directory, task))
    except (MemoryError, RuntimeError) as error:
        text = str(error)
        if isinstance(error, RuntimeError) and not (
                "out of memory" in text or "allocate memory" in text):
            raise
        raise WorkerError(f"candidate {task.number} does not fit in memory; go on with `search "
                          "resume` and fewer --workers, or search with a smaller network") from None


def _killed(tasks: list[Candidate]) -> WorkerError:
    numbers = ", ".join(str(task.number) for task in sorted(tasks, key=lambda task: task.number))
    return WorkerError(f"a worker was killed, perhaps for lack of memory, before candidates "
                       f"{numbers} were done; go on with `search resume` and fewer --workers")


class _Here:
    """No worker at all: this process."""

    def __init__(self, training, directory: Path, workers: int):
        self.training, self.directory = training, directory

    def train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        for task in tasks:
            yield task, _trained(self.training, task, self.directory)

    def close(self) -> None:
        pass


# --- processes ------------------------------------------------------------------------------


class _Processes:
    """Processes that hold the data and take one candidate after another.

    They end when the other end of their lifeline closes: by `close`, or because this process is
    gone.  Else a killed search would leave workers that write where its resumption writes.
    """

    def __init__(self, training, directory: Path, workers: int):
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        lifeline, self._lifeline = context.Pipe(duplex=False)
        self._pool = concurrent.futures.ProcessPoolExecutor(
            workers, context, _begin, (training, directory, lifeline))

    def train(self, tasks: list[Candidate]) -> Iterator[tuple[Candidate, Result]]:
        futures = {self._pool.submit(_work, task): task for task in tasks}
        left = dict(futures)
        try:
            for future in concurrent.futures.as_completed(futures):
                result = future.result()
                yield left.pop(future), result
        except BrokenProcessPool:
            raise _killed(list(left.values())) from None

    def close(self) -> None:
        self._lifeline.close()
        self._pool.shutdown(cancel_futures=True)


_training = _directory = None  # of a worker process, set when it begins


def _begin(training, directory: Path, lifeline) -> None:
    global _training, _directory
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of the one that waits
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _training, _directory = training, directory

    def watch() -> None:
        with contextlib.suppress(EOFError, OSError):
            lifeline.recv()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(task: Candidate) -> Result:
    return _trained(_training, task, _directory)


# --- Ray ------------------------------------------------------------------------------------


class _Ray:
    """Tasks of a Ray cluster, one core each; they train in a temporary folder of their machine."""

    def __init__(self, training, directory: Path, workers: str):
        try:
            import ray
        except ModuleNotFoundError:
            raise ValueError(f"--workers {workers} needs the package ray, which is not installed: "
                             "pip install 'genotype-zoo[ray]'") from None
        self.ray, self.ours = ray, not ray.is_initialized()
        if self.ours:
            logging.getLogger("ray").setLevel(logging.ERROR)
            address = {"address": workers} if workers != "ray" else {}
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ray.init(log_to_driver=False, **address)
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


def _work_far(training, task: Candidate) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        return _trained(training, task, Path(folder))
