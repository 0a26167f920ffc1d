"""Latency of one input: the plain PyTorch network beside its exports in other runtimes."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from export import fits
from export.checks import parity
from export.checks.verify import holds
from export.formats import shims
from export.formats.base import FORMATS
from export.logs import captured
from export.pipeline import build
from export.runtimes.base import Asked, Timing
from export.sources.cell import from_model
from zoo import weights
from zoo.artifact import folder
from zoo.artifact.manifest import Input, Manifest, Tensor
from zoo.cell_file import read_cell, shown_name
from zoo.create import create_model
from zoo.models.factory import NETWORKS
from zoo.system.threads import use_threads

Run = Callable[[], object]


@dataclass(frozen=True)
class Measured:
    """Medians of `runs`, in milliseconds, on `threads` of the processor; `bytes` of the files that
    a runtime reads.  `pytorch_ms` is None for a network that is not here in PyTorch."""

    name: str
    is_cell: bool
    parameters: int
    multiply_adds: int | None
    threads: int
    runs: int
    pytorch_ms: float | None
    timings: list[Timing]
    bytes: dict[str, int]


def measure(target: str, channels: int, layers: int, size: int, threads: int, runs: int,
            asked: Sequence[Asked], everything: bool = False) -> Measured:
    """Time an artifact folder on the first input of its fixture; or a cell, a name or a genotype
    file, whose CIFAR network is exported for it, on one (size, size, 3) image.

    What runs in this process is timed in turn, and so are the runtimes of a page.  With
    `everything` a runtime that cannot be timed here is noted; otherwise MissingPackageError says
    that it or what writes its format is not installed, ArtifactError that the artifact lacks its
    format, ValueError that a number is below 1 or a runtime is not timed.
    """
    for name, value in (("channels", channels), ("layers", layers), ("size", size),
                        ("threads", threads), ("runs", runs)):
        if value < 1:
            raise ValueError(f"--{name} must be at least 1, not {value}")
    for one in asked:
        if not one.runtime.timed and not everything:
            raise ValueError(f"{one.runtime.name} is not timed; leave it out")
    if (Path(target) / folder.MANIFEST).is_file():
        return _measured(target, Path(target), False, threads, runs, asked, everything)
    with _exported(target, channels, layers, size, asked) as (name, directory):
        return _measured(name, directory, True, threads, runs, asked, everything)


@contextmanager
def _exported(cell: str, channels: int, layers: int, size: int, asked: Sequence[Asked]
              ) -> Iterator[tuple[str, Path]]:
    """The name of a cell, and its CIFAR network as an artifact, for as long as it is timed."""
    record = read_cell(cell)
    genotype = record.genotype
    if genotype.kind == "recurrent":
        raise ValueError(f"{cell} is a recurrent cell, and bench times networks of images; leave "
                         "it out")
    spec = Input(height=size, width=size, channels=3, mean=[0.5] * 3, std=[0.5] * 3)
    fits.check_images(genotype, "cifar", {"channels": channels, "layers": layers}, spec)
    model = create_model(genotype, channels=channels, layers=layers).eval()
    name = shown_name(cell, record)
    with tempfile.TemporaryDirectory() as place:
        formats = list(dict.fromkeys(one.runtime.reads for one in asked))
        build(from_model(model, name, spec), formats, Path(place) / "artifact")
        yield name, Path(place) / "artifact"


def _measured(name: str, directory: Path, is_cell: bool, threads: int, runs: int,
              asked: Sequence[Asked], everything: bool) -> Measured:
    manifest = folder.read_manifest(directory)
    folder.check_files(directory, manifest)
    timings, here = [], []
    for one in asked:
        if why := _missing(directory, one):
            if not everything:
                raise why
            timings += [Timing(one.runtime.name, backend, None, note=str(why))
                        for backend in one.backends]
        else:
            here.append(one)
    pytorch_ms, own = _in_process(directory, manifest, here, threads, runs, everything)
    timings += own
    for times in dict.fromkeys(one.runtime.times for one in here if one.runtime.times):
        together = [one for one in here if one.runtime.times is times]
        try:
            timings += times(directory, together, threads, runs)
        except RuntimeError as error:
            if not everything:
                raise
            timings += [Timing(one.runtime.name, backend, None, note=str(error))
                        for one in together for backend in one.backends]
    order = [one.runtime.name for one in asked]
    timings.sort(key=lambda each: order.index(each.runtime))
    sizes = {one.runtime.name: sum(
        file.bytes for path, file in manifest.files.items()
        if Path(path).is_relative_to(FORMATS[one.runtime.reads].place)) for one in here}
    return Measured(name, is_cell, manifest.parameters, manifest.multiply_adds, threads, runs,
                    pytorch_ms, timings, sizes)


def _missing(directory: Path, one: Asked) -> Exception | None:
    """Why a runtime cannot time an artifact; None where it can."""
    runtime = one.runtime
    if not holds(directory, runtime):
        return folder.ArtifactError(f"{directory} holds no {runtime.reads}, which {runtime.name} "
                                    f"reads; build it again with --export {runtime.reads}")
    try:
        for package in runtime.packages:
            shims.require(package)
    except shims.MissingPackageError as error:
        return error
    return None


def _in_process(directory: Path, manifest: Manifest, asked: Sequence[Asked], threads: int,
                runs: int, everything: bool) -> tuple[float | None, list[Timing]]:
    """PyTorch where the network is here, and the runtimes of this process, in turn."""
    timings: list[Timing] = []
    functions: list[Run] = []
    loaded: list[tuple[str, str]] = []
    inputs = first_input(directory, manifest)
    with use_threads(threads), captured(), torch.no_grad():
        network = _network(directory, manifest, inputs)
        for one in asked:
            if one.runtime.load is None:
                continue
            place = directory / FORMATS[one.runtime.reads].place
            for backend in one.backends:
                try:
                    run = one.runtime.load(place, backend, threads)
                except ValueError as error:  # a number of threads that it cannot have
                    if not everything:
                        raise
                    timings.append(Timing(one.runtime.name, backend, None, note=str(error)))
                    continue
                functions.append(partial(run, inputs))
                loaded.append((one.runtime.name, backend))
        measured = interleaved(([network] if network else []) + functions, runs)
    pytorch_ms = measured.pop(0) if network else None
    timings += [Timing(name, backend, ms, threads=threads)
                for (name, backend), ms in zip(loaded, measured)]
    return pytorch_ms, timings


def first_input(directory: Path, manifest: Manifest) -> dict[str, np.ndarray]:
    """The first input of an artifact's fixture, by name; a batch of one where that is open."""
    assert manifest.fixture
    raw = np.frombuffer(folder.read_file(directory, manifest, manifest.fixture.input), "<f4")
    inputs, first = {}, 0
    for tensor in _takes(manifest):
        shape = [manifest.fixture.count if size is None else size for size in tensor.shape]
        last = first + math.prod(shape)
        if last > len(raw):
            raise folder.ArtifactError(f"{directory}/{manifest.fixture.input} is too short; build "
                                       "it again")
        values = raw[first:last].reshape(shape).astype(tensor.dtype)
        inputs[tensor.name] = values[:1] if tensor.shape[:1] == [None] else values
        first = last
    return inputs


