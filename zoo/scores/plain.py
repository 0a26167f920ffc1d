"""Plain: the signed first-order change of the loss when weights are removed.

Mozer & Smolensky 1989 (Skeletonization), as in Abdelfattah et al. 2021 (arXiv 2101.08134).
"""

from __future__ import annotations

import torch
from torch import nn

from zoo.scores.batch import Batch
from zoo.scores.layers import gradients, loss, weights


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """Sum over all weights of w * dL/dw."""
    values = weights(network)
    return sum((value.detach() * gradient).sum().item()
               for value, gradient in zip(values, gradients(loss(network, batch), values)))
