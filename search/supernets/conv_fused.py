"""The fast cell of the supernet: the outputs of `conv_reference`, with far fewer kernels.

The computation of Liu et al. 2019 (arXiv 1806.09055), reordered:

* one ReLU, one max-pool, one average pool and their batch-norms per source node, shared by all
  outgoing edges; a dilated convolution is a plain one on the four phases of its input;
* the last pointwise convolution of an operation, its batch-norm and its weight are one matrix,
  so the input of a node is one sum of matrix products (see `search.supernets.normalized`);
* operations of weight 0 (`none`, or unsampled ones) are skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search.spaces.discretize import all_operations, edges
from search.supernets.normalized import normalized_each, normalized_sum, weighted_sum
from zoo.models.depthwise import depthwise_each, join_phases, phases
from zoo.models.operations import FactorizedReduce, Noise, ReLUConvBN

T = TypeVar("T")

EDGES, OPERATIONS = edges("conv"), all_operations("conv")
_KERNELS = {"sep_conv_3x3": 3, "sep_conv_5x5": 5, "dil_conv_3x3": 3, "dil_conv_5x5": 5}


def no_running_stats(module: nn.Module) -> nn.Module:
    """`module` with batch-norms that lack scale, shift and running statistics."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.BatchNorm2d(child.num_features, affine=False,
                                                 track_running_stats=False))
        else:
            no_running_stats(child)
    return module


class MergedCell(nn.Module):
    """A mixed cell, see `search.supernets.conv.Supernet`.

    The weights of an operation are one parameter with a row for each edge; the names of those of
    the second half of a separable convolution end in `_2`.
    """

    memory_format = torch.channels_last  # twice as fast, on CPUs too
    running_stats = False
    part = 1  # operations act on 1/part of the channels, see `PartialCell`
    skip_dropout = 0.0  # after skip connections of stride 1

    def __init__(self, c_prev_prev: int, c_prev: int, channels: int, reduction: bool,
                 reduction_prev: bool) -> None:
        super().__init__()
        self.reduction = reduction
        self.preprocess0 = no_running_stats(
            FactorizedReduce(c_prev_prev, channels) if reduction_prev
            else ReLUConvBN(c_prev_prev, channels, 1))
        self.preprocess1 = no_running_stats(ReLUConvBN(c_prev, channels, 1))
        if channels % self.part:
            raise ValueError(f"{channels} channels cannot be split into {self.part} parts; use a "
                             f"multiple of {self.part} for --channels")
        self.channels = channels = channels // self.part  # of the operations
        self.depthwise, self.pointwise = nn.ParameterDict(), nn.ParameterDict()
        for name, kernel in _KERNELS.items():
            for half in ("", "_2") if name.startswith("sep") else ("",):
                self.depthwise[name + half] = _uniform(
                    kernel * kernel, len(EDGES), channels, 1, kernel, kernel)
                self.pointwise[name + half] = _uniform(channels, len(EDGES), channels, channels)
        strided = sum(self._stride(source) == 2 for _, source in EDGES)
        if strided:
            self.skip = _uniform(channels, strided, channels, channels)

    def _stride(self, source: int) -> int:
        return 2 if self.reduction and source < 2 else 1

    def forward(self, s0: Tensor, s1: Tensor, weights: Tensor) -> Tensor:
        """The four nodes, concatenated along the channels."""
        active = computed(weights)
        # Unbind once: the gradient of a row indexed by itself would be as large as the table.
        kernels = {name: table.unbind() for name, table in self.depthwise.items()}
        matrices = {name: table.unbind() for name, table in self.pointwise.items()}
        states = [self.preprocess0(s0), self.preprocess1(s1)]
        sources: list[_Source] = []
        for node in range(4):
            for number in range(len(sources), node + 2):
                leaving = {name: [row for row, (_, source) in enumerate(EDGES)
                                  if source == number and active[row][column]]
                           for column, name in enumerate(OPERATIONS[:weights.shape[1]])}
                sources.append(_Source(self._seen(states[number]), self._stride(number), leaving,
                                       kernels, matrices))
            rows = [row for row, (target, _) in enumerate(EDGES) if target == node]
            states.append(self._complete(self._node(sources, rows, weights), states, rows, weights))
        return torch.cat(states[2:], dim=1)

    def _seen(self, state: Tensor) -> Tensor:
        """The part of a state that the operations act on."""
        return state

    def _complete(self, node: Tensor, states: list[Tensor], rows: list[int], weights: Tensor
                  ) -> Tensor:
        """The whole node, given the sum `node` of its operations."""
        return node

    def _node(self, sources: list[_Source], rows: list[int], weights: Tensor) -> Tensor:
        """The sum of all active operations on the edges `rows`, one from each source."""
        normed: list[tuple[Tensor, Tensor, Tensor]] = []  # (weight, pointwise, map)
        phased: list[tuple[Tensor, Tensor, Tensor]] = []
        added: list[tuple[Tensor, Tensor]] = []  # (weight, map)
        for x, row in zip(sources, rows):
            for column, name in enumerate(OPERATIONS[:weights.shape[1]]):
                if name == "none" or row not in x.leaving[name]:
                    continue
                weight = weights[row, column]
                if "pool" in name:
                    added.append((weight, x.pooled(name)))
                elif name.startswith("sep"):
                    normed.append((weight, x.matrices[f"{name}_2"][row], x.separable(name, row)))
                elif name.startswith("dil"):
                    kept = phased if x.has_phases else normed
                    kept.append((weight, x.matrices[name][row], x.dilated(name, row)))
                elif name == "noise":
                    added.append((weight, Noise(x.stride)(x.x)))
                elif x.stride == 2:
                    normed += [(weight, pointwise, phase)
                               for pointwise, phase in zip(self._factorized(row), x.corners)]
                else:
                    added.append((weight, F.dropout(x.x, self.skip_dropout)
                                  if self.skip_dropout else x.x))
        parts: list[Tensor] = []
        if normed:
            parts.append(normalized_sum(*zip(*normed)))
        if phased:
            parts.append(join_phases(normalized_sum(*zip(*phased)), sources[-1].output_size))
        if added:
            parts.append(weighted_sum(*zip(*added)))
        return sum(parts[1:], parts[0]) if parts else sources[0].zeros()

    def _factorized(self, row: int) -> tuple[Tensor, Tensor]:
        """The two pointwise convolutions of a factorized reduce, with half the channels each."""
        strided = [r for r, (_, source) in enumerate(EDGES) if self._stride(source) == 2]
        weight = self.skip[strided.index(row)]
        half = self.channels // 2
        return (F.pad(weight[:half], (0, 0, 0, self.channels - half)),
                F.pad(weight[half:], (0, 0, half, 0)))

    # --- weights of the plain cell ----------------------------------------------------------

    def load_plain(self, state: dict[str, Tensor]) -> None:
        """Copy the weights from the state dict of a `PlainCell`."""
        own = {name: value for name, value in self.named_parameters()
               if name.startswith("preprocess")}
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(state[name])
            strided = 0
            for row, (_, source) in enumerate(EDGES):
                for column, name in enumerate(OPERATIONS):
                    key = f"_ops.{row}._ops.{column}"
                    for half, (at, to) in {"": (1, 2), "_2": (5, 6)}.items():
                        if name + half in self.depthwise:
                            self.depthwise[name + half][row] = state[f"{key}.op.{at}.weight"]
                            self.pointwise[name + half][row] = (
                                state[f"{key}.op.{to}.weight"][:, :, 0, 0])
                    if name == "skip_connect" and self._stride(source) == 2:
                        self.skip[strided] = torch.cat(
                            [state[f"{key}.conv_{n}.weight"] for n in (1, 2)])[:, :, 0, 0]
                        strided += 1


