"""The memory and the arithmetic of a network, estimated before it is built.

Shallow networks of the same width and input are run on torch's meta device, shapes only, and what
they take is extrapolated: to the batch from two and four images, to the depth from nine and twelve
cells.  Beyond that each three cells add one of the same size to each of the three stages.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

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

#: Remedies.
IMAGES = "take a smaller --size or --batch-size, or fewer --layers or --channels"
TEXTS = "take a smaller --hidden or --batch-size"

_SHALLOW = 9, 12  # cells; of six the peak may be elsewhere
_SIDE = 1024  # of the matrices that show how fast a device multiplies


@dataclass(frozen=True)
class Need:
    """Bytes of the float32 `weights` and of the activations at the peak of a pass (`activations()`,
    with the upper bound `at_most`); `multiply_adds()` per image of a forward pass; `building`, the
    seconds that creating the modules takes."""

    weights: float
    at_most: float
    activations: Callable[[], float]
    multiply_adds: Callable[[], float]
    building: float = 0.0


def need(genotype: Genotype, kind: str, settings: dict[str, int | bool],
         shape: tuple[int, int, int], batch: float,
         run: Callable[[nn.Module, Tensor], object]) -> Need:
    """What the network of `genotype` takes in `run(network, images)`.

    `settings` are those of `build_network`, `shape` is (channels, H, W), `batch` how many images
    there are; the network and the images are on the meta device.  Raises ValueError for settings
    that no network has.
    """
    layers = int(settings["layers"])
    each: list[float] = []  # seconds to build a layer

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

    # Gradients of weights are as large for any batch.
    return Need(weights, two * max(1, batch / 2), activations,
                lambda: _at(layers, multiply_adds).item(), layers * min(each))


def _at(layers: int, measured: Callable[[int], Tensor]) -> Tensor:
    """`measured(layers)`, extrapolated linearly from two shallow networks where it is deep."""
    low, high = _SHALLOW
    if layers <= high:
        return measured(layers).double()
    first, second = measured(low).double(), measured(high).double()
    return first + (second - first) * (layers - low) / (high - low)


def language_need(genotype: Genotype, vocabulary: int, hidden: int, tokens: float) -> Need:
    """What the language model of a recurrent `genotype` takes on so many `tokens` at a time.

    The logits, of which only a few rows are there at a time, are left out.
    """
    assert isinstance(genotype, RecurrentGenotype)
    nodes = len(genotype.recurrent.edges)
    values = vocabulary * (hidden + 1) + (nodes + 2) * 2 * hidden ** 2
    # Of each node a gate, a candidate and a state.
    activations = 4.0 * tokens * hidden * 3 * (nodes + 1)
    return Need(4.0 * values, activations, lambda: activations, lambda: values)


def check_layers(layers: int) -> None:
    """Raise ValueError for a network deeper than an artifact's manifest may say."""
    if layers > MOST_LAYERS:
        raise ValueError(f"--layers must be at most {MOST_LAYERS:,}, not {layers:,}")


def check(found: Need, what: str, remedy: str, *, copies: float, passes: float,
          device: torch.device, low_precision: bool = False) -> None:
    """Raise TooLargeError where `what` cannot fit in the memory that is free on `device`; where it
    may not, a note says so.  `remedy` says what to do.

    The weights are held `copies` times; the arithmetic is that of `passes` images through the
    network.  `low_precision` is that of bfloat16, in which most activations are half as large.
    """
    free, rest = free_memory(device), copies * found.weights
    room = ROOM.get(device.type, ROOM["cpu"])
    if free is None or room * found.at_most + rest <= free:
        return
    activations = found.activations()
    about = room * activations + rest
    if about <= free:
        return
    seconds = found.building + passes * found.multiply_adds() / multiply_adds_per_second(device)
    said = (f"{what} takes about {in_words(about)} of memory and {duration(seconds)} or more; "
            f"{in_words(free)} is free; {remedy}")
    # Beyond doubt: without the room that a heap takes beside what is in it.
    if activations / (2 if low_precision else 1) + rest > free:
        raise TooLargeError(said)
    note(f"this may not fit: {said}")


def multiply_adds_per_second(device: torch.device) -> float:
    """How fast `device` multiplies matrices of float32: few networks come near it."""
    x = torch.ones(_SIDE, _SIDE, device=device)
    best = math.inf
    for _ in range(3):
        began = time.perf_counter()
        (x @ x)[0, 0].item()
        best = min(best, time.perf_counter() - began)
    return _SIDE ** 3 / best


def duration(seconds: float) -> str:
    """Seconds in the largest unit that fits.

    >>> duration(7500), duration(3), duration(9e9)
    ('2 hours', '3 s', '285 years')
    """
    for unit, size in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600),
                       ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"
