"""The supernet of the recurrent space: a weighted sum of all activations on every edge.

Liu et al. 2019 (arXiv 1806.09055, section 3.1.2 and appendix A.1.2), as in the 2018 release:
eight nodes after the gated initial state, each the weighted sum of a highway step from every
earlier node through every activation; batch-norm without scale and shift after each node; the
mean of the eight as output.  The cell has two implementations: `PlainRecurrentCell` for reading
and `FastRecurrentCell` for speed.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from search.spaces.discretize import NODES, RECURRENT_OPERATIONS, Mixing, edges
from search.supernets.base import Alphas, FunctionContext, StepOutput
from search.supernets.base import Batch as AnyBatch
from zoo.models.recurrent import ACTIVATIONS, HighwayCell, TiedModel, masked
from zoo.training.losses import regularized

#: Token ids (time, batch), the ids that follow them (time * batch,), hidden (1, batch, hidden).
Batch: TypeAlias = tuple[Tensor, Tensor, Tensor]


def normalize(x: Tensor) -> Tensor:
    """Batch-norm with the statistics of the batch, in evaluation too."""
    return F.batch_norm(x, None, None, training=True)


class PlainRecurrentCell(HighwayCell):
    """The reference cell, with the 2018 release's parameter names.

    Inputs (time, batch, hidden), hidden (1, batch, hidden), table (36, 5) -> outputs, hidden.
    """

    def __init__(self, hidden: int, dropout_hidden: float = 0.0, dropout_input: float = 0.0
                 ) -> None:
        super().__init__(NODES["recurrent"], hidden, hidden, dropout_hidden, dropout_input)
        # As published, but unused: see `normalize`.
        self.bn = nn.BatchNorm1d(hidden, affine=False)

    def step(self, x: Tensor, state: Tensor, input_mask: Tensor | None,
             hidden_mask: Tensor | None, table: Tensor) -> Tensor:
        """One time step: x (batch, hidden), state (batch, hidden) -> state."""
        states = normalize(self.gated(x, state, input_mask, hidden_mask)).unsqueeze(0)
        first = 0  # row of the node's first edge
        for weight in self._Ws:
            rows = table[first:first + len(states)]
            gate, candidate = (masked(states, hidden_mask) @ weight).split(self.hidden, dim=-1)
            gate = gate.sigmoid()
            node = torch.zeros_like(states[0])
            for column, name in enumerate(RECURRENT_OPERATIONS):
                if name != "none":  # adds nothing, not even a step towards zero
                    change = ACTIVATIONS[name](candidate) - states
                    node = node + (rows[:, column, None, None] * (states + gate * change)).sum(0)
            states = torch.cat([states, normalize(node).unsqueeze(0)])
            first += len(rows)
        return states[1:].mean(0)


class FastRecurrentCell(HighwayCell):
    """The fast cell: `PlainRecurrentCell` computed by source node instead of by target node.

    A state is multiplied once by the weights of all later nodes, as one matrix; each activation
    is computed once for all outgoing edges; the sum over activations has a hand-written backward
    that stores no intermediates.  The input's part of the gate is one product for all time steps.
    """

    def __init__(self, hidden: int, dropout_hidden: float = 0.0, dropout_input: float = 0.0
                 ) -> None:
        super().__init__(NODES["recurrent"], hidden, hidden, dropout_hidden, dropout_input)
        rows = {edge: row for row, edge in enumerate(edges("recurrent"))}
        nodes = range(NODES["recurrent"])
        self._rows = [[rows[node, source] for node in nodes if node >= source] for source in nodes]

    def forward(self, inputs: Tensor, hidden: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (time, batch, hidden) and the next hidden state (1, batch, hidden)."""
        input_mask, hidden_mask = self.masks(inputs, hidden)
        from_input, from_state = self._W0.split([inputs.shape[-1], self.hidden])
        projected = masked(inputs, input_mask) @ from_input
        halves = [weight.split(self.hidden, dim=1) for weight in self._Ws]
        # For each source: the gates of all its targets, then their candidates.
        weights = [torch.cat([half for side in zip(*halves[source:]) for half in side], dim=1)
                   for source in range(len(halves))]
        shares = [table[rows, 1:] for rows in self._rows]
        state, outputs = hidden[0], []
        zero = state.new_zeros(())
        for step in projected.unbind(0):
            gate, candidate = (step + masked(state, hidden_mask) @ from_state).chunk(2, dim=-1)
            state = normalize(state + gate.sigmoid() * (candidate.tanh() - state))
            sums: Tensor | None = None
            output = zero
            for weight, share in zip(weights, shares):
                product = (masked(state, hidden_mask) @ weight).to(state.dtype)
                node, sums = _LeavingEdges.apply(product, state, share, sums)
                state = normalize(node)
                output = output + state
            state = output / len(weights)
            outputs.append(state)
        return torch.stack(outputs), state.unsqueeze(0)


