"""DARTS: alphas and weights descend in turn, each on its half of the data.

Liu et al. 2019 (arXiv 1806.09055), first order and second order; see `search.supernets.bilevel`.
"""

from __future__ import annotations

import torch

from search.spaces.discretize import Mixing
from search.strategies.one_shot import OneShot
from search.supernets.base import Outcome
from search.supernets.bilevel import Bilevel
from zoo.system import distributed
from zoo.system.cuda_graph import CapturedStep


class Darts(OneShot):
    """On the convolutional and the recurrent space; `settings.order` is 1 or 2."""

    replayed = True  # the same operations in every step, so that a GPU can replay it

    def prepare(self) -> None:
        super().prepare()
        settings = self.settings
        self.alpha_optimizer = torch.optim.Adam(
            list(self.network.alphas.values()), lr=settings.alpha_learning_rate,
            betas=settings.alpha_betas, weight_decay=settings.alpha_weight_decay,
            capturable=self.task.device.type == "cuda")
        recurrent = self.task.space == "recurrent"
        self.bilevel = Bilevel(
            self.network, self.weight_optimizer, self.alpha_optimizer, settings.order,
            settings.clip_norm, clip_unrolled=recurrent,
            unmoved=[self.network.encoder.weight] if recurrent else [],
            autocast=lambda: self.autocast(), mixing=self.weigh, average=distributed.average)

        images = self.task.space == "conv"  # the lengths of texts change from step to step
        self._captured = (CapturedStep(self._both, self.task.device)
                          if self.replayed and images and not distributed.is_started() else None)

    def weigh(self) -> Mixing:
        """The weights of the operations in a step."""
        return self.network.mixing()

    def step(self, train, valid, number: int) -> tuple[Outcome, Outcome | None]:
        if number <= self.settings.warm_up:
            return self.bilevel.weight_step(train), None
        if self._captured is None:
            return self.bilevel.step(train, valid)
        rate = self.weight_optimizer.param_groups[0]["lr"]
        trained, logits, validated, valid_logits = self._captured(*train, *valid, constants=rate)
        return Outcome(trained, logits), Outcome(validated, valid_logits)

    def _both(self, images, labels, valid_images, valid_labels) -> tuple[torch.Tensor, ...]:
        """A step of both optimisers as a function from tensors to tensors."""
        train, valid = self.bilevel.step((images, labels), (valid_images, valid_labels))
        return (train.loss.detach(), train.logits.detach(),
                valid.loss.detach(), valid.logits.detach())

    def state_dict(self) -> dict:
        return super().state_dict() | {"alpha_optimizer": self.alpha_optimizer.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.alpha_optimizer.load_state_dict(state["alpha_optimizer"])
