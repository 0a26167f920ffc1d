"""The CIFAR and ImageNet networks of a convolutional genotype.

Liu et al. 2019 (arXiv 1806.09055, section 3.1.1 and appendix A.2), as in the official 2018
release: a stem, a stack of cells, global pooling, a linear classifier, and in training an auxiliary
head.  Two of the cells, at 1/3 and 2/3 of the depth, halve the size and double the width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.genotypes.cell import Cell as CellGenotype
from zoo.genotypes.conv import ConvGenotype
from zoo.models.operations import FactorizedReduce, Identity, ReLUConvBN, operation


class DropPath(nn.Module):
    """Zeroes a path for random images of the batch (Larsson et al. 2016, arXiv 1605.07648).

    The training loop sets `probability`; the identity at 0 and in eval mode.
    """

    def __init__(self) -> None:
        super().__init__()
        self.probability = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability == 0.0:
            return x
        keep = 1.0 - self.probability
        mask = torch.empty(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device).bernoulli_(keep)
        return x / keep * mask


class DropPathNetwork(nn.Module):
    """A network whose cells have drop-path."""

    def set_drop_path(self, probability: float) -> None:
        """Set the drop-path probability, 0 to 1, of every cell."""
        for module in self.modules():
            if isinstance(module, DropPath):
                module.probability = probability


#: Computes the output of an edge from its number in the drawing, its operation, and its input.
RunEdge = Callable[[int, nn.Module, Tensor], Tensor]


def run_edge(number: int, operation: nn.Module, state: Tensor) -> Tensor:
    """The operation of the input: what an edge is in the network itself."""
    return operation(state)


def output_nodes(genotype: CellGenotype) -> tuple[int, ...]:
    """The concat of a convolutional cell without nodes that have no edges (FairDARTS)."""
    return tuple(n for n in genotype.concat if n < 2 or genotype.nodes[n - 2])


class Cell(nn.Module):
    """One cell: s0 (cell k-2) and s1 (cell k-1) -> (N, len(output_nodes) * C, H, W).

    `title` is its name in the genotype's `cells()`; `node_numbers` and `edge_numbers` are those of
    the nodes and edges that it computes, as in the drawing.
    """

    def __init__(self, genotype: CellGenotype, c_prev_prev: int, c_prev: int, channels: int,
                 reduction: bool, reduction_prev: bool) -> None:
        super().__init__()
        # The output of cell k-2 is twice as large if cell k-1 is a reduction cell.
        self.preprocess0 = (FactorizedReduce(c_prev_prev, channels) if reduction_prev
                            else ReLUConvBN(c_prev_prev, channels, 1))
        self.preprocess1 = ReLUConvBN(c_prev, channels, 1)
        self.nodes = genotype.nodes
        self.concat = output_nodes(genotype)
        self.reduction = reduction
        self.title = "reduce" if reduction else "normal"
        self.node_numbers = list(range(2 + len(genotype.nodes)))
        self.edge_numbers = [number for number, (name, _) in enumerate(genotype.edges)
                             if name != "none"]
        self.channels = channels
        # In a reduction cell only edges from the inputs have stride 2; an input in the concat is
        # reduced separately.
        self._ops = nn.ModuleList(
            operation(name, channels, 2 if reduction and source < 2 else 1)
            for name, source in genotype.edges
        )
        self._concat_reduce = nn.ModuleDict({
            str(number): FactorizedReduce(channels, channels)
            for number in self.concat if reduction and number < 2
        })
        self.drop_path = DropPath()

    def forward(self, s0: Tensor, s1: Tensor) -> Tensor:
        return self.joined(self.states(s0, s1))

    def states(self, s0: Tensor, s1: Tensor, run: RunEdge = run_edge) -> dict[int, Tensor]:
        """The value of every node by number, (N, C, H, W) each; nodes 0 and 1 are the preprocessed
        inputs, and `run` computes the edges."""
        states = {0: self.preprocess0(s0), 1: self.preprocess1(s1)}
        operations = enumerate(self._ops)
        for target, edges in enumerate(self.nodes, start=2):
            terms = []
            for (name, source), (number, module) in zip(edges, operations):
                if name == "none":
                    continue  # the module exists to keep the numbering of the official release
                term = run(number, module, states[source])
                terms.append(term if isinstance(module, Identity) else self.drop_path(term))
            states[target] = sum(terms[1:], terms[0]) if terms else self._zeros(states[1])
        return states

    def joined(self, states: Mapping[int, Tensor]) -> Tensor:
        """The output of the cell from the values of its nodes."""
        return torch.cat([self._output(states, number) for number in self.concat], dim=1)

    def _zeros(self, state: Tensor) -> Tensor:
        stride = 2 if self.reduction else 1
        return torch.zeros_like(state[:, :, ::stride, ::stride])

    def _output(self, states: Mapping[int, Tensor], number: int) -> Tensor:
        reduce = str(number) in self._concat_reduce
        return self._concat_reduce[str(number)](states[number]) if reduce else states[number]


class TwoByTwoPool(nn.Module):
    """Average-pools any size to 2x2, with two overlapping windows per side.

    Kernel 5 stride 3 on CIFAR's 8x8 and kernel 5 stride 2 on ImageNet's 7x7, as published; other
    sizes in proportion.
    """

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[-2:]) < 2:  # a single row or column does not give two windows
            x = F.interpolate(x, [max(2, n) for n in x.shape[-2:]])
        size = x.shape[-2:]
        stride = [max(1, n * 3 // 8) for n in size]
        return F.avg_pool2d(x, [n - s for n, s in zip(size, stride)], stride)


class AuxiliaryHead(nn.Module):
    """A second classifier on the output of the second reduction (Szegedy et al. 2014)."""

    def __init__(self, c_in: int, num_classes: int, last_norm: bool) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.ReLU(),
            TwoByTwoPool(),
            nn.Conv2d(c_in, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            # The published ImageNet head lacks this batch-norm.
            *([nn.BatchNorm2d(768)] if last_norm else []),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


class _Network(DropPathNetwork):
    """Cells and classifier; subclasses add the stem (`_build_stem`, `_stem`).

    Returns logits (N, num_classes); in training mode with `auxiliary`,
    ``(logits, auxiliary logits)``.
    """

    kind: Literal["cifar", "imagenet"]  # as in `zoo.create_model`
    facts: dict[str, Any] = {}  # metadata of the loaded weights (`PretrainedWeights`)
    stem_reduces = False  # whether the two inputs of the first cell differ in size
    auxiliary_norm = True

    def __init__(self, genotype: ConvGenotype, channels: int, layers: int, num_classes: int,
                 in_channels: int = 3, auxiliary: bool = False, drop_path: float = 0.0) -> None:
        super().__init__()
        if not isinstance(genotype, ConvGenotype):
            raise ValueError("this network needs a convolutional genotype; "
                            "for a recurrent one use network='language'")
        self.genotype, self.layers = genotype, layers
        self.settings = {"channels": channels, "layers": layers, "num_classes": num_classes,
                         "in_channels": in_channels}
        c_prev_prev, c_prev = self._build_stem(in_channels, channels)
        self.cells = nn.ModuleList()
        self.auxiliary_head = None
        reduction_prev = self.stem_reduces
        reductions = {layers // 3, 2 * layers // 3}
        for index in range(layers):
            reduction = index in reductions
            channels = channels * 2 if reduction else channels
            cell_genotype = genotype.reduce if reduction else genotype.normal
            self.cells.append(
                Cell(cell_genotype, c_prev_prev, c_prev, channels, reduction, reduction_prev)
            )
            reduction_prev = reduction
            c_prev_prev, c_prev = c_prev, len(output_nodes(cell_genotype)) * channels
            if auxiliary and index == 2 * layers // 3:
                self.auxiliary_head = AuxiliaryHead(c_prev, num_classes, self.auxiliary_norm)
        self.global_pooling = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(c_prev, num_classes)
        self.set_drop_path(drop_path)

    def _build_stem(self, in_channels: int, channels: int) -> tuple[int, int]:
        """Build the stem and return the channels of the two inputs of the first cell."""
        raise NotImplementedError

    def _stem(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The two inputs of the first cell."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """(N, in_channels, H, W) normalized images -> logits as described for the class."""
        s0, s1 = self._stem(images)
        auxiliary = None
        for index, cell in enumerate(self.cells):
            s0, s1 = s1, cell(s0, s1)
            if self.training and self.auxiliary_head is not None and index == 2 * self.layers // 3:
                auxiliary = self.auxiliary_head(s1)
        logits = self.classifier(self.global_pooling(s1).flatten(1))
        return logits if auxiliary is None else (logits, auxiliary)


class CifarNetwork(_Network):
    """The network for small images, with a stem of 3C channels at full size."""

    kind = "cifar"

    def _build_stem(self, in_channels: int, channels: int) -> tuple[int, int]:
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, 3 * channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(3 * channels),
        )
        return 3 * channels, 3 * channels

    def _stem(self, images: Tensor) -> tuple[Tensor, Tensor]:
        state = self.stem(images)
        return state, state


class ImageNetNetwork(_Network):
    """The network for large images, with a stem of three strided convolutions (1/8 of the size)."""

    kind = "imagenet"
    stem_reduces = True
    auxiliary_norm = False

    def _build_stem(self, in_channels: int, channels: int) -> tuple[int, int]:
        if channels < 2:
            raise ValueError("an ImageNet network needs at least 2 channels; its stem has half as "
                             "many")
        half = channels // 2
        self.stem0 = nn.Sequential(
            nn.Conv2d(in_channels, half, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.stem1 = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        return channels, channels

    def _stem(self, images: Tensor) -> tuple[Tensor, Tensor]:
        s0 = self.stem0(images)
        return s0, self.stem1(s0)
