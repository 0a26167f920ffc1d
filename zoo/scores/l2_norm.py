"""L2-norm: the sum of the Euclidean norms of all layers' weights.

A baseline of Abdelfattah et al. 2021 (arXiv 2101.08134).  With the usual initialization a layer's
norm depends only on its width, so the score roughly counts layers.
"""

from __future__ import annotations

import torch
from torch import nn

from zoo.scores.batch import Batch
from zoo.scores.layers import weights


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """Sum over convolutions and linear layers of ||w||."""
    return sum(weight.norm().item() for weight in weights(network))
