"""The reference cell of the supernet: one module for each edge and operation.

Liu et al. 2019 (arXiv 1806.09055): ``model_search.py`` of the 2018 release, with its parameter
names.  `search.supernets.conv_fused` is tested and measured against it.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search.spaces.discretize import all_operations, edges
from zoo.models.operations import FactorizedReduce, Identity, ReLUConvBN, operation


def without_affine(module: nn.Module) -> nn.Module:
    """`module` with batch-norms that lack scale and shift: only the alphas scale operations."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.affine = False
            child.register_parameter("weight", None)
            child.register_parameter("bias", None)
    return module


class MixedOperation(nn.Module):
    """All operations of one edge: (N, C, H, W) and the weights of the first 8 or 9 of them -> their
    weighted sum."""

    skip_dropout = 0.0

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self._ops = nn.ModuleList()
        for name in all_operations("conv"):
            module = without_affine(operation(name, channels, stride))
            if "pool" in name:
                module = nn.Sequential(module, nn.BatchNorm2d(channels, affine=False))
            self._ops.append(module)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """The weighted sum (N, C, H, W)."""
        return _total([weight * self._dropped(module, module(x))
                       for weight, module in zip(weights, self._ops)])

    def _dropped(self, module: nn.Module, x: Tensor) -> Tensor:
        skips = isinstance(module, Identity) and self.skip_dropout
        return F.dropout(x, self.skip_dropout) if skips else x


class PartialOperation(MixedOperation):
    """The edge of PC-DARTS (Xu et al. 2020, arXiv 1907.05737): a quarter of the channels."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__(channels // 4, stride)
        self.channels, self.stride = channels // 4, stride

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """The weighted sum and the bypassed channels (N, C, H, W), shuffled."""
        mixed = super().forward(x[:, :self.channels], weights)
        rest = x[:, self.channels:]
        if self.stride == 2:
            rest = F.max_pool2d(rest, 2, ceil_mode=True)
        both = torch.cat([mixed, weights.sum() * rest], dim=1)
        return both.unflatten(1, (4, self.channels)).transpose(1, 2).flatten(1, 2)


class PlainCell(nn.Module):
    """The reference cell, see `search.supernets.conv.Supernet`."""

    edge: ClassVar[type[MixedOperation]] = MixedOperation

    memory_format = torch.contiguous_format
    running_stats = True  # as published, but unused: searches stay in training mode

    def __init__(self, c_prev_prev: int, c_prev: int, channels: int, reduction: bool,
                 reduction_prev: bool) -> None:
        super().__init__()
        self.preprocess0 = without_affine(
            FactorizedReduce(c_prev_prev, channels) if reduction_prev
            else ReLUConvBN(c_prev_prev, channels, 1))
        self.preprocess1 = without_affine(ReLUConvBN(c_prev, channels, 1))
        self._ops = nn.ModuleList(
            self.edge(channels, 2 if reduction and source < 2 else 1)
            for _, source in edges("conv"))

    def forward(self, s0: Tensor, s1: Tensor, weights: Tensor) -> Tensor:
        """The four nodes, concatenated along the channels."""
        states = [self.preprocess0(s0), self.preprocess1(s1)]
        terms: list[list[Tensor]] = [[] for _ in range(4)]
        for row, (node, source) in enumerate(edges("conv")):
            if source == 0 and node:
                states.append(_total(terms[node - 1]))
            terms[node].append(self._ops[row](states[source], weights[row]))
        states.append(_total(terms[-1]))
        return torch.cat(states[2:], dim=1)


def _total(terms: list[Tensor]) -> Tensor:
    return sum(terms[1:], terms[0])


class PlainPartialCell(PlainCell):
    """The cell of PC-DARTS, the reference of `search.supernets.conv_fused.PartialCell`."""

    edge = PartialOperation
