"""The networks that a profile holds for: the shapes of all edges of all cells, without torch.

`zoo.models.conv.CifarNetwork` and `zoo.models.nasbench201.NasBench201Network` build these networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from zoo.artifact.manifest import MOST_LAYERS, Count
from zoo.genotypes.cell import Cell, Edge
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS
from zoo.genotypes.serialization import Genotype, kind_name
from zoo.latency import exported

#: The columns of a supernet's tables, in the order of the 2018 release of DARTS and of
#: NAS-Bench-201.
OPERATIONS = {
    "conv": ("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3",
             "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
    "nasbench201": tuple(NASBENCH201_OPERATIONS)}
#: The names of a supernet's tables, one per cell of a genotype.
CELLS = {"conv": ("normal", "reduce"), "nasbench201": ("cell",)}
#: Nodes of a cell after its inputs.
NODES = {"conv": 4, "nasbench201": 3}


def edges(kind: str) -> list[tuple[int, int]]:
    """(node, input) of each row of a supernet's table; intermediate nodes are counted from 0.

    Examples:
        >>> edges("nasbench201")
        [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    """
    inputs = 2 if kind == "conv" else 1
    return [(node, source) for node in range(NODES[kind]) for source in range(node + inputs)]


class Shape(NamedTuple):
    """An operation's channels, height and width of its input, and stride."""

    channels: int
    size: int
    stride: int


class Place(NamedTuple):
    """A cell of a network: its name in the genotype, its channels, the size of its input."""

    cell: str
    channels: int
    size: int
    reduction: bool = False

    def shape(self, source: int) -> Shape:
        """The shape of an edge from node `source`."""
        if not self.reduction:
            return Shape(self.channels, self.size, 1)
        return (Shape(self.channels, self.size, 2) if source < 2 else
                Shape(self.channels, half(self.size), 1))


def half(size: int) -> int:
    """The size after a reduction, rounded up."""
    return -(-size // 2)


class Sizes(BaseModel):
    """The settings of a network for `size` x `size` images.

    Examples:
        >>> sizes = Sizes(kind="conv", channels=8, layers=3, size=8, classes=10, in_channels=1)
        >>> [(place.cell, place.channels, place.size) for place in sizes.places()]
        [('normal', 8, 8), ('reduce', 16, 8), ('reduce', 32, 4)]
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Literal["conv", "nasbench201"]
    channels: Count
    layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)]
    size: Count
    classes: Count
    in_channels: Count = 3

    def places(self) -> list[Place]:
        """The cells of the network, in order."""
        channels, size, found = self.channels, self.size, []
        thirds = [self.layers // 3, 2 * self.layers // 3]
        for index in range(self.layers):
            if self.kind == "nasbench201":  # residual blocks halve the size, before the cell
                for _ in range(thirds.count(index)):
                    channels, size = 2 * channels, half(size)
                found.append(Place("cell", channels, size))
            elif index in thirds:
                channels *= 2
                found.append(Place("reduce", channels, size, reduction=True))
                size = half(size)
            else:
                found.append(Place("normal", channels, size))
        return found

    def shapes(self) -> list[Shape]:
        """The shapes of all edges, each once."""
        return list(dict.fromkeys(place.shape(source) for place in self.places()
                                  for _, source in edges(self.kind)))

    def used(self, genotype: Genotype, places: Iterable[Place] | None = None
             ) -> Iterator[tuple[str, Shape]]:
        """The operations, each with its shape, that the network of `genotype` computes, or its
        cells at `places`: the edges of a DARTS cell, `zoo.latency.exported.operations` of a
        NAS-Bench-201 cell.

        Raises ValueError for a cell outside the search space: of another kind, or with other
        nodes, operations or outputs.
        """
        if genotype.kind != self.kind:
            raise ValueError(f"a {kind_name(genotype)} cell does not fit a profile of "
                             f"{self.kind} cells")
        for name, cell in genotype.cells().items():
            self._check(name, cell)
        for place in self.places() if places is None else places:
            for operation, source in _computed(genotype, place.cell):
                yield operation, place.shape(source)

    def _check(self, name: str, cell: Cell) -> None:
        nodes, first = NODES[self.kind], 2 if self.kind == "conv" else 1
        for operation, _ in cell.edges:
            if operation not in OPERATIONS[self.kind]:
                raise ValueError(f"the {name} cell has the operation {operation}; a profile holds "
                                 f"for {', '.join(OPERATIONS[self.kind])}")
        if len(cell.nodes) != nodes or self.kind == "conv" and (
                sorted(cell.concat) != list(range(first, first + nodes))
                or any(len(node) != 2 for node in cell.nodes)):
            inner = ", two edges each, all of them outputs" if self.kind == "conv" else ""
            raise ValueError(f"the {name} cell is outside the search space that a profile holds "
                             f"for: {nodes} nodes{inner}")


def _computed(genotype: Genotype, name: str) -> Iterable[Edge]:
    """The operations of a cell, each with its source, or with a source of the same shape."""
    cell = genotype.cells()[name]
    if genotype.kind == "nasbench201":  # all its nodes have the same shape
        return [(operation, 0) for operation in exported.operations(cell)]
    return [edge for edge in cell.edges if edge[0] != "none"]
