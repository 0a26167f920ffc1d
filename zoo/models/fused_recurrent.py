"""A recurrent cell over all time steps, fused; `recurrent.RecurrentCell.step` is the reference.

After Appleyard et al. 2016 (arXiv 1604.01946): the inputs of all time steps are projected in one
matrix product, and a state is multiplied once by the weights of all nodes that read it.  The
hand-written backward pass batches everything that does not depend on the next time step, above
all the gradients of the weights, over all time steps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Each activation in place, and its derivative as a function of its output.
_IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "none": torch.zero_,
    "tanh": lambda x: x.mul_(2).sigmoid_().mul_(2).sub_(1),  # 4x as fast as tanh_ on a CPU
    "relu": torch.relu_,
    "sigmoid": torch.sigmoid_,
    "identity": lambda x: x,
}
_DERIVATIVE: dict[str, Callable[[Tensor], Tensor]] = {
    "none": torch.zeros_like,
    "tanh": lambda y: 1 - y * y,
    "relu": lambda y: (y > 0).to(y.dtype),
    "sigmoid": lambda y: y * (1 - y),
    "identity": torch.ones_like,
}

#: Time steps whose derivatives are computed together, small enough for a CPU cache.
_STEPS_AT_ONCE = 4

#: (activation, from, to): adjacent nodes of a group with the same activation.
Run = tuple[str, int, int]


@dataclass(frozen=True)
class Group:
    """Nodes with the same source, numbered from `first` in evaluation order.

    `members` are their indices among the weights; `runs` split them by activation.
    """

    source: int
    first: int
    members: tuple[int, ...]
    runs: tuple[Run, ...]

    @property
    def nodes(self) -> slice:
        """The nodes as a slice of all nodes."""
        return slice(self.first, self.first + len(self.members))


@dataclass(frozen=True)
class Plan:
    """The nodes of a cell in evaluation order: node 0, then group by group.

    The output is the mean of the `averaged` nodes.
    """

    groups: tuple[Group, ...]
    averaged: tuple[int, ...]

    @property
    def runs(self) -> tuple[tuple[Run, ...], ...]:
        """The runs of node 0, then of each group."""
        return ((("tanh", 0, 1),), *(group.runs for group in self.groups))

    @property
    def nodes(self) -> int:
        """The number of nodes, including node 0."""
        return 1 + sum(len(group.members) for group in self.groups)


def plan(edges: Sequence[tuple[str, int]], concat: Sequence[int]) -> Plan:
    """The plan of a recurrent cell: one (activation, source) per node, and its concat."""
    number, done = {0: 0}, 0
    groups: list[Group] = []
    order = [0]  # genotype numbers, in evaluation order
    while done < len(order):
        source, done = order[done], done + 1
        # Sorting puts equal activations next to each other, to be computed in one call.
        members = sorted((node for node, (_, origin) in enumerate(edges) if origin == source),
                         key=lambda node: edges[node][0])
        if not members:
            continue
        runs: list[Run] = []
        for place, node in enumerate(members):
            name = edges[node][0]
            if runs and runs[-1][0] == name:
                runs[-1] = (name, runs[-1][1], place + 1)
            else:
                runs.append((name, place, place + 1))
        groups.append(Group(number[source], len(order), tuple(members), tuple(runs)))
        for node in members:
            number[node + 1] = len(order)
            order.append(node + 1)
    return Plan(tuple(groups), tuple(sorted(number[node] for node in concat)))


def joined(weights: Sequence[Tensor], plan: Plan) -> list[Tensor]:
    """The weights (hidden, 2 * hidden) of each group as one matrix: all gates, then all
    candidates."""
    matrices = []
    for group in plan.groups:
        halves = [weights[node].chunk(2, dim=1) for node in group.members]
        matrices.append(torch.cat([half for side in zip(*halves) for half in side], dim=1))
    return matrices


def run(plan: Plan, projected: Tensor, hidden: Tensor, mask: Tensor | None, gate: Tensor,
        weights: Sequence[Tensor]) -> Tensor:
    """The outputs (time, batch, hidden) of the cell.

    projected (time, batch, 2 * hidden): the input's part of node 0 before its activation;
    hidden (batch, hidden): the state before the first step; mask (batch, hidden): the dropout of
    the nodes; gate (hidden, 2 * hidden): the weights of the state in node 0; weights: (hidden,
    2 * hidden) per later node.
    Products are computed in the dtype of the weights, everything else in that of `hidden`.
    """
    return _Recurrence.apply(plan, projected, hidden, mask, gate, *joined(weights, plan))


class _Recurrence(torch.autograd.Function):
    # `states` (nodes, time, batch, hidden); `values` of node 0 (time, batch, 2, 1, hidden) and of
    # each group (time, batch, 2, members, hidden): gates and candidates after their activations.

    @staticmethod
    def forward(ctx: Any, plan: Plan, projected: Tensor, hidden: Tensor, mask: Tensor | None,
                gate: Tensor, *weights: Tensor) -> Tensor:
        time, batch, size = projected.shape[0], *hidden.shape
        new = hidden.new_empty
        states, outputs = new(plan.nodes, time, batch, size), new(time, batch, size)
        values = [new(time, batch, 2, 1, size)]
        values += [new(time, batch, 2, len(group.members), size) for group in plan.groups]
        # Views for each step, created once: of node 0, then of every group.
        first = [_StepView(states, values[0], step, slice(0, 1)) for step in range(time)]
        rest = [[_StepView(states, value, step, group.nodes) for step in range(time)]
                for group, value in zip(plan.groups, values[1:])]
        averaged = (None if plan.averaged == tuple(range(1, plan.nodes))
                  else _averaged(plan, hidden.device))
        state = hidden
        for step in range(time):
            piece = first[step]
            product = torch.mm(_masked(state, mask, gate.dtype), gate)
            torch.add(product, projected[step], out=piece.flat)
            piece.gates.sigmoid_()
            _IN_PLACE["tanh"](piece.candidates)
            torch.lerp(state, piece.candidates.squeeze(1), piece.gates.squeeze(1),
                       out=states[0, step])
            for group, pieces, weight in zip(plan.groups, rest, weights):
                piece, source = pieces[step], states[group.source, step]
                factor = _masked(source, mask, weight.dtype)
                if weight.dtype == hidden.dtype:
                    torch.mm(factor, weight, out=piece.flat)
                else:
                    piece.flat.copy_(torch.mm(factor, weight))
                piece.gates.sigmoid_()
                for name, start, end in group.runs:
                    _IN_PLACE[name](piece.candidates[:, start:end])
                torch.lerp(source.unsqueeze(1), piece.candidates, piece.gates, out=piece.nodes)
            chosen = (states[1:, step] if averaged is None
                      else states[:, step].index_select(0, averaged))
            state = torch.mean(chosen, 0, out=outputs[step])
        ctx.plan = plan
        ctx.save_for_backward(hidden, mask, gate, outputs, states, *values, *weights)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        plan, count = ctx.plan, len(ctx.plan.groups)
        hidden, mask, gate, outputs, states, *more = ctx.saved_tensors
        values, weights = more[:count + 1], more[count + 1:]
        time, batch, size = outputs.shape
        before = torch.cat([hidden.unsqueeze(0), outputs[:-1]])

        sources = [before] + [states[group.source] for group in plan.groups]
        dtypes = [gate.dtype] + [weight.dtype for weight in weights]
        # The gradients of the matrix products of each step.
        changes = [torch.empty_like(value, dtype=dtype) for value, dtype in zip(values, dtypes)]
        transposed = [weight.t() for weight in weights]
        scaled = gradient / len(plan.averaged)
        share = _shares(plan, gradient.device, gradient.dtype)
        carried = torch.zeros_like(hidden)
        nodes = torch.empty(plan.nodes, batch, size, dtype=hidden.dtype, device=hidden.device)
        steps_at_once = _STEPS_AT_ONCE if hidden.device.type == "cpu" else time
        for end in range(time, 0, -steps_at_once):
            steps = slice(max(0, end - steps_at_once), end)
            slopes, stays = zip(*(
                _slopes(value[steps], source[steps], runs)
                for value, source, runs in zip(values, sources, plan.runs)))
            for step in reversed(range(len(slopes[0]))):
                carried.div_(len(plan.averaged)).add_(scaled[steps.start + step])
                torch.mul(share, carried, out=nodes)
                for number in reversed(range(count)):
                    group, change = plan.groups[number], changes[number + 1][steps.start + step]
                    grad_nodes = nodes[group.nodes].transpose(0, 1)  # (batch, members, hidden)
                    torch.mul(grad_nodes.unsqueeze(1), slopes[number + 1][step], out=change)
                    source = nodes[group.source]
                    _propagate(source, change, transposed[number], mask)
                    if len(group.members) == 1:
                        source.addcmul_(nodes[group.first], stays[number + 1][step].squeeze(1))
                    else:
                        source.add_(grad_nodes.mul(stays[number + 1][step]).sum(1))
                change = changes[0][steps.start + step]
                torch.mul(nodes[0].unsqueeze(1).unsqueeze(1), slopes[0][step], out=change)
                torch.mul(nodes[0], stays[0][step].squeeze(1), out=carried)
                _propagate(carried, change, gate.t(), mask)

        # One product over all time steps for the gradient of each weight.
        grad_weights = []
        for source, change, dtype in zip(sources, changes, dtypes):
            factor = _masked(source, mask, dtype).reshape(time * batch, size)
            grad_weights.append(factor.t() @ change.view(time * batch, -1))
        grad_projected = changes[0].view(time, batch, -1)
        return None, grad_projected, carried, None, *grad_weights


# Cached, because copying a list to a GPU synchronizes with it.
@functools.lru_cache(maxsize=64)
def _averaged(plan: Plan, device: torch.device) -> Tensor:
    return torch.tensor(plan.averaged, device=device)


@functools.lru_cache(maxsize=64)
def _shares(plan: Plan, device: torch.device, dtype: torch.dtype) -> Tensor:
    """How often each node is in the mean of the output: (nodes, 1, 1)."""
    counts = [float(plan.averaged.count(node)) for node in range(plan.nodes)]
    return torch.tensor(counts, dtype=dtype, device=device).view(-1, 1, 1)


class _StepView:
    """Views of one time step of a group: its values, and its nodes (batch, members, hidden)."""

    __slots__ = ("flat", "gates", "candidates", "nodes")

    def __init__(self, states: Tensor, values: Tensor, step: int, nodes: slice) -> None:
        value = values[step]
        self.flat = value.view(len(value), -1)
        self.gates, self.candidates = value.unbind(1)
        self.nodes = states[nodes, step].transpose(0, 1)


def _slopes(values: Tensor, source: Tensor, runs: Sequence[Run]) -> tuple[Tensor, Tensor]:
    """The derivatives of a group's nodes for some time steps: by the gates and candidates before
    their activations, in the shape of `values`, and directly by their source."""
    gates, candidates = values.unbind(2)
    slope, stay = torch.empty_like(values), 1 - gates
    torch.sub(candidates, source.unsqueeze(2), out=slope[:, :, 0])
    slope[:, :, 0].mul_(gates).mul_(stay)
    for name, start, end in runs:
        torch.mul(gates[:, :, start:end], _DERIVATIVE[name](candidates[:, :, start:end]),
                  out=slope[:, :, 1, start:end])
    return slope, stay


def _masked(state: Tensor, mask: Tensor | None, dtype: torch.dtype) -> Tensor:
    return (state if mask is None else state * mask).to(dtype)


def _propagate(total: Tensor, change: Tensor, weight: Tensor, mask: Tensor | None) -> None:
    """Add to `total` the gradient `change` propagated through the transposed `weight`."""
    flat = change.view(len(change), -1)
    if mask is None and flat.dtype == total.dtype:
        total.addmm_(flat, weight)
    elif mask is None:
        total.add_(flat @ weight)
    else:
        total.addcmul_((flat @ weight).to(total.dtype), mask)
