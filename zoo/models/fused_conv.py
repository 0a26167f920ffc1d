"""A training step of an image network with less memory traffic and the same result.

`zoo.models.conv` is the reference.  The same modules, with the same parameters, are evaluated in
another order:

* the ReLU of a state is computed once, for every operation and for both later cells that read it;
* cells pass on their nodes as a list instead of concatenating them, which saves the copies and
  keeps gradients of batch-norms contiguous: on slices of wider maps torch is ten times slower;
* depthwise convolutions use `zoo.models.depthwise`, dilated ones the phases of their input.

All other operations are called as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.models.conv import Cell, _Network
from zoo.models.depthwise import depthwise, join_phases, phases
from zoo.models.operations import FactorizedReduce, Identity, ReLUConvBN, SepConv

_SEPARABLE = 4  # modules per repeat of a SepConv: ReLU, depthwise, pointwise, batch-norm


def forward(model: nn.Module, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
    """Compute ``model(images)`` in training mode and update the running statistics.

    Networks that are not defined in `zoo.models.conv` are called as they are.
    """
    if not isinstance(model, _Network) or not model.training:
        return model(images)
    s0, s1 = (_State([part]) for part in model._stem(images))
    auxiliary = None
    for index, cell in enumerate(model.cells):
        assert isinstance(cell, Cell)
        s0, s1 = s1, _State(_cell(cell, s0, s1))
        if model.auxiliary_head is not None and index == 2 * model.layers // 3:
            auxiliary = model.auxiliary_head(torch.cat(s1.parts, dim=1))
    pooled = torch.cat([model.global_pooling(part).flatten(1) for part in s1.parts], dim=1)
    logits = model.classifier(pooled)
    return logits if auxiliary is None else (logits, auxiliary)


class _State:
    """The output of a cell, (N, C, H, W) in parts along C, with a cached ReLU."""

    def __init__(self, parts: list[Tensor]) -> None:
        self.parts = parts
        self._positive: list[Tensor] | None = None

    @property
    def positive(self) -> list[Tensor]:
        """The ReLU of each part."""
        if self._positive is None:
            self._positive = [F.relu(part) for part in self.parts]
        return self._positive


class _Node(_State):
    """A node: a single part, whose phases are cached for dilated convolutions."""

    def __init__(self, x: Tensor) -> None:
        super().__init__([x])
        self.x = x
        self._phases: Tensor | None = None

    @property
    def phases(self) -> Tensor:
        """`zoo.models.depthwise.phases` of the ReLU."""
        if self._phases is None:
            self._phases = phases(self.positive[0])
        return self._phases


def _cell(cell: Cell, s0: _State, s1: _State) -> list[Tensor]:
    """The output nodes of `cell`."""
    nodes = [_Node(_preprocess(cell.preprocess0, s0)), _Node(_preprocess(cell.preprocess1, s1))]
    operations = iter(cell._ops)
    for edges in cell.nodes:
        terms = [(module, nodes[source]) for (name, source), module in zip(edges, operations)
                 if name != "none"]
        nodes.append(_Node(_node(cell, terms) if terms else cell._zeros(nodes[1].x)))
    states = dict(enumerate(node.x for node in nodes))
    return [cell._output(states, number) for number in cell.concat]


def _preprocess(module: FactorizedReduce | ReLUConvBN, state: _State) -> Tensor:
    if not isinstance(module, FactorizedReduce):
        _, convolution, norm = module.op
        return norm(_PointwiseOfParts.apply(convolution.weight, *state.positive))
    height, width = state.parts[0].shape[-2:]
    corners: tuple[list[Tensor], list[Tensor]] = [], []
    for part in state.positive:
        if height % 2 or width % 2:
            part = F.pad(part, (0, width % 2, 0, height % 2))
        for first, corner in enumerate(corners):
            corner.append(part[:, :, first::2, first::2].contiguous(
                memory_format=torch.channels_last))
    halves = [_PointwiseOfParts.apply(convolution.weight, *corner)
              for convolution, corner in zip((module.conv_1, module.conv_2), corners)]
    return module.bn(torch.cat(halves, dim=1))


class _PointwiseOfParts(torch.autograd.Function):
    """A pointwise convolution (C_out, C_in, 1, 1) of maps whose channels add up to C_in."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, *maps: Tensor) -> Tensor:
        ctx.save_for_backward(weight, *maps)
        pieces = _pieces(weight, maps)
        product = _rows(maps[0]) @ pieces[0].t()
        for x, piece in zip(maps[1:], pieces[1:]):
            product.addmm_(_rows(x), piece.t())
        return _maps(product, maps[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        weight, *maps = ctx.saved_tensors
        gradient = _rows(gradient)
        grad_weight = torch.cat([gradient.t() @ _rows(x) for x in maps], dim=1)
        grad_maps = [_maps(gradient @ piece, x) for x, piece in zip(maps, _pieces(weight, maps))]
        return grad_weight.to(weight.dtype).view_as(weight), *grad_maps


def _pieces(weight: Tensor, maps: Sequence[Tensor]) -> Sequence[Tensor]:
    """The columns of a pointwise convolution for each map, in the dtype of the maps."""
    return weight[:, :, 0, 0].to(maps[0].dtype).split([x.shape[1] for x in maps], dim=1)


def _rows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N * H * W, C); a view if the memory format is channels_last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _maps(rows: Tensor, like: Tensor) -> Tensor:
    batch, _, height, width = like.shape
    return rows.view(batch, height, width, -1).permute(0, 3, 1, 2)


def _node(cell: Cell, terms: list[tuple[nn.Module, _Node]]) -> Tensor:
    """The sum of a node's operations, at least one."""
    total: Tensor | None = None
    for module, node in terms:
        term = _separable(module, node) if isinstance(module, SepConv) else module(node.x)
        if not isinstance(module, Identity):
            term = cell.drop_path(term)
        total = term if total is None else total + term
    assert total is not None
    return total


def _separable(module: SepConv, node: _Node) -> Tensor:
    x: Tensor | None = None
    layers = list(module.op)
    for first in range(0, len(layers), _SEPARABLE):
        _, convolution, pointwise, norm = layers[first:first + _SEPARABLE]
        assert isinstance(convolution, nn.Conv2d)
        stride, dilation = convolution.stride[0], convolution.dilation[0]
        if x is not None:
            x = depthwise(F.relu(x, inplace=True), convolution.weight, stride)
        elif dilation == 1:
            x = depthwise(node.positive[0], convolution.weight, stride)
        elif stride == 1:
            x = join_phases(depthwise(node.phases, convolution.weight), node.x.shape[-2:])
        else:  # with stride 2, dilation 2 reads only every second pixel of every second row
            x = depthwise(node.positive[0][:, :, ::2, ::2].contiguous(
                memory_format=torch.channels_last), convolution.weight)
        x = norm(pointwise(x))
    assert x is not None
    return x
