"""Runs independent tasks in parallel, in processes of this machine or on a Ray cluster.

Ray: Moritz et al. 2018 (arXiv 1712.05889).  A result depends only on its task, so the number and
kind of workers change nothing but the duration of a search.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import _ConnectionBase

Task = TypeVar("Task", bound=Hashable)
Result = TypeVar("Result", covariant=True)


class WorkerError(ValueError):
    """A worker failed; the message says how to continue."""


class WorkersLost(Exception):
    """A worker was killed before `tasks` were done."""

    def __init__(self, tasks: list[Any]) -> None:
        super().__init__(f"{len(tasks)} tasks are not done")
        self.tasks = tasks


class Pool(Protocol[Task, Result]):
    """Where tasks are done."""

    def run(self, tasks: list[Task]) -> Iterator[tuple[Task, Result]]:
        """Do every task; yield each with its result, in the order in which they finish.

        Raises WorkersLost if a worker is killed, and the errors of the work.
        """
        ...

    def close(self) -> None:
        """End the workers, at once if they still work."""


def parse(workers: int | str | None, automatic: Callable[[], int]) -> int | str:
    """The value of `--workers`: a number, or the address of a Ray cluster; `automatic` gives the
    number for "auto" and None.  Raises ValueError."""
    if workers is None or workers == "auto":
        return automatic()
    if isinstance(workers, str) and (workers == "ray" or workers.startswith("ray://")):
        return workers
    if str(workers).isdecimal() and int(workers) > 0:
        return int(workers)
    raise ValueError(f"--workers must be a number from 1, ray or ray://HOST:PORT, not {workers!r}")


def pool(workers: int | str, work: Callable[[Task], Result], on_gpu: bool = False
         ) -> Pool[Task, Result]:
    """Workers that call `work`, which is sent to each of them once.

    `workers` is a number of processes, 1 for this one; "ray" for the Ray cluster of this machine,
    started if there is none; "ray://HOST:PORT" for a remote one.  On Ray a task takes a core and,
    with `on_gpu`, a GPU.  Raises ValueError if Ray is missing or does not answer.
    """
    if isinstance(workers, str):
        return _Ray(work, workers, on_gpu)
    return _Processes(work, workers) if workers > 1 else _InProcess(work)


def in_order(workers: Pool[Task, Result], tasks: list[Task]) -> Iterator[tuple[Task, Result]]:
    """Each task with its result, in the order of `tasks`.  Raises the errors of `Pool.run`."""
    left = list(reversed(tasks))
    done: dict[Task, Result] = {}
    for task, result in workers.run(tasks):
        done[task] = result
        while left and left[-1] in done:
            yield left[-1], done.pop(left.pop())


class _InProcess(Generic[Task, Result]):
    """Does one task after another in this process, each when its result is asked for."""

    def __init__(self, work: Callable[[Task], Result]) -> None:
        self.work = work

    def run(self, tasks: list[Task]) -> Iterator[tuple[Task, Result]]:
        for task in tasks:
            yield task, self.work(task)

    def close(self) -> None:
        pass


# --- processes ------------------------------------------------------------------------------


class _Processes(Generic[Task, Result]):
    """Processes that hold the work and do one task after another.

    They exit when this process closes its end of their lifeline, in `close` or by dying.
    Otherwise the workers of a killed search would write into the folder of the resumed one.
    """

    def __init__(self, work: Callable[[Task], Result], workers: int) -> None:
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        lifeline, self._lifeline = context.Pipe(duplex=False)
        self._pool = concurrent.futures.ProcessPoolExecutor(
            workers, context, _start_worker, (work, lifeline))

    def run(self, tasks: list[Task]) -> Iterator[tuple[Task, Result]]:
        left = set(tasks)
        try:
            with blocked(signal.SIGINT):  # in the processes that this starts
                futures = {self._pool.submit(_do_in_worker, task): task for task in tasks}
            for future in concurrent.futures.as_completed(futures):
                result = future.result()
                left.remove(futures[future])
                yield futures[future], result
        except BrokenProcessPool:  # now, or between two calls
            raise WorkersLost(list(left)) from None

    def close(self) -> None:
        self._lifeline.close()
        self._pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def blocked(number: signal.Signals) -> Iterator[None]:
    """Delay a signal to this thread until the block ends; block it in processes started within."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_work: Callable[[Any], Any] | None = None  # set when a worker starts


def _start_worker(work: Callable[[Any], Any], lifeline: _ConnectionBase[Any, Any]) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _work = work

    def watch() -> None:
        with contextlib.suppress(EOFError, OSError):
            lifeline.recv()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _do_in_worker(task: Any) -> Any:
    assert _work is not None  # the pool has called `_start_worker`
    return _work(task)


# --- Ray ------------------------------------------------------------------------------------


class _Ray(Generic[Task, Result]):
    """Tasks of a Ray cluster."""

    def __init__(self, work: Callable[[Task], Result], workers: str, on_gpu: bool) -> None:
        try:
            import ray
        except ModuleNotFoundError:
            raise ValueError(f"--workers {workers} needs ray, which is not installed: "
                             "pip install 'genotype-zoo[ray]'") from None
        self.ray, self.ours = ray, not ray.is_initialized()
        if self.ours:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ray.init(None if workers == "ray" else workers, log_to_driver=False,
                             logging_level=logging.ERROR)
            except (OSError, RuntimeError, ValueError) as error:
                raise ValueError(f"no Ray cluster at {workers}: {' '.join(str(error).split())}; "
                                 "it needs the same Ray and Python as here, and RAY_AUTH_MODE as "
                                 "it was started with") from None
        self._remote = ray.remote(num_cpus=1, num_gpus=int(on_gpu))(_do_on_ray)
        self._work = ray.put(work)

    def run(self, tasks: list[Task]) -> Iterator[tuple[Task, Result]]:
        # In a list, a reference reaches the worker as it is, not as a new copy of the work.
        left = {self._remote.remote([self._work], task): task for task in tasks}
        while left:
            ready, _ = self.ray.wait(list(left))
            try:
                result = self.ray.get(ready[0])
            except self.ray.exceptions.RayTaskError as error:
                raise error.cause from None  # as if raised here
            except self.ray.exceptions.RayError:
                raise WorkersLost(list(left.values())) from None
            yield left.pop(ready[0]), result

    def close(self) -> None:
        if self.ours:
            self.ray.shutdown()


_known: tuple[str, Callable[[Any], Any]] | None = None  # the last work, by its reference


def _do_on_ray(reference: list[Any], task: Any) -> Any:
    import ray

    global _known
    work, name = reference[0], reference[0].hex()
    if _known is None or _known[0] != name:
        _known = name, ray.get(work)
    return _known[1](task)
