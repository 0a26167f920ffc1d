"""What genotypes of every kind are made of: edges, the cell, and the error that names one.

Apart from `zoo.genotype`, so that each kind of genotype can be a file of its own.
"""

from __future__ import annotations

from dataclasses import dataclass


class GenotypeError(ValueError):
    """A genotype that describes no cell; the message names the edge and what is allowed."""


Edge = tuple[str, int]


@dataclass(frozen=True)
class Cell:
    """One cell: ``nodes[j]`` holds the edges of intermediate node j, ``concat`` the output nodes.

    Edges may be given as any nested sequence; they are stored as tuples, so that a cell is
    hashable.  Checked against its operations by the genotype that it belongs to.
    """

    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]

    def __post_init__(self):
        try:
            nodes = tuple(tuple((op, source) for op, source in edges) for edges in self.nodes)
            concat = tuple(self.concat)
        except (TypeError, ValueError):
            raise GenotypeError(
                "a cell needs nodes, a list of lists of (operation, input) edges, "
                "and concat, a list of node numbers"
            ) from None
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "concat", concat)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """All edges in the order of their nodes."""
        return tuple(edge for edges in self.nodes for edge in edges)


def is_node_number(value) -> bool:
    """A whole number, which True is not here."""
    return isinstance(value, int) and not isinstance(value, bool)
