"""The genotype of a recurrent cell and its operations.

Liu et al. 2019 (arXiv 1806.09055, section 3.1.2).  Node 0 is the gated initial state, every later
node has one edge, and the output is the mean of the ``concat`` nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from zoo.genotypes.cell import Cell, GenotypeError, validate

#: Recurrent operations: the activation functions of nodes (arXiv 1806.09055, section 3.1.2).
RECURRENT_OPERATIONS = {
    "none": "zero",
    "tanh": "hyperbolic tangent",
    "relu": "rectified linear unit",
    "sigmoid": "logistic sigmoid",
    "identity": "identity",
}


@dataclass(frozen=True)
class RecurrentGenotype:
    """A recurrent cell; every node has exactly one edge.

    Raises GenotypeError as ConvGenotype does.

    Examples:
        >>> import zoo
        >>> print(zoo.RecurrentGenotype(zoo.Cell(nodes=[[("tanh", 0)]], concat=[1])))
        Genotype(recurrent=[('tanh', 0)], concat=[1])
    """

    recurrent: Cell
    kind: Literal["recurrent"] = field(default="recurrent", init=False, repr=False)

    def __post_init__(self) -> None:
        validate(self.recurrent, "recurrent cell", RECURRENT_OPERATIONS, first_node=1)
        for number, edges in enumerate(self.recurrent.nodes, start=1):
            if len(edges) != 1:
                raise GenotypeError(
                    f"recurrent cell, node {number}: has {len(edges)} edges; "
                    "a recurrent node has exactly one"
                )

    def cells(self) -> dict[str, Cell]:
        """The cell by name."""
        return {"recurrent": self.recurrent}

    def __str__(self) -> str:
        edges = [edges[0] for edges in self.recurrent.nodes]
        return f"Genotype(recurrent={edges}, concat={list(self.recurrent.concat)})"
