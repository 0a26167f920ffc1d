"""The loss and the metrics of language models.

Regularizers: Merity et al. 2017 (arXiv 1708.01009), as in the 2018 DARTS release.

With a vocabulary of thousands, the logits of a batch, their log-softmax and its gradient are by
far the largest tensors of a language model.  `decoder_loss` computes them, the loss and the
gradients a few rows at a time.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from zoo.data.text import TextData
from zoo.data.text_batches import columns, score_batches
from zoo.models.recurrent import TiedModel


class Step(NamedTuple):
    """The `loss`, its part `prediction` (nats per token), and the next hidden state."""

    loss: Tensor
    prediction: Tensor
    hidden: Tensor


def training_loss(model: TiedModel, tokens: Tensor, targets: Tensor, hidden: Tensor,
                  ar_weight: float = 0.0, tar_weight: float = 0.0) -> Step:
    """The loss on token ids (time, batch) with next tokens `targets` (time * batch,); no gradient
    flows into `hidden` (1, batch, hidden)."""
    outputs, dropped, hidden = model.states(tokens, hidden.detach())
    decoder = model.decoder
    prediction = decoder_loss(dropped.flatten(0, 1), decoder.weight, decoder.bias, targets)
    loss = regularized(prediction, outputs, dropped, ar_weight, tar_weight)
    return Step(loss, prediction.detach(), hidden)


def regularized(loss: Tensor, outputs: Tensor, dropped: Tensor, ar_weight: float,
                tar_weight: float) -> Tensor:
    """The loss with activation regularization (`ar_weight` times the mean square of the cell's
    outputs after dropout) and temporal activation regularization (`tar_weight` times that of
    their differences in time, before dropout); outputs are (time, batch, hidden)."""
    if ar_weight:
        loss = loss + ar_weight * dropped.square().mean()
    if tar_weight and len(outputs) > 1:
        loss = loss + tar_weight * outputs.diff(dim=0).square().mean()
    return loss


@torch.no_grad()
def mean_loss(model: TiedModel, ids: np.ndarray | Tensor, count: int = 10, time: int = 35
              ) -> float:
    """Mean loss in nats per token of a text, read in `count` columns (fewer for a short text) from
    the zero state; infinite or NaN for a model that has diverged.  Leaves the model in eval mode.
    """
    model.eval()
    text = columns(ids, max(1, min(count, len(ids) // 2))).to(model.encoder.weight.device)
    hidden, total = model.initial_hidden(text.shape[1]), 0.0
    for tokens, targets in score_batches(text, time):
        step = training_loss(model, tokens, targets, hidden)
        hidden = step.hidden
        total += step.prediction.item() * len(targets)
    return total / (text.numel() - text.shape[1])


def measures(model: TiedModel, data: TextData, test_columns: int = 10) -> dict[str, float]:
    """Test and validation perplexity, and test bits per character for texts of characters."""
    test, valid = mean_loss(model, data.test, test_columns), mean_loss(model, data.valid)
    metrics = {"test_perplexity": perplexity(test), "valid_perplexity": perplexity(valid)}
    return metrics | ({"test_bits_per_character": test / math.log(2)} if data.by == "char" else {})


def perplexity(loss: float) -> float:
    """exp(loss), infinite on overflow, NaN for NaN."""
    return math.exp(loss) if loss < 700 or math.isnan(loss) else math.inf


# --- the decoder's loss ---------------------------------------------------------------------

#: For a smaller vocabulary all logits are computed at once.
LARGE = 1024
_LOGITS_AT_ONCE = {"cpu": 2**22}  # by device type
_LOGITS_AT_ONCE_ON_GPU = 2**27


def decoder_loss(states: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(states @ weight.T + bias)[targets], equal to F.cross_entropy.

    states (rows, hidden), weight (vocabulary, hidden), bias (vocabulary,), targets (rows,).
    Differentiable once.  Under autocast the products are computed in its dtype, all sums in the
    dtype of `states`.
    """
    if len(weight) < LARGE:
        logits = F.linear(states, weight, bias)
        return F.cross_entropy(logits.to(states.dtype), targets)
    device = states.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype
    # Inside an autograd function, requires_grad is set even when gradients are disabled.
    needs_grad = torch.is_grad_enabled() and any(
        tensor.requires_grad for tensor in (states, weight, bias))
    return _DecoderLoss.apply(states, weight, bias, targets, kind, needs_grad)


class _DecoderLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, targets: Tensor,
                kind: torch.dtype, needs_grad: bool) -> Tensor:
        rows, words = len(states), len(weight)
        matrix, factors = weight.to(kind), states.to(kind)
        none = states.new_empty(0)
        grad_states = torch.empty_like(states) if needs_grad else none
        grad_weight = torch.zeros_like(weight) if needs_grad else none
        grad_bias = torch.zeros_like(bias) if needs_grad else none
        total = states.new_zeros(())
        limit = _LOGITS_AT_ONCE.get(states.device.type, _LOGITS_AT_ONCE_ON_GPU)
        size = max(1, limit // words)
        for first in range(0, rows, size):
            factor, target = factors[first:first + size], targets[first:first + size]
            logits = torch.mm(factor, matrix.t()).to(states.dtype).add_(bias)
            top = logits.amax(1, keepdim=True)
            right = logits.gather(1, target.unsqueeze(1))
            sums = logits.sub_(top).exp_().sum(1, keepdim=True)
            total += (sums.log() + top - right).sum()
            if needs_grad:
                share = logits.div_(sums * rows)
                share[torch.arange(len(target), device=target.device), target] -= 1 / rows
                grad_bias += share.sum(0)
                share = share.to(kind)
                grad_states[first:first + size] = share @ matrix
                if kind == weight.dtype:
                    grad_weight.addmm_(share.t(), factor)
                else:
                    grad_weight += share.t() @ factor
        ctx.gradients = grad_states, grad_weight, grad_bias
        return total / rows

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return *(gradient * part for part in ctx.gradients), None, None, None
