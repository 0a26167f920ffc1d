"""Zen-Score: the sensitivity of the features to the input, with Gaussian weights.

Lin et al. 2021 (arXiv 2102.01063, Zen-NAS): weights and images x are drawn from N(0, 1), and
D = E ||f(x) - f(x + a e)|| for the features f before global pooling, e from N(0, 1) and a = 0.01.
The score is log D + sum_l log sigma_l, which compensates the scaling by batch-norm l with mean
channel variance sigma_l^2.  The expectation is over a batch.  The norm is Euclidean; the release
sums absolute differences instead.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.scores.batch import Batch
from zoo.scores.layers import seen_by, weighted

STEP = 0.01  # a


@torch.no_grad()
def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """log D + sum of log sigma; uses only the shape of `batch`."""
    for module in weighted(network):
        module.weight.copy_(torch.randn(module.weight.shape, generator=generator))
        if module.bias is not None:
            module.bias.zero_()
    images, noise = (torch.randn(batch.images.shape, generator=generator).to(batch.images)
                     for _ in range(2))
    variances: list[Tensor] = []

    def add(x: Tensor) -> None:
        variances.append(x.var(dim=(0, 2, 3), unbiased=False).mean())

    with seen_by(network, nn.BatchNorm2d, add):
        features = _features(network, images)
    moved = _features(network, images + STEP * noise)
    distance = (features - moved).flatten(1).norm(dim=1).mean().item()
    scale = sum(0.5 * math.log(variance.item()) for variance in variances if variance > 0)
    return math.log(distance) + scale if distance > 0 else -math.inf


def _features(network: nn.Module, images: Tensor) -> Tensor:
    """The input of the last global pooling, or the output of a network without one."""
    seen: list[Tensor] = []
    with seen_by(network, nn.AdaptiveAvgPool2d, seen.append):
        output = network(images)
    return seen[-1] if seen else output
