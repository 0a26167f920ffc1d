"""Base of the supernets: architecture parameters, loss, and the output of a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

from search.spaces.discretize import Mixing

#: The logit of an operation that is not allowed: its softmax is exactly 0.
FORBIDDEN = -1000.0

#: Images and labels; or token ids, the ids that follow them, and the hidden state.
Batch: TypeAlias = tuple[Tensor, ...]


@dataclass
class StepOutput:
    """`loss` (mean cross-entropy plus any regularization), the logits and, for text, the hidden
    state for the next batch."""

    loss: Tensor
    logits: Tensor
    hidden: Tensor | None = None


class Alphas(nn.Module, ABC):
    """A supernet with architecture parameters: a table for each cell, a row for each edge.

    The alphas are leaf tensors that move with the module to a device or dtype but are excluded from
    its parameters and state dict, since another optimizer updates them.  `allowed` holds boolean
    tables of the same shapes; operations that are not allowed have weight 0 and are not computed.
    """

    def __init__(self, shapes: dict[str, tuple[int, int]], **settings: object) -> None:
        super().__init__(**settings)  # for another base class, if any
        self.alphas: Mixing = {name: (1e-3 * torch.randn(shape)).requires_grad_()
                               for name, shape in shapes.items()}
        self.allowed: Mixing = {name: torch.ones(shape, dtype=torch.bool)
                                for name, shape in shapes.items()}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Alphas:
        super()._apply(fn, recurse)
        self.alphas = {name: fn(table.detach()).requires_grad_()
                       for name, table in self.alphas.items()}
        self.allowed = {name: fn(table) for name, table in self.allowed.items()}
        return self

    def restrict(self, masks: Mixing) -> None:
        """Allow only the operations whose entry in `masks` is True, see
        `search.spaces.allowed.masks`."""
        self.allowed = {name: mask.to(self.alphas[name].device) for name, mask in masks.items()}

    def masked_alphas(self) -> Mixing:
        """The alphas, with `FORBIDDEN` for operations that are not allowed."""
        return {name: self.alphas[name].masked_fill(~allowed, FORBIDDEN)
                for name, allowed in self.allowed.items()}

    def mixing(self) -> Mixing:
        """The operation weights: a softmax over the alphas of each edge.

        An edge without allowed operations has weights of 0.
        """
        return {name: table.softmax(-1) * self.allowed[name]
                for name, table in self.masked_alphas().items()}

    def set_skip_dropout(self, rate: float) -> None:
        """Set the dropout rate after the stride-1 skip connections of every cell."""
        for module in self.modules():
            if hasattr(module, "skip_dropout"):
                vars(module)["skip_dropout"] = rate

    @abstractmethod
    def loss(self, batch: Batch, mixing: Mixing) -> StepOutput:
        """Mean cross-entropy on a batch, with the operations weighted by `mixing`."""

    @abstractmethod
    def training_loss(self, batch: Batch, mixing: Mixing) -> StepOutput:
        """`loss` plus the regularizers for training the weights."""


class FunctionContext(Protocol):
    """The context of an autograd function; torch's own type lacks most of it."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Save tensors of the forward pass for the backward pass."""
