"""SDARTS-RS: the network weights are trained under randomly perturbed operation weights.

Chen & Hsieh 2020, Stabilizing Differentiable Architecture Search via Perturbation-based
Regularization (arXiv 2002.05283, "random smoothing"): weight steps add noise, uniform in
[-epsilon, epsilon], to the softmax of the alphas; alpha steps add none.  As in the release, epsilon
grows linearly from 0.03, and the perturbed weights of an edge are clamped to [0, 1] and normalized.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.settings import SupernetSettings
from search.spaces.discretize import Mixing
from search.strategies.darts import Darts

FIRST_EPSILON = 0.03


@dataclass(frozen=True)
class SDartsSettings(SupernetSettings):
    """Further settings of SDARTS-RS.  Raises ValueError for a value out of range."""

    epsilon: float = 0.3  # largest perturbation after the last epoch; it grows from 0.03

    def __post_init__(self) -> None:
        super().__post_init__()
        if not FIRST_EPSILON <= self.epsilon <= 1:
            raise ValueError(f"epsilon must be from {FIRST_EPSILON} to 1, not {self.epsilon!r}")


SETTINGS = SDartsSettings


class SDartsRs(Darts):
    """SDARTS with random smoothing, first or second order."""

    settings: SDartsSettings
    epsilon: float = FIRST_EPSILON

    def schedule(self, number: int) -> None:
        """Set epsilon for epoch `number`; it is 0.03 in the first."""
        along = min(1.0, (number - 1) / self.settings.epochs)
        self.epsilon = FIRST_EPSILON + (self.settings.epsilon - FIRST_EPSILON) * along

    def weigh_training(self) -> Mixing:
        """The weights of the operations, perturbed."""
        return {name: perturbed(table.detach(), self.epsilon, self.network.allowed[name])
                for name, table in self.mixing().items()}


def perturbed(table: Tensor, epsilon: float, allowed: Tensor) -> Tensor:
    """`table` (edges, operations) with noise from torch's generator, its rows summing to 1.

    If clamping zeroes a whole edge, the operation that was largest before it gets weight 1.  An
    edge without `allowed` operations stays 0.
    """
    noisy = table + torch.empty_like(table).uniform_(-epsilon, epsilon)
    moved = noisy.clamp(0, 1) * allowed
    largest = noisy.where(allowed, -torch.inf).argmax(-1, keepdim=True)
    alone = torch.zeros_like(table).scatter(-1, largest, 1.0) * allowed
    moved = torch.where(moved.sum(-1, keepdim=True) > 0, moved, alone)
    return moved / moved.sum(-1, keepdim=True).clamp_min(torch.finfo(table.dtype).tiny)
