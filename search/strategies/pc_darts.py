"""PC-DARTS: operations see a quarter of the channels, and edges have weights of their own.

Xu et al. 2020, Partial Channel Connections for Memory-Efficient Architecture Search (arXiv
1907.05737).  See `search.supernets.conv_fused.PartialCell` for the channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from search.spaces.discretize import Mixing, edges
from search.strategies.darts import Darts
from search.supernets.base import Alphas
from search.supernets.conv import Supernet
from search.supernets.conv_fused import PartialCell

if TYPE_CHECKING:
    from search.tasks.image import ImageSearchTask


class EdgeNormalized(Supernet):
    """A supernet with a weight for each edge too: a softmax over the edges of a node.

    `alphas` has `normal_edges` and `reduce_edges` (14,) beside the tables; an operation's weight
    is its own in its edge times the edge's in its node.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name in ("normal", "reduce"):
            self.alphas[f"{name}_edges"] = (1e-3 * torch.randn(len(edges("conv")))).requires_grad_()

    def mixing(self) -> Mixing:
        """The weights of the operations: softmax over an edge times softmax over a node."""
        masked = self.masked_alphas()
        return {name: masked[name].softmax(-1)
                * torch.cat([part.softmax(0) for part in
                             self.alphas[f"{name}_edges"].split([2, 3, 4, 5])])[:, None]
                for name in ("normal", "reduce")}


class PcDarts(Darts):
    """On the convolutional space."""

    spaces = ("conv",)
    task: ImageSearchTask

    def build_network(self) -> Alphas:
        """A supernet of partial cells with edge normalization."""
        return self.task.supernet(PartialCell, EdgeNormalized)

    def shown_alphas(self) -> Mixing:
        """Logarithms of the weights, which include those of the edges."""
        return {name: table.clamp_min(1e-38).log() for name, table in self.mixing().items()}
