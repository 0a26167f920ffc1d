"""Selects the number of CPU threads of a run.

At the end of each operation all threads wait for the slowest.  If another process occupies a core,
they wait for the thread that shares it, and a single thread is faster; on an idle machine all
threads are.  The first steps are therefore timed with one thread and with all.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import torch

from zoo.messages.notes import say
from zoo.system import distributed

_ROUNDS = 5
_SECONDS = 10.0  # after which no further round starts
_MOST = 1024
_GAIN = 0.95  # ratio of times below which one thread is chosen, despite noise


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Compute with `count` threads.  The number affects the order of sums, and so the last digits
    of results."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fastest_threads(prepare: Callable[[], Callable[[], object]], device: torch.device) -> int:
    """The faster number of threads for a training step, 1 or all of torch's; prints the result.

    `prepare` returns a function that runs a step; it is called several times with each number, and
    its results are discarded.  Nothing is measured on a GPU, under torchrun, or if torch has a
    single thread.
    """
    most = torch.get_num_threads()
    if device.type != "cpu" or most == 1 or distributed.is_started():
        return most
    step = prepare()
    times: dict[int, list[float]] = {1: [], most: []}
    until = time.perf_counter() + _SECONDS
    for _ in range(_ROUNDS + 1):
        for count, taken in times.items():
            with use_threads(count):
                began = time.perf_counter()
                step()
            taken.append(time.perf_counter() - began)
        if time.perf_counter() > until:
            break
    one, all_ = (min(taken[1:] or taken) for taken in times.values())  # the first is a warm-up
    chosen = 1 if one < _GAIN * all_ else most
    say(f"{_count(chosen)}: a step takes {_seconds(one)} with 1, {_seconds(all_)} with {most} "
        "(--threads N sets it)")
    return chosen


def check_threads(count: int | None) -> None:
    """Raise ValueError for an invalid number of threads."""
    if count is not None and (type(count) is not int or not 1 <= count <= _MOST):
        raise ValueError(f"--threads must be a whole number from 1 to {_MOST:,}, not {count}")


def _count(number: int) -> str:
    return f"{number} thread{'s' * (number > 1)}"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 0.1 else f"{1000 * value:.1f} ms"
