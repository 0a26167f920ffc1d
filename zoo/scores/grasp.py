"""GraSP: the change of the gradient's norm when weights are removed.

Wang et al. 2020 (arXiv 2002.07376): -w * Hg with the Hessian H and the gradient g of the loss,
summed over all weights (Abdelfattah et al. 2021, arXiv 2101.08134).
"""

from __future__ import annotations

import torch
from torch import nn

from zoo.scores.batch import Batch
from zoo.scores.layers import gradients, loss, weights


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """Sum over all weights of -w * Hg."""
    values = weights(network)
    first = gradients(loss(network, batch), values, higher=True)
    product = torch.stack([(one.detach() * one).sum() for one in first]).sum()
    return -sum((value.detach() * second).sum().item()
                for value, second in zip(values, gradients(product, values)))
