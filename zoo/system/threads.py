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

from zoo.messages.notes import say
from zoo.system import distributed

_ROUNDS = 5
_SECONDS = 10.0  # after which no further round begins
_MOST = 1024
_GAIN = 0.95  # of the time: noise alone changes nothing


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Compute with `count` threads.  Another number adds floats in another order, so that results
    differ in their last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fastest_threads(prepare: Callable[[], Callable[[], object]], device: torch.device) -> int:
    """The number of threads with which a training step is faster, 1 or all of torch's; says which.

    `prepare` gives a function that does a step; it is called a few times with either number, and
    its results are to be thrown away.  On a GPU, under torchrun and where torch has one thread
    nothing is prepared or measured.
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
    one, all_ = (min(taken[1:] or taken) for taken in times.values())  # the first builds caches
    chosen = 1 if one < _GAIN * all_ else most
    say(f"{_count(chosen)}: a step takes {_seconds(one)} with 1, {_seconds(all_)} with {most} "
        "(--threads N sets it)")
    return chosen


def check_threads(count: int | None) -> None:
    """Raise ValueError for a number of threads that torch cannot have."""
    if count is not None and (type(count) is not int or not 1 <= count <= _MOST):
        raise ValueError(f"--threads must be a whole number from 1 to {_MOST:,}, not {count}")


def _count(number: int) -> str:
    return f"{number} thread{'s' * (number > 1)}"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 0.1 else f"{1000 * value:.1f} ms"
