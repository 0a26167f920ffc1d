"""Estimates the memory and the arithmetic of a network before it is built.

Shallow networks of the same width and input run on torch's meta device, and their memory is
extrapolated linearly: from two and four images to the batch, and from nine and twelve cells to the
depth, since every three further cells add one of the same size to each of the three stages.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zoo.artifact.manifest import MOST_LAYERS
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.genotypes.serialization import Genotype
from zoo.messages.notes import note
from zoo.models.cost import cost
from zoo.models.factory import build_network
from zoo.system.live_tensors import ROOM, LiveTensors
from zoo.system.memory import TooLargeError, free_memory, in_words

_CPU = torch.device("cpu")
_SHALLOW = 9, 12  # cells; with six the peak may be elsewhere
_SIDE = 1024  # of the matrices that measure a device's speed


@dataclass(frozen=True)
class Need:
    """Bytes of the float32 `weights` and of the activations at the peak of a pass (`activations()`,
    at most `at_most`); `multiply_adds()` of a forward pass per image; `building`, the seconds to
    create the modules."""

    weights: float
    at_most: float
    activations: Callable[[], float]
    multiply_adds: Callable[[], float]
    building: float = 0.0


def need(genotype: Genotype, kind: str, settings: dict[str, int | bool],
         shape: tuple[int, int, int], batch: float,
         run: Callable[[nn.Module, Tensor], object]) -> Need:
    """Estimate `run(network, images)` for the network of `genotype` and a `batch` of images.

    `settings` are those of `build_network`, `shape` is (channels, H, W).  `run` is called on the
    meta device.  Raises ValueError for invalid settings.
    """
    layers = int(settings["layers"])
    each: list[float] = []  # seconds to build a layer, one value per network

    def built(layers: int) -> nn.Module:
        began = time.perf_counter()
        with torch.device("meta"):
            model = build_network(genotype, kind, **settings | {"layers": layers})
        each.append((time.perf_counter() - began) / layers)
        return model

    def memory(count: int, layers: int) -> Tensor:
        model = built(layers)
        weights = [*model.parameters(), *model.buffers()]
        images = torch.empty(count, *shape, device="meta")
        with LiveTensors([*weights, images]) as live:
            run(model, images)
        return torch.tensor([sum(value.nbytes for value in weights), live.peak])

    def multiply_adds(layers: int) -> Tensor:
        return torch.tensor([cost(built(layers), shape).multiply_adds])

    weights, two = _at(layers, functools.partial(memory, 2)).tolist()

    def activations() -> float:
        _, four = _at(layers, functools.partial(memory, 4)).tolist()
        return two + (four - two) / 2 * (batch - 2)

    # The bound is not tight: gradients of weights do not grow with the batch.
    return Need(weights, two * max(1, batch / 2), activations,
                lambda: _at(layers, multiply_adds).item(), layers * min(each))


def _at(layers: int, measured: Callable[[int], Tensor]) -> Tensor:
    """`measured(layers)`, for deep networks extrapolated from two shallow ones."""
    low, high = _SHALLOW
    if layers <= high:
        return measured(layers).double()
    first, second = measured(low).double(), measured(high).double()
    return first + (second - first) * (layers - low) / (high - low)


def language_need(genotype: Genotype, vocabulary: int, hidden: int, tokens: float) -> Need:
    """Estimate the language model of a recurrent `genotype` on `tokens` tokens at a time.

    Excludes the logits, which are computed a few rows at a time.
    """
    assert isinstance(genotype, RecurrentGenotype)
    nodes = len(genotype.recurrent.edges)
    values = vocabulary * (hidden + 1) + (nodes + 2) * 2 * hidden ** 2
    # A gate, a candidate and a state per node.
    activations = 4.0 * tokens * hidden * 3 * (nodes + 1)
    return Need(4.0 * values, activations, lambda: activations, lambda: values)


def check_layers(layers: int) -> None:
    """Raise ValueError for a network deeper than an artifact's manifest allows."""
    if layers > MOST_LAYERS:
        raise ValueError(f"--layers must be at most {MOST_LAYERS:,}, not {layers:,}")


@dataclass(frozen=True)
class Load:
    """Work on a network: it holds its weights `copies` times and passes `passes` images or tokens
    through it on `device`.  In `low_precision`, such as bfloat16, activations are half as large.
    """

    copies: float
    passes: float
    device: torch.device = _CPU
    low_precision: bool = False


def check_image_network(work: str, genotype: Genotype, kind: str, settings: dict[str, Any],
                        images: tuple[float, int, int, int],
                        run: Callable[[nn.Module, Tensor], object], load: Load,
                        remedy: str) -> None:
    """`check` that an image network fits, then its number of layers.

    `work` is a verb such as "training", `images` (N, channels, H, W) are passed to `run` at a time;
    see `need`.  Raises TooLargeError, and ValueError for invalid settings.
    """
    batch, channels, height, width = images
    estimate = need(genotype, kind, settings, (channels, height, width), batch, run)
    check(estimate, f"{work} {settings['layers']:,} layers of {settings['channels']:,} channels on "
          f"{batch:,.0f} images of {width}x{height} at a time", load, remedy)
    check_layers(settings["layers"])


def check_language_model(work: str, genotype: Genotype, vocabulary: int, hidden: int,
                         tokens: float, load: Load, remedy: str) -> None:
    """`check` that a language model fits; `tokens` are passed through it at a time."""
    check(language_need(genotype, vocabulary, hidden, tokens),
          f"{work} a language model with {hidden:,} hidden units and a vocabulary of "
          f"{vocabulary:,}", load, remedy)


def check(estimate: Need, what: str, load: Load, remedy: str) -> None:
    """Raise TooLargeError if `what` cannot fit in the free memory of its device; print a note if
    it may not fit.  `remedy` ends the message."""
    free, rest = free_memory(load.device), load.copies * estimate.weights
    room = ROOM.get(load.device.type, ROOM["cpu"])
    if free is None or room * estimate.at_most + rest <= free:
        return
    activations = estimate.activations()
    total = room * activations + rest
    if total <= free:
        return
    seconds = estimate.building + (
        load.passes * estimate.multiply_adds() / multiply_adds_per_second(load.device))
    message = (f"{what} takes about {in_words(total)} of memory and {duration(seconds)} or more; "
               f"{in_words(free)} is free; {remedy}")
    # A lower bound: without the overhead of the heap.
    if activations / (2 if load.low_precision else 1) + rest > free:
        raise TooLargeError(message)
    note(f"this may not fit: {message}")


def multiply_adds_per_second(device: torch.device) -> float:
    """The speed of float32 matrix products on `device`, an upper bound for networks."""
    x = torch.ones(_SIDE, _SIDE, device=device)
    best = math.inf
    for _ in range(3):
        began = time.perf_counter()
        (x @ x)[0, 0].item()
        best = min(best, time.perf_counter() - began)
    return _SIDE ** 3 / best


def duration(seconds: float) -> str:
    """Seconds as text, in the largest suitable unit.

    >>> duration(7500), duration(3), duration(9e9)
    ('2 hours', '3 s', '285 years')
    """
    for unit, size in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600),
                       ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"
