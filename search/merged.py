"""The cell of the supernet as it is run: what `search.plain` computes, in far fewer passes.

The mathematics of Liu et al. 2019 (arXiv 1806.09055) put in another order:

* of each source node one ReLU, one max-pool, one average pool and their batch-norms, for all
  outgoing edges; a dilated convolution is a plain one on the four phases of its input;
* the last pointwise convolution of an operation, its batch-norm and its weight are one matrix,
  so what arrives at a node is one sum of matrix products, see `search.normalized`;
* operations of weight 0 (`none`, or what a sampler left out) are not computed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search.depthwise import depthwise, join_phases, phases
from search.discretize import CONV_OPERATIONS, edges
from search.normalized import normalized_sum, weighted_sum
from zoo.operations import FactorizedReduce, ReLUConvBN

EDGES = edges("conv")
_KERNELS = {"sep_conv_3x3": 3, "sep_conv_5x5": 5, "dil_conv_3x3": 3, "dil_conv_5x5": 5}


def no_running_stats(module: nn.Module) -> nn.Module:
    """`module` with batch-norms that have neither scale and shift nor memory."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.BatchNorm2d(child.num_features, affine=False,
                                                 track_running_stats=False))
        else:
            no_running_stats(child)
    return module


class MergedCell(nn.Module):
    """See `search.supernet.Supernet`.

    Weights of a kind are one parameter, with a row for each edge; those of the second half of a
    separable convolution have `_2` after their name.
    """

    memory_format = torch.channels_last  # twice as fast, on CPUs too
    running_stats = False
    part = 1  # operations act on one in so many channels, see `PartialCell`

    def __init__(self, c_prev_prev: int, c_prev: int, channels: int, reduction: bool,
                 reduction_prev: bool):
        super().__init__()
        self.reduction = reduction
        self.preprocess0 = no_running_stats(
            FactorizedReduce(c_prev_prev, channels) if reduction_prev
            else ReLUConvBN(c_prev_prev, channels, 1))
        self.preprocess1 = no_running_stats(ReLUConvBN(c_prev, channels, 1))
        if channels % self.part:
            raise ValueError(f"{channels} channels cannot be cut into {self.part} parts; take a "
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
        active = (weights.detach() != 0).tolist()
        # Cut into rows once: a gradient for each row cut by itself would be a whole table.
        kernels = {name: table.unbind() for name, table in self.depthwise.items()}
        matrices = {name: table.unbind() for name, table in self.pointwise.items()}
        states = [self.preprocess0(s0), self.preprocess1(s1)]
        sources: dict[int, _Source] = {}
        rows = iter(range(len(EDGES)))
        for node in range(4):
            incoming = [(source, next(rows)) for source in range(node + 2)]
            for source, _ in incoming:
                if source not in sources:
                    sources[source] = self._source(states[source], self._stride(source))
            node = self._node(sources, incoming, weights, active, kernels, matrices)
            states.append(self._complete(node, states, incoming, weights))
        return torch.cat(states[2:], dim=1)

    def _source(self, x: Tensor, stride: int) -> _Source:
        return _Source(x, stride)

    def _complete(self, node: Tensor, states: list, incoming: list, weights: Tensor) -> Tensor:
        """The node, of which `node` is what the operations give."""
        return node

    def _node(self, sources: dict, incoming: list, weights: Tensor, active: list, kernels: dict,
              matrices: dict) -> Tensor:
        """The sum of all active operations on the edges `incoming` [(source, row)] of a node."""
        normed, phased, added = [], [], []  # (weight, pointwise, map), the same, (weight, map)
        for source, row in incoming:
            x = sources[source]
            for column, name in enumerate(CONV_OPERATIONS):
                if name == "none" or not active[row][column]:
                    continue
                weight = weights[row, column]
                if "pool" in name:
                    added.append((weight, x.pooled(name)))
                elif name.startswith("sep"):
                    normed.append((weight, matrices[f"{name}_2"][row], _separable(
                        x, *(table[row] for table in (kernels[name], matrices[name],
                                                      kernels[f"{name}_2"])))))
                elif name.startswith("dil"):
                    kept = normed if x.stride == 2 else phased
                    kept.append((weight, matrices[name][row],
                                 depthwise(x.spread, kernels[name][row])))
                elif x.stride == 2:
                    normed += [(weight, pointwise, phase)
                               for pointwise, phase in zip(self._factorized(row), x.corners)]
                else:
                    added.append((weight, x.x))
        parts = []
        if normed:
            parts.append(normalized_sum(*zip(*normed)))
        if phased:
            parts.append(join_phases(normalized_sum(*zip(*phased)), sources[0].output_size
                                     if self.reduction else sources[0].x.shape[-2:]))
        if added:
            parts.append(weighted_sum(*zip(*added)))
        return sum(parts[1:], parts[0]) if parts else sources[0].zeros()

    def _factorized(self, row: int) -> tuple[Tensor, Tensor]:
        """The two pointwise convolutions of a factorized reduce, each giving half the channels."""
        strided = [r for r, (_, source) in enumerate(EDGES) if self._stride(source) == 2]
        weight = self.skip[strided.index(row)]
        half = self.channels // 2
        return (F.pad(weight[:half], (0, 0, 0, self.channels - half)),
                F.pad(weight[half:], (0, 0, half, 0)))

    # --- from the plain cell ----------------------------------------------------------------

    def load_plain(self, state: dict[str, Tensor]) -> None:
        """Take over the weights of a `PlainCell`'s state dict."""
        own = {name: value for name, value in self.named_parameters()
               if name.startswith("preprocess")}
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(state[name])
            strided = 0
            for row, (_, source) in enumerate(EDGES):
                for column, name in enumerate(CONV_OPERATIONS):
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
    """The cell of PC-DARTS: operations act on a quarter of the channels, the rest passes by.

    Xu et al. 2020 (arXiv 1907.05737, section 3.1 and 3.2).  The weight of an edge in what passes
    by is the sum of its row, which edge normalisation makes other than 1.  The channels are
    shuffled, so that another quarter meets the operations of the next node.
    """

    part = 4

    def _source(self, x: Tensor, stride: int) -> _Source:
        return _Source(x[:, :self.channels].contiguous(memory_format=torch.channels_last), stride)

    def _complete(self, node: Tensor, states: list, incoming: list, weights: Tensor) -> Tensor:
        rest = []
        for source, _ in incoming:
            x = states[source][:, self.channels:]
            rest.append(x if self._stride(source) == 1 else F.max_pool2d(x, 2, ceil_mode=True))
        passed = weighted_sum([weights[row].sum() for _, row in incoming], rest)
        return shuffle(torch.cat([node, passed], dim=1), self.part)


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Channels (groups, n) become (n, groups), as in ShuffleNet (arXiv 1707.01083)."""
    count, channels, height, width = x.shape
    parts = x.view(count, groups, channels // groups, height, width).transpose(1, 2)
    return parts.reshape(x.shape).contiguous(memory_format=torch.channels_last)


def _separable(x: _Source, kernel: Tensor, matrix: Tensor, kernel_2: Tensor) -> Tensor:
    """All of a separable convolution but its last pointwise and batch-norm."""
    first = depthwise(x.positive, kernel, x.stride)
    middle = normalized_sum([first.new_ones(())], [matrix], [first])
    return depthwise(F.relu(middle), kernel_2)


def _uniform(fan_in: int, *shape: int) -> nn.Parameter:
    """A parameter as torch initialises a convolution of `fan_in` inputs."""
    bound = fan_in ** -0.5
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


class _Source:
    """What the outgoing edges of a node share, each computed when first asked for."""

    def __init__(self, x: Tensor, stride: int):
        self.x, self.stride = x, stride
        self._kept: dict[str, Tensor] = {}

    def _once(self, name: str, compute) -> Tensor:
        if name not in self._kept:
            self._kept[name] = compute()
        return self._kept[name]

    @property
    def positive(self) -> Tensor:
        return self._once("positive", lambda: F.relu(self.x))

    @property
    def spread(self) -> Tensor:
        """On which a plain convolution does what a dilated one does on `positive`."""
        if self.stride == 2:
            return self._once("spread", lambda: self.positive[:, :, ::2, ::2].contiguous(
                memory_format=torch.channels_last))
        return self._once("spread", lambda: phases(self.positive))

    @property
    def corners(self) -> tuple[Tensor, Tensor]:
        """What the two halves of a factorized reduce read; a zero beyond an odd edge."""
        height, width = self.x.shape[-2:]
        shifted = self._once("shifted", lambda: F.pad(
            self.positive, (0, width % 2, 0, height % 2))[:, :, 1::2, 1::2].contiguous(
                memory_format=torch.channels_last))
        return self.spread, shifted

    def pooled(self, name: str) -> Tensor:
        """Pooled and normalised."""
        def compute():
            pool = (F.max_pool2d(self.x, 3, self.stride, 1) if name.startswith("max") else
                    F.avg_pool2d(self.x, 3, self.stride, 1, count_include_pad=False))
            return F.batch_norm(pool, None, None, training=True)
        return self._once(name, compute)

    @property
    def output_size(self) -> list[int]:
        return [(size - 1) // self.stride + 1 for size in self.x.shape[-2:]]

    def zeros(self) -> Tensor:
        return self.x.new_zeros(*self.x.shape[:2], *self.output_size)
