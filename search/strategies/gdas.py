"""GDAS: every step samples one operation per edge, and only sampled operations are computed.

Dong & Yang 2019, Searching for a Robust Neural Architecture in Four GPU Hours (arXiv
1910.04465, section 3.2): straight-through Gumbel-softmax with a temperature annealed from 10 to
0.1: the forward pass uses the sampled operation, the backward pass the gradient of the softmax.
"""

from __future__ import annotations

import torch

from search.spaces.discretize import Mixing
from search.strategies.darts import Darts
from search.supernets.base import Batch, StepOutput

HOT, COLD = 10.0, 0.1


class Gdas(Darts):
    """First order on both spaces."""

    temperature: float = HOT

    def prepare(self) -> None:
        """Build the optimizers.  Raises ValueError for order 2."""
        if self.settings.order != 1:
            raise ValueError("gdas samples anew in every step and has no second order; leave "
                             "--order out")
        super().prepare()

    def step(self, train: Batch, valid: Batch, number: int
             ) -> tuple[StepOutput, StepOutput | None]:
        """A step of DARTS at the temperature of epoch `number`."""
        along = (number - 1) / max(1, self.epochs - 1)
        self.temperature = HOT + (COLD - HOT) * along
        return super().step(train, valid, number)

    def weigh(self) -> Mixing:
        """One sampled operation per edge."""
        return {name: draw(table, self.temperature)
                for name, table in self.network.masked_alphas().items()}


def draw(table: torch.Tensor, temperature: float) -> torch.Tensor:
    """(edges, operations) -> one-hot rows, with the gradient of the softmax (straight-through)."""
    noise = -torch.empty_like(table).exponential_().log()
    soft = ((table.log_softmax(-1) + noise) / temperature).softmax(-1)
    hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0)
    return hard + soft - soft.detach()
