"""ENAS: a controller samples cells with shared weights and is trained by REINFORCE.

Pham et al. 2018, Efficient Neural Architecture Search via Parameter Sharing (arXiv 1802.03268):
the weights of a sampled cell are trained on training data; the reward of the controller is the
accuracy (or 80 / perplexity) of a cell on a batch of validation data.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from search.spaces.controller import Controller
from search.spaces.discretize import one_hot
from search.strategies.base import is_classification
from search.strategies.random_ws import SingleCell
from search.supernets.base import Batch, StepOutput
from zoo.genotypes.serialization import Genotype
from zoo.system import distributed

_REWARD_OF_TEXT = 80.0
# The release searches image cells with this rate and entropy.
_RATE = 3.5e-3
_ENTROPY = 1e-4
_BASELINE = 0.99
_CLIP = 5.0


class Enas(SingleCell):
    """ENAS with temperature 5 and tanh constant 2.5, those of the release for recurrent cells."""

    def prepare(self) -> None:
        """Build the optimizers and the controller."""
        super().prepare()
        self.controller = Controller(self.space.decisions(), temperature=5.0, tanh_constant=2.5,
                                     generator=torch.default_generator)
        self.controller_optimizer = torch.optim.Adam(self.controller.parameters(), lr=_RATE)
        self.baseline: float | None = None

    def draw(self) -> Genotype:
        """Sample a cell from the controller."""
        with torch.no_grad():
            choices = self.controller.sample(1, torch.default_generator)[0]
        return self.space.decode(choices[0].tolist())

    def step(self, train: Batch, valid: Batch, number: int
             ) -> tuple[StepOutput, StepOutput | None]:
        """Train the weights of a sampled cell and, after the warm-up, the controller."""
        trained = self.train_on(self.draw(), train)
        if number <= self.settings.warm_up:
            return trained, None
        return trained, self.teach(valid)

    def teach(self, batch: Batch) -> StepOutput:
        """Take one REINFORCE step of the controller, with the reward on a validation batch."""
        choices, log_prob, entropy = self.controller.sample(1, torch.default_generator)
        with torch.no_grad(), self.autocast():
            outcome = self.network.loss(batch, one_hot(
                self.space.decode(choices[0].tolist()), self.like()))
        rewarded = torch.tensor([self.reward(outcome, batch)], device=self.task.device)
        distributed.average([rewarded])
        reward = rewarded.item()
        self.baseline = reward if self.baseline is None else (
            _BASELINE * self.baseline + (1 - _BASELINE) * reward)
        loss = -(log_prob * (reward - self.baseline) + _ENTROPY * entropy).sum()
        self.controller_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.controller.parameters(), _CLIP)
        self.controller_optimizer.step()
        return outcome

    def reward(self, outcome: StepOutput, batch: Batch) -> float:
        """Accuracy, or 80 / perplexity."""
        if is_classification(self.task):
            return self.task.num_correct(outcome, batch).item() / len(batch[1])
        return _REWARD_OF_TEXT / math.exp(min(outcome.loss.item(), 700))

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {
            "controller": self.controller.state_dict(), "baseline": self.baseline,
            "controller_optimizer": self.controller_optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.controller.load_state_dict(state["controller"])
        self.controller_optimizer.load_state_dict(state["controller_optimizer"])
        self.baseline = state["baseline"]
