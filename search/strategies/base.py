"""The interfaces of search strategies, and of the tasks that one-shot strategies train on.

The loop that runs a strategy (`search.runner`) gets one row of the history per epoch.  The state of
a strategy holds everything that its next epoch depends on, so that a killed and resumed run ends
like an uninterrupted one.
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
        """Run epoch `number` (from 1); return its row of the history, without times."""

    @abstractmethod
    def genotype(self) -> Genotype:
        """The best genotype found so far."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything the next epoch depends on: tensors, numbers, strings, lists and dicts."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state from `state_dict`."""


class SearchTask(Protocol):
    """The data that a one-shot strategy trains a supernet on, and the evaluation of the supernet.

    `unit` ("images" or "tokens") is the unit of the cost, `metric` "accuracy" or "perplexity",
    `space` the search space of the supernet, `allowed` the operations of its edges where not all
    of them are, `costs` the milliseconds of every operation on every edge if latency counts (see
    `search.supernets.latency`).
    """

    unit: str
    metric: str
    space: str
    device: torch.device
    allowed: Allowed | None
    costs: Mixing | None

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
        """Store the hidden states for the next batches."""

    def evaluate(self, network: Alphas, mixing: Mixing) -> dict[str, float]:
        """`loss` and `metric` on all validation data."""
        ...

    def example(self, size: int) -> Batch:
        """A batch of `size` images or columns for this process, for measuring memory."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything the next epoch depends on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state from `state_dict`."""


class ClassificationTask(SearchTask, Protocol):
    """A task whose metric is accuracy."""

    def num_correct(self, outcome: StepOutput, batch: Batch) -> Tensor:
        """The number of correct predictions of a batch."""
        ...


def is_classification(task: SearchTask) -> TypeGuard[ClassificationTask]:
    """Is the metric of the task accuracy?"""
    return task.metric == "accuracy"
