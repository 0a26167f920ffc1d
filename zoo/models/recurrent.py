"""The recurrent cell of a genotype and the language model around it.

Liu et al. 2019 (arXiv 1806.09055, section 3.1.2 and appendix A.2.2), which follows Pham et al.
2018 for the cell and Merity et al. 2017 (arXiv 1708.02182) for the regularization.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.models import fused_recurrent

ACTIVATIONS = {
    "none": torch.zeros_like,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


class RecurrentLayer(nn.Module):
    """A recurrent layer: inputs (time, batch, features) and state (states, batch, hidden) ->
    outputs (time, batch, hidden) and state."""

    hidden: int  # size of the outputs
    states = 1  # number of state vectors


class HighwayCell(RecurrentLayer):
    """A layer of highway nodes: inputs (time, batch, embedding) and hidden (1, batch, hidden) ->
    outputs and hidden.

    A node with input s computes ``s + gate * (activation(h) - s)``.  Subclasses define the graph
    of the `nodes` after node 0 in `step`.  In training mode each dropout uses one mask for all
    time steps (Gal & Ghahramani 2016).
    """

    def __init__(self, nodes: int, embedding: int, hidden: int, dropout_hidden: float = 0.0,
                 dropout_input: float = 0.0) -> None:
        super().__init__()
        self.hidden = hidden
        self.dropout_hidden, self.dropout_input = dropout_hidden, dropout_input
        self._W0 = nn.Parameter(torch.empty(embedding + hidden, 2 * hidden).uniform_(-0.04, 0.04))
        self._Ws = nn.ParameterList(
            torch.empty(hidden, 2 * hidden).uniform_(-0.04, 0.04) for _ in range(nodes)
        )

    def step(self, x: Tensor, state: Tensor, input_mask: Tensor | None,
             hidden_mask: Tensor | None, *more: Tensor) -> Tensor:
        """One time step: x (batch, features), state (batch, hidden) -> state."""
        raise NotImplementedError

    def forward(self, inputs: Tensor, hidden: Tensor, *more: Tensor) -> tuple[Tensor, Tensor]:
        """Run all time steps; `more` is passed to every `step`."""
        input_mask, hidden_mask = self.masks(inputs, hidden)
        state, outputs = hidden[0], []
        for step in inputs.unbind(0):
            state = self.step(step, state, input_mask, hidden_mask, *more)
            outputs.append(state)
        return torch.stack(outputs), state.unsqueeze(0)

    def masks(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """The dropout masks (batch, features) of the inputs and the nodes, None for no dropout."""
        batch = hidden.shape[1]
        return (self._mask(inputs.new_ones(batch, inputs.shape[-1]), self.dropout_input),
                self._mask(hidden.new_ones(batch, self.hidden), self.dropout_hidden))

    def _mask(self, ones: Tensor, probability: float) -> Tensor | None:
        if not self.training or probability == 0.0:
            return None
        return F.dropout(ones, probability)

    def gated(self, x: Tensor, state: Tensor, input_mask: Tensor | None = None,
              hidden_mask: Tensor | None = None) -> Tensor:
        """Node 0: the previous state (batch, hidden) gated by the input x (batch, embedding)."""
        joined = torch.cat([masked(x, input_mask), masked(state, hidden_mask)], dim=-1) @ self._W0
        gate, candidate = joined.split(self.hidden, dim=-1)
        return state + gate.sigmoid() * (candidate.tanh() - state)


class RecurrentCell(HighwayCell):
    """The `HighwayCell` of a genotype.

    `step` is the reference; `forward` computes the same with `zoo.models.fused_recurrent`, which
    is faster and differentiable once.
    """

    def __init__(self, genotype: RecurrentGenotype, embedding: int, hidden: int,
                 dropout_hidden: float = 0.0, dropout_input: float = 0.0) -> None:
        edges = genotype.recurrent.edges
        super().__init__(len(edges), embedding, hidden, dropout_hidden, dropout_input)
        self.edges, self.concat = edges, genotype.recurrent.concat
        self._plan = fused_recurrent.plan(edges, self.concat)

    def forward(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        input_mask, hidden_mask = self.masks(inputs, hidden)
        from_input, from_state = self._W0.split([inputs.shape[-1], self.hidden])
        projected, weights = masked(inputs, input_mask) @ from_input, list(self._Ws)
        device = inputs.device.type
        if torch.is_autocast_enabled(device):
            kind = torch.get_autocast_dtype(device)
            from_state, *weights = (weight.to(kind) for weight in (from_state, *weights))
        outputs = fused_recurrent.run(self._plan, projected, hidden[0], hidden_mask, from_state,
                                 weights)
        return outputs, outputs[-1:]

    def step(self, x: Tensor, state: Tensor, input_mask: Tensor | None = None,
             hidden_mask: Tensor | None = None) -> Tensor:
        """One time step: x (batch, embedding), state (batch, hidden) -> state."""
        nodes = [self.gated(x, state, input_mask, hidden_mask)]
        for (activation, source), weight in zip(self.edges, self._Ws):
            previous = nodes[source]
            gate, candidate = (masked(previous, hidden_mask) @ weight).split(self.hidden, dim=-1)
            change = ACTIVATIONS[activation](candidate) - previous
            nodes.append(previous + gate.sigmoid() * change)
        chosen = [nodes[number] for number in self.concat]
        return sum(chosen[1:], chosen[0]) / len(chosen)


def masked(state: Tensor, mask: Tensor | None) -> Tensor:
    """`state` with dropout `mask`; None for no dropout."""
    return state if mask is None else state * mask


class TiedModel(nn.Module):
    """Embedding, one recurrent cell, and a decoder tied to the embedding.

    Dropouts act in training mode only: `dropout` on the output, `dropout_words` on whole words of
    the embedding, `dropout_embedding` on its features; the cell has its own.
    """

    def __init__(self, cell: RecurrentLayer, vocabulary: int, dropout: float = 0.0,
                 dropout_words: float = 0.0, dropout_embedding: float = 0.0) -> None:
        super().__init__()
        self.vocabulary, self.hidden, self._states = vocabulary, cell.hidden, cell.states
        self.dropout, self.dropout_words = dropout, dropout_words
        self.dropout_embedding = dropout_embedding
        self.encoder = nn.Embedding(vocabulary, cell.hidden)
        self.rnns = nn.ModuleList([cell])
        self.decoder = nn.Linear(cell.hidden, vocabulary)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        self.decoder.weight = self.encoder.weight

    def initial_hidden(self, batch: int) -> Tensor:
        """Zeros, (states, batch, hidden), with two states for an LSTM and one for all others."""
        return self.encoder.weight.new_zeros(self._states, batch, self.hidden)

    def logits(self, tokens: Tensor, hidden: Tensor, *more: Tensor
               ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits (time, batch, vocabulary) of the next token, the next hidden state, and the
        cell's outputs (time, batch, hidden) before and after dropout, for regularization."""
        outputs, dropped, hidden = self.states(tokens, hidden, *more)
        return self.decoder(dropped), hidden, outputs, dropped

    def states(self, tokens: Tensor, hidden: Tensor, *more: Tensor
               ) -> tuple[Tensor, Tensor, Tensor]:
        """The cell's outputs (time, batch, hidden) before and after dropout, the latter being the
        decoder's input, and the next hidden state."""
        outputs, hidden = self.rnns[0](self._embed(tokens), hidden, *more)
        return outputs, self._locked(outputs, self.dropout), hidden

    def _embed(self, tokens: Tensor) -> Tensor:
        weight = self.encoder.weight
        if self.training and self.dropout_words:
            weight = weight * F.dropout(weight.new_ones(self.vocabulary, 1), self.dropout_words)
        return self._locked(F.embedding(tokens, weight), self.dropout_embedding)

    def _locked(self, x: Tensor, probability: float) -> Tensor:
        """Dropout with one mask for all time steps of (time, batch, features)."""
        if not self.training or probability == 0.0:
            return x
        return x * F.dropout(torch.ones_like(x[:1]), probability)


