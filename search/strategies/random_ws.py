"""Random search with weight sharing: each step trains a random cell, the best of a sample wins.

Li & Talwalkar 2019, Random Search and Reproducibility for Neural Architecture Search (arXiv
1902.07638, section 3).
"""

from __future__ import annotations

import random
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_

from search.progress import Report, silent
from search.spaces.discretize import Mixing, one_hot
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import ConvSpace, RecurrentSpace, frozen
from search.strategies.one_shot import OneShot
from search.supernets.base import Batch, StepOutput
from zoo.genotypes.serialization import Genotype, from_dict, to_dict
from zoo.system import distributed

_SPACES = {"conv": ConvSpace, "recurrent": RecurrentSpace, "nasbench201": NasBench201Space}


class SingleCell(OneShot):
    """Base of the strategies that train one cell of the supernet in every step.

    After each epoch, `samples` new cells and the best one so far are evaluated on validation data
    with the shared weights; the best is the genotype of the epoch.
    """

    samples = 16

    def prepare(self) -> None:
        """Build the optimizer and the space to sample from."""
        super().prepare()
        self.space = _SPACES[self.task.space](allowed=frozen(self.task.allowed))
        self.best: Genotype | None = None

    def draw(self) -> Genotype:
        """Sample a cell to train or to evaluate."""
        # From torch's generator, which the epoch has seeded.
        return self.space.sample(random.Random(int(torch.randint(2**31, ()))))

    def like(self) -> Mixing:
        """Tables of the shapes of the alphas."""
        return {name: table.detach() for name, table in self.network.alphas.items()}

    def train_on(self, genotype: Genotype, batch: Batch) -> StepOutput:
        """Take one step of the weights that `genotype` uses."""
        with self.autocast():
            outcome = self.network.training_loss(batch, one_hot(genotype, self.like()))
        outcome.loss.backward()
        weights = [weight for weight in self.network.parameters() if weight.grad is not None]
        distributed.average([weight.grad for weight in weights if weight.grad is not None])
        clip_grad_norm_(weights, self.settings.clip_norm)
        self.weight_optimizer.step()
        self.weight_optimizer.zero_grad(set_to_none=True)
        return outcome

    def step(self, train: Batch, valid: Batch, number: int
             ) -> tuple[StepOutput, StepOutput | None]:
        """Train the weights of one sampled cell."""
        return self.train_on(self.draw(), train), None

    def epoch(self, number: int, report: Report = silent) -> dict[str, Any]:
        """`OneShot.epoch` without the metrics of discretization."""
        row = super().epoch(number, report)
        row.pop("discretisation_gap")  # a single cell is discrete already
        row.pop(f"discrete_{self.task.metric}")
        return row

    @torch.no_grad()
    def choose(self) -> None:
        """Evaluate cells and keep the best; called after the steps of an epoch."""
        metric = self.task.metric
        sign = 1 if metric == "accuracy" else -1
        cells = ([self.best] if self.best else []) + [self.draw() for _ in range(self.samples)]
        self.best = max(cells, key=lambda cell: sign * self.task.evaluate(
            self.network, one_hot(cell, self.like()))[metric])

    def _learn(self, number: int, report: Report) -> dict[str, float]:
        train = super()._learn(number, report)
        self.choose()
        return train

    def mixing(self) -> Mixing:
        """The best cell, one-hot."""
        return one_hot(self.genotype(), self.like())

    def genotype(self) -> Genotype:
        """The best cell, or a random one before the first epoch."""
        return self.best or self.space.sample(random.Random(self.seed))

    def shown_alphas(self) -> Mixing:
        """None: the alphas are not used."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        best = None if self.best is None else to_dict(self.best)
        return super().state_dict() | {"best": best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.best = None if state["best"] is None else from_dict(state["best"])


class RandomWs(SingleCell):
    """Random search with weight sharing: samples cells uniformly from the space."""
