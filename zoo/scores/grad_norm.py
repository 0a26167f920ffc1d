"""Gradient norm: the sum of the Euclidean norms of all layers' gradients.

Abdelfattah et al. 2021 (arXiv 2101.08134), of the loss of one batch.
"""

from __future__ import annotations

import torch
from torch import nn

from zoo.scores.batch import Batch
from zoo.scores.layers import gradients, loss, weights


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """Sum over convolutions and linear layers of ||dL/dw||."""
    return sum(gradient.norm().item()
               for gradient in gradients(loss(network, batch), weights(network)))
