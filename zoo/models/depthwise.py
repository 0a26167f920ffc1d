"""Depthwise convolutions of many edges at once, and dilated ones as plain ones on phases.

Small maps are convolved together, as the channels of one map: a call costs more than its
arithmetic there, and on a GPU it always does.  Large maps are convolved one by one, which the
caches of a CPU like better.

oneDNN has a fast weight gradient for kernels up to three columns wide; a wider one falls back to
dense blocks of 16 channels, a dilated one in its input gradient too: 4 to 17 times slower.  In
bfloat16 the gradients of a strided one are 10 to 50 times slower than those of a plain one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_FAST_COLUMNS = 3
_SMALL = 2**17  # numbers of a map: 512 kB of float32
_backward = torch.ops.aten.convolution_backward


def depthwise(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """(N, C, H, W) and odd kernels (C, 1, k, k) -> (N, C, H/stride, W/stride), rounded up."""
    return depthwise_each([x], weight.unsqueeze(0), stride)[0]


def depthwise_each(maps: Sequence[Tensor], weights: Tensor, stride: int = 1) -> Sequence[Tensor]:
    """`depthwise` of each of n `maps`, or n times of the only one, with weights (n, C, 1, k, k)."""
    # Backward takes one type only; autocast, which casts weights in forward, does not reach it.
    return _Depthwise.apply(weights.to(maps[0].dtype), stride, *maps)


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


def join_phases(x: Tensor, size: Sequence[int]) -> Tensor:
    """The images of `size` (H, W) whose `phases` are `x`."""
    count, channels, height, width = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(2, 2, count // 4, height, width, channels)
    whole = parts.permute(2, 3, 0, 4, 1, 5).reshape(count // 4, 2 * height, 2 * width, channels)
    return whole.permute(0, 3, 1, 2)[:, :, :size[0], :size[1]]


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, stride: int, *maps: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(weights, *maps)
        ctx.stride = stride
        if _together(maps, weights):
            x, weight = _joined(maps, len(weights)), weights.flatten(0, 1)
            return tuple(_convolve(x, weight, stride).split(weights.shape[1], 1))
        return tuple(_convolve(maps[k % len(maps)], weight, stride)
                     for k, weight in enumerate(weights))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weights, *maps = ctx.saved_tensors
        of_weights, _, *of_each_map = ctx.needs_input_grad
        of_maps, stride, shared = any(of_each_map), ctx.stride, len(maps) == 1
        # The gradients by the maps and by the weights; none where they are not wanted.
        by_maps: Sequence[Tensor] = []
        by_weights = None
        if _together(maps, weights):
            x, weight = _joined(maps, len(weights)), weights.flatten(0, 1)
            gradient = _channels_last(torch.cat(gradients, 1))
            by_map, by_weight = _gradients(gradient, x, weight, stride, of_maps, of_weights)
            if by_map is not None:
                by_maps = ([by_map.unflatten(1, weights.shape[:2]).sum(1)] if shared
                           else by_map.split(weights.shape[1], 1))
            if by_weight is not None:
                by_weights = by_weight.view_as(weights)
        else:
            pairs = [_gradients(_channels_last(gradient), maps[k % len(maps)], weight, stride,
                                of_maps, of_weights)
                     for k, (gradient, weight) in enumerate(zip(gradients, weights))]
            by_maps = [by_map for by_map, _ in pairs if by_map is not None]
            if shared:
                for other in by_maps[1:]:
                    by_maps[0].add_(other)
            if of_weights:
                by_weights = torch.stack([by_weight for _, by_weight in pairs
                                          if by_weight is not None])
        return by_weights, None, *(by_maps[:len(maps)] if of_maps else [None] * len(maps))


def _together(maps: Sequence[Tensor], weights: Tensor) -> bool:
    return len(weights) > 1 and (maps[0].device.type != "cpu" or maps[0].numel() <= _SMALL)


def _joined(maps: Sequence[Tensor], count: int) -> Tensor:
    return _channels_last(torch.cat(list(maps) * (count if len(maps) == 1 else 1), 1))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _convolve(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=len(weight))


def _gradients(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, of_x: bool,
               of_weight: bool) -> tuple[Tensor | None, Tensor | None]:
    """By the map and by the weight of one depthwise convolution, each where it is wanted."""
    wide = x.device.type == "cpu" and weight.shape[-1] > _FAST_COLUMNS
    if x.device.type == "cpu" and stride > 1 and x.dtype == torch.bfloat16:
        narrow, gradient = gradient, torch.zeros_like(x)
        gradient[:, :, ::stride, ::stride] = narrow
        stride = 1
    by_x, by_weight = None, None
    if of_x or (of_weight and not wide):
        by_x, by_weight = _both(gradient, x, weight, stride, [weight.shape[-1] // 2] * 2,
                                of_x, of_weight and not wide)
    if of_weight and wide:
        by_weight = _wide_weight_gradient(gradient, x, weight, stride)
    return by_x, by_weight


def _both(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: list[int],
          of_x: bool, of_weight: bool) -> tuple[Any, Any]:
    """torch's own gradients, tensors where they are wanted and else None."""
    return _backward(gradient, x, weight, None, [stride] * 2, padding, [1, 1], False, [0, 0],
                     len(weight), [of_x, of_weight, False])[:2]


def _wide_weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The gradient of a wide kernel, three of its columns at a time."""
    side = weight.shape[-1]
    reach = (gradient.shape[-1] - 1) * stride + _FAST_COLUMNS  # columns that three taps read
    padded = F.pad(x, (side // 2, side // 2 + stride + _FAST_COLUMNS))
    narrow = weight.new_empty(len(weight), 1, side, _FAST_COLUMNS)
    parts = [_both(gradient, _channels_last(padded[..., first:first + reach]), narrow, stride,
                   [side // 2, 0], of_x=False, of_weight=True)[1]
             for first in range(0, side, _FAST_COLUMNS)]
    return torch.cat(parts, dim=-1)[..., :side]