class _LeavingEdges(torch.autograd.Function):
    """All edges from one node to its `targets`, the later nodes.

    product (batch, 2 * targets * hidden): pre-activations of the gates, then of the candidates;
    state (batch, hidden); share (targets, 4): the weights of tanh, relu, sigmoid, identity; sums
    (batch, targets, hidden) of the edges from earlier sources to the same nodes, or None.
    -> the next node (batch, hidden), now complete, and the sums of the nodes after it.
    """

    # In place where possible: on a CPU, allocation costs more than arithmetic.

    @staticmethod
    def forward(ctx: FunctionContext, product: Tensor, state: Tensor, share: Tensor,
                sums: Tensor | None) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(product, state, share)
        gate, candidate, source, share = _views(product, state, share)
        mixed, part = share[3] * candidate, torch.empty_like(candidate)
        for weight, activation in zip(share, (_tanh, _relu, torch.sigmoid)):
            mixed.addcmul_(weight, activation(candidate, out=part))
        node = (share.sum(0) * source).lerp_(mixed, torch.sigmoid(gate, out=part))
        if sums is not None:
            node += sums
        return node[:, 0], node[:, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionContext, first: Tensor, rest: Tensor) -> tuple[Tensor | None, ...]:
        product, state, columns = ctx.saved_tensors
        gate, candidate, source, share = _views(product, state, columns)
        by_product = torch.empty_like(product)
        by_gate, by_candidate, _, _ = _views(by_product, state, columns)
        gradient = torch.cat([first.unsqueeze(1), rest], dim=1)

        gate = gate.sigmoid()
        tanh, relu, sigmoid = _tanh(candidate), _relu(candidate), candidate.sigmoid()
        change = share[3] * candidate
        for weight, part in zip(share, (tanh, relu, sigmoid)):
            change.addcmul_(weight, part)
        change.sub_(share.sum(0) * source)
        torch.sub(1, gate, out=by_gate).mul_(change)
        through = gate.mul_(gradient)  # the gradient of the activations
        by_gate.mul_(through)
        past = torch.sub(gradient, through, out=change)  # the gradient of the source
        by_share = None
        if ctx.needs_input_grad[2]:
            stay = (past * source).sum((0, 2))
            by_share = torch.stack([stay + (through * part).sum((0, 2))
                                    for part in (tanh, relu, sigmoid, candidate)], dim=1)
        torch.mul(share[1], relu.sign_(), out=by_candidate).add_(share[0] + share[3])
        by_candidate.addcmul_(share[0], tanh.square_(), value=-1)
        by_candidate.addcmul_(share[2], sigmoid.addcmul_(sigmoid, sigmoid, value=-1))
        by_candidate.mul_(through)
        by_state = past.mul_(share.sum(0)).sum(1)
        return by_product, by_state, by_share, gradient if ctx.needs_input_grad[3] else None


def _tanh(x: Tensor, out: Tensor | None = None) -> Tensor:
    """2 sigmoid(2x) - 1, four times as fast on a CPU as `torch.tanh`."""
    return torch.mul(x, 2, out=out).sigmoid_().mul_(2).sub_(1)


def _relu(x: Tensor, out: Tensor | None = None) -> Tensor:
    return torch.clamp_min(x, 0, out=out)


def _views(product: Tensor, state: Tensor, share: Tensor) -> tuple[Tensor, ...]:
    """Gates and candidates (batch, targets, hidden), state (batch, 1, hidden), share by column."""
    both = product.view(len(product), 2, -1, state.shape[-1])
    return both[:, 0], both[:, 1], state.unsqueeze(1), share.t().unsqueeze(-1)


class RecurrentSupernet(Alphas, TiedModel):
    """A language model with a mixed cell; `Bilevel` and the strategies use it like `Supernet`.

    The dropouts are those of `zoo.models.recurrent.LanguageModel`.  `tar_weight` and `ar_weight`
    weight the regularizers of the training loss: the mean squared difference of successive outputs
    of the cell, and the mean square of the outputs after dropout (Merity et al. 2017, arXiv
    1708.01009).
    """

    def __init__(self, cell: type[FastRecurrentCell] | type[PlainRecurrentCell] = FastRecurrentCell,
                 vocabulary: int = 10000, hidden: int = 300, dropout: float = 0.0,
                 dropout_words: float = 0.0, dropout_embedding: float = 0.0,
                 dropout_hidden: float = 0.0, dropout_input: float = 0.0,
                 ar_weight: float = 0.0, tar_weight: float = 0.0) -> None:
        shape = (len(edges("recurrent")), len(RECURRENT_OPERATIONS))
        super().__init__(
            {"recurrent": shape}, cell=cell(hidden, dropout_hidden, dropout_input),
            vocabulary=vocabulary, dropout=dropout, dropout_words=dropout_words,
            dropout_embedding=dropout_embedding)
        self.ar_weight, self.tar_weight = ar_weight, tar_weight

    def load_plain(self, state: dict[str, Tensor]) -> None:
        """Copy the weights from the state dict of a plain-cell network or of the 2018 release."""
        self.load_state_dict({key: value for key, value in state.items() if ".bn." not in key})

    def forward(self, tokens: Tensor, hidden: Tensor, mixing: Mixing) -> tuple[Tensor, Tensor]:
        """Logits (time, batch, vocabulary) and the next hidden state."""
        return self.logits(tokens, hidden, mixing["recurrent"])[:2]

    def loss(self, batch: AnyBatch, mixing: Mixing) -> StepOutput:
        """Mean cross-entropy per token."""
        return self._outcome(batch, mixing)[0]

    def training_loss(self, batch: AnyBatch, mixing: Mixing) -> StepOutput:
        """`loss` plus the regularizers."""
        outcome, outputs, dropped = self._outcome(batch, mixing)
        outcome.loss = regularized(outcome.loss, outputs, dropped, self.ar_weight, self.tar_weight)
        return outcome

    def _outcome(self, batch: AnyBatch, mixing: Mixing) -> tuple[StepOutput, Tensor, Tensor]:
        tokens, targets, hidden = batch
        logits, hidden, outputs, dropped = self.logits(tokens, hidden, mixing["recurrent"])
        flat = logits.flatten(0, 1)
        loss = F.cross_entropy(flat.float() if flat.dtype == torch.bfloat16 else flat, targets)
        return StepOutput(loss, logits, hidden.detach()), outputs, dropped
