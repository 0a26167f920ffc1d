"""DrNAS: the weights of the operations are drawn from Dirichlet distributions.

Chen et al. 2021, DrNAS: Dirichlet Neural Architecture Search (arXiv 2006.10355): the weights
of an edge are drawn from Dir(elu(alpha) + 1) in every step, with pathwise gradients, and a
regularizer anchors the distribution at Dir(1): here the Kullback-Leibler divergence, `reg_type` kl
of the release.  For l2, its default, use `--set anchor_weight=0 --set alpha_weight_decay=0.001`.
The genotype takes the operations with the largest means.

Not implemented: partial channels and progressive pruning, which save memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence

from search.settings import SupernetSettings
from search.spaces.discretize import Mixing
from search.strategies.darts import Darts
from search.strategies.one_shot import logarithms
from zoo.recipes.base import check_not_negative


@dataclass(frozen=True)
class DrNasSettings(SupernetSettings):
    """Further settings of DrNAS.  Raises ValueError for a value out of range."""

    anchor_weight: float = 1e-3  # of the divergence from Dir(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "anchor_weight")


SETTINGS = DrNasSettings


class DrNas(Darts):
    """DrNAS, first order."""

    settings: DrNasSettings
    first_order_only = "drnas draws weights in every step"

    def mixing(self) -> Mixing:
        """The means of the distributions."""
        return {name: shares(concentration(self.network.alphas[name]), allowed)
                for name, allowed in self.network.allowed.items()}

    def weigh(self) -> Mixing:
        """A draw from each distribution."""
        return {name: shares(draw(self.network.alphas[name]), allowed)
                for name, allowed in self.network.allowed.items()}

    def regularizer(self) -> Tensor:
        return self.settings.anchor_weight * divergence(self.network.alphas)

    def shown_alphas(self) -> Mixing:
        """Logarithms of the means."""
        return logarithms(self.mixing())


def concentration(table: Tensor) -> Tensor:
    """elu(alpha) + 1, positive and close to 1 at initialization."""
    return F.elu(table) + 1


def draw(table: Tensor) -> Tensor:
    """Alphas (edges, operations) -> a draw for each edge, differentiable in the alphas."""
    parameters = concentration(table)
    if not parameters.isfinite().all():  # would hang torch's sampler; the loss reports the NaN
        return parameters
    return Dirichlet(parameters, validate_args=False).rsample()


def shares(table: Tensor, allowed: Tensor) -> Tensor:
    """`table` divided by the sum of each row's `allowed` columns, and 0 in the others.

    Applied to a Dirichlet draw, this draws from the distribution of the allowed operations.  A row
    whose allowed columns are all 0 becomes uniform over them.
    """
    kept = table * allowed
    kept = torch.where(kept.sum(-1, keepdim=True) == 0, allowed.to(table.dtype), kept)
    return kept / kept.sum(-1, keepdim=True).clamp_min(torch.finfo(table.dtype).tiny)


def divergence(alphas: Mixing) -> Tensor:
    """The sum over all edges of KL(Dir(elu(alpha) + 1) || Dir(1))."""
    total = torch.zeros(())
    for table in alphas.values():
        distribution = Dirichlet(concentration(table), validate_args=False)
        anchor = Dirichlet(torch.ones_like(table), validate_args=False)
        total = total.to(table) + kl_divergence(distribution, anchor).sum()
    return total
