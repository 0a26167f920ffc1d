"""A recurrent cell over all time steps at once: what `recurrent.RecurrentCell.step` defines,
in another order of computing.

After Appleyard et al. 2016 (arXiv 1604.01946): the input's share of every time step is one
matrix product; a state is multiplied once by the weights of all nodes that it leads to; and the
backward pass is written by hand, in which everything that does not wait for the next time step
is done for all of them together, the gradients of the weights above all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# What each activation gives, written over its argument, and its slope by what it gave.
_OVER: dict[str, Callable[[Tensor], Tensor]] = {
    "none": torch.zero_,
    "tanh": lambda x: x.mul_(2).sigmoid_().mul_(2).sub_(1),  # four times torch.tanh on a CPU
    "relu": torch.relu_,
    "sigmoid": torch.sigmoid_,
    "identity": lambda x: x,
}
_SLOPE: dict[str, Callable[[Tensor], Tensor]] = {
    "none": torch.zeros_like,
    "tanh": lambda y: 1 - y * y,
    "relu": lambda y: (y > 0).to(y.dtype),
    "sigmoid": lambda y: y * (1 - y),
    "identity": torch.ones_like,
}

#: Time steps whose slopes are computed at once: what a CPU keeps in its cache.
_AT_ONCE = 4

#: (activation, from, to) of neighbors among the nodes of a group.
Run = tuple[str, int, int]


@dataclass(frozen=True)
class Group:
    """Nodes with one source, numbered from `first` on in the order of computing.

    `members` are their places among the weights; `runs` are (activation, from, to) of
    neighbors that share an activation.
    """

    source: int
    first: int
    members: tuple[int, ...]
    runs: tuple[Run, ...]

    @property
    def nodes(self) -> slice:
        """The numbers of the nodes."""
        return slice(self.first, self.first + len(self.members))


@dataclass(frozen=True)
class Plan:
    """The nodes of a cell in the order of computing: node 0, then group by group.

    `averaged` are the nodes whose mean is the output.
    """

    groups: tuple[Group, ...]
    averaged: tuple[int, ...]

    @property
    def runs(self) -> tuple[tuple[Run, ...], ...]:
        """Of node 0, then of the groups."""
        return ((("tanh", 0, 1),), *(group.runs for group in self.groups))

    @property
    def nodes(self) -> int:
        """How many there are, node 0 among them."""
        return 1 + sum(len(group.members) for group in self.groups)


def plan(edges: Sequence[tuple[str, int]], concat: Sequence[int]) -> Plan:
    """The plan of a recurrent cell: one (activation, source) per node, and its concat."""
    number, done = {0: 0}, 0
    groups: list[Group] = []
    order = [0]  # old numbers, in the order of computing
    while done < len(order):
        source, done = order[done], done + 1
        # Neighbors with one activation are computed by one call.
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
    found = []
    for group in plan.groups:
        halves = [weights[node].chunk(2, dim=1) for node in group.members]
        found.append(torch.cat([half for side in zip(*halves) for half in side], dim=1))
    return found


def run(plan: Plan, projected: Tensor, hidden: Tensor, mask: Tensor | None, gate: Tensor,
        weights: Sequence[Tensor]) -> Tensor:
    """The outputs (time, batch, hidden) of the cell.

    projected (time, batch, 2 * hidden): the input's share of the first gate; hidden (batch,
    hidden): the state before the first step; mask (batch, hidden): the nodes' dropout; gate
    (hidden, 2 * hidden): the state's share of the first gate; weights: as `joined` gives them.
    Products are computed in the type of the weights, everything else in that of `hidden`.
    """
    return _Recurrence.apply(plan, projected, hidden, mask, gate, *joined(weights, plan))


class _Recurrence(torch.autograd.Function):
    # `states` (nodes, time, batch, hidden); `values[0]` (time, batch, 2, 1, hidden) and those of
    # the groups (time, batch, 2, members, hidden): gates, then candidates, after their
    # activations.

    @staticmethod
    def forward(ctx: Any, plan: Plan, projected: Tensor, hidden: Tensor, mask: Tensor | None,
                gate: Tensor, *weights: Tensor) -> Tensor:
        time, batch, size = projected.shape[0], *hidden.shape
        new = hidden.new_empty
        states, outputs = new(plan.nodes, time, batch, size), new(time, batch, size)
        values = [new(time, batch, 2, 1, size)]
        values += [new(time, batch, 2, len(group.members), size) for group in plan.groups]
        # Of each step: the first gate, then every group, as views made once.
        first = [_Piece(states, values[0], step, slice(0, 1)) for step in range(time)]
        rest = [[_Piece(states, value, step, group.nodes) for step in range(time)]
                for group, value in zip(plan.groups, values[1:])]
        spread = (None if plan.averaged == tuple(range(1, plan.nodes))
                  else _averaged(plan, hidden.device))
        state = hidden
        for step in range(time):
            piece = first[step]
            product = torch.mm(_times(state, mask, gate.dtype), gate)
            torch.add(product, projected[step], out=piece.flat)
            piece.gates.sigmoid_()
            _OVER["tanh"](piece.candidates)
            torch.lerp(state, piece.candidates.squeeze(1), piece.gates.squeeze(1),
                       out=states[0, step])
            for group, pieces, weight in zip(plan.groups, rest, weights):
                piece, source = pieces[step], states[group.source, step]
                factor = _times(source, mask, weight.dtype)
                if weight.dtype == hidden.dtype:
                    torch.mm(factor, weight, out=piece.flat)
                else:
                    piece.flat.copy_(torch.mm(factor, weight))
                piece.gates.sigmoid_()
                for name, start, end in group.runs:
                    _OVER[name](piece.candidates[:, start:end])
                torch.lerp(source.unsqueeze(1), piece.candidates, piece.gates, out=piece.nodes)
            chosen = (states[1:, step] if spread is None
                      else states[:, step].index_select(0, spread))
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
        kinds = [gate.dtype] + [weight.dtype for weight in weights]
        # What reaches the products of each step.
        changes = [torch.empty_like(value, dtype=kind) for value, kind in zip(values, kinds)]
        turned = [weight.t() for weight in weights]
        scaled = gradient / len(plan.averaged)
        share = _shares(plan, gradient.device, gradient.dtype)
        carried = torch.zeros_like(hidden)
        nodes = torch.empty(plan.nodes, batch, size, dtype=hidden.dtype, device=hidden.device)
        at_once = _AT_ONCE if hidden.device.type == "cpu" else time
        for end in range(time, 0, -at_once):
            steps = slice(max(0, end - at_once), end)
            slopes, stays = zip(*(
                _slopes(value[steps], source[steps], runs)
                for value, source, runs in zip(values, sources, plan.runs)))
            for step in reversed(range(len(slopes[0]))):
                carried.div_(len(plan.averaged)).add_(scaled[steps.start + step])
                torch.mul(share, carried, out=nodes)
                for number in reversed(range(count)):
                    group, change = plan.groups[number], changes[number + 1][steps.start + step]
                    of_nodes = nodes[group.nodes].transpose(0, 1)  # (batch, members, hidden)
                    torch.mul(of_nodes.unsqueeze(1), slopes[number + 1][step], out=change)
                    source = nodes[group.source]
                    _back(source, change, turned[number], mask)
                    if len(group.members) == 1:
                        source.addcmul_(nodes[group.first], stays[number + 1][step].squeeze(1))
                    else:
                        source.add_(of_nodes.mul(stays[number + 1][step]).sum(1))
                change = changes[0][steps.start + step]
                torch.mul(nodes[0].unsqueeze(1).unsqueeze(1), slopes[0][step], out=change)
                torch.mul(nodes[0], stays[0][step].squeeze(1), out=carried)
                _back(carried, change, gate.t(), mask)

        # The gradients of the weights, one product each over all time steps.
        by_weights = []
        for source, change, kind in zip(sources, changes, kinds):
            factor = _times(source, mask, kind).reshape(time * batch, size)
            by_weights.append(factor.t() @ change.view(time * batch, -1))
        by_projected = changes[0].view(time, batch, -1)
        return None, by_projected, carried, None, *by_weights


# Kept, for each time that a list goes to a GPU waits for all that it has to do.
@functools.lru_cache(maxsize=64)
def _averaged(plan: Plan, device: torch.device) -> Tensor:
    return torch.tensor(plan.averaged, device=device)


@functools.lru_cache(maxsize=64)
def _shares(plan: Plan, device: torch.device, kind: torch.dtype) -> Tensor:
    """How often the output's mean takes each node: (nodes, 1, 1)."""
    counts = [float(plan.averaged.count(node)) for node in range(plan.nodes)]
    return torch.tensor(counts, dtype=kind, device=device).view(-1, 1, 1)


