"""Fisher information of the channels of every layer.

Turner et al. 2020 (arXiv 1906.04113, BlockSwap), after Theis et al. 2018 (arXiv 1801.05787): for a
channel, sum activation times gradient over the pixels, and average half its square over the images;
the score is the sum over all channels.  The release of Abdelfattah et al. 2021 (arXiv 2101.08134)
counts a channel once for each of its weights instead.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.scores.batch import Batch
from zoo.scores.layers import gradients, loss, weighted


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """Sum over the outputs of convolutions and linear layers."""
    outputs: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append(output)

    hooks = [module.register_forward_hook(keep) for module in weighted(network)]
    try:
        total = loss(network, batch)
    finally:
        for hook in hooks:
            hook.remove()
    # Two dimensions (N, C) for a linear layer, four for a convolution.
    per_image = [(output.detach() * gradient).flatten(2).sum(2) if output.dim() > 2
                 else output.detach() * gradient
                 for output, gradient in zip(outputs, gradients(total, outputs))]
    return sum(0.5 * one.square().mean(0).sum().item() for one in per_image)
