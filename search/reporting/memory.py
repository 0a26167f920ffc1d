"""Estimates the peak memory of a weight-sharing search."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.system import distributed
from zoo.system.live_tensors import ROOM, LiveTensors

if TYPE_CHECKING:
    from search.strategies.one_shot import OneShot


def peak_memory(strategy: OneShot) -> int:
    """Peak memory of a step of `strategy` in bytes, on top of the process's current memory.

    The live tensors are counted on batches of two and of four and extrapolated linearly to the
    batch size.  Momentum buffers are added and, at order 2, copies of the weights.
    """
    settings = strategy.settings
    two, four = (_live_tensors(strategy, size) for size in (2, 4))
    batch = settings.batch_size / distributed.size()
    weights = sum(weight.numel() * weight.element_size()
                  for weight in strategy.network.parameters())
    copies = 1 + 3 * (settings.order == 2)
    room = ROOM.get(strategy.task.device.type, ROOM["cpu"])
    return round(room * (two + (four - two) / 2 * (batch - 2)) + weights * copies)


def _live_tensors(strategy: OneShot, size: int) -> int:
    """Peak bytes of the tensors that a step on `size` images or columns creates."""
    network, batch = strategy.network, strategy.task.example(size)
    weights: list[Tensor] = list(network.parameters())
    alphas = list(network.alphas.values())
    passes = [(weights, strategy.autocast)]
    if hasattr(strategy, "bilevel"):
        passes.append((alphas if strategy.settings.order == 1 else weights + alphas,
                       strategy.autocast))
        if strategy.settings.order == 2:
            passes.append((alphas, contextlib.nullcontext))  # the finite difference
    peaks = []
    with torch.random.fork_rng():
        for learning, autocast in passes:
            with _gradients_only_of(learning, weights + alphas), \
                    LiveTensors(weights + alphas + list(batch)) as live:
                with autocast():
                    mixing = getattr(strategy, "weigh", strategy.mixing)()
                    loss = network.training_loss(batch, mixing).loss
                if loss.requires_grad:  # not if every path ends in a sampled `none`
                    torch.autograd.grad(loss, learning, allow_unused=True)
            peaks.append(live.peak)
    return max(peaks)


@contextlib.contextmanager
def _gradients_only_of(some: Sequence[Tensor], tensors: Sequence[Tensor]) -> Iterator[None]:
    """Require gradients for `some` of the `tensors` only."""
    chosen = {id(tensor) for tensor in some}
    for tensor in tensors:
        tensor.requires_grad_(id(tensor) in chosen)
    try:
        yield
    finally:
        for tensor in tensors:
            tensor.requires_grad_(True)
