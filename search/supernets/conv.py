"""The supernet of the convolutional space: a weighted sum of all operations on every edge.

Liu et al. 2019 (arXiv 1806.09055, sections 2.2 and 3.1.1), as in the 2018 release: a stem of 3C
channels, cells of four nodes, reductions at 1/3 and 2/3 of the depth, global pooling, a linear
classifier.  The cell has two implementations: `search.supernets.conv_reference`, with one module
per edge and operation, for reading, and `search.supernets.conv_fused`, for speed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search.spaces.discretize import CONV_OPERATIONS, Mixing, edges
from search.supernets.base import Alphas, Batch, StepOutput

if TYPE_CHECKING:
    from search.supernets.conv_fused import MergedCell
    from search.supernets.conv_reference import PlainCell

CellClass: TypeAlias = "type[MergedCell] | type[PlainCell]"


class Supernet(Alphas):
    """Images (N, in_channels, H, W) and a mixing -> logits (N, num_classes).

    `cell` is called as cell(c_prev_prev, c_prev, channels, reduction, reduction_prev); the module
    maps (s0, s1, weights (14, operations)) to (N, 4 * channels, H, W).  `operations` is the number
    of columns of the alphas, the first of `search.spaces.discretize.all_operations`.
    """

    def __init__(self, cell: CellClass, channels: int = 16, layers: int = 8,
                 num_classes: int = 10, in_channels: int = 3,
                 operations: int = len(CONV_OPERATIONS)) -> None:
        shape = (len(edges("conv")), operations)
        super().__init__({"normal": shape, "reduce": shape})
        width = 3 * channels
        self.stem = nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
                                  nn.BatchNorm2d(width, track_running_stats=cell.running_stats))
        self.memory_format = cell.memory_format
        self.cells = nn.ModuleList()
        self.kinds: list[str] = []
        c_prev_prev = c_prev = width
        reduction_prev = False
        for index in range(layers):
            reduction = index in (layers // 3, 2 * layers // 3)
            channels = channels * 2 if reduction else channels
            self.cells.append(cell(c_prev_prev, c_prev, channels, reduction, reduction_prev))
            self.kinds.append("reduce" if reduction else "normal")
            reduction_prev = reduction
            c_prev_prev, c_prev = c_prev, 4 * channels
        self.classifier = nn.Linear(c_prev, num_classes)

    def forward(self, images: Tensor, mixing: Mixing) -> Tensor:
        """Logits (N, num_classes)."""
        s0 = s1 = self.stem(images.contiguous(memory_format=self.memory_format))
        for kind, cell in zip(self.kinds, self.cells):
            s0, s1 = s1, cell(s0, s1, mixing[kind])
        return self.classifier(s1.mean((2, 3)))

    def loss(self, batch: Batch, mixing: Mixing) -> StepOutput:
        """Mean cross-entropy of (images, labels)."""
        images, labels = batch
        logits = self(images, mixing)
        return StepOutput(F.cross_entropy(logits.float() if logits.dtype == torch.bfloat16
                                       else logits, labels), logits)

    training_loss = loss  # no regularizer for images

    def load_plain(self, state: dict[str, Tensor]) -> None:
        """Copy the weights from the state dict of a `PlainCell` supernet of the same size."""
        for index, cell in enumerate(self.cells):
            prefix = f"cells.{index}."
            own = {key.removeprefix(prefix): value for key, value in state.items()
                   if key.startswith(prefix)}
            cast("MergedCell", cell).load_plain(own)
        for name, value in self.named_parameters():
            if not name.startswith("cells."):
                value.data.copy_(state[name])
