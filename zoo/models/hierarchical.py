"""The network of a hierarchical genotype.

Liu et al. 2018 (arXiv 1711.00436): a stem and a stack of cells, each followed
by a 3x3 separable convolution that reduces the cell's concatenated output to C channels.  Two of
these convolutions, at 1/3 and 2/3 of the depth, halve the size and double C.  The paper's small
model, used in the search, has three cells with C = 16, the large one six with C = 64 or 128.

The edges into a node are concatenated along the channels.  A convolution outputs C channels, so a
node's width grows with its number of edges; a motif below the cell ends in a 1x1 convolution to
C channels ("to reduce the number of parameters").  Every convolution is followed by batch-norm
and ReLU.  Under this reading the cell in the paper's appendix has the 15.7 million parameters
that the paper reports for C = 64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.models.conv import AuxiliaryHead, DropPath, DropPathNetwork, RunEdge, run_edge
from zoo.models.operations import Identity, Pool

#: The defaults of `zoo.create_model`: the paper's large model.
DEFAULTS = {"channels": 64, "layers": 6, "num_classes": 10}


def _convolution(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())


def _depthwise(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def _separable(c_in: int, c_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_in, 3, stride, padding=1, groups=c_in, bias=False),
        nn.Conv2d(c_in, c_out, 1, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
    )


# name -> build(input channels, C), for `zoo.genotypes.hierarchical.PRIMITIVES` except none
_BUILDERS: dict[str, Callable[[int, int], nn.Module]] = {
    "identity": lambda c_in, c: Identity(),
    "conv_1x1_relu": _convolution,
    "dep_conv_3x3_relu": lambda c_in, c: _depthwise(c_in),
    "sep_conv_3x3_relu": _separable,
    "max_pool_3x3": lambda c_in, c: Pool("max", 3, 1),
    "avg_pool_3x3": lambda c_in, c: Pool("average", 3, 1),
}
_OUTPUTS_C = ("conv_1x1_relu", "sep_conv_3x3_relu")  # the others keep their number of channels


class Motif(nn.Module):
    """A motif as a module: (N, c_in, H, W) -> (N, `width`, H, W).

    `width` is C, except for the cell, which ends in a concatenation.  `title`, `node_numbers` and
    `edge_numbers` are as in `zoo.models.conv.Cell`; the drawing also has edges on no path from the
    input to the output, which are not computed.
    """

    def __init__(self, genotype: HierarchicalGenotype, level: int, number: int, c_in: int,
                 channels: int) -> None:
        super().__init__()
        self.title = genotype.title(level, number)
        self.edges = [(i, j) for i, j, _ in genotype.live_edges(level, number)]
        self.node_numbers = sorted({0, *(target for _, target in self.edges)})
        drawn = [(source, target)
                 for target, edges in enumerate(genotype.cells()[self.title].nodes, start=1)
                 for _, source in edges]
        self.edge_numbers = [drawn.index(edge) for edge in self.edges]
        self.output = len(genotype.motif(level, number)) - 1
        self.ops = nn.ModuleList()
        self.drop_path = DropPath()
        widths = {0: c_in}
        for source, target, name in genotype.live_edges(level, number):
            if level > 2:
                below = int(name.removeprefix("motif_"))
                module = Motif(genotype, level - 1, below, widths[source], channels)
                width = module.width
            else:
                module = _BUILDERS[name](widths[source], channels)
                width = channels if name in _OUTPUTS_C else widths[source]
            self.ops.append(module)
            widths[target] = widths.get(target, 0) + width
        self.width, self.narrow = widths[self.output], None
        if level < genotype.height:
            self.narrow, self.width = _convolution(self.width, channels), channels

    def forward(self, x: Tensor) -> Tensor:
        return self.joined(self.states(x))

    def states(self, x: Tensor, run: RunEdge = run_edge) -> dict[int, Tensor]:
        """The value of every node on a path to the output, by number, (N, its width, H, W); `run`
        computes the edges."""
        states = {0: x}
        terms: dict[int, list[Tensor]] = {}
        for number, (source, target), module in zip(self.edge_numbers, self.edges, self.ops):
            # Edges are ordered by target, so all edges into `source` are done.
            if source not in states:
                states[source] = _concatenated(terms[source])
            term = run(number, module, states[source])
            # Drop-path applies to operations, not to identities or whole motifs, whose own
            # operations have it already.
            if not isinstance(module, (Identity, Motif)):
                term = self.drop_path(term)
            terms.setdefault(target, []).append(term)
        states[self.output] = _concatenated(terms[self.output])
        return states

    def joined(self, states: Mapping[int, Tensor]) -> Tensor:
        """The output of the motif from the values of its nodes."""
        output = states[self.output]
        return output if self.narrow is None else self.narrow(output)


def _concatenated(terms: list[Tensor]) -> Tensor:
    return torch.cat(terms, dim=1) if len(terms) > 1 else terms[0]


class HierarchicalNetwork(DropPathNetwork):
    """`layers` cells for small images, with the interface of `zoo.models.conv.CifarNetwork`.

    The auxiliary head reads the output of the second reduction.
    """

    kind: Literal["cifar"] = "cifar"  # as in `zoo.create_model`
    facts: dict[str, Any] = {}  # metadata of the loaded weights (`PretrainedWeights`)

    def __init__(self, genotype: HierarchicalGenotype, channels: int, layers: int,
                 num_classes: int, in_channels: int = 3, auxiliary: bool = False,
                 drop_path: float = 0.0) -> None:
        super().__init__()
        self.genotype, self.layers = genotype, layers
        self.settings = {"channels": channels, "layers": layers, "num_classes": num_classes,
                         "in_channels": in_channels}
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.cells, self.connections = nn.ModuleList(), nn.ModuleList()
        self.auxiliary_head = None
        c_in = channels
        for index in range(layers):
            if auxiliary and index == 2 * layers // 3:
                self.auxiliary_head = AuxiliaryHead(c_in, num_classes, last_norm=True)
            cell = Motif(genotype, genotype.height, 1, c_in, channels)
            reduces = index + 1 in (layers // 3, 2 * layers // 3)
            channels = channels * 2 if reduces else channels
            self.cells.append(cell)
            self.connections.append(_separable(cell.width, channels, 2 if reduces else 1))
            c_in = channels
        self.global_pooling = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(c_in, num_classes)
        self.set_drop_path(drop_path)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """(N, in_channels, H, W) normalized images -> logits (N, num_classes); in training mode
        with `auxiliary`, ``(logits, auxiliary logits)``."""
        state, auxiliary = self.stem(images), None
        for index, (cell, connection) in enumerate(zip(self.cells, self.connections)):
            if self.training and self.auxiliary_head is not None and index == 2 * self.layers // 3:
                auxiliary = self.auxiliary_head(state)
            state = connection(cell(state))
        logits = self.classifier(self.global_pooling(state).flatten(1))
        return logits if auxiliary is None else (logits, auxiliary)
