"""Parameters in millions, as `zoo bench` counts them: without the auxiliary head."""

from __future__ import annotations

import torch
from torch import nn

from zoo.models.cost import parameters
from zoo.scores.batch import Batch


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """Millions of trained values."""
    return parameters(network) / 1e6
