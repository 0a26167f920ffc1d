"""What a training learns from and how it is measured: all that images and texts do differently.

`zoo.training.trainer` owns the loop.  A task gives it a network, batches, a loss and a measure.
`zoo.training.tasks.image` and `zoo.training.tasks.language` are the two there are.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from zoo.recipes.image import Recipe
from zoo.recipes.language import LanguageRecipe


class Batch(NamedTuple):
    """What one step learns from.

    It is the stretch from `start` to `stop` of an epoch (see `Task.length`) and counts `size`
    images or tokens.  Its rate is the schedule's times `length` / `whole`.
    """

    inputs: tuple[Tensor, ...]
    size: int
    start: int
    stop: int
    length: int = 1
    whole: int = 1


class Task(ABC):
    """A network to train.

    An epoch has `length` positions, by which the schedule goes; each stands for `units` images,
    steps or tokens of the progress report.  `measure` is the key of `validate` that tells the
    best epoch and how two of them compare, None where nothing is held out.
    """

    captured: ClassVar[bool] = False  # is a step on a GPU recorded as a CUDA graph?
    rolls_back: ClassVar[bool] = False  # to the best epoch, where the loss is not finite?

    recipe: Recipe | LanguageRecipe
    length: int
    units: int = 1
    measure: tuple[str, Callable[[float, float], bool]] | None = None

    @abstractmethod
    def build(self, device: torch.device) -> nn.Module:
        """The network in its first state, on `device`; it may draw from torch's generators."""

    @abstractmethod
    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of the weights, for the stage that the training is in."""

    def begin_epoch(self, model: nn.Module, epoch: int) -> Hashable:
        """Make the network ready for epoch 0, 1, ...; the Python values that its steps read."""
        return None

    @abstractmethod
    def batches(self, model: nn.Module, epoch: int, seed: int) -> Iterator[Batch]:
        """The batches of an epoch, in this process."""

    @abstractmethod
    def loss(self, model: nn.Module, *inputs: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """The loss to descend, and what `observe` wants to see of the step, detached."""

    @abstractmethod
    def observe(self, seen: Sequence[Tensor], size: int) -> Tensor:
        """What a step of `size` images or tokens adds to the sums of the epoch."""

    @abstractmethod
    def row(self, sums: Tensor, count: int, rate: float) -> dict:
        """An epoch's part of the history: `sums` are the mean over all processes, `count` the
        images or tokens of this one, `rate` the last rate of the schedule.  Has "train_loss"."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        """What the network reaches on held-out data.  Asked for where there is a `measure`."""
        raise NotImplementedError

    def end_epoch(self, row: dict) -> bool:
        """Take in the row of an epoch; True where another `optimizer` goes on from here."""
        return False

    @contextlib.contextmanager
    def eval_model(self, model: nn.Module, optimizer: torch.optim.Optimizer
                   ) -> Iterator[nn.Module]:
        """The network that is measured and kept, where its weights are not averaged by EMA."""
        yield model

    def state_dict(self) -> dict:
        """What the task itself has to remember from epoch to epoch."""
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Go back to what `state_dict` gave, among other keys."""
        return None

    def kept_on_roll_back(self) -> dict:
        """The part of `state_dict` that going back to an earlier epoch does not take back."""
        return {}
