"""Cross-entropy of a decoder's logits without ever holding all of them.

With a vocabulary of thousands, the logits of a batch, their log-softmax and its gradient are the
largest tensors of a language model by far.  Here a few rows at a time go from states to loss and
to gradients.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

#: Below this many words the logits are small, and computed in one piece.
LARGE = 1024
_LOGITS_AT_ONCE = {"cpu": 2**22}
_ELSEWHERE = 2**27


def decoder_loss(states: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(states @ weight.T + bias)[targets], as F.cross_entropy gives it.

    states (rows, hidden), weight (vocabulary, hidden), bias (vocabulary,), targets (rows,).
    Differentiable once.  Under autocast the products are computed in its type, all sums in the
    type of `states`.
    """
    if len(weight) < LARGE:
        logits = F.linear(states, weight, bias)
        return F.cross_entropy(logits.to(states.dtype), targets)
    device = states.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype
    # Within the function gradients look wanted where they are switched off, too.
    wanted = torch.is_grad_enabled() and any(
        tensor.requires_grad for tensor in (states, weight, bias))
    return _DecoderLoss.apply(states, weight, bias, targets, kind, wanted)


class _DecoderLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, states, weight, bias, targets, kind, wanted):
        rows, words = len(states), len(weight)
        matrix, factors = weight.to(kind), states.to(kind)
        by_states = torch.empty_like(states) if wanted else None
        by_weight = torch.zeros_like(weight) if wanted else None
        by_bias = torch.zeros_like(bias) if wanted else None
        total = states.new_zeros(())
        size = max(1, _LOGITS_AT_ONCE.get(states.device.type, _ELSEWHERE) // words)
        for first in range(0, rows, size):
            factor, target = factors[first:first + size], targets[first:first + size]
            logits = torch.mm(factor, matrix.t()).to(states.dtype).add_(bias)
            top = logits.amax(1, keepdim=True)
            right = logits.gather(1, target.unsqueeze(1))
            sums = logits.sub_(top).exp_().sum(1, keepdim=True)
            total += (sums.log() + top - right).sum()
            if wanted:
                share = logits.div_(sums * rows)
                share[torch.arange(len(target), device=target.device), target] -= 1 / rows
                by_bias += share.sum(0)
                share = share.to(kind)
                by_states[first:first + size] = share @ matrix
                if kind == weight.dtype:
                    by_weight.addmm_(share.t(), factor)
                else:
                    by_weight += share.t() @ factor
        ctx.gradients = by_states, by_weight, by_bias
        return total / rows

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return *(gradient * part for part in ctx.gradients), None, None, None
