"""The genotype of a NAS-Bench-201 cell: one operation on every edge of a small complete graph.

Dong & Yang 2020, NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search
(arXiv 2001.00326).  Node 0 is the input; every later node sums one operation on each
earlier node; the last node is the output.  The published space has four nodes and five operations,
hence 5^6 = 15,625 cells.  `zoo.models.nasbench201` builds the network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from zoo.genotypes.cell import Cell, GenotypeError, on_paths, validate

#: The operations of an edge (C channels in, C channels out, stride 1).
NASBENCH201_OPERATIONS = {
    "none": "nothing: the edge contributes zero",
    "skip_connect": "identity",
    "nor_conv_1x1": "ReLU, 1x1 convolution, batch-norm",
    "nor_conv_3x3": "ReLU, 3x3 convolution, batch-norm",
    "avg_pool_3x3": "3x3 average pooling, padding not counted",
}

_NODE = r"\|(?:\w+~\d{1,3}\|)+"
#: The text of a cell with any operation names.
TEXT = re.compile(rf"{_NODE}(?:\s*\+\s*{_NODE})*")
_FORM = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"


@dataclass(frozen=True)
class NasBench201Genotype:
    """A cell whose node j has one edge from each of the nodes 0 to j - 1, in order.

    Raises GenotypeError for an unknown operation, a missing edge, and a concat other than the last
    node.

    Examples:
        >>> import zoo
        >>> genotype = zoo.parse("|nor_conv_3x3~0|+|skip_connect~0|nor_conv_3x3~1|")
        >>> genotype.cell.nodes[1]
        (('skip_connect', 0), ('nor_conv_3x3', 1))
        >>> print(genotype)
        |nor_conv_3x3~0|+|skip_connect~0|nor_conv_3x3~1|
    """

    cell: Cell
    kind: Literal["nasbench201"] = field(default="nasbench201", init=False, repr=False)

    def __post_init__(self) -> None:
        validate(self.cell, "cell", NASBENCH201_OPERATIONS, first_node=1)
        for number, edges in enumerate(self.cell.nodes, start=1):
            sources = [source for _, source in edges]
            if sources != list(range(number)):
                raise GenotypeError(
                    f"cell, node {number}: reads from {_listed(sources)}; a NAS-Bench-201 node "
                    f"has one edge from each earlier node, here {_listed(range(number))}, in "
                    "this order; use 'none' for a missing edge")
        last = len(self.cell.nodes)
        if self.cell.concat != (last,):
            raise GenotypeError(f"cell: concat is {list(self.cell.concat)}; the output of a "
                                f"NAS-Bench-201 cell is its last node, [{last}]")

    @classmethod
    def of(cls, *operations: str) -> NasBench201Genotype:
        """The cell with these operations, in the order of its text: node 1, then node 2, ...

        Raises GenotypeError if the last node is incomplete, as with 5 operations.
        """
        nodes: list[list[tuple[str, int]]] = []
        left = list(operations)
        while left:
            take = len(nodes) + 1
            if len(left) < take:
                raise GenotypeError(f"{len(operations)} operations leave node {take} with "
                                    f"{len(left)} of its {take} edges; cells of 2, 3, 4, ... nodes "
                                    "have 1, 3, 6, ... edges")
            nodes.append([(operation, source) for source, operation in enumerate(left[:take])])
            left = left[take:]
        return cls(Cell(nodes, [len(nodes)]))

    @classmethod
    def from_text(cls, text: str) -> NasBench201Genotype:
        """Parse ``|op~0|+|op~0|op~1|+...``.  Raises GenotypeError for any other text."""
        if not TEXT.fullmatch(text.strip()):
            raise GenotypeError(f"{text!r} is not a NAS-Bench-201 cell; write it as {_FORM}")
        nodes = [[(operation, int(source)) for operation, source in
                  (edge.split("~") for edge in node.strip().strip("|").split("|"))]
                 for node in text.split("+")]
        return cls(Cell(nodes, [len(nodes)]))

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations of all edges, in the order of the text."""
        return tuple(operation for operation, _ in self.cell.edges)

    def cells(self) -> dict[str, Cell]:
        """The cell by name."""
        return {"cell": self.cell}

    def live_edges(self) -> tuple[tuple[int, int, str], ...]:
        """(source, target, operation) of the edges on paths from the input to the output.

        The output does not depend on other edges, or they do not depend on the input: a convolution
        of zeros is its bias.  Empty for a cell whose output is constant.
        """
        present = [(source, target, operation) for target, edges in enumerate(self.cell.nodes, 1)
                   for operation, source in edges if operation != "none"]
        return on_paths(present, len(self.cell.nodes))

    def __str__(self) -> str:
        return "+".join("|" + "".join(f"{operation}~{source}|" for operation, source in edges)
                        for edges in self.cell.nodes)


def _listed(nodes: list[int] | range) -> str:
    names = [f"node {node}" for node in nodes]
    return ", ".join(names) or "no node"
