"""The modules of convolutional operations, by name.

Liu et al. 2019 (arXiv 1806.09055, section 3.1.1) for the eight of DARTS; the others follow the
released code of their papers.  All map (N, C, H, W) to (N, C, H/stride, W/stride), rounded up.
Parameters are named as in the official 2018 DARTS release, so its checkpoints load.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.genotypes.conv import CONV_OPERATIONS


class ReLUConvBN(nn.Module):
    """ReLU, convolution without bias, batch-norm; keeps the size at stride 1."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.op = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(c_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class SepConv(nn.Module):
    """`repeats` times (ReLU, depthwise, pointwise, batch-norm), the first with the stride."""

    def __init__(self, channels: int, kernel: int, stride: int, repeats: int = 2,
                 dilation: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for repeat in range(repeats):
            spread = dilation if repeat == 0 else 1
            layers += _separable(channels, kernel, stride if repeat == 0 else 1, spread)
        self.op = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


def _separable(channels: int, kernel: int, stride: int, dilation: int) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    ]


class _EverySecond(nn.Conv2d):
    """A pointwise convolution with stride 2."""

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled() or x.device.type != "cpu":
            return super().forward(x)
        # On CPUs with AVX2 but not AVX-512, oneDNN's weight gradient with stride 2 writes out of
        # bounds unless the number of channels is a multiple of 8 (oneDNN of torch 2.13).
        return F.conv2d(x[:, :, ::2, ::2], self.weight)


class FactorizedReduce(nn.Module):
    """Halves the size with two strided 1x1 convolutions, one of them shifted by one pixel.

    Odd sizes, which the 2018 release does not support, are padded with a row or column of zeros
    for the shifted half.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.conv_1 = _EverySecond(c_in, c_out // 2, 1, stride=2, bias=False)
        self.conv_2 = _EverySecond(c_in, c_out - c_out // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        height, width = x.shape[-2:]
        shifted = F.pad(x, (0, width % 2, 0, height % 2))[:, :, 1:, 1:]
        return self.bn(torch.cat([self.conv_1(x), self.conv_2(shifted)], dim=1))


class Pool(nn.Module):
    """Max or average pooling that rounds sizes up; averages exclude the padding.

    An even window at stride 1 is padded on the right and below only.
    """

    def __init__(self, kind: str, kernel: int, stride: int) -> None:
        super().__init__()
        self.kind, self.kernel, self.stride = kind, kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel, self.stride
        if kernel % 2:
            if self.kind == "max":
                return F.max_pool2d(x, kernel, stride, kernel // 2)
            return F.avg_pool2d(x, kernel, stride, kernel // 2, count_include_pad=False)
        # torch pads both sides equally; `ceil_mode` clips the window at the right and lower edge,
        # which is the same as padding on that side only.
        if stride > 1:
            pool = F.max_pool2d if self.kind == "max" else F.avg_pool2d
            return pool(x, kernel, stride, ceil_mode=True)
        pad = (0, kernel - 1, 0, kernel - 1)
        if self.kind == "max":
            return F.max_pool2d(F.pad(x, pad, value=-math.inf), kernel, 1)
        total = F.avg_pool2d(F.pad(x, pad), kernel, 1)
        counted = F.avg_pool2d(F.pad(torch.ones_like(x[:1, :1]), pad), kernel, 1)
        return total / counted

    def extra_repr(self) -> str:
        return f"{self.kind}, kernel={self.kernel}, stride={self.stride}"


class Zero(nn.Module):
    """All zeros, in the output size of the stride."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


class Noise(nn.Module):
    """Standard normal noise in the output size of the stride, drawn anew in every call.

    An operation that is useless by design: Zela et al. 2020 (arXiv 1909.09656, space S4).
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        like = x[:, :, ::self.stride, ::self.stride]
        return torch.randn(like.shape, dtype=like.dtype, device=like.device)


class Identity(nn.Identity):
    """The skip connection at stride 1, exempt from drop-path."""


def _rectangular(channels: int, kernel: int, stride: int) -> nn.Sequential:
    """A 1xk then a kx1 convolution, each strided along its long side (AmoebaNet's 1x7-7x1)."""
    half = kernel // 2
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, kernel), (1, stride), (0, half), bias=False),
        nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), (half, 0), bias=False),
        nn.BatchNorm2d(channels),
    )


def _grouped_rectangular(channels: int, stride: int) -> nn.Sequential:
    """The hand-designed reduction of GDAS-FRC (arXiv 1910.04465): 8 groups."""
    groups = math.gcd(8, channels)
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, 3), (1, stride), (0, 1), groups=groups, bias=False),
        nn.Conv2d(channels, channels, (3, 1), (stride, 1), (1, 0), groups=groups, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    )


def _skip(channels: int, stride: int) -> nn.Module:
    return Identity() if stride == 1 else FactorizedReduce(channels, channels)


# name -> build(channels, stride)
_BUILDERS: dict[str, Callable[[int, int], nn.Module]] = {
    "none": lambda c, s: Zero(s),
    "skip_connect": _skip,
    "max_pool_2x2": lambda c, s: Pool("max", 2, s),
    "max_pool_3x3": lambda c, s: Pool("max", 3, s),
    "avg_pool_2x2": lambda c, s: Pool("average", 2, s),
    "avg_pool_3x3": lambda c, s: Pool("average", 3, s),
    "avg_pool_5x5": lambda c, s: Pool("average", 5, s),
    "conv_1x1": lambda c, s: ReLUConvBN(c, c, 1, s),
    "conv_3x3": lambda c, s: ReLUConvBN(c, c, 3, s),
    "conv_3x1_1x3": lambda c, s: _rectangular(c, 3, s),
    "conv_7x1_1x7": lambda c, s: _rectangular(c, 7, s),
    "sep_conv_3x3": lambda c, s: SepConv(c, 3, s),
    "sep_conv_5x5": lambda c, s: SepConv(c, 5, s),
    "sep_conv_7x7": lambda c, s: SepConv(c, 7, s),
    "sep_conv_3x3_1": lambda c, s: SepConv(c, 3, s, repeats=1),
    "sep_conv_3x3_2": lambda c, s: SepConv(c, 3, s),
    "sep_conv_5x5_2": lambda c, s: SepConv(c, 5, s),
    "sep_conv_7x7_2": lambda c, s: SepConv(c, 7, s),
    "dil_conv_3x3": lambda c, s: SepConv(c, 3, s, repeats=1, dilation=2),
    "dil_conv_5x5": lambda c, s: SepConv(c, 5, s, repeats=1, dilation=2),
    "dil_sep_conv_5x5": lambda c, s: SepConv(c, 5, s, dilation=2),
    "grouped_conv_1x3_3x1": _grouped_rectangular,
    "max_pool_3x3_bn": lambda c, s: nn.Sequential(Pool("max", 3, s), nn.BatchNorm2d(c)),
    "noise": lambda c, s: Noise(s),
}
assert _BUILDERS.keys() == CONV_OPERATIONS.keys(), "each operation needs a name and a builder"


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """The module of operation `name` for (N, channels, H, W) at `stride` 1 or 2."""
    return _BUILDERS[name](channels, stride)
