"""What a language model is trained to make small, and how well it predicts a text.

Regularisers: Merity et al. 2017 (arXiv 1708.01009), as in the 2018 DARTS release.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from zoo.recurrent import TiedModel
from zoo.text import TextData
from zoo.text_batches import columns, score_batches
from zoo.tied_loss import decoder_loss


class Step(NamedTuple):
    """`loss` to descend, its part `prediction` (nats a token), and the next hidden state."""

    loss: Tensor
    prediction: Tensor
    hidden: Tensor


def training_loss(model: TiedModel, tokens: Tensor, targets: Tensor, hidden: Tensor,
                  activation: float = 0.0, slowness: float = 0.0) -> Step:
    """The loss on token ids (time, batch) that `targets` (time * batch,) follow; the gradient
    does not flow into `hidden` (1, batch, hidden)."""
    outputs, dropped, hidden = model.states(tokens, hidden.detach())
    decoder = model.decoder
    prediction = decoder_loss(dropped.flatten(0, 1), decoder.weight, decoder.bias, targets)
    loss = regularised(prediction, outputs, dropped, activation, slowness)
    return Step(loss, prediction.detach(), hidden)


def regularised(loss: Tensor, outputs: Tensor, dropped: Tensor, activation: float,
                slowness: float) -> Tensor:
    """The loss, plus `activation` times the mean square of the cell's outputs (time, batch,
    hidden) after their dropout and `slowness` times that of their changes before it."""
    if activation:
        loss = loss + activation * dropped.square().mean()
    if slowness and len(outputs) > 1:
        loss = loss + slowness * outputs.diff(dim=0).square().mean()
    return loss


@torch.no_grad()
def mean_loss(model: TiedModel, ids: np.ndarray | Tensor, count: int = 10, time: int = 35
              ) -> float:
    """Nats a token of a text, read in `count` columns (fewer when it is short), each from the
    zero state; infinite or NaN for a model that has diverged.  Leaves the model in eval mode.
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
    """Perplexities of test and validation text; by character, bits of the test text as well."""
    test, valid = mean_loss(model, data.test, test_columns), mean_loss(model, data.valid)
    found = {"test_perplexity": perplexity(test), "valid_perplexity": perplexity(valid)}
    return found | ({"test_bits_per_character": test / math.log(2)} if data.by == "char" else {})


def perplexity(loss: float) -> float:
    """e to the mean loss; infinite where that is too large for a float."""
    return math.exp(loss) if loss < 700 else math.inf
