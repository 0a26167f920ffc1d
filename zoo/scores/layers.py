"""Shared parts of the scores: weights, loss, gradients and activations.

As in Abdelfattah et al. 2021 (arXiv 2101.08134), weights are those of convolutions and linear
layers, without biases and the affine parameters of batch-norm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.scores.batch import Batch


def weighted(network: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """The convolutions and linear layers."""
    return [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


def weights(network: nn.Module) -> list[Tensor]:
    """The weights of the convolutions and linear layers."""
    return [module.weight for module in weighted(network)]


def loss(network: nn.Module, batch: Batch) -> Tensor:
    """The mean cross-entropy of a batch."""
    return F.cross_entropy(network(batch.images), batch.labels)


def gradients(of: Tensor, values: list[Tensor], higher: bool = False) -> list[Tensor]:
    """The gradients of `of` with respect to `values`, zero for unused ones; `higher` makes them
    differentiable."""
    results = torch.autograd.grad(of, values, create_graph=higher, allow_unused=True)
    return [torch.zeros_like(value) if gradient is None else gradient
            for value, gradient in zip(values, results)]


@contextlib.contextmanager
def seen_by(network: nn.Module, kind: type[nn.Module], see: Callable[[Tensor], None]
            ) -> Iterator[None]:
    """Within the block, call `see` with every input of every module of type `kind`."""
    hooks = [module.register_forward_pre_hook(lambda _, inputs: see(inputs[0]))
             for module in network.modules() if isinstance(module, kind)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def in_memory_order(x: Tensor) -> Tensor:
    """Flatten (N, ...) to (N, values per image) in memory order, without copying channels-last
    images."""
    if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last):
        x = x.permute(0, 2, 3, 1)
    return x.flatten(1)


def input_gradients(network: nn.Module, batch: Batch) -> Tensor:
    """The gradient of the sum of each image's logits with respect to its pixels, (N, C * H * W);
    zero for a network that ignores its input."""
    images = batch.images.clone().requires_grad_()
    (gradient,) = gradients(network(images).sum(), [images])
    return gradient.flatten(1)
