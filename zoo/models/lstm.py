"""The baseline of recurrent cells: an LSTM in the same language model, with as many parameters.

Hochreiter & Schmidhuber 1997; dropped weights from state to state as in Merity et al. 2017
(arXiv 1708.02182, section 2), where a cell of the zoo drops the state.
"""

from __future__ import annotations

import contextlib

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.models.recurrent import RecurrentLayer, TiedModel
from zoo.system.device import slow_in


class LSTMCell(RecurrentLayer):
    """Inputs (time, batch, hidden), state (2, batch, hidden) of outputs and memory -> outputs,
    state."""

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
        # A CPU without products in bfloat16 has no LSTM in it either, and cuDNN's would run in
        # float16, whatever autocast is set to.
        whole = torch.is_autocast_enabled(kind) and (kind == "cuda" or slow_in(
            torch.get_autocast_dtype(kind), inputs.device))
        with torch.autocast(kind, enabled=False) if whole else contextlib.nullcontext():
            inputs = inputs.float() if whole else inputs
            outputs, state = torch.func.functional_call(
                self.lstm, weights, (inputs, tuple(hidden.to(inputs.dtype).split(1))))
        # Autocast gives bfloat16, in which a state must not be carried from stretch to stretch.
        return outputs.to(hidden.dtype), torch.cat(state).to(hidden.dtype)


class LSTMModel(TiedModel):
    """Embedding, one LSTM and a tied decoder; dropouts as those of LanguageModel."""

    def __init__(self, vocabulary: int, hidden: int, dropout: float = 0.0,
                 dropout_words: float = 0.0, dropout_embedding: float = 0.0,
                 dropout_hidden: float = 0.0, dropout_input: float = 0.0) -> None:
        super().__init__(LSTMCell(hidden, dropout_hidden, dropout_input), vocabulary, dropout,
                         dropout_words, dropout_embedding)


def parameters(vocabulary: int, hidden: int) -> int:
    """Of an LSTMModel: four gates from input and state, their two biases, the embedding."""
    return 8 * hidden * (hidden + 1) + vocabulary * (hidden + 1)


def hidden_for(wanted: int, vocabulary: int) -> int:
    """The size whose LSTMModel has the number of parameters nearest to `wanted`."""
    hidden = 1
    while parameters(vocabulary, hidden + 1) <= wanted:
        hidden += 1
    return min((hidden, hidden + 1), key=lambda size: abs(parameters(vocabulary, size) - wanted))
