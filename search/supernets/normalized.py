"""Pointwise convolution and batch-norm of many maps, with one matrix product per map.

A batch-norm without scale and shift (Ioffe & Szegedy 2015, arXiv 1502.03167) of ``y = P d`` has
mean ``P E[d]`` and variance ``diag(P Cov[d] P')``, so y is never computed:

    sum_k w_k norm(P_k d_k)  =  sum_k A_k d_k - A_k E[d_k],   A_k = diag(w_k / deviation_k) P_k

Backward needs only ``g' d_k``.  Statistics are float32 or better.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from search.supernets.base import FunctionContext

EPSILON = 1e-5  # that of torch's batch-norm


def normalized_sum(weights: Sequence[Tensor], pointwise: Sequence[Tensor],
                   maps: Sequence[Tensor]) -> Tensor:
    """Sum over k of ``weights[k] * batch_norm(conv1x1(maps[k], pointwise[k]))``.

    `weights` are scalars, `pointwise` (C_out, C_in), `maps` (N, C_in, H, W) -> (N, C_out, H, W).
    """
    with torch.autocast(maps[0].device.type, enabled=False):  # autocast would round the statistics
        return _NormalizedSum.apply(torch.stack(list(weights)), torch.stack(list(pointwise)),
                                    *maps)


def normalized_sum_reference(weights: Iterable[Tensor | float], pointwise: Iterable[Tensor],
                             maps: Iterable[Tensor]) -> Tensor:
    """`normalized_sum` by definition."""
    terms = [weight * F.batch_norm(F.conv2d(x, matrix[:, :, None, None]), None, None,
                                   training=True)
             for weight, matrix, x in zip(weights, pointwise, maps)]
    return sum(terms[1:], terms[0])


def normalized_each(pointwise: Tensor, maps: Sequence[Tensor]) -> Sequence[Tensor]:
    """``relu(batch_norm(conv1x1(maps[k], pointwise[k])))`` for every k; pointwise (K, C, C)."""
    with torch.autocast(maps[0].device.type, enabled=False):
        return _NormalizedEach.apply(pointwise, *maps)


def normalized_each_reference(pointwise: Iterable[Tensor], maps: Iterable[Tensor]
                              ) -> Sequence[Tensor]:
    """`normalized_each` by definition."""
    return [F.relu(normalized_sum_reference([1.0], [matrix], [x]))
            for matrix, x in zip(pointwise, maps)]


def weighted_sum(weights: Sequence[Tensor], maps: Sequence[Tensor]) -> Tensor:
    """Sum over k of ``weights[k] * maps[k]``."""
    return _WeightedSum.apply(torch.stack(list(weights)), *maps)


def _rows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N * H * W, C), without a copy where channels come last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _maps(rows: Tensor, like: Tensor) -> Tensor:
    batch, _, height, width = like.shape
    return rows.view(batch, height, width, -1).permute(0, 3, 1, 2)


def _statistics(pointwise: Tensor, rows: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """E[d] (K, C_in), E[d d'] (K, C_in, C_in) and 1 / deviation of P d (K, C_out)."""
    exact = [part.to(pointwise.dtype) for part in rows]
    means = torch.stack([part.mean(0) for part in exact])
    squares = torch.stack([part.t() @ part for part in exact]) / len(rows[0])
    covariance = squares - means[:, :, None] * means[:, None, :]
    variance = ((pointwise @ covariance) * pointwise).sum(-1).clamp_min(0)
    return means, squares, (variance + EPSILON).rsqrt()


def _backward(saved: Sequence[Tensor], gradients: Sequence[Tensor], needed: Sequence[bool]
              ) -> tuple[Tensor | None, Tensor | None, list[Tensor | None]]:
    """Gradients of the weights, of `pointwise` and of the maps, from the gradient of each term.

    `needed` says which to compute: weights, pointwise, each map.
    """
    weights, pointwise, means, squares, scale, *maps = saved
    rows, count, dtype = [_rows(x) for x in maps], len(gradients[0]), gradients[0].dtype
    if all(gradient is gradients[0] for gradient in gradients):
        totals = gradients[0].sum(0, dtype=weights.dtype)[None]  # (1 or K, C_out)
    else:
        totals = torch.stack([gradient.sum(0, dtype=weights.dtype) for gradient in gradients])
    products = torch.stack([gradient.t() @ part for gradient, part in zip(gradients, rows)]
                           ).to(weights.dtype)
    mean_y = (pointwise @ means[:, :, None])[:, :, 0]
    along = scale * ((products * pointwise).sum(-1) - mean_y * totals)  # g * norm(y), summed
    slope = weights[:, None] * scale  # (K, C_out)
    pull = slope * scale * along / count
    by_pointwise = None
    if needed[1]:
        inner = pointwise @ squares - mean_y[:, :, None] * means[:, None, :]
        by_pointwise = (slope[:, :, None] * (products - totals[:, :, None] * means[:, None, :])
                        - count * pull[:, :, None] * inner)
    by_maps: list[Tensor | None] = [None] * len(maps)
    if any(needed[2:]):
        direct = slope[:, :, None] * pointwise
        back = pointwise.transpose(1, 2) @ (pull[:, :, None] * pointwise)
        offset = ((pull * mean_y - slope * totals / count)[:, None, :] @ pointwise)[:, 0]
        parts = zip(gradients, rows, direct.to(dtype), back.to(dtype), offset.to(dtype), maps)
        for k, (gradient, part, forth, pulled, level, x) in enumerate(parts):
            if needed[2 + k]:
                by_map = torch.addmm(level, gradient, forth)
                by_maps[k] = _maps(by_map.addmm_(part, pulled, alpha=-1), x)
    return along.sum(-1) if needed[0] else None, by_pointwise, by_maps


class _NormalizedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionContext, weights: Tensor, pointwise: Tensor, *maps: Tensor) -> Tensor:
        rows = [_rows(x) for x in maps]
        exact = torch.promote_types(rows[0].dtype, torch.float32)
        pointwise, weights = pointwise.to(exact), weights.to(exact)
        means, squares, scale = _statistics(pointwise, rows)
        matrices = (weights[:, None] * scale)[:, :, None] * pointwise
        offset = -(matrices @ means[:, :, None]).sum((0, 2))
        matrices = matrices.to(rows[0].dtype)
        total = torch.addmm(offset.to(rows[0].dtype), rows[0], matrices[0].t())
        for part, matrix in zip(rows[1:], matrices[1:]):
            total.addmm_(part, matrix.t())
        ctx.save_for_backward(weights, pointwise, means, squares, scale, *maps)
        return _maps(total, maps[0])

    @staticmethod
    def backward(ctx: FunctionContext, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradients = [_rows(gradient)] * (len(ctx.needs_input_grad) - 2)
        by_weights, by_pointwise, by_maps = _backward(ctx.saved_tensors, gradients,
                                                      ctx.needs_input_grad)
        return by_weights, by_pointwise, *by_maps


class _NormalizedEach(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionContext, pointwise: Tensor, *maps: Tensor) -> tuple[Tensor, ...]:
        rows = [_rows(x) for x in maps]
        pointwise = pointwise.to(torch.promote_types(rows[0].dtype, torch.float32))
        means, squares, scale = _statistics(pointwise, rows)
        matrices = scale[:, :, None] * pointwise
        offsets = -(matrices @ means[:, :, None])[:, :, 0]
        dtype = rows[0].dtype
        out = [_maps(torch.addmm(offset, part, matrix.t()).relu_(), x) for offset, part, matrix, x
               in zip(offsets.to(dtype), rows, matrices.to(dtype), maps)]
        ctx.save_for_backward(pointwise.new_ones(len(maps)), pointwise, means, squares, scale,
                              *maps, *out)
        return tuple(out)

    @staticmethod
    def backward(ctx: FunctionContext, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        saved, out = ctx.saved_tensors[:-len(gradients)], ctx.saved_tensors[-len(gradients):]
        before_relu = [torch.ops.aten.threshold_backward(_rows(gradient), _rows(x), 0)
                       for gradient, x in zip(gradients, out)]
        _, by_pointwise, by_maps = _backward(saved, before_relu, (False, *ctx.needs_input_grad))
        return by_pointwise, *by_maps


class _WeightedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionContext, weights: Tensor, *maps: Tensor) -> Tensor:
        ctx.save_for_backward(weights, *maps)
        total = maps[0] * weights[0]
        for weight, part in zip(weights[1:], maps[1:]):
            total.addcmul_(part, weight.to(part.dtype))
        return total

    @staticmethod
    def backward(ctx: FunctionContext, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weights, *maps = ctx.saved_tensors
        of_weights = None
        if ctx.needs_input_grad[0]:
            flat = _rows(gradient).reshape(-1)
            of_weights = torch.stack([flat @ _rows(part).reshape(-1) for part in maps]).to(
                weights.dtype)
        return of_weights, *(gradient * weight.to(gradient.dtype) if needed else None for
                             weight, needed in zip(weights, ctx.needs_input_grad[1:]))