class _Piece:
    """One step's values of a group, and its nodes (batch, members, hidden), as views."""

    __slots__ = ("flat", "gates", "candidates", "nodes")

    def __init__(self, states: Tensor, values: Tensor, step: int, nodes: slice) -> None:
        value = values[step]
        self.flat = value.view(len(value), -1)
        self.gates, self.candidates = value.unbind(1)
        self.nodes = states[nodes, step].transpose(0, 1)


def _slopes(values: Tensor, source: Tensor, runs: Sequence[Run]) -> tuple[Tensor, Tensor]:
    """For some time steps of a group: how its nodes change with gates and candidates before
    their activations, shaped as `values`, and with their source past both."""
    gates, candidates = values.unbind(2)
    slope, stay = torch.empty_like(values), 1 - gates
    torch.sub(candidates, source.unsqueeze(2), out=slope[:, :, 0])
    slope[:, :, 0].mul_(gates).mul_(stay)
    for name, start, end in runs:
        torch.mul(gates[:, :, start:end], _SLOPE[name](candidates[:, :, start:end]),
                  out=slope[:, :, 1, start:end])
    return slope, stay


def _times(state: Tensor, mask: Tensor | None, kind: torch.dtype) -> Tensor:
    return (state if mask is None else state * mask).to(kind)


def _back(total: Tensor, change: Tensor, weight: Tensor, mask: Tensor | None) -> None:
    """Add to `total` what comes back through a product with the transposed `weight`."""
    flat = change.view(len(change), -1)
    if mask is None and flat.dtype == total.dtype:
        total.addmm_(flat, weight)
    elif mask is None:
        total.add_(flat @ weight)
    else:
        total.addcmul_((flat @ weight).to(total.dtype), mask)
