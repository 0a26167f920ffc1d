"""Multiply-adds of one image in millions, counted as in `zoo bench`.

The literature on scores calls them `flops`; a multiply-add counts as one.
"""

from __future__ import annotations

import torch
from torch import nn

from zoo.models.cost import cost
from zoo.scores.batch import Batch


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """Millions of multiply-adds of convolutions and linear layers (`zoo.models.cost`)."""
    return cost(network, batch.image_shape).multiply_adds / 1e6
