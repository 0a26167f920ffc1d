"""Pointwise convolution, batch-norm and weight of many maps, summed: one matrix product a map.

A batch-norm without scale and shift (Ioffe & Szegedy 2015, arXiv 1502.03167) of ``y = P d`` has
mean ``P E[d]`` and variance ``diag(P Cov[d] P')``, so that y itself need not exist:

    sum_k w_k norm(P_k d_k)  =  sum_k A_k d_k - A_k E[d_k],   A_k = diag(w_k / deviation_k) P_k

Backward needs no y either, only ``g' d_k``.  Statistics are float32 or better.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

EPSILON = 1e-5  # that of torch's batch-norm


def normalized_sum(weights: Sequence[Tensor], pointwise: Sequence[Tensor],
                   maps: Sequence[Tensor]) -> Tensor:
    """Sum over k of ``weights[k] * batch_norm(conv1x1(maps[k], pointwise[k]))``.

    `weights` are scalars, `pointwise` (C_out, C_in), `maps` (N, C_in, H, W); (N, C_out, H, W).
    """
    return _NormalizedSum.apply(torch.stack(list(weights)), torch.stack(list(pointwise)), *maps)


def normalized_sum_reference(weights, pointwise, maps) -> Tensor:
    """What `normalized_sum` computes, as it is defined."""
    import torch.nn.functional as F

    return sum(weight * F.batch_norm(F.conv2d(x, matrix[:, :, None, None]), None, None,
                                     training=True)
               for weight, matrix, x in zip(weights, pointwise, maps))


def weighted_sum(weights: Sequence[Tensor], maps: Sequence[Tensor]) -> Tensor:
    """Sum over k of ``weights[k] * maps[k]``."""
    return _WeightedSum.apply(torch.stack(list(weights)), *maps)


def _rows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N * H * W, C), without a copy where channels come last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _maps(rows: Tensor, like: Tensor) -> Tensor:
    batch, _, height, width = like.shape
    return rows.view(batch, height, width, -1).permute(0, 3, 1, 2)


class _NormalizedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weights, pointwise, *maps):
        rows = [_rows(x) for x in maps]
        count = len(rows[0])
        exact = torch.promote_types(rows[0].dtype, torch.float32)
        pointwise, weights = pointwise.to(exact), weights.to(exact)
        means = torch.stack([part.mean(0, dtype=exact) for part in rows])  # (K, C_in)
        squares = torch.stack([part.to(exact).t() @ part.to(exact) for part in rows]) / count
        covariance = squares - means[:, :, None] * means[:, None, :]
        variance = ((pointwise @ covariance) * pointwise).sum(-1).clamp_min(0)
        scale = (variance + EPSILON).rsqrt()  # (K, C_out)
        matrices = (weights[:, None] * scale)[:, :, None] * pointwise
        offset = -(matrices @ means[:, :, None]).sum((0, 2))
        matrices = matrices.to(rows[0].dtype)
        total = torch.addmm(offset.to(rows[0].dtype), rows[0], matrices[0].t())
        for part, matrix in zip(rows[1:], matrices[1:]):
            total.addmm_(part, matrix.t())
        ctx.save_for_backward(weights, pointwise, means, squares, scale, *maps)
        return _maps(total, maps[0])

    @staticmethod
    def backward(ctx, gradient):
        weights, pointwise, means, squares, scale, *maps = ctx.saved_tensors
        exact = weights.dtype
        rows = [_rows(x) for x in maps]
        gradient = _rows(gradient)
        count = len(gradient)
        total = gradient.sum(0, dtype=exact)  # (C_out,)
        products = torch.stack([(gradient.t() @ part).to(exact) for part in rows])
        mean_y = (pointwise @ means[:, :, None])[:, :, 0]
        along = scale * ((products * pointwise).sum(-1) - mean_y * total)  # g * norm(y), summed
        of_weights = along.sum(-1) if ctx.needs_input_grad[0] else None
        slope = (weights[:, None] * scale)  # (K, C_out)
        pull = slope * scale * along / count
        of_pointwise = None
        if ctx.needs_input_grad[1]:
            inner = pointwise @ squares - mean_y[:, :, None] * means[:, None, :]
            of_pointwise = (slope[:, :, None] * (products - total[:, None] * means[:, None, :])
                            - count * pull[:, :, None] * inner)
        of_maps = [None] * len(maps)
        if any(ctx.needs_input_grad[2:]):
            kind = gradient.dtype
            direct = slope[:, :, None] * pointwise
            back = pointwise.transpose(1, 2) @ (pull[:, :, None] * pointwise)
            offset = ((pull * mean_y - slope * total / count)[:, None, :] @ pointwise)[:, 0]
            direct, back, offset = direct.to(kind), back.to(kind), offset.to(kind)
            for k, part in enumerate(rows):
                if ctx.needs_input_grad[2 + k]:
                    of_map = torch.addmm(offset[k], gradient, direct[k])
                    of_maps[k] = _maps(of_map.addmm_(part, back[k], alpha=-1), maps[k])
        return of_weights, of_pointwise, *of_maps


class _WeightedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weights, *maps):
        ctx.save_for_backward(weights, *maps)
        total = maps[0] * weights[0]
        for weight, part in zip(weights[1:], maps[1:]):
            total.addcmul_(part, weight.to(part.dtype))
        return total

    @staticmethod
    def backward(ctx, gradient):
        weights, *maps = ctx.saved_tensors
        of_weights = None
        if ctx.needs_input_grad[0]:
            flat = _rows(gradient).reshape(-1)
            of_weights = torch.stack([flat @ _rows(part).reshape(-1) for part in maps]).to(
                weights.dtype)
        return of_weights, *(gradient * weight.to(gradient.dtype) if needed else None for
                             weight, needed in zip(weights, ctx.needs_input_grad[1:]))
