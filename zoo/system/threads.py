"""How many threads of the CPU a run computes with.

The threads of an operation wait for the slowest of them at its end.  Where another process holds a
core, all of them wait for the one that shares it, and a single thread is faster; on an idle machine
all of them are.  So the first steps are timed with one and with all.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import torch

from zoo.messages.notes import note
from zoo.system import distributed

_ROUNDS = 5
_SECONDS = 10.0  # after which no further round begins
_GAIN = 0.95  # of the time: noise alone changes nothing


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Compute with `count` threads: sums in another order are other sums of floats."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fastest_threads(step: Callable[[], object], device: torch.device) -> int:
    """One thread or all that torch has, whichever `step` takes less time with; says which.

    `step` is carried out a few times with either, and what it learns is to be thrown away.
    Nothing is measured on a GPU, in one of several processes, or where torch has one thread.
    """
    most = torch.get_num_threads()
    if device.type != "cpu" or most == 1 or distributed.is_started():
        return most
    times: dict[int, list[float]] = {1: [], most: []}
    until = time.perf_counter() + _SECONDS
    for turn in range(_ROUNDS + 1):
        for count, taken in times.items():
            with use_threads(count):
                began = time.perf_counter()
                step()
            if turn:  # the first one builds caches
                taken.append(time.perf_counter() - began)
        if turn and time.perf_counter() > until:
            break
    one, all_ = (min(taken) for taken in times.values())
    chosen = 1 if one < _GAIN * all_ else most
    note(f"{_count(chosen)} of the CPU: a step takes {_seconds(one)} with 1, "
         f"{_seconds(all_)} with {most}; --threads N takes another number")
    return chosen


def check_threads(count: int | None) -> None:
    """Raise ValueError for a number of threads that there cannot be."""
    if count is not None and (not isinstance(count, int) or count < 1):
        raise ValueError(f"--threads must be at least 1, not {count}")


def _count(number: int) -> str:
    return f"{number} thread{'s' * (number > 1)}"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 0.1 else f"{1000 * value:.1f} ms"
