"""The PyTorch network of a graph of a profile."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.profile.design import Graph
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.latency.sizes import Place, Sizes
from zoo.models.conv import Cell
from zoo.models.factory import build_network
from zoo.models.nasbench201 import EdgeCell


class Slice(nn.Module):
    """Images (N, in_channels, H, W) -> logits (N, classes) by some cells of a network, between a
    stem and a classifier.

    Both inputs of the first cell are the stem's output, with the channels that a network has there.
    """

    def __init__(self, graph: Graph, sizes: Sizes) -> None:
        super().__init__()
        first = graph.places[0]
        conv = sizes.kind == "conv"
        before = _channels_before(first, sizes) if conv else first.channels
        self.stem = nn.Sequential(
            nn.Conv2d(sizes.in_channels, before, 3, padding=1, bias=False), nn.BatchNorm2d(before))
        self.cells = nn.ModuleList()
        c_prev_prev = c_prev = before
        reduction_prev = False
        for place, genotype in zip(graph.places, graph.genotypes):
            if isinstance(genotype, NasBench201Genotype):
                self.cells.append(EdgeCell(genotype, place.channels))
                c_prev = place.channels
                continue
            assert isinstance(genotype, ConvGenotype)
            cell = genotype.cells()[place.cell]
            self.cells.append(Cell(cell, c_prev_prev, c_prev, place.channels, place.reduction,
                                   reduction_prev))
            reduction_prev = place.reduction
            c_prev_prev, c_prev = c_prev, len(cell.concat) * place.channels
        self.two_inputs = conv
        self.classifier = nn.Linear(c_prev, sizes.classes)

    def forward(self, images: Tensor) -> Tensor:
        s0 = s1 = self.stem(images)
        for cell in self.cells:
            s0, s1 = s1, cell(s0, s1) if self.two_inputs else cell(s1)
        return self.classifier(s1.mean((2, 3)))


def _channels_before(place: Place, sizes: Sizes) -> int:
    """The channels of the input of the first cell of a stage."""
    if not place.reduction:
        return 3 * place.channels
    first = sizes.places()[0]
    return 3 * sizes.channels if place == first else 4 * place.channels // 2


def model(graph: Graph, sizes: Sizes) -> nn.Module:
    """The network of a graph in eval mode, with the weights of a seed.

    Batch norms get statistics as after a training: the biases of an untrained network are zero, and
    converters drop them.
    """
    torch.manual_seed(0)
    if graph.whole:
        kind = "nasbench201" if sizes.kind == "nasbench201" else "cifar"
        built = build_network(graph.genotypes[0], kind, channels=sizes.channels,
                              layers=sizes.layers, num_classes=sizes.classes,
                              in_channels=sizes.in_channels)
    else:
        built = Slice(graph, sizes)
    for module in built.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return built.eval()
