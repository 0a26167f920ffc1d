"""The interface of search strategies and of the tasks that one-shot strategies train on.

The loop that runs a strategy (`search.runner`) gets one row of the history per epoch.  The state of
a strategy holds everything that its next epoch depends on, so that a run that was killed and
resumed ends as one that was not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from search.progress import Report
from zoo.genotypes.serialization import Genotype

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from search.spaces.allowed import Allowed
    from search.spaces.discretize import Mixing
    from search.supernets.base import Alphas, Batch, StepOutput


class Strategy(ABC):
    """A search strategy, one instance per run.

    `unit` ("images" or "tokens") is the unit of its cost; `epochs` is the number of rows of a
    whole run.
    """

    unit: str
    epochs: int

    @abstractmethod
    def epoch(self, number: int, report: Report) -> dict[str, Any]:
        """Run epoch `number`, from 1; its row of the history, which holds no times."""

    @abstractmethod
    def genotype(self) -> Genotype:
        """The best genotype found so far."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on: tensors, numbers, text, lists and dicts of them."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state that `state_dict` gave."""


class SearchTask(Protocol):
    """The data that a one-shot strategy trains a supernet on, and how the supernet is measured.

    `unit` ("images" or "tokens") is the unit of the cost, `metric` "accuracy" or "perplexity",
    `space` the search space of the supernet, `allowed` the operations of its edges where not all
    of them are.
    """

    unit: str
    metric: str
    space: str
    device: torch.device
    allowed: Allowed | None

    def supernet(self) -> Alphas:
        """A new supernet on the device."""
        ...

    def batches(self, number: int) -> Iterator[tuple[Batch, Batch, float, int]]:
        """Epoch `number`: (training batch, validation batch, factor of the learning rate, images
        or tokens in the training batch)."""
        ...

    def steps_in(self, number: int) -> int:
        """The number of batches of epoch `number`."""
        ...

    def carry(self, train: StepOutput, valid: StepOutput | None) -> None:
        """Take the hidden states that the next batches begin with."""

    def evaluate(self, network: Alphas, mixing: Mixing) -> dict[str, float]:
        """`loss` and `metric` on all validation data."""
        ...

    def example(self, size: int) -> Batch:
        """A batch of `size` images or columns for this process, to measure memory with."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state that `state_dict` gave."""


class ClassificationTask(SearchTask, Protocol):
    """A task whose metric is accuracy."""

    def num_correct(self, outcome: StepOutput, batch: Batch) -> Tensor:
        """How many of a batch are classified correctly."""
        ...


def is_classification(task: SearchTask) -> TypeGuard[ClassificationTask]:
    """Is the metric of the task accuracy?"""
    return task.metric == "accuracy"
