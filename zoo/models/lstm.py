"""The baseline for recurrent cells: an LSTM in the same language model.

Hochreiter & Schmidhuber 1997, with dropout on the hidden-to-hidden weights as in Merity et al.
2017 (arXiv 1708.02182, section 2); the cells of the zoo apply dropout to the state instead.
"""

from __future__ import annotations

import contextlib

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.models.recurrent import RecurrentLayer, TiedModel
from zoo.system.device import slow_in


class LSTMCell(RecurrentLayer):
    """Inputs (time, batch, hidden) and state (2, batch, hidden), output and memory -> outputs and
    state of the same shapes."""

    states = 2

    def __init__(self, hidden: int, dropout_hidden: float = 0.0, dropout_input: float = 0.0
                 ) -> None:
        super().__init__()
        self.hidden = hidden
        self.dropout_hidden, self.dropout_input = dropout_hidden, dropout_input
        self.lstm = nn.LSTM(hidden, hidden)

    def forward(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        weights: dict[str, Tensor] = dict(self.lstm.named_parameters())
        if self.training and self.dropout_input:
            inputs = inputs * F.dropout(torch.ones_like(inputs[:1]), self.dropout_input)
        if self.training and self.dropout_hidden:
            weights["weight_hh_l0"] = F.dropout(weights["weight_hh_l0"], self.dropout_hidden)
        kind = inputs.device.type
        # A CPU without bfloat16 products has no bfloat16 LSTM, and cuDNN's would run in float16
        # under any autocast dtype.
        in_float32 = torch.is_autocast_enabled(kind) and (kind == "cuda" or slow_in(
            torch.get_autocast_dtype(kind), inputs.device))
        with torch.autocast(kind, enabled=False) if in_float32 else contextlib.nullcontext():
            inputs = inputs.float() if in_float32 else inputs
            outputs, state = torch.func.functional_call(
                self.lstm, weights, (inputs, tuple(hidden.to(inputs.dtype).split(1))))
        # Under autocast the state is bfloat16, too coarse to be carried across segments.
        return outputs.to(hidden.dtype), torch.cat(state).to(hidden.dtype)


class LSTMModel(TiedModel):
    """Embedding, one LSTM and a tied decoder, with the dropouts of `LanguageModel`."""

    def __init__(self, vocabulary: int, hidden: int, dropout: float = 0.0,
                 dropout_words: float = 0.0, dropout_embedding: float = 0.0,
                 dropout_hidden: float = 0.0, dropout_input: float = 0.0) -> None:
        super().__init__(LSTMCell(hidden, dropout_hidden, dropout_input), vocabulary, dropout,
                         dropout_words, dropout_embedding)


def parameters(vocabulary: int, hidden: int) -> int:
    """The number of parameters of an `LSTMModel`: four gates with two biases, and the embedding."""
    return 8 * hidden * (hidden + 1) + vocabulary * (hidden + 1)


def hidden_for(target: int, vocabulary: int) -> int:
    """The hidden size of the `LSTMModel` whose number of parameters is closest to `target`."""
    hidden = 1
    while parameters(vocabulary, hidden + 1) <= target:
        hidden += 1
    return min((hidden, hidden + 1), key=lambda size: abs(parameters(vocabulary, size) - target))