class PartialCell(MergedCell):
    """The cell of PC-DARTS: operations act on a quarter of the channels, the rest bypasses them.

    Xu et al. 2020 (arXiv 1907.05737), as in their release.  The bypassed channels of an edge are
    weighted by the sum of its row, which is not 1 with edge normalization.  The channels are
    shuffled, so that the operations of the next node act on another quarter.
    """

    part = 4

    def _seen(self, state: Tensor) -> Tensor:
        return state[:, :self.channels].contiguous(memory_format=torch.channels_last)

    def _complete(self, node: Tensor, states: list[Tensor], rows: list[int], weights: Tensor
                  ) -> Tensor:
        rest: list[Tensor] = []
        for source, _ in enumerate(rows):
            x = states[source][:, self.channels:]
            rest.append(x if self._stride(source) == 1 else F.max_pool2d(x, 2, ceil_mode=True))
        passed = weighted_sum([weights[row].sum() for row in rows], rest)
        return shuffle(torch.cat([node, passed], dim=1), self.part)


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Channels (groups, n) become (n, groups), as in ShuffleNet (arXiv 1707.01083)."""
    count, channels, height, width = x.shape
    parts = x.view(count, groups, channels // groups, height, width).transpose(1, 2)
    return parts.reshape(x.shape).contiguous(memory_format=torch.channels_last)


def computed(weights: Tensor) -> list[list[bool]]:
    """Which operations (columns, the first is `none`) of each edge (row) to compute: those whose
    weight is not 0.

    During the capture of a CUDA graph, all but `none`: values cannot be read then, and replays use
    other weights.
    """
    if weights.is_cuda and torch.cuda.is_current_stream_capturing():
        return [[column > 0 for column in range(weights.shape[1])]] * weights.shape[0]
    return (weights.detach() != 0).tolist()


def _uniform(fan_in: int, *shape: int) -> nn.Parameter:
    """A parameter, initialized like a torch convolution with `fan_in` inputs."""
    bound = fan_in ** -0.5
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


class _Source:
    """A state and the intermediate maps that its outgoing edges share, computed on first use.

    `leaving` lists the rows on which each operation is active; `kernels` and `matrices` are the
    cell's weights by operation and row.  An operation is computed for all its rows at once.
    """

    def __init__(self, x: Tensor, stride: int, leaving: Mapping[str, list[int]],
                 kernels: Mapping[str, Sequence[Tensor]], matrices: Mapping[str, Sequence[Tensor]]
                 ) -> None:
        self.x, self.stride, self.leaving = x, stride, leaving
        self.kernels, self.matrices = kernels, matrices
        self._cache: dict[str, Any] = {}

    def separable(self, name: str, row: int) -> Tensor:
        """A separable convolution up to its last pointwise convolution and batch-norm."""
        return self._once("separable", self._separable)[name][row]

    def _separable(self) -> dict[str, dict[int, Tensor]]:
        names = [name for name, rows in self.leaving.items() if name.startswith("sep") and rows]
        first = [x for name in names
                 for x in self._convolved(name, [self.positive], name, self.stride)]
        matrices = torch.stack([self.matrices[name][row]
                                for name in names for row in self.leaving[name]])
        middle = iter(normalized_each(matrices, first))
        return {name: dict(zip(self.leaving[name], self._convolved(
            name, [next(middle) for _ in self.leaving[name]], f"{name}_2"))) for name in names}

    def _convolved(self, name: str, maps: list[Tensor], kernels: str, stride: int = 1
                   ) -> Sequence[Tensor]:
        """`maps` through the depthwise `kernels` of every row on which `name` is active."""
        rows = self.leaving[name]
        return depthwise_each(maps, torch.stack([self.kernels[kernels][row] for row in rows]),
                              stride)

    def dilated(self, name: str, row: int) -> Tensor:
        """A dilated convolution before its pointwise and batch-norm, as phases if `has_phases`."""
        def compute() -> dict[int, Tensor]:
            maps = self._convolved(name, [self.spread], name)
            if self.stride == 1 and not self.has_phases:
                # The padding of phases of an odd size must not enter the batch statistics.
                maps = [join_phases(x, self.output_size) for x in maps]
            return dict(zip(self.leaving[name], maps))
        return self._once(name, compute)[row]

    @property
    def has_phases(self) -> bool:
        """Are dilated convolutions computed on the four phases of the map?"""
        height, width = self.x.shape[-2:]
        return self.stride == 1 and not (height % 2 or width % 2)

    def _once(self, name: str, compute: Callable[[], T]) -> T:
        """The result of `compute`, cached under `name`."""
        if name not in self._cache:
            self._cache[name] = compute()
        return self._cache[name]

    @property
    def positive(self) -> Tensor:
        """The state after the ReLU."""
        return self._once("positive", lambda: F.relu(self.x))

    @property
    def spread(self) -> Tensor:
        """The map whose plain convolution equals the dilated one of `positive`."""
        if self.stride == 2:
            return self._once("spread", lambda: self.positive[:, :, ::2, ::2].contiguous(
                memory_format=torch.channels_last))
        return self._once("spread", lambda: phases(self.positive))

    @property
    def corners(self) -> tuple[Tensor, Tensor]:
        """The inputs of the two halves of a factorized reduce; an odd size is padded with zeros."""
        height, width = self.x.shape[-2:]
        shifted = self._once("shifted", lambda: F.pad(
            self.positive, (0, width % 2, 0, height % 2))[:, :, 1::2, 1::2].contiguous(
                memory_format=torch.channels_last))
        return self.spread, shifted

    def pooled(self, name: str) -> Tensor:
        """The state, pooled and batch-normalized."""
        def compute() -> Tensor:
            pool = (F.max_pool2d(self.x, 3, self.stride, 1) if name.startswith("max") else
                    F.avg_pool2d(self.x, 3, self.stride, 1, count_include_pad=False))
            return F.batch_norm(pool, None, None, training=True)
        return self._once(name, compute)

    @property
    def output_size(self) -> torch.Size:
        """Height and width after the stride."""
        return torch.Size([(size - 1) // self.stride + 1 for size in self.x.shape[-2:]])

    def zeros(self) -> Tensor:
        """A node without operations."""
        return self.x.new_zeros(*self.x.shape[:2], *self.output_size)
