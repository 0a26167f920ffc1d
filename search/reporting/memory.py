"""Estimates the peak memory of a weight-sharing search."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from zoo.system import distributed

if TYPE_CHECKING:
    from search.strategies.one_shot import OneShot

# Measured bytes of the process per byte of tensors: the heap fragments with tensors of many sizes,
# a GPU's caching allocator less so.
_HEAP, _GPU = 2.1, 1.15


def peak_memory(strategy: OneShot) -> int:
    """Peak memory of a step of `strategy` in bytes, in addition to what the process has now.

    The live tensors are counted on batches of two and of four, and extrapolated linearly to the
    batch size.  Added are the momentum of the weights and, at order 2, the copies that they are
    restored from.
    """
    settings = strategy.settings
    two, four = (_live_tensors(strategy, size) for size in (2, 4))
    batch = settings.batch_size / distributed.size()
    weights = sum(weight.numel() * weight.element_size()
                  for weight in strategy.network.parameters())
    copies = 1 + 3 * (settings.order == 2)
    room = _GPU if strategy.task.device.type == "cuda" else _HEAP
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
            with _learning_alone(learning, weights + alphas), \
                    _Live(weights + alphas + list(batch)) as live:
                with autocast():
                    mixing = getattr(strategy, "weigh", strategy.mixing)()
                    loss = network.training_loss(batch, mixing).loss
                torch.autograd.grad(loss, learning, allow_unused=True)
            peaks.append(live.peak)
    return max(peaks)


@contextlib.contextmanager
def _learning_alone(some: Sequence[Tensor], of: Sequence[Tensor]) -> Iterator[None]:
    """Only `some` of the tensors get gradients."""
    chosen = {id(tensor) for tensor in some}
    for tensor in of:
        tensor.requires_grad_(id(tensor) in chosen)
    try:
        yield
    finally:
        for tensor in of:
            tensor.requires_grad_(True)


class _Live(TorchDispatchMode):
    """Counts the bytes of tensors that operations create and that are still alive."""

    def __init__(self, here_before: Sequence[Tensor]) -> None:
        super().__init__()
        self.known = {tensor.untyped_storage()._cdata for tensor in here_before}
        self.now = self.peak = 0

    def __torch_dispatch__(self, operation: Callable[..., object], types: Sequence[type],
                           arguments: Sequence[Any] = (),
                           options: Mapping[str, Any] | None = None) -> object:
        result = operation(*arguments, **(options or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


def free_memory(device: torch.device) -> int | None:
    """Free memory of `device` in bytes, or None where it is unknown."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
