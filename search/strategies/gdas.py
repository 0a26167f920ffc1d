"""GDAS: every step samples one operation per edge, and only sampled operations are computed.

Dong & Yang 2019, Searching for a Robust Neural Architecture in Four GPU Hours (arXiv
1910.04465): straight-through Gumbel-softmax with a temperature annealed from 10 to 0.1.  The
forward pass uses the sampled operation, the backward pass the gradient of the softmax.
"""

from __future__ import annotations

import torch

from search.spaces.discretize import Mixing
from search.strategies.darts import Darts

HOT, COLD = 10.0, 0.1


class Gdas(Darts):
    """GDAS, first order."""

    first_order_only = "gdas samples operations in every step"
    temperature: float = HOT

    def schedule(self, number: int) -> None:
        """Set the temperature of epoch `number`."""
        along = min(1.0, (number - 1) / max(1, self.settings.epochs - 1))
        self.temperature = HOT + (COLD - HOT) * along

    def weigh(self) -> Mixing:
        """One sampled operation per edge."""
        return {name: draw(table, self.temperature) * self.network.allowed[name]
                for name, table in self.network.masked_alphas().items()}


def draw(table: torch.Tensor, temperature: float) -> torch.Tensor:
    """(edges, operations) -> one-hot rows, with the gradient of the softmax (straight-through)."""
    noise = -torch.empty_like(table).exponential_().log()
    soft = ((table.log_softmax(-1) + noise) / temperature).softmax(-1)
    hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0)
    return hard + soft - soft.detach()
