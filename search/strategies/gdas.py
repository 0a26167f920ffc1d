"""GDAS: one operation an edge is drawn in every step, and only drawn ones are computed.

Dong & Yang 2019, Searching for a Robust Neural Architecture in Four GPU Hours (arXiv
1910.04465, section 3.2): the Gumbel trick with a temperature that falls from 10 to 0.1; forward
the one drawn operation, backward the gradient of the softmax.
"""

from __future__ import annotations

import torch

from search.spaces.discretize import Mixing
from search.strategies.darts import Darts
from search.supernets.base import StepOutput

HOT, COLD = 10.0, 0.1


class Gdas(Darts):
    """First order on both spaces."""

    temperature = HOT

    def prepare(self) -> None:
        if self.settings.order != 1:
            raise ValueError("gdas draws anew in every step and has no second order; leave "
                             "--order out")
        super().prepare()

    def step(self, train, valid, number: int) -> tuple[StepOutput, StepOutput | None]:
        along = (number - 1) / max(1, self.epochs - 1)
        self.temperature = HOT + (COLD - HOT) * along
        return super().step(train, valid, number)

    def weigh(self) -> Mixing:
        return {name: draw(table, self.temperature)
                for name, table in self.network.alphas.items()}


def draw(table: torch.Tensor, temperature: float) -> torch.Tensor:
    """(edges, operations) -> a row each of zeros and one 1, which has the softmax's gradient."""
    noise = -torch.empty_like(table).exponential_().log()
    soft = ((table.log_softmax(-1) + noise) / temperature).softmax(-1)
    hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0)
    return hard + soft - soft.detach()
