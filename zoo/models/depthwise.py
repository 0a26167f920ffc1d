"""Fast depthwise convolutions: batched over edges, and dilated ones split into phases.

Small feature maps are concatenated along the channels and convolved in one call, because the call
overhead exceeds the arithmetic; on a GPU it always does.  Large maps are convolved one by one,
which is kinder to CPU caches.

oneDNN has a fast weight gradient only for kernels up to three columns wide.  Wider kernels fall
back to dense blocks of 16 channels, dilated ones in the input gradient too: 4 to 17 times slower.
In bfloat16, gradients of strided convolutions are 10 to 50 times slower than unstrided ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_FAST_COLUMNS = 3
_SMALL = 2**17  # elements of a map: 512 kB of float32
_backward = torch.ops.aten.convolution_backward


def depthwise(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """Convolve (N, C, H, W) with odd kernels (C, 1, k, k): (N, C, ceil(H/stride), ...)."""
    return depthwise_each([x], weight.unsqueeze(0), stride)[0]


def depthwise_each(maps: Sequence[Tensor], weights: Tensor, stride: int = 1) -> Sequence[Tensor]:
    """Apply `depthwise` to each of n `maps`, or n times to a single map; weights (n, C, 1, k, k).
    """
    # Backward needs a single dtype, and autocast only casts the weights in forward.
    return _Depthwise.apply(weights.to(maps[0].dtype), stride, *maps)


def phases(x: Tensor) -> Tensor:
    """Split (N, C, H, W) into (4N, C, H/2, W/2): every second pixel of every second row, at the
    four possible offsets.

    Odd sizes are padded with a row or column of zeros.  A convolution with dilation 2 equals an
    undilated convolution of each phase.
    """
    height, width = x.shape[-2:]
    if height % 2 or width % 2:
        x = F.pad(x, (0, width % 2, 0, height % 2))
    count, channels, height, width = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(count, height // 2, 2, width // 2, 2, channels)
    parts = parts.permute(2, 4, 0, 1, 3, 5).reshape(4 * count, height // 2, width // 2, channels)
    return parts.permute(0, 3, 1, 2)


def join_phases(x: Tensor, size: Sequence[int]) -> Tensor:
    """The inverse of `phases`, cropped to `size` (H, W)."""
    count, channels, height, width = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(2, 2, count // 4, height, width, channels)
    whole = parts.permute(2, 3, 0, 4, 1, 5).reshape(count // 4, 2 * height, 2 * width, channels)
    return whole.permute(0, 3, 1, 2)[:, :, :size[0], :size[1]]


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, stride: int, *maps: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(weights, *maps)
        ctx.stride = stride
        if _is_batched(maps, weights):
            x, weight = _batched(maps, len(weights)), weights.flatten(0, 1)
            return tuple(_convolve(x, weight, stride).split(weights.shape[1], 1))
        return tuple(_convolve(maps[k % len(maps)], weight, stride)
                     for k, weight in enumerate(weights))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weights, *maps = ctx.saved_tensors
        needs_weights, _, *needs_each_map = ctx.needs_input_grad
        needs_maps, stride, shared = any(needs_each_map), ctx.stride, len(maps) == 1
        grad_maps: Sequence[Tensor] = []
        grad_weights = None
        if _is_batched(maps, weights):
            x, weight = _batched(maps, len(weights)), weights.flatten(0, 1)
            gradient = _channels_last(torch.cat(gradients, 1))
            grad_map, grad_weight = _gradients(gradient, x, weight, stride, needs_maps,
                                               needs_weights)
            if grad_map is not None:
                grad_maps = ([grad_map.unflatten(1, weights.shape[:2]).sum(1)] if shared
                             else grad_map.split(weights.shape[1], 1))
            if grad_weight is not None:
                grad_weights = grad_weight.view_as(weights)
        else:
            pairs = [_gradients(_channels_last(gradient), maps[k % len(maps)], weight, stride,
                                needs_maps, needs_weights)
                     for k, (gradient, weight) in enumerate(zip(gradients, weights))]
            grad_maps = [grad_map for grad_map, _ in pairs if grad_map is not None]
            if shared:
                for other in grad_maps[1:]:
                    grad_maps[0].add_(other)
            if needs_weights:
                grad_weights = torch.stack([grad_weight for _, grad_weight in pairs
                                            if grad_weight is not None])
        return grad_weights, None, *(grad_maps[:len(maps)] if needs_maps else [None] * len(maps))


def _is_batched(maps: Sequence[Tensor], weights: Tensor) -> bool:
    return len(weights) > 1 and (maps[0].device.type != "cpu" or maps[0].numel() <= _SMALL)


def _batched(maps: Sequence[Tensor], count: int) -> Tensor:
    return _channels_last(torch.cat(list(maps) * (count if len(maps) == 1 else 1), 1))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _convolve(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=len(weight))


def _gradients(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, needs_x: bool,
               needs_weight: bool) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of one depthwise convolution by its map and its weight, None if not needed."""
    wide = x.device.type == "cpu" and weight.shape[-1] > _FAST_COLUMNS
    if x.device.type == "cpu" and stride > 1 and x.dtype == torch.bfloat16:
        narrow, gradient = gradient, torch.zeros_like(x)
        gradient[:, :, ::stride, ::stride] = narrow
        stride = 1
    grad_x, grad_weight = None, None
    if needs_x or (needs_weight and not wide):
        grad_x, grad_weight = _torch_gradients(
            gradient, x, weight, stride, [weight.shape[-1] // 2] * 2, needs_x,
            needs_weight and not wide)
    if needs_weight and wide:
        grad_weight = _wide_weight_gradient(gradient, x, weight, stride)
    return grad_x, grad_weight


def _torch_gradients(gradient: Tensor, x: Tensor, weight: Tensor, stride: int,
                     padding: list[int], needs_x: bool, needs_weight: bool) -> tuple[Any, Any]:
    """The gradients as torch computes them, None if not needed."""
    return _backward(gradient, x, weight, None, [stride] * 2, padding, [1, 1], False, [0, 0],
                     len(weight), [needs_x, needs_weight, False])[:2]


def _wide_weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The gradient of a wide kernel, three of its columns at a time."""
    side = weight.shape[-1]
    reach = (gradient.shape[-1] - 1) * stride + _FAST_COLUMNS  # input columns read by three taps
    padded = F.pad(x, (side // 2, side // 2 + stride + _FAST_COLUMNS))
    narrow = weight.new_empty(len(weight), 1, side, _FAST_COLUMNS)
    parts = [_torch_gradients(gradient, _channels_last(padded[..., first:first + reach]), narrow,
                              stride, [side // 2, 0], needs_x=False, needs_weight=True)[1]
             for first in range(0, side, _FAST_COLUMNS)]
    return torch.cat(parts, dim=-1)[..., :side]