class LanguageModel(TiedModel):
    """The cell of a genotype between embedding and decoder.

    `forward` maps token ids (time, batch) and hidden (1, batch, hidden) to the log probabilities
    (time, batch, vocabulary) of the next token and the next hidden state.  The dropouts are those
    of `TiedModel` and, inside the cell, `dropout_hidden` and `dropout_input`.
    Raises ValueError if embedding and hidden differ, because the decoder is tied.
    """

    kind = "language"
    facts: dict = {}  # metadata of the loaded weights (`PretrainedWeights`)

    def __init__(self, genotype: RecurrentGenotype, vocabulary: int, embedding: int = 850,
                 hidden: int = 850, dropout: float = 0.0, dropout_words: float = 0.0,
                 dropout_embedding: float = 0.0, dropout_hidden: float = 0.0,
                 dropout_input: float = 0.0) -> None:
        if not isinstance(genotype, RecurrentGenotype):
            raise ValueError("the language model needs a recurrent genotype; "
                             "for a convolutional one use network='cifar' or 'imagenet'")
        if embedding != hidden:
            raise ValueError(f"embedding ({embedding}) and hidden ({hidden}) must be equal: "
                             "the decoder shares the embedding's weights")
        cell = RecurrentCell(genotype, embedding, hidden, dropout_hidden, dropout_input)
        super().__init__(cell, vocabulary, dropout, dropout_words, dropout_embedding)
        self.genotype = genotype
        self.settings = {"vocabulary": vocabulary, "embedding": embedding, "hidden": hidden}

    def forward(self, tokens: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        logits, hidden, _, _ = self.logits(tokens, hidden)
        return F.log_softmax(logits, dim=-1), hidden
