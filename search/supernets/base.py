"""What supernets of every space share: architecture parameters, loss, and output of a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

from search.spaces.discretize import Mixing

#: Images and labels; or token ids, the ids that follow them, and the hidden state.
Batch: TypeAlias = tuple[Tensor, ...]


@dataclass
class StepOutput:
    """`loss` (mean cross-entropy, plus regularization where there is any), the logits, and the
    hidden state that the next batch of a text begins with."""

    loss: Tensor
    logits: Tensor
    hidden: Tensor | None = None


class Alphas(nn.Module, ABC):
    """A supernet with architecture parameters: a table for each cell, a row for each edge.

    They are leaf tensors that move with the module to a device or dtype, but are not among its
    parameters or in its state dict: another optimizer updates them.
    """

    def __init__(self, shapes: dict[str, tuple[int, int]], **settings: object) -> None:
        super().__init__(**settings)  # of the other base class, where there is one
        self.alphas: Mixing = {name: (1e-3 * torch.randn(shape)).requires_grad_()
                               for name, shape in shapes.items()}
        self.masks: Mixing = {}

    def restrict(self, masks: Mixing) -> None:
        """Give operations no weight: `masks` are added to the tables, see
        `search.spaces.allowed.masks`."""
        self.masks = {name: mask.to(self.alphas[name]) for name, mask in masks.items()}

    def masked_alphas(self) -> Mixing:
        """The alphas, far below all others where an operation is not allowed."""
        return {name: table + self.masks[name] if name in self.masks else table
                for name, table in self.alphas.items()}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Alphas:
        super()._apply(fn, recurse)
        self.alphas = {name: fn(table.detach()).requires_grad_()
                       for name, table in self.alphas.items()}
        self.masks = {name: fn(mask) for name, mask in self.masks.items()}
        return self

    def mixing(self) -> Mixing:
        """The weights of the operations: softmax of the alphas, edge by edge."""
        return {name: table.softmax(-1) for name, table in self.masked_alphas().items()}

    @abstractmethod
    def loss(self, batch: Batch, mixing: Mixing) -> StepOutput:
        """Mean cross-entropy on a batch, with the operations weighted by `mixing`."""

    @abstractmethod
    def training_loss(self, batch: Batch, mixing: Mixing) -> StepOutput:
        """`loss` plus the regularizers that the weights are trained with."""


class FunctionContext(Protocol):
    """The context of an autograd function; torch's own type lacks most of it."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep tensors of the forward pass for the backward pass."""
