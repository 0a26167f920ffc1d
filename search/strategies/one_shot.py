"""Base of the one-shot strategies, which train one supernet with shared weights.

The name is from Bender et al. 2018.  An epoch is one pass over the training data, in whole batches.
Its random numbers depend only on the seed and the epoch, so a resumed run gives the same results
as an uninterrupted one.
"""

from __future__ import annotations

import contextlib
import functools
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from search.progress import Report, silent
from search.spaces import collapse
from search.spaces.allowed import masks
from search.spaces.discretize import Mixing, discretize, entropy, one_hot, operation_counts
from search.strategies.base import SearchTask, Strategy, is_classification
from search.strategies.perturbation import Perturbation
from search.supernets.base import Alphas, Batch, StepOutput
from zoo.genotypes.serialization import Genotype, to_dict
from zoo.runs.run_folder import DivergedError
from zoo.system import distributed

if TYPE_CHECKING:
    from search.settings import ConvSettings, TextSettings

OneShotSettings: TypeAlias = "ConvSettings | TextSettings"


class OneShot(Strategy):
    """A strategy on a `task` (`search.tasks.image` or `search.tasks.text`).

    A subclass implements `step`; it may build another network, and define the mixing that
    represents the search so far.
    """

    spaces: tuple[str, ...] = ("conv", "recurrent", "nasbench201")

    def __init__(self, task: SearchTask, settings: OneShotSettings, seed: int = 0,
                 dtype: torch.dtype = torch.float32) -> None:
        name = type(self).__name__.lower()
        if task.space not in self.spaces:
            raise ValueError(f"{name} searches the {self.spaces[0]} space only")
        self.task, self.settings, self.seed = task, settings, seed
        self.unit, self.epochs = task.unit, settings.epochs
        self.seen = 0  # images or tokens
        with seeded(task.device, seed, 0):
            self.network = self.build_network()
            if task.allowed is not None:
                self.network.restrict(masks(task.allowed, task.space))
            self.prepare()
        self.selection = None
        if settings.select == "perturbation":
            self.selection = Perturbation(self.network.allowed, settings.tuning_epochs, seed)
            self.epochs += self.selection.epochs
        self.autocast: Callable[[], AbstractContextManager[object]] = (
            contextlib.nullcontext if dtype == torch.float32
            else functools.partial(torch.autocast, task.device.type, dtype))

    def build_network(self) -> Alphas:
        """The supernet to train."""
        return self.task.supernet()

    def prepare(self) -> None:
        """Build the optimizers."""
        settings = self.settings
        self.weight_optimizer = torch.optim.SGD(
            self.network.parameters(), lr=settings.learning_rate, momentum=settings.momentum,
            nesterov=getattr(settings, "nesterov", False),  # a setting of images only
            weight_decay=settings.weight_decay)

    @abstractmethod
    def step(self, train: Batch, valid: Batch, number: int
             ) -> tuple[StepOutput, StepOutput | None]:
        """Train on a training and a validation batch of epoch `number`; return both outputs, None
        for an unused validation batch."""

    def mixing(self) -> Mixing:
        """The weights of the operations that represent the search so far."""
        return self.network.mixing()

    def genotype(self) -> Genotype:
        """The discretized mixing."""
        with torch.no_grad():
            return discretize(self.mixing())

    # --- an epoch ---------------------------------------------------------------------------

    def epoch(self, number: int, report: Report = silent) -> dict[str, Any]:
        """Train for epoch `number`, evaluate and discretize; return the row of the history.

        The epochs after `settings.epochs` belong to the selection by perturbation.
        """
        with seeded(self.task.device, self.seed, number):
            if self.selection and number > self.settings.epochs:
                self._select(self.selection, number - self.settings.epochs)
            train = self._learn(number, report)
            return self._row(number, train)

    def _select(self, selection: Perturbation, turn: int) -> None:
        """Make the choices that are due in epoch `turn` of the selection."""
        if turn == 1:
            self.weight_optimizer.state.clear()  # no momentum from the search
        metric = self.task.metric
        sign = 1 if metric == "accuracy" else -1

        def score(mixing: Mixing) -> tuple[float, float]:
            found = self.task.evaluate(self.network, mixing)
            return sign * found[metric], -found["loss"]

        with torch.no_grad():
            selection.choose(turn, self.mixing, self.network.allowed, score)

    def _learn(self, number: int, report: Report) -> dict[str, float]:
        """Train for an epoch; return the loss and the accuracy or perplexity on training data."""
        rate, steps = self._rate(number), self.task.steps_in(number)
        self.network.train()
        loss = torch.zeros((), device=self.task.device, dtype=torch.float64)
        correct = torch.zeros_like(loss)
        count = 0
        for index, (train, valid, scale, size) in enumerate(
                self.task.batches(number), start=1):
            for group in self.weight_optimizer.param_groups:
                group["lr"] = rate * scale
            trained, validated = self.step(train, valid, number)
            self.task.carry(trained, validated)
            loss += trained.loss.detach() * size
            if is_classification(self.task):
                correct += self.task.num_correct(trained, train)
            count += size
            self.seen += size
            facts: dict[str, float] = {}
            if index % 10 == 0 or index == steps:
                mean = loss / count
                distributed.average([mean])  # all processes stop together if one diverges
                facts = {"train_loss": mean.item()}
                self._check_finite(mean.item(), number)
            report(index, steps, facts)
        distributed.average([loss, correct])
        mean = loss.item() / count
        if self.task.metric == "perplexity":
            return {"loss": mean, "perplexity": math.exp(min(mean, 700))}
        return {"loss": mean, "accuracy": correct.item() * distributed.size() / count}

    def _rate(self, number: int) -> float:
        """The learning rate of epoch `number`; a selection begins at a tenth of the first one."""
        epochs, first = self.settings.epochs, self.settings.learning_rate
        if self.selection and number > epochs:
            return self._cosine(number - epochs, self.selection.epochs, first / 10)
        return self._cosine(number, epochs, first)

    def _cosine(self, number: int, epochs: int, first: float) -> float:
        """From `first`, in epoch 1, towards the last learning rate; constant without one."""
        last = getattr(self.settings, "last_learning_rate", first)
        along = (1 + math.cos(math.pi * (number - 1) / epochs)) / 2
        return last + (first - last) * along

    def _check_finite(self, loss: float, number: int) -> None:
        alphas = all(table.isfinite().all() for table in self.network.alphas.values())
        if not math.isfinite(loss) or not alphas:
            what = ("an alpha is NaN or infinite" if math.isfinite(loss) else
                    f"the loss is {loss}")
            raise DivergedError(
                f"{what} in epoch {number}; search in a new folder with a smaller "
                f"--learning-rate (it was {self.settings.learning_rate:g}); the history so far is "
                "kept")

    @torch.no_grad()
    def _row(self, number: int, train: dict[str, float]) -> dict[str, Any]:
        genotype, mixing = self.genotype(), self.mixing()
        valid = self.task.evaluate(self.network, mixing)
        self._check_finite(valid["loss"], number)  # the last step may have diverged
        discrete = self.task.evaluate(self.network, one_hot(genotype, mixing))
        metric = self.task.metric
        counts = operation_counts(genotype)
        skips = {cell: count.get("skip_connect", 0) + count.get("identity", 0)
                 for cell, count in counts.items()}
        gap = valid[metric] - discrete[metric]
        row: dict[str, Any] = {
            "epoch": number,
            "cost": {self.unit: self.seen},
            "learning_rate": self._rate(number),
            "train_loss": train["loss"], f"train_{metric}": train[metric],
            "valid_loss": valid["loss"], f"valid_{metric}": valid[metric],
            f"discrete_{metric}": discrete[metric],
            "discretisation_gap": gap if metric == "accuracy" else -gap,  # above 0: a loss
            "operations": counts, "skip_connections": skips,
            "warnings": collapse.warnings(genotype),
            "genotype": to_dict(genotype),
        }
        if alphas := self.shown_alphas():
            row |= {"alphas": {name: table.detach().cpu().tolist()
                               for name, table in alphas.items()},
                    "entropy": entropy(alphas)}
        return row

    def shown_alphas(self) -> Mixing:
        """The tables to store in the history; empty for a strategy without alphas."""
        return self.network.masked_alphas()

    # --- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen, "task": self.task.state_dict(),
                "network": self.network.state_dict(),
                "alphas": {name: table.detach() for name, table in self.network.alphas.items()},
                "allowed": self.network.allowed,
                "weight_optimizer": self.weight_optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen = state["seen"]
        self.task.load_state_dict(state["task"])
        self.network.load_state_dict(state["network"])
        with torch.no_grad():
            for name, table in self.network.alphas.items():
                table.copy_(state["alphas"][name])
            for name, table in state.get("allowed", {}).items():  # older checkpoints have none
                self.network.allowed[name].copy_(table)
        self.weight_optimizer.load_state_dict(state["weight_optimizer"])


def logarithms(mixing: Mixing) -> Mixing:
    """Tables for the history whose softmax is the share of each operation in its edge."""
    return {name: table.clamp_min(1e-30).log() for name, table in mixing.items()}


@contextlib.contextmanager
def seeded(device: torch.device, *numbers: int) -> Iterator[None]:
    """Seed torch's generators from `numbers`, and restore them afterwards."""
    words = np.random.SeedSequence(numbers).generate_state(2)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
        yield
