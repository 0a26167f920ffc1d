"""A network that also returns what happens inside its cells, and whose edges can be ablated.

The same modules as the deployed network, with the same exact rewrites.  A second input `keep`
multiplies the output of each edge: 1 keeps the edge, 0 ablates it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from export.network.deploy import Deployed, ImageClassifier, blank, rewritten
from zoo.artifact.manifest import Input
from zoo.models.conv import Cell, CifarNetwork, ImageNetNetwork

#: Networks of normal and reduction cells.
CellNetwork = CifarNetwork | ImageNetNetwork


class InspectedNetwork(nn.Module):
    """A network of convolutional cells with the values of all nodes and edges.

    `keep` (N, cells * edges) has a column for every edge of every cell, where `edges` is the number
    of edges of the larger cell: that of edge e of cell i is ``i * edges + e``, numbered from 0 as
    in the genotype.
    """

    def __init__(self, network: CellNetwork) -> None:
        super().__init__()
        self.network = network
        self.edges = max(len(cell.edges) for cell in network.genotype.cells().values())

    def forward(self, images: Tensor, keep: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) normalized images -> logits, and the maps (N, C, H, W) of `map_names`."""
        network, masks = self.network, keep[:, :, None, None]
        s0, s1 = network._stem(images)
        maps: list[Tensor] = []
        for index, cell in enumerate(network.cells):
            outputs: list[Tensor] = []

            def kept(number: int, term: Tensor, first: int = index * self.edges,
                     outputs: list[Tensor] = outputs) -> Tensor:
                place = first + number
                outputs.append(term * masks[:, place:place + 1])
                return outputs[-1]

            assert isinstance(cell, Cell)
            states = cell.states(s0, s1, kept)
            maps += [*states, *outputs]
            s0, s1 = s1, cell.joined(states)
        logits = network.classifier(network.global_pooling(s1).flatten(1))
        return (logits, *maps)

    @property
    def everything(self) -> Tensor:
        """The `keep` (1, cells * edges) that ablates nothing."""
        return torch.ones(1, len(self.network.cells) * self.edges)


def map_names(network: CellNetwork) -> Iterator[str]:
    """The outputs of `InspectedNetwork` after the logits: ``cell0_node2``, ``cell0_edge3``."""
    for index, cell in enumerate(network.cells):
        genotype = network.genotype.reduce if cell.reduction else network.genotype.normal
        for number in range(2 + len(genotype.nodes)):
            yield f"cell{index}_node{number}"
        for number, (operation, _) in enumerate(genotype.edges):
            if operation != "none":
                yield f"cell{index}_edge{number}"


class _InspectedClassifier(nn.Module):
    """Raw pixels (N, H, W, C) and `keep` -> logits, probabilities, and maps (N, H, W, C)."""

    def __init__(self, network: nn.Module, spec: Input) -> None:
        super().__init__()
        self.classifier = ImageClassifier(network, spec)

    def forward(self, pixels: Tensor, keep: Tensor) -> tuple[Tensor, ...]:
        images = self.classifier.normalize(pixels.permute(0, 3, 1, 2))
        logits, *maps = self.classifier.network(images, keep)
        return (logits, logits.softmax(dim=1), *(each.permute(0, 2, 3, 1) for each in maps))


def deploy_inspected(network: CellNetwork, spec: Input) -> Deployed:
    """The deployed form of `InspectedNetwork`, from pixels and `keep`; `network` is not modified.

    Raises ValueError if the network cannot be run on images of `spec`.
    """
    inspected = InspectedNetwork(network)
    graph, applied = rewritten(inspected, spec, inspected.everything.double())
    return Deployed(_InspectedClassifier(graph, spec).float().eval(),
                    {spec.name: blank(spec), "keep": inspected.everything},
                    ("logits", "probabilities", *map_names(network)), applied)
