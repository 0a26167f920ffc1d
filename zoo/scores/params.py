"""Parameters in millions without the auxiliary head, counted as in `zoo bench`."""

from __future__ import annotations

import torch
from torch import nn

from zoo.models.cost import parameters
from zoo.scores.batch import Batch


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """Millions of trainable parameters."""
    return parameters(network) / 1e6
