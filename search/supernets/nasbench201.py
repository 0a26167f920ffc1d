"""The supernet of NAS-Bench-201: a weighted sum of five operations on every edge.

Dong & Yang 2020 (arXiv 2001.00326), as in their release: the network of
`zoo.models.nasbench201` with all operations on each edge.  Batch-norms have no affine parameters,
so only the alphas scale operations.  Operations of weight 0 are not computed, which makes GDAS and
single-path strategies cheap.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search.spaces.discretize import Mixing, edges, operations
from search.supernets.base import Alphas, Batch, StepOutput
from search.supernets.conv_fused import computed, no_running_stats
from zoo.models.nasbench201 import ResidualBlock, operation
from zoo.models.operations import Identity

_KIND = "nasbench201"
_NODES = 1 + max(node for node, _ in edges(_KIND))


class MixedCell(nn.Module):
    """(N, C, H, W) and weights (6, 5) -> the last node, (N, C, H, W)."""

    skip_dropout = 0.0

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList(no_running_stats(operation(name, channels))
                          for name in operations(_KIND)) for _ in edges(_KIND))

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Every node is the sum of its edges, each the weighted sum of its operations."""
        active = computed(weights)
        states, terms = [x], [[] for _ in range(_NODES)]
        for row, (node, source) in enumerate(edges(_KIND)):
            terms[node] += [weights[row, column] * self._output(row, column, states[source])
                            for column, name in enumerate(operations(_KIND))
                            if name != "none" and active[row][column]]
            if source == node:  # the last edge of a node
                arrived = terms[node]
                states.append(sum(arrived[1:], arrived[0]) if arrived else torch.zeros_like(x))
        return states[-1]

    def _output(self, row: int, column: int, x: Tensor) -> Tensor:
        edge = self.layers[row]
        assert isinstance(edge, nn.ModuleList)
        skips = isinstance(edge[column], Identity) and self.skip_dropout
        return F.dropout(x, self.skip_dropout) if skips else edge[column](x)


class EdgeSupernet(Alphas):
    """Images (N, in_channels, H, W) and a mixing -> logits (N, num_classes).

    `layers` searched cells in three stages, with residual blocks in between.
    """

    def __init__(self, channels: int = 16, layers: int = 15, num_classes: int = 10,
                 in_channels: int = 3) -> None:
        super().__init__({"cell": (len(edges(_KIND)), len(operations(_KIND)))})
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels, track_running_stats=False))
        self.cells = nn.ModuleList()
        for index in range(layers):
            for _ in range([layers // 3, 2 * layers // 3].count(index)):
                self.cells.append(no_running_stats(ResidualBlock(channels, 2 * channels)))
                channels *= 2
            self.cells.append(MixedCell(channels))
        self.lastact = nn.Sequential(
            nn.BatchNorm2d(channels, track_running_stats=False), nn.ReLU())
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor, mixing: Mixing) -> Tensor:
        """Logits (N, num_classes)."""
        state = self.stem(images.contiguous(memory_format=torch.channels_last))
        for module in self.cells:
            state = module(state, mixing["cell"]) if isinstance(module, MixedCell) \
                else module(state)
        return self.classifier(self.lastact(state).mean((2, 3)))

    def loss(self, batch: Batch, mixing: Mixing) -> StepOutput:
        """Mean cross-entropy of (images, labels)."""
        images, labels = batch
        logits = self(images, mixing)
        return StepOutput(F.cross_entropy(logits.float() if logits.dtype == torch.bfloat16
                                          else logits, labels), logits)

    training_loss = loss  # no regularizer for images
