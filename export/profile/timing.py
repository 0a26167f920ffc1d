"""Times graphs of a profile in a runtime, many of them in turn."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from export.checks.bench import first_input
from export.formats.base import FORMATS
from export.logs import captured
from export.profile.design import Graph
from export.profile.files import write
from export.runtimes.base import Selection
from zoo.artifact.folder import read_manifest
from zoo.latency.profile import ProfileError
from zoo.latency.sizes import Sizes
from zoo.latency.turns import IN_A_TURN, steady
from zoo.system.threads import use_threads

#: Turns before the timed ones.
_WARM_UP = 2


def time_graphs(graphs: Sequence[Graph], sizes: Sizes, selected: Selection, threads: int,
                runs: int, written: Callable[[int], None] = lambda number: None) -> list[float]:
    """The latency of each graph in milliseconds, in the only backend of `selected`; `written` is
    called with the number of exported graphs.

    Raises ProfileError with the reason if the runtime is unavailable or fails.
    """
    with tempfile.TemporaryDirectory() as temporary:
        places = [Path(temporary) / str(index) for index in range(len(graphs))]
        for number, (graph, place) in enumerate(zip(graphs, places), start=1):
            with captured():
                write(graph, sizes, selected.runtime.reads, place)
            written(number)
        return _times(places, selected, threads, runs)


def _times(places: Sequence[Path], selected: Selection, threads: int, runs: int) -> list[float]:
    runtime, (backend,) = selected.runtime, selected.backends
    if runtime.load is None:
        assert runtime.times
        found = []
        for (timing,) in runtime.times(places, [selected], threads, runs):
            if timing.ms is None:
                raise ProfileError(f"{runtime.title} {backend}: {timing.note}")
            found.append(timing.ms)
        return found
    functions = []
    with use_threads(threads), captured():
        for place in places:
            run = runtime.load(place / FORMATS[runtime.reads].place, backend, threads)
            functions.append(partial(run, first_input(place, read_manifest(place))))
        return steady(_in_turns(functions, runs))


def _in_turns(functions: Sequence[Callable[[], object]], runs: int) -> list[list[float]]:
    """Milliseconds of at least `runs` runs of each function, `IN_A_TURN` per turn after an untimed
    one: before it, the caches hold the data of another function."""
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(-_WARM_UP, math.ceil(runs / IN_A_TURN)):
        for function, own in zip(functions, times):
            for number in range(1 + IN_A_TURN):
                start = time.perf_counter()
                function()
                if turn >= 0 and number:
                    own.append((time.perf_counter() - start) * 1000)
    return times