def _takes(manifest: Manifest) -> list[Tensor]:
    """What the graph of an artifact takes, in the order of its fixture."""
    if manifest.takes:
        return manifest.takes
    if manifest.network.kind == "language":
        return [Tensor(name="tokens", dtype="int32", shape=[None]),
                Tensor(name="hidden", dtype="float32", shape=[None, manifest.network.hidden])]
    return [Tensor(name=manifest.input.name, dtype="float32",
                   shape=[None, *parity.image_shape(manifest.input)])]


def _network(directory: Path, manifest: Manifest, inputs: dict[str, np.ndarray]) -> Run | None:
    """The PyTorch network of an artifact on that input; None for one that is not of the zoo."""
    if manifest.network.kind not in NETWORKS:
        return None
    model, _ = weights.load_artifact(directory)
    if manifest.network.kind == "language":
        tokens = torch.from_numpy(inputs["tokens"])[None].long()
        state = torch.from_numpy(inputs["hidden"].copy())[None]
        return lambda: model(tokens, state)
    spec = manifest.input
    assert spec.range
    low, high = spec.range
    scaled = (torch.from_numpy(inputs[spec.name].copy()) - low) / (high - low)
    images = ((scaled - torch.tensor(spec.mean)) / torch.tensor(spec.std)).permute(0, 3, 1, 2)
    images = images.contiguous()
    return lambda: model(images)


def interleaved(functions: Sequence[Run], runs: int) -> list[float]:
    """Median milliseconds of each function; in turn, so that a busy moment meets all alike."""
    times: list[list[float]] = [[] for _ in functions]
    for index in range(runs + 2):  # the first two warm up
        for function, taken in zip(functions, times):
            start = time.perf_counter()
            function()
            if index >= 2:
                taken.append((time.perf_counter() - start) * 1000)
    return [statistics.median(taken) for taken in times]
