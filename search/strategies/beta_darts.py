"""beta-DARTS: a regularizer of growing weight keeps the alphas small.

Ye et al. 2022, beta-DARTS: Beta-Decay Regularization for Differentiable Architecture Search (arXiv
2203.01665): the alpha loss adds the mean over all edges of log(sum(exp(alpha))), times
a weight that grows linearly from 0 to `beta_weight`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.settings import SupernetSettings
from search.spaces.discretize import Mixing
from search.strategies.darts import Darts
from zoo.recipes.base import check_not_negative


@dataclass(frozen=True)
class BetaSettings(SupernetSettings):
    """Further settings of beta-DARTS.  Raises ValueError for a value out of range."""

    beta_weight: float = 50.0  # of the regularizer after the last epoch; it grows from 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "beta_weight")


SETTINGS = BetaSettings


class BetaDarts(Darts):
    """beta-DARTS, first or second order."""

    settings: BetaSettings
    weight: float = 0.0

    def schedule(self, number: int) -> None:
        """Set the weight of the regularizer in epoch `number`; it is 0 in the first."""
        along = min(1.0, (number - 1) / self.settings.epochs)
        self.weight = self.settings.beta_weight * along

    def regularizer(self) -> Tensor | None:
        return self.weight * beta_decay(self.network.masked_alphas()) if self.weight else None


def beta_decay(logits: Mixing) -> Tensor:
    """The mean over the edges of all tables of log(sum(exp(alpha)))."""
    return torch.cat([table.logsumexp(-1) for table in logits.values()]).mean()
