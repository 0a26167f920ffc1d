"""The network of a NAS-Bench-201 cell.

Dong & Yang 2020 (arXiv 2001.00326): a 3x3 stem of C = 16 channels, three stages of
five cells, separated by residual blocks that halve the size and double the width, then batch-norm,
ReLU, global pooling and a linear classifier.  A residual block is ReLU, 3x3 convolution at stride
2, batch-norm, ReLU, 3x3 convolution, batch-norm; its shortcut is a 2x2 average pool and a 1x1
convolution.

Parameter names match the authors' release (xautodl, `TinyNetwork`), so its state dicts load.  As
in the release, every edge is computed, even if unused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS, NasBench201Genotype
from zoo.models.conv import AuxiliaryHead, DropPath, DropPathNetwork, RunEdge, run_edge
from zoo.models.operations import Identity, Pool, ReLUConvBN, Zero

#: The published size: three stages of five cells.
DEFAULTS = {"channels": 16, "layers": 15, "num_classes": 10}

_BUILDERS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda c: Zero(1),
    "skip_connect": lambda c: Identity(),
    "nor_conv_1x1": lambda c: ReLUConvBN(c, c, 1),
    "nor_conv_3x3": lambda c: ReLUConvBN(c, c, 3),
    "avg_pool_3x3": lambda c: Pool("average", 3, 1),
}
assert _BUILDERS.keys() == NASBENCH201_OPERATIONS.keys()


def operation(name: str, channels: int) -> nn.Module:
    """The module of operation `name`, which keeps the shape (N, channels, H, W)."""
    return _BUILDERS[name](channels)


class EdgeCell(nn.Module):
    """A cell: every node sums its edges, and the last one is the output; keeps the shape.

    `title`, `node_numbers` and `edge_numbers` are as in `zoo.models.conv.Cell`; the drawing omits
    `none` edges.
    """

    def __init__(self, genotype: NasBench201Genotype, channels: int) -> None:
        super().__init__()
        self.title = "cell"
        self.nodes = genotype.cell.nodes
        self.node_numbers = list(range(1 + len(self.nodes)))
        self.edge_numbers = list(range(sum(name != "none" for name in genotype.operations)))
        self.layers = nn.ModuleList(operation(name, channels) for name, _ in genotype.cell.edges)
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        return self.joined(self.states(x))

    def states(self, x: Tensor, run: RunEdge = run_edge) -> dict[int, Tensor]:
        """The value of every node by number, of the shape of `x`; `run` computes the edges."""
        states = {0: x}
        operations, numbers = iter(self.layers), iter(self.edge_numbers)
        for target, edges in enumerate(self.nodes, start=1):
            terms = []
            for (name, source), module in zip(edges, operations):
                if name == "none":
                    continue  # a placeholder for the release's numbering
                term = run(next(numbers), module, states[source])
                terms.append(term if isinstance(module, Identity) else self.drop_path(term))
            states[target] = sum(terms[1:], terms[0]) if terms else torch.zeros_like(x)
        return states

    def joined(self, states: Mapping[int, Tensor]) -> Tensor:
        """The output of the cell from the values of its nodes."""
        return states[len(self.nodes)]


class ResidualBlock(nn.Module):
    """(N, C, H, W) -> (N, 2C, H/2, W/2), rounded up (He et al. 2016, arXiv 1512.03385)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv_a = ReLUConvBN(c_in, c_out, 3, stride=2)
        self.conv_b = ReLUConvBN(c_out, c_out, 3)
        self.downsample = nn.Sequential(
            Pool("average", 2, 2), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(x) + self.conv_b(self.conv_a(x))


class NasBench201Network(DropPathNetwork):
    """`layers` cells in three stages for small images, with the interface of
    `zoo.models.conv.CifarNetwork`.

    Residual blocks are at 1/3 and 2/3 of the depth.  The auxiliary head, which the release lacks,
    reads the output of the second one.
    """

    kind: Literal["nasbench201"] = "nasbench201"  # its name in `zoo.create_model`
    facts: dict[str, Any] = {}  # metadata of loaded weights (`PretrainedWeights`)

    def __init__(self, genotype: NasBench201Genotype, channels: int, layers: int,
                 num_classes: int, in_channels: int = 3, auxiliary: bool = False,
                 drop_path: float = 0.0) -> None:
        super().__init__()
        self.genotype = genotype
        self.settings = {"channels": channels, "layers": layers, "num_classes": num_classes,
                         "in_channels": in_channels}
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.cells = nn.ModuleList()
        self.auxiliary_head = None
        for index in range(layers):
            for _ in range([layers // 3, 2 * layers // 3].count(index)):
                self.cells.append(ResidualBlock(channels, 2 * channels))
                channels *= 2
            if auxiliary and index == 2 * layers // 3:
                self.auxiliary_head = AuxiliaryHead(channels, num_classes, last_norm=True)
            self.cells.append(EdgeCell(genotype, channels))
        self._last_block = max(place for place, module in enumerate(self.cells)
                               if isinstance(module, ResidualBlock))
        self.lastact = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.global_pooling = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, num_classes)
        self.set_drop_path(drop_path)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Normalized images (N, in_channels, H, W) -> logits (N, num_classes); in training mode
        with `auxiliary`, a pair with the auxiliary head's logits."""
        state, auxiliary = self.stem(images), None
        for place, module in enumerate(self.cells):
            state = module(state)
            if self.training and self.auxiliary_head is not None and place == self._last_block:
                auxiliary = self.auxiliary_head(state)
        logits = self.classifier(self.global_pooling(self.lastact(state)).flatten(1))
        return logits if auxiliary is None else (logits, auxiliary)
