"""FairDARTS: independent operation weights, pushed towards 0 or 1.

Chu et al. 2020, Fair DARTS: Eliminating Unfair Advantages in Differentiable Architecture Search
(arXiv 1911.12126): sigmoid(alpha) replaces the softmax, and the alpha loss adds the
zero-one loss, minus the mean of (sigmoid(alpha) - 1/2)^2, times `zero_one_weight`.

The paper's space has no `none`.  Here its weight is a constant 1/2 that only discretization uses:
an edge of a NAS-Bench-201 cell is `none` if no operation exceeds it.  A genotype keeps the
strongest operation of each edge and the two strongest edges of each node, as in DARTS; the paper
keeps those above 0.85, at most two per node.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.settings import SupernetSettings
from search.spaces.discretize import Mixing
from search.strategies.darts import Darts
from search.strategies.one_shot import logarithms
from zoo.recipes.base import check_not_negative


@dataclass(frozen=True)
class FairSettings(SupernetSettings):
    """Further settings of FairDARTS.  Raises ValueError for a value out of range."""

    zero_one_weight: float = 10.0  # of the zero-one loss

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "zero_one_weight")


SETTINGS = FairSettings


class FairDarts(Darts):
    """FairDARTS, first or second order, on the image spaces."""

    spaces = ("conv", "nasbench201")
    settings: FairSettings

    def mixing(self) -> Mixing:
        """Sigmoids of the alphas; `none`, the first operation, has 1/2."""
        return {name: fair(self.network.alphas[name]) * allowed
                for name, allowed in self.network.allowed.items()}

    def regularizer(self) -> Tensor:
        return self.settings.zero_one_weight * zero_one_loss(
            [self.network.alphas[name][:, 1:][allowed[:, 1:]]
             for name, allowed in self.network.allowed.items()])

    def shown_alphas(self) -> Mixing:
        """Logarithms of the weights."""
        return logarithms(self.mixing())


def fair(table: Tensor) -> Tensor:
    """Alphas (edges, operations) -> sigmoids, and 1/2 in the first column."""
    return torch.cat([torch.full_like(table[:, :1], 0.5), table[:, 1:].sigmoid()], dim=1)


def zero_one_loss(alphas: list[Tensor]) -> Tensor:
    """Minus the mean of (sigmoid(alpha) - 1/2)^2; smallest where every weight is 0 or 1."""
    return -(torch.cat([part.flatten() for part in alphas]).sigmoid() - 0.5).square().mean()
