"""The supernet of the convolutional space: every operation on every edge, weighted.

Liu et al. 2019 (arXiv 1806.09055, section 2.2 and 3.1.1), as in the 2018 release: a stem of 3C
channels, cells of four nodes, reductions at 1/3 and 2/3 of the depth, global pooling, a linear
classifier.  Two kinds of cell compute the same: `search.supernets.conv_reference`, a module for
each edge and operation, to be read; `search.supernets.conv_fused`, to be run.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search.spaces.discretize import CONV_OPERATIONS, Mixing, edges
from search.supernets.base import Alphas, Batch, StepOutput


class Supernet(Alphas):
    """Images (N, in_channels, H, W) and a mixing -> logits (N, num_classes).

    `cell` builds a cell from (c_prev_prev, c_prev, channels, reduction, reduction_prev); it is
    called with (s0, s1, weights (14, 8)) and gives (N, 4 * channels, H, W).
    """

    def __init__(self, cell, channels: int = 16, layers: int = 8, num_classes: int = 10,
                 in_channels: int = 3):
        shape = (len(edges("conv")), len(CONV_OPERATIONS))
        super().__init__({"normal": shape, "reduce": shape})
        width = 3 * channels
        self.stem = nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
                                  nn.BatchNorm2d(width, track_running_stats=cell.running_stats))
        self.memory_format = cell.memory_format
        self.cells = nn.ModuleList()
        self.kinds = []
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

    training_loss = loss  # images are learned without a regulariser

    def load_plain(self, state: dict[str, Tensor]) -> None:
        """Take over the weights of a plain supernet of the same sizes, whose state dict this is."""
        for index, cell in enumerate(self.cells):
            prefix = f"cells.{index}."
            cell.load_plain({key.removeprefix(prefix): value for key, value in state.items()
                             if key.startswith(prefix)})
        for name, value in self.named_parameters():
            if not name.startswith("cells."):
                value.data.copy_(state[name])
