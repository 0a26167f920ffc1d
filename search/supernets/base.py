"""What supernets of every space share: their architecture parameters, and what a step gives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from search.spaces.discretize import Mixing

Batch = tuple[Tensor, Tensor]


@dataclass
class StepOutput:
    """`loss` (mean cross-entropy, plus regularisation where asked for), the logits it is of, and
    the hidden state that the next batch of a text begins with."""

    loss: Tensor
    logits: Tensor
    hidden: Tensor | None = None


class Alphas(nn.Module):
    """A network with architecture parameters: a table for each cell, a row for each edge.

    They are leaves that follow the module to a device or type, but no part of its parameters or
    its state dict: another optimiser owns them.
    """

    def __init__(self, shapes: dict[str, tuple[int, int]], **settings):
        super().__init__(**settings)  # of the class beside this one, where there is one
        self.alphas: Mixing = {name: (1e-3 * torch.randn(shape)).requires_grad_()
                               for name, shape in shapes.items()}

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        self.alphas = {name: fn(table.detach()).requires_grad_()
                       for name, table in self.alphas.items()}
        return self

    def mixing(self) -> Mixing:
        """The weights of the operations: softmax of the alphas, edge by edge."""
        return {name: table.softmax(-1) for name, table in self.alphas.items()}
