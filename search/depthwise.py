"""Depthwise convolutions that are fast on CPUs too, and dilated ones as plain ones on phases.

oneDNN has a fast weight gradient for kernels up to three columns wide; a wider one falls back to
dense blocks of 16 channels, a dilated one in its input gradient too: 4 to 17 times slower.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_FAST_COLUMNS = 3
_backward = torch.ops.aten.convolution_backward


def depthwise(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """(N, C, H, W) and odd kernels (C, 1, k, k) -> (N, C, H/stride, W/stride), rounded up."""
    if x.device.type != "cpu":
        return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=len(weight))
    return _Depthwise.apply(x, weight, stride)


def phases(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (4N, C, H/2, W/2): every second pixel of every second row, four times.

    A zero row or column fills up an odd size.  Convolution with dilation 2 acts on each phase as
    a plain one.
    """
    height, width = x.shape[-2:]
    if height % 2 or width % 2:
        x = F.pad(x, (0, width % 2, 0, height % 2))
    count, channels, height, width = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(count, height // 2, 2, width // 2, 2, channels)
    parts = parts.permute(2, 4, 0, 1, 3, 5).reshape(4 * count, height // 2, width // 2, channels)
    return parts.permute(0, 3, 1, 2)


def join_phases(x: Tensor, size: torch.Size) -> Tensor:
    """The images of `size` (H, W) whose `phases` are `x`."""
    count, channels, height, width = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(2, 2, count // 4, height, width, channels)
    whole = parts.permute(2, 3, 0, 4, 1, 5).reshape(count // 4, 2 * height, 2 * width, channels)
    return whole.permute(0, 3, 1, 2)[:, :, :size[0], :size[1]]


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, stride):
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x, of_weight, _ = ctx.needs_input_grad
        if of_x:
            of_x = _gradients(gradient, x, weight, ctx.stride, True)
        if of_weight:
            of_weight = (_weight_gradient(gradient, x, weight, ctx.stride)
                         if weight.shape[-1] > _FAST_COLUMNS
                         else _gradients(gradient, x, weight, ctx.stride, False))
        return of_x or None if isinstance(of_x, bool) else of_x, \
            of_weight or None if isinstance(of_weight, bool) else of_weight, None


def _gradients(gradient, x, weight, stride, of_x, padding=None):
    padding = padding or [weight.shape[-2] // 2, weight.shape[-1] // 2]
    pair = _backward(gradient, x, weight, None, [stride] * 2, padding, [1, 1], False, [0, 0],
                     len(weight), [of_x, not of_x, False])
    return pair[0] if of_x else pair[1]


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The gradient of a wide kernel, three of its columns at a time."""
    side = weight.shape[-1]
    reach = (gradient.shape[-1] - 1) * stride + _FAST_COLUMNS  # columns that three taps read
    padded = F.pad(x, (side // 2, side // 2 + stride + _FAST_COLUMNS))
    parts = []
    for first in range(0, side, _FAST_COLUMNS):
        window = padded[..., first:first + reach].contiguous(memory_format=torch.channels_last)
        narrow = weight.new_empty(len(weight), 1, side, _FAST_COLUMNS)
        parts.append(_gradients(gradient, window, narrow, stride, False, [side // 2, 0]))
    return torch.cat(parts, dim=-1)[..., :side]
