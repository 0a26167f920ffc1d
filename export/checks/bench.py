"""Latency of one image: the plain PyTorch network beside its deployed form in other runtimes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from export import fits
from export.formats import shims
from export.formats.arrays import Runner
from export.formats.base import FORMATS, Options, check_packages, hops
from export.logs import captured
from export.network.deploy import Deployed, deploy
from export.runtimes.base import RUNTIMES, Runtime, find_runtime
from zoo.artifact.manifest import Input
from zoo.cell_file import read_cell, shown_name
from zoo.create import create_model
from zoo.messages.spelling import choices
from zoo.models.cost import cost
from zoo.system.threads import use_threads


@dataclass(frozen=True)
class Measured:
    """Medians in milliseconds; those of the runtimes by name."""

    cell: str
    parameters: int
    multiply_adds: int
    pytorch_ms: float
    runtime_ms: dict[str, float]


def timed_runtimes(names: Sequence[str] | None) -> list[Runtime]:
    """Those of the names given, or the first of the table, that run in this process.

    Only there are PyTorch and a runtime timed in turn, on the same number of threads.
    """
    here = [name for name, each in RUNTIMES.items() if each.load]
    for name in names or ():
        if find_runtime(name).load is None:
            raise ValueError("bench times runtimes in its own process, not "
                             f"{choices(name, here)}")
    return [RUNTIMES[name] for name in dict.fromkeys(names or here[:1])]


def measure(cell: str, channels: int, layers: int, size: int, threads: int, runs: int,
            runtimes: Sequence[str] | None = None) -> Measured:
    """Time the CIFAR network of `cell`, a name or a genotype file, on one (size, size, 3) image,
    all runtimes in turn.

    Raises MissingPackageError without a runtime or what writes its format, ValueError for a number
    below 1 or a runtime that cannot be timed here.
    """
    for name, value in (("channels", channels), ("layers", layers), ("size", size),
                        ("threads", threads), ("runs", runs)):
        if value < 1:
            raise ValueError(f"--{name} must be at least 1, not {value}")
    chosen = timed_runtimes(runtimes)
    check_packages(hops(each.reads for each in chosen), Options.converter)
    for package in (package for each in chosen for package in each.packages):
        shims.require(package)
    record = read_cell(cell)
    genotype = record.genotype
    if genotype.kind == "recurrent":
        raise ValueError(f"{cell} is a recurrent cell, and bench times networks of images; leave "
                         "it out")
    spec = Input(height=size, width=size, channels=3, mean=[0.5] * 3, std=[0.5] * 3)
    fits.check_images(genotype, "cifar", {"channels": channels, "layers": layers}, spec)
    model = create_model(genotype, channels=channels, layers=layers).eval()
    price = cost(model, (3, size, size))
    pixels = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype(np.float32)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1
    with use_threads(threads), tempfile.TemporaryDirectory() as folder, captured(), torch.no_grad():
        runners = _loaded(deploy(model, spec), chosen, Path(folder), threads)
        pytorch_ms, *others = interleaved(
            [lambda: model(images),
             *(partial(run, {spec.name: pixels}) for run in runners)], runs)
    return Measured(shown_name(cell, record), price.parameters, price.multiply_adds, pytorch_ms,
                    {each.name: ms for each, ms in zip(chosen, others)})


def _loaded(deployed: Deployed, runtimes: Sequence[Runtime], folder: Path, threads: int
            ) -> list[Runner]:
    """The network in each of the runtimes, on its first backend; their formats go to `folder`."""
    made: dict[str | None, Any] = {None: deployed}
    for fmt in hops(each.reads for each in runtimes):
        place = folder / fmt.place
        place.parent.mkdir(parents=True, exist_ok=True)
        made[fmt.name] = fmt.write(made[fmt.source], place, Options({}))
    return [each.load(folder / FORMATS[each.reads].place, each.backends[0], threads)
            for each in runtimes if each.load]


def interleaved(functions: Sequence[Callable[[], object]], runs: int) -> list[float]:
    """Median milliseconds of each function; in turn, so that a busy moment meets all alike."""
    times: list[list[float]] = [[] for _ in functions]
    for index in range(runs + 2):  # the first two warm up
        for function, taken in zip(functions, times):
            start = time.perf_counter()
            function()
            if index >= 2:
                taken.append((time.perf_counter() - start) * 1000)
    return [statistics.median(taken) for taken in times]
