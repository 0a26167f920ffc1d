"""Latency of one image: the plain PyTorch network beside its deployed form in ONNX Runtime."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from export.formats import shims
from export.network.deploy import deploy
from zoo.artifact.manifest import Input
from zoo.create import create_model
from zoo.models.cost import cost


@dataclass(frozen=True)
class Measured:
    """Medians in milliseconds."""

    cell: str
    parameters: int
    multiply_adds: int
    pytorch_ms: float
    onnx_ms: float


def measure(cell: str, channels: int, layers: int, size: int, threads: int, runs: int) -> Measured:
    """Time the CIFAR network of `cell` on one (size, size, 3) image, both runtimes in turn.

    Raises MissingPackageError without ONNX or its runtime, ValueError for a number below 1.
    """
    for name, value in (("channels", channels), ("layers", layers), ("size", size),
                        ("threads", threads), ("runs", runs)):
        if value < 1:
            raise ValueError(f"--{name} must be at least 1, not {value}")
    for package in ("onnx", "onnxruntime"):
        shims.require(package)
    from export.formats import onnx

    spec = Input(height=size, width=size, channels=3, mean=[0.5] * 3, std=[0.5] * 3)
    model = create_model(cell, channels=channels, layers=layers).eval()
    price = cost(model, (3, size, size))
    pixels = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype(np.float32)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            path = Path(folder) / "model.onnx"
            onnx.write(deploy(model, spec), path, {})
            run = onnx.load(path, threads)
            pytorch_ms, onnx_ms = interleaved(
                [lambda: model(images), lambda: run({"pixels": pixels})], runs)
    finally:
        torch.set_num_threads(before)
    return Measured(cell, price.parameters, price.multiply_adds, pytorch_ms, onnx_ms)


def interleaved(functions: list[Callable[[], object]], runs: int) -> list[float]:
    """Median milliseconds of each function; in turn, so that a busy moment meets all alike."""
    times: list[list[float]] = [[] for _ in functions]
    for index in range(runs + 2):  # the first two warm up
        for function, taken in zip(functions, times):
            start = time.perf_counter()
            function()
            if index >= 2:
                taken.append((time.perf_counter() - start) * 1000)
    return [statistics.median(taken) for taken in times]
