"""SNIP: the absolute change of the loss when weights are removed.

Lee et al. 2019 (arXiv 1810.02340, section 4.1): the saliency of a weight is |w * dL/dw|; the score
is their sum, not normalized (Abdelfattah et al. 2021, arXiv 2101.08134).
"""

from __future__ import annotations

import torch
from torch import nn

from zoo.scores.batch import Batch
from zoo.scores.layers import gradients, loss, weights


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """Sum over all weights of |w * dL/dw|."""
    values = weights(network)
    return sum((value.detach() * gradient).abs().sum().item()
               for value, gradient in zip(values, gradients(loss(network, batch), values)))
