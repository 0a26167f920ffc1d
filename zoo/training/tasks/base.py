"""The interface of training tasks: everything in which images and texts differ.

`zoo.training.trainer` has the loop; a task supplies the network, the batches, the loss and the
metric.  Implemented by `zoo.training.tasks.image` and `zoo.training.tasks.language`.
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
    """The inputs of one step.

    Covers `start` to `stop` of an epoch (see `Task.length`), with `size` images or tokens.  The
    learning rate is the schedule's times `length` / `whole`.
    """

    inputs: tuple[Tensor, ...]
    size: int
    start: int
    stop: int
    length: int = 1
    whole: int = 1


class Task(ABC):
    """A network to train.

    An epoch has `length` positions, which the schedule counts, each worth `units` images, steps or
    tokens of the progress report.  `measure` is the key of `validate` that selects the best epoch,
    and whether one value is better than another; None without validation data.
    """

    captured: ClassVar[bool] = False  # whether a GPU step is captured as a CUDA graph
    rolls_back: ClassVar[bool] = False  # whether an infinite loss returns to the best epoch

    recipe: Recipe | LanguageRecipe
    length: int
    units: int = 1
    measure: tuple[str, Callable[[float, float], bool]] | None = None

    @abstractmethod
    def build(self, device: torch.device) -> nn.Module:
        """Build the network on `device`; may draw from torch's generators."""

    @abstractmethod
    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimizer for the current stage of the training."""

    def begin_epoch(self, model: nn.Module, epoch: int) -> Hashable:
        """Prepare the network for epoch 0, 1, ...; return the Python values that its steps read."""
        return None

    @abstractmethod
    def batches(self, model: nn.Module, epoch: int, seed: int) -> Iterator[Batch]:
        """The batches of an epoch for this process."""

    @abstractmethod
    def loss(self, model: nn.Module, *inputs: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """The loss to minimize, and detached tensors for `observe`."""

    @abstractmethod
    def observe(self, seen: Sequence[Tensor], size: int) -> Tensor:
        """The contribution of a step with `size` images or tokens to the sums of the epoch."""

    @abstractmethod
    def row(self, sums: Tensor, count: int, rate: float) -> dict:
        """An epoch's history row, with "train_loss": `sums` are averaged over all processes,
        `count` is the number of images or tokens of this one, `rate` the last learning rate."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        """The metrics on validation data.  Called only if there is a `measure`."""
        raise NotImplementedError

    def end_epoch(self, row: dict) -> bool:
        """Process the row of an epoch; return True to switch to a new `optimizer`."""
        return False

    @contextlib.contextmanager
    def eval_model(self, model: nn.Module, optimizer: torch.optim.Optimizer
                   ) -> Iterator[nn.Module]:
        """The network to evaluate and save, without EMA."""
        yield model

    def state_dict(self) -> dict:
        """The state of the task itself between epochs."""
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Restore the keys of `state_dict`; `state` has other keys too."""
        return None

    def kept_on_roll_back(self) -> dict:
        """The part of `state_dict` that a rollback to an earlier epoch does not reset."""
        return {}
