"""What scores of weights and of gradients share: the weights, the loss, the ReLUs.

As in Abdelfattah et al. 2021 (arXiv 2101.08134), the weights are those of convolutions and
linear layers, not the biases, nor the scale of batch-norm, whose statistics are those of the batch.
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
    """Their weights."""
    return [module.weight for module in weighted(network)]


def loss(network: nn.Module, batch: Batch) -> Tensor:
    """The mean cross-entropy of a batch."""
    return F.cross_entropy(network(batch.images), batch.labels)


def gradients(of: Tensor, values: list[Tensor], higher: bool = False) -> list[Tensor]:
    """The gradients by `values`, zero for one without influence; `higher` ones can be taken."""
    found = torch.autograd.grad(of, values, create_graph=higher, allow_unused=True)
    return [torch.zeros_like(value) if gradient is None else gradient
            for value, gradient in zip(values, found)]


@contextlib.contextmanager
def seen_by(network: nn.Module, kind: type[nn.Module], see: Callable[[Tensor], None]
            ) -> Iterator[None]:
    """Call `see` with every input of every module of a `kind` during the block."""
    hooks = [module.register_forward_pre_hook(lambda _, inputs: see(inputs[0]))
             for module in network.modules() if isinstance(module, kind)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def in_memory_order(x: Tensor) -> Tensor:
    """(N, ...) -> (N, values of an image), the values in the order in which they lie: no copy of
    images whose channels lie last."""
    if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last):
        x = x.permute(0, 2, 3, 1)
    return x.flatten(1)


def input_gradients(network: nn.Module, batch: Batch) -> Tensor:
    """The gradient of the sum of an image's logits by its pixels, (N, C * H * W)."""
    images = batch.images.clone().requires_grad_()
    (found,) = torch.autograd.grad(network(images).sum(), images)
    return found.flatten(1)
