"""The parts shared by all genotypes: edges, cells, and the error for an invalid one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeGuard, cast

from zoo.messages.spelling import choices


class GenotypeError(ValueError):
    """An invalid genotype; the message names the edge and the allowed values."""


Edge = tuple[str, int]


@dataclass(frozen=True, init=False)
class Cell:
    """One cell: ``nodes[j]`` holds the edges of intermediate node j, ``concat`` the output nodes.

    Any nested sequence of edges is accepted and stored as tuples, which makes a cell hashable.
    The genotype that contains the cell checks its operations.

    Examples:
        >>> import zoo
        >>> zoo.Cell(nodes=[[("skip_connect", 0), ("sep_conv_3x3", 1)]], concat=[2]).edges
        (('skip_connect', 0), ('sep_conv_3x3', 1))
    """

    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]

    def __init__(self, nodes: Iterable[Iterable[Edge]], concat: Iterable[int]) -> None:
        try:
            node_edges = tuple(tuple((op, source) for op, source in edges) for edges in nodes)
            outputs = tuple(concat)
        except (TypeError, ValueError):
            raise GenotypeError(
                "a cell needs nodes, a list of lists of (operation, input) edges, "
                "and concat, a list of node numbers"
            ) from None
        object.__setattr__(self, "nodes", node_edges)
        object.__setattr__(self, "concat", outputs)

    @classmethod
    def read(cls, nodes: object, concat: object) -> Cell:
        """A cell from two untrusted values of a file.  Raises GenotypeError."""
        # The constructor rejects any other structure, the genotype any other values.
        return cls(cast("Iterable[Iterable[Edge]]", nodes), cast("Iterable[int]", concat))

    @property
    def edges(self) -> tuple[Edge, ...]:
        """All edges, ordered by node."""
        return tuple(edge for edges in self.nodes for edge in edges)


def is_list(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    """Whether `value` is a list or a tuple, of anything."""
    return isinstance(value, (list, tuple))


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Whether `value` is a JSON object."""
    return isinstance(value, dict)


def is_node_number(value: object) -> bool:
    """Whether `value` is an integer; booleans do not count."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_operation(value: object, operations: Iterable[str]) -> bool:
    """Whether `value`, which may be of any type, is one of the names in `operations`."""
    return isinstance(value, str) and value in operations


def edge_text(cell: Cell) -> list[Edge] | list[list[Edge]]:
    """The classic flat list of pairs if every node has two edges, else one list per node."""
    if all(len(edges) == 2 for edges in cell.nodes):
        return list(cell.edges)
    return [list(edges) for edges in cell.nodes]


def on_paths(edges: Sequence[tuple[int, int, str]], output: int
             ) -> tuple[tuple[int, int, str], ...]:
    """Those of the edges (source, target, operation), ordered by target, that lie on a path from
    node 0 to node `output`."""
    fed, used = {0}, {output}
    for source, target, _ in edges:
        if source in fed:
            fed.add(target)
    for source, target, _ in reversed(edges):
        if target in used:
            used.add(source)
    return tuple(edge for edge in edges if edge[0] in fed and edge[1] in used)


def validate(cell: object, where: str, operations: Iterable[str], first_node: int) -> None:
    """Raise GenotypeError unless `cell` is a Cell whose edges and concat are valid."""
    if not isinstance(cell, Cell):
        raise GenotypeError(f"{where}: expected a Cell, found {type(cell).__name__}")
    if not cell.nodes:
        raise GenotypeError(f"{where}: has no nodes; a cell needs at least one")
    for number, edges in enumerate(cell.nodes, start=first_node):
        for position, (operation, source) in enumerate(edges):
            edge = f"{where}, node {number}, edge {position} ({operation!r}, {source!r})"
            if not is_operation(operation, operations):
                raise GenotypeError(f"{edge}: unknown operation "
                                    f"{choices(operation, operations)}")
            if not is_node_number(source) or not 0 <= source < number:
                raise GenotypeError(
                    f"{edge}: reads from node {source!r}; node {number} may read nodes "
                    f"0 to {number - 1}"
                )
    last = first_node + len(cell.nodes) - 1
    if not cell.concat:
        raise GenotypeError(f"{where}: concat is empty; name at least one node of 0 to {last}")
    for number in cell.concat:
        if not is_node_number(number) or not 0 <= number <= last:
            raise GenotypeError(f"{where}: concat names node {number!r}; allowed are 0 to {last}")
    if len(set(cell.concat)) != len(cell.concat):
        raise GenotypeError(f"{where}: concat {list(cell.concat)} names a node twice")
