"""DARTS: alternating gradient steps on alphas and weights, each on its half of the data.

Liu et al. 2019 (arXiv 1806.09055), first order and second order; see `search.supernets.bilevel`.

Derived strategies override the operation weights (`mixing`, `weigh`, `weigh_training`), the alpha
loss (`regularizer`) and the schedule over epochs (`schedule`).  Every one of them can add the
expected latency under `mixing` to the alpha loss, see `search.supernets.latency`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from search.spaces.discretize import Mixing
from search.strategies.one_shot import OneShot
from search.supernets.base import Batch, StepOutput
from search.supernets.bilevel import Bilevel
from search.supernets.latency import expected_latency
from zoo.system import distributed


class Darts(OneShot):
    """DARTS on any space with a supernet; `settings.order` is 1 or 2.

    `first_order_only` is the reason for a strategy to have no second order.
    """

    first_order_only: ClassVar[str] = ""

    def prepare(self) -> None:
        """Build the optimizers of the weights and of the alphas.  Raises ValueError for an
        unsupported order."""
        if self.settings.order != 1 and self.first_order_only:
            raise ValueError(f"{self.first_order_only} and has no second order; leave --order out")
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
            autocast=lambda: self.autocast(), mixing=self.weigh,
            training_mixing=self.weigh_training, regularizer=self.added_loss,
            average=distributed.average)

    def weigh(self) -> Mixing:
        """The operation weights for an alpha step."""
        return self.mixing()

    def weigh_training(self) -> Mixing:
        """The operation weights for a weight step."""
        return self.weigh()

    def regularizer(self) -> Tensor | None:
        """A term of the alpha loss that depends on the alphas only, or None."""
        return None

    def added_loss(self) -> Tensor | None:
        """The regularizer plus `settings.latency_weight` times the expected latency."""
        weight = getattr(self.settings, "latency_weight", 0.0)  # a setting of images only
        added = self.regularizer()
        if not weight or self.task.costs is None:
            return added
        latency = weight * expected_latency(self.mixing(), self.task.costs)
        return latency if added is None else added + latency

    def schedule(self, number: int) -> None:
        """Update the settings that depend on the epoch; called before every step."""

    def warms_up(self, number: int) -> bool:
        """Does epoch `number` train the weights only?"""
        return number <= self.settings.warm_up

    def step(self, train: Batch, valid: Batch, number: int
             ) -> tuple[StepOutput, StepOutput | None]:
        self.schedule(number)
        if self.warms_up(number):
            return self.bilevel.weight_step(train), None
        return self.bilevel.step(train, valid)

    def _row(self, number: int, train: dict[str, float]) -> dict[str, Any]:
        row = super()._row(number, train)
        if self.task.costs is not None:
            with torch.no_grad():
                row["expected_latency"] = expected_latency(self.mixing(), self.task.costs).item()
        return row

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"alpha_optimizer": self.alpha_optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.alpha_optimizer.load_state_dict(state["alpha_optimizer"])
