"""Latency of one input: the PyTorch network and its exports in other runtimes."""

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
from export.checks.verify import require
from export.formats import shims
from export.formats.base import FORMATS
from export.logs import captured
from export.pipeline import build
from export.runtimes.base import Selection, Timing
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
    """Median latencies of `runs` in milliseconds on `threads` CPU threads, and `bytes` of the files
    that each runtime reads.  `pytorch_ms` is None for a network without a PyTorch version."""

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
            selected: Sequence[Selection], everything: bool = False) -> Measured:
    """Time an artifact folder on the first input of its fixture; or a cell, by name or genotype
    file, exported as a CIFAR network, on one (size, size, 3) image.

    Runs of the runtimes in this process are interleaved, and so are those of a page.  With
    `everything` a runtime that cannot be timed here gets a note; otherwise raises
    MissingPackageError for a package that is not installed, ArtifactError for a missing format,
    ValueError for a number below 1 or a runtime that is not timed.
    """
    for name, value in (("channels", channels), ("layers", layers), ("size", size),
                        ("threads", threads), ("runs", runs)):
        if value < 1:
            raise ValueError(f"--{name} must be at least 1, not {value}")
    for one in selected:
        if not one.runtime.timed and not everything:
            raise ValueError(f"{one.runtime.name} is not timed; leave it out")
    if (Path(target) / folder.MANIFEST).is_file():
        return _measured(target, Path(target), False, threads, runs, selected, everything)
    with _exported(target, channels, layers, size, selected) as (name, directory):
        return _measured(name, directory, True, threads, runs, selected, everything)


@contextmanager
def _exported(cell: str, channels: int, layers: int, size: int, selected: Sequence[Selection]
              ) -> Iterator[tuple[str, Path]]:
    """The name of a cell and a temporary artifact of its CIFAR network."""
    record = read_cell(cell)
    genotype = record.genotype
    if genotype.kind == "recurrent":
        raise ValueError(f"{cell} is a recurrent cell; bench times image networks only, leave it "
                         "out")
    spec = Input(height=size, width=size, channels=3, mean=[0.5] * 3, std=[0.5] * 3)
    fits.check_images(genotype, "cifar", {"channels": channels, "layers": layers}, spec)
    model = create_model(genotype, channels=channels, layers=layers).eval()
    name = shown_name(cell, record)
    with tempfile.TemporaryDirectory() as temporary:
        formats = list(dict.fromkeys(one.runtime.reads for one in selected))
        build(from_model(model, name, spec), formats, Path(temporary) / "artifact")
        yield name, Path(temporary) / "artifact"


def _measured(name: str, directory: Path, is_cell: bool, threads: int, runs: int,
              selected: Sequence[Selection], everything: bool) -> Measured:
    manifest = folder.read_manifest(directory)
    folder.check_files(directory, manifest)
    timings, available = [], []
    for one in selected:
        try:
            require(directory, one.runtime)
        except (folder.ArtifactError, shims.MissingPackageError) as error:
            if not everything:
                raise
            timings += [Timing(one.runtime.name, backend, None, note=str(error))
                        for backend in one.backends]
        else:
            available.append(one)
    pytorch_ms, own = _in_process(directory, manifest, available, threads, runs, everything)
    timings += own
    for times in dict.fromkeys(one.runtime.times for one in available if one.runtime.times):
        together = [one for one in available if one.runtime.times is times]
        try:
            timings += times([directory], together, threads, runs)[0]
        except RuntimeError as error:
            if not everything:
                raise
            timings += [Timing(one.runtime.name, backend, None, note=str(error))
                        for one in together for backend in one.backends]
    order = [one.runtime.name for one in selected]
    timings.sort(key=lambda each: order.index(each.runtime))
    sizes = {one.runtime.name: sum(
        file.bytes for path, file in manifest.files.items()
        if Path(path).is_relative_to(FORMATS[one.runtime.reads].place)) for one in available}
    return Measured(name, is_cell, manifest.parameters, manifest.multiply_adds, threads, runs,
                    pytorch_ms, timings, sizes)


def _in_process(directory: Path, manifest: Manifest, selected: Sequence[Selection], threads: int,
                runs: int, everything: bool) -> tuple[float | None, list[Timing]]:
    """The latencies of PyTorch, if it has the network, and of the runtimes in this process."""
    timings: list[Timing] = []
    functions: list[Run] = []
    loaded: list[tuple[str, str]] = []
    inputs = first_input(directory, manifest)
    with use_threads(threads), captured(), torch.no_grad():
        network = _network(directory, manifest, inputs)
        for one in selected:
            if one.runtime.load is None:
                continue
            path = directory / FORMATS[one.runtime.reads].place
            for backend in one.backends:
                try:
                    run = one.runtime.load(path, backend, threads)
                except ValueError as error:  # an unsupported number of threads
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
    """The first input of an artifact's fixture, by name; a batch of 1 if the batch is open."""
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
    """The inputs of an artifact's graph, in the order of its fixture."""
    if manifest.takes:
        return manifest.takes
    if manifest.network.kind == "language":
        return [Tensor(name="tokens", dtype="int32", shape=[None]),
                Tensor(name="hidden", dtype="float32", shape=[None, manifest.network.hidden])]
    return [Tensor(name=manifest.input.name, dtype="float32",
                   shape=[None, *parity.image_shape(manifest.input)])]


def _network(directory: Path, manifest: Manifest, inputs: dict[str, np.ndarray]) -> Run | None:
    """The PyTorch network of an artifact called on `inputs`; None for a custom model."""
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
    """Median milliseconds of each function; runs are interleaved, so that load on the machine
    affects all alike."""
    times: list[list[float]] = [[] for _ in functions]
    for index in range(runs + 2):  # the first two warm up
        for function, own in zip(functions, times):
            start = time.perf_counter()
            function()
            if index >= 2:
                own.append((time.perf_counter() - start) * 1000)
    return [statistics.median(own) for own in times]
