"""DARTS: alternating gradient steps on alphas and weights, each on its half of the data.

Liu et al. 2019 (arXiv 1806.09055), first order and second order; see `search.supernets.bilevel`.
"""

from __future__ import annotations

from typing import Any

import torch

from search.spaces.discretize import Mixing
from search.strategies.one_shot import OneShot
from search.supernets.base import Batch, StepOutput
from search.supernets.bilevel import Bilevel
from zoo.system import distributed


class Darts(OneShot):
    """DARTS on the convolutional or recurrent space; `settings.order` is 1 or 2."""

    def prepare(self) -> None:
        """Build the optimizers of the weights and of the alphas."""
        super().prepare()
        settings = self.settings
        self.alpha_optimizer = torch.optim.Adam(
            list(self.network.alphas.values()), lr=settings.alpha_learning_rate,
            betas=settings.alpha_betas, weight_decay=settings.alpha_weight_decay)
        recurrent = self.task.space == "recurrent"
        self.bilevel = Bilevel(
            self.network, self.weight_optimizer, self.alpha_optimizer, settings.order,
            settings.clip_norm, clip_unrolled=recurrent,
            unmoved=[self.network.get_parameter("encoder.weight")] if recurrent else [],
            autocast=lambda: self.autocast(), mixing=self.weigh, average=distributed.average)

    def weigh(self) -> Mixing:
        """The weights of the operations for one step."""
        return self.network.mixing()

    def step(self, train: Batch, valid: Batch, number: int
             ) -> tuple[StepOutput, StepOutput | None]:
        if number <= self.settings.warm_up:
            return self.bilevel.weight_step(train), None
        return self.bilevel.step(train, valid)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"alpha_optimizer": self.alpha_optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.alpha_optimizer.load_state_dict(state["alpha_optimizer"])
