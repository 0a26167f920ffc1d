"""A network that also returns what happens inside its cells, and whose edges can be ablated.

The same modules as the deployed network, with the same exact rewrites.  A second input `keep`
multiplies the output of each edge: 1 keeps the edge, 0 ablates it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeGuard

import torch
from torch import Tensor, nn

from export.network.deploy import Deployed, ImageClassifier, blank, rewritten
from zoo.artifact.manifest import Input
from zoo.models.conv import Cell, CifarNetwork, ImageNetNetwork
from zoo.models.hierarchical import HierarchicalNetwork, Motif
from zoo.models.nasbench201 import EdgeCell, NasBench201Network

DrawnCell = Cell | EdgeCell | Motif
CellNetwork = CifarNetwork | ImageNetNetwork | NasBench201Network | HierarchicalNetwork


class RunModule(Protocol):
    """Applies a module, which may be a cell."""

    def __call__(self, module: nn.Module, *inputs: Tensor) -> Tensor: ...


def _two_inputs(network: CifarNetwork | ImageNetNetwork, images: Tensor, run: RunModule) -> Tensor:
    s0, s1 = network._stem(images)
    for cell in network.cells:
        s0, s1 = s1, run(cell, s0, s1)
    return s1


def _one_input(network: NasBench201Network, images: Tensor, run: RunModule) -> Tensor:
    state = network.stem(images)
    for cell in network.cells:
        state = run(cell, state)
    return network.lastact(state)


def _connected(network: HierarchicalNetwork, images: Tensor, run: RunModule) -> Tensor:
    state = network.stem(images)
    for cell, connection in zip(network.cells, network.connections):
        state = connection(run(cell, state))
    return state


#: The forward of each network up to its pooling, where `run` applies the cells.
_FORWARDS: dict[type[nn.Module], Callable[..., Tensor]] = {
    CifarNetwork: _two_inputs,
    ImageNetNetwork: _two_inputs,
    NasBench201Network: _one_input,
    HierarchicalNetwork: _connected,
}


def has_cells(model: nn.Module | None) -> TypeGuard[CellNetwork]:
    """Whether `model` is a network of convolutional cells."""
    return type(model) in _FORWARDS


class Place(NamedTuple):
    """A drawn cell of a network; a motif is the edge `within` = (number of the cell, number of the
    edge)."""

    module: DrawnCell
    within: tuple[int, int] | None


def places(network: CellNetwork) -> list[Place]:
    """The cells in order; each cell of motifs precedes its motifs, those of their edges."""
    found: list[Place] = []

    def add(module: nn.Module, within: tuple[int, int] | None = None) -> None:
        if not isinstance(module, DrawnCell):
            return
        index = len(found)
        found.append(Place(module, within))
        if isinstance(module, Motif):
            for number, operation in zip(module.edge_numbers, module.ops):
                add(operation, (index, number))

    for cell in network.cells:
        add(cell)
    return found


class InspectedNetwork(nn.Module):
    """A network of convolutional cells with the values of all nodes and edges.

    `keep` (N, cells * edges) has a column for every edge of each of the `places`, where `edges` is
    the number of edges of the largest cell: that of edge e of cell i is ``i * edges + e``, numbered
    from 0 as in the drawing.
    """

    def __init__(self, network: CellNetwork) -> None:
        super().__init__()
        self.network = network
        self.edges = max(len(cell.edges) for cell in network.genotype.cells().values())

    def forward(self, images: Tensor, keep: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) normalized images -> logits, and the maps (N, C, H, W) of `map_names`."""
        network, masks = self.network, keep[:, :, None, None]
        numbers = {place.module: number for number, place in enumerate(places(network))}
        maps: dict[str, Tensor] = {}

        def run(module: nn.Module, *inputs: Tensor) -> Tensor:
            if not isinstance(module, DrawnCell):
                return module(*inputs)
            index = numbers[module]

            def run_edge(number: int, operation: nn.Module, state: Tensor) -> Tensor:
                column = index * self.edges + number
                value = run(operation, state) * masks[:, column:column + 1]
                maps[_name(index, "edge", number)] = value
                return value

            states: Mapping[int, Tensor] = module.states(*inputs, run=run_edge)
            maps.update((_name(index, "node", node), state) for node, state in states.items())
            return module.joined(states)

        features = _FORWARDS[type(network)](network, images, run)
        logits = network.classifier(network.global_pooling(features).flatten(1))
        return (logits, *(maps[name] for name in map_names(network)))

    @property
    def everything(self) -> Tensor:
        """The `keep` (1, cells * edges) that ablates nothing."""
        return torch.ones(1, len(places(self.network)) * self.edges)


def _name(cell: int, part: str, number: int) -> str:
    return f"cell{cell}_{part}{number}"


def map_names(network: CellNetwork) -> Iterator[str]:
    """The outputs of `InspectedNetwork` after the logits: ``cell0_node2``, ``cell0_edge3``."""
    for index, (module, _) in enumerate(places(network)):
        for number in module.node_numbers:
            yield _name(index, "node", number)
        for number in module.edge_numbers:
            yield _name(index, "edge", number)


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
