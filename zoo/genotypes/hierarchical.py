"""The hierarchical genotype: motifs made of motifs made of operations.

Liu et al. 2018, Hierarchical Representations for Efficient Architecture Search (arXiv
1711.00436).  Level 1 holds the operations, a motif of a higher level is a small graph
whose edges are motifs of the level below, and the only motif of the highest level is the cell.
The paper searches six motifs of four nodes at level 2 and a cell of five nodes at level 3, which
is also the default of the search here; a genotype with level 2 alone is the paper's *flat* one.

In a motif of n nodes, node 0 is the input and node n-1 the output.  A node concatenates all its
incoming edges along the channels.  An edge i -> j, i < j, is an operation, or 'none' if there is
no edge.  A node without incoming edges has no channels, and its outgoing edges are dropped; a
motif whose output is such a node acts as 'none'.  `zoo.models.hierarchical` builds the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, cast

from zoo.genotypes.cell import Cell, GenotypeError, is_operation, on_paths
from zoo.messages.spelling import choices

#: The operations of level 1.  A convolution outputs C channels, the width of the cell; all others
#: keep their number of channels.  Unlike the convolutions of `CONV_OPERATIONS`, these have the
#: ReLU at the end.
PRIMITIVES = {
    "none": "nothing: there is no edge",
    "identity": "identity",
    "conv_1x1_relu": "1x1 convolution to C channels, batch-norm, ReLU",
    "dep_conv_3x3_relu": "3x3 depthwise convolution, batch-norm, ReLU",
    "sep_conv_3x3_relu": "3x3 depthwise-separable convolution to C channels, applied once, "
    "batch-norm, ReLU",
    "max_pool_3x3": "3x3 max pooling",
    "avg_pool_3x3": "3x3 average pooling, padding not counted",
}

_FORM = ("a motif is a list of its nodes after the input, each the list of the operations on its "
         "edges from node 0, 1, ...: [['identity'], ['none', 'max_pool_3x3']]")


@dataclass(frozen=True, init=False)
class Motif:
    """A small graph: ``nodes[j - 1][i]`` is the operation of the edge i -> j.

    Any nested sequence is accepted and stored as tuples, which makes a motif hashable.  The
    genotype that contains the motif checks its operations.  Raises GenotypeError.
    """

    nodes: tuple[tuple[str, ...], ...]

    def __init__(self, nodes: Iterable[Iterable[str]]) -> None:
        try:
            nodes = tuple(nodes)
            if any(isinstance(node, str) for node in nodes):
                raise TypeError
            kept = tuple(tuple(node) for node in nodes)
        except TypeError:
            raise GenotypeError(_FORM) from None
        if not kept:
            raise GenotypeError("has only an input node; add an output node")
        for number, node in enumerate(kept, start=1):
            if len(node) != number:
                raise GenotypeError(f"node {number} has {len(node)} edges; it needs {number}, one "
                                    f"from each earlier node ('none' for no edge)")
        object.__setattr__(self, "nodes", kept)

    def __len__(self) -> int:
        """The number of nodes, input and output among them."""
        return len(self.nodes) + 1


@dataclass(frozen=True, init=False)
class HierarchicalGenotype:
    """``levels[k]`` holds the motifs of level k + 2; the last level has one, the cell.

    The level above refers to motif m = 1, 2, ... as ``motif_m``.

    Raises GenotypeError for an operation unknown at its level, a highest level with more than one
    motif, and a cell without a path from its input to its output.

    Examples:
        >>> import zoo
        >>> flat = zoo.HierarchicalGenotype([[[["identity"], ["none", "max_pool_3x3"]]]])
        >>> flat.live_edges(level=2, motif=1)
        ((0, 1, 'identity'), (1, 2, 'max_pool_3x3'))
    """

    levels: tuple[tuple[Motif, ...], ...]
    kind: Literal["hierarchical"] = field(default="hierarchical", init=False, repr=False)

    def __init__(self, levels: Sequence[Sequence[Motif | Iterable[Iterable[str]]]]) -> None:
        if not isinstance(levels, (list, tuple)) or not levels:
            raise GenotypeError("a hierarchical genotype needs a list of levels, level 2 first")
        kept: list[tuple[Motif, ...]] = []
        for level, motifs in enumerate(levels, start=2):
            if not isinstance(motifs, (list, tuple)) or not motifs:
                raise GenotypeError(f"level {level}: expected a non-empty list of motifs")
            kept.append(tuple(_motif(motif, level, number)
                              for number, motif in enumerate(motifs, start=1)))
        object.__setattr__(self, "levels", tuple(kept))
        object.__setattr__(self, "kind", "hierarchical")
        for level, number, source, target in self.edges():
            operation, allowed = self.operation(level, number, source, target), self.allowed(level)
            if not is_operation(operation, allowed):
                raise GenotypeError(f"level {level}, motif {number}, edge {source} -> {target}: "
                                    f"unknown operation {choices(operation, allowed)}")
        if len(self.levels[-1]) != 1:
            raise GenotypeError(f"level {self.height}: has {len(self.levels[-1])} motifs; the "
                                "highest level has one, the cell")
        if not self.live_edges(self.height, 1):
            raise GenotypeError(f"level {self.height}, motif 1: no path of edges leads from the "
                                "cell's input to its output; replace a 'none' by an operation")

    @property
    def height(self) -> int:
        """The number of the highest level, whose motif 1 is the cell."""
        return len(self.levels) + 1

    def motif(self, level: int, number: int) -> Motif:
        """Motif `number` (from 1) of `level` (from 2)."""
        return self.levels[level - 2][number - 1]

    def allowed(self, level: int) -> tuple[str, ...]:
        """The operations allowed on the edges of a motif of `level`."""
        if level == 2:
            return tuple(PRIMITIVES)
        return "none", *(f"motif_{n}" for n in range(1, len(self.levels[level - 3]) + 1))

    def edges(self) -> Iterator[tuple[int, int, int, int]]:
        """(level, motif, source, target) of every possible edge, 'none' included."""
        for level, motifs in enumerate(self.levels, start=2):
            for number, motif in enumerate(motifs, start=1):
                for target in range(1, len(motif)):
                    for source in range(target):
                        yield level, number, source, target

    def operation(self, level: int, motif: int, source: int, target: int) -> str:
        """The operation on one edge."""
        return self.motif(level, motif).nodes[target - 1][source]

    def with_operation(self, level: int, motif: int, source: int, target: int,
                       operation: str) -> HierarchicalGenotype:
        """A copy with another operation on one edge: the paper's mutation.

        Raises GenotypeError as the constructor does.
        """
        nodes = [list(node) for node in self.motif(level, motif).nodes]
        nodes[target - 1][source] = operation
        levels = [list(motifs) for motifs in self.levels]
        levels[level - 2][motif - 1] = Motif(nodes)
        return HierarchicalGenotype(levels)

    def live_edges(self, level: int, motif: int) -> tuple[tuple[int, int, str], ...]:
        """(source, target, operation) of the edges on paths from a motif's input to its output,
        ordered by target and source.  Empty if the motif acts as 'none'."""
        return self._live[level, motif]

    @cached_property
    def _live(self) -> dict[tuple[int, int], tuple[tuple[int, int, str], ...]]:
        found: dict[tuple[int, int], tuple[tuple[int, int, str], ...]] = {}
        for level, motifs in enumerate(self.levels, start=2):
            dead = {"none"} | {f"motif_{number}" for (below, number), live in found.items()
                               if below == level - 1 and not live}
            for number, motif in enumerate(motifs, start=1):
                edges = [(source, target, name) for target, node in enumerate(motif.nodes, start=1)
                         for source, name in enumerate(node) if name not in dead]
                found[level, number] = on_paths(edges, len(motif) - 1)
        return found

    def used(self) -> set[tuple[int, int]]:
        """(level, motif) of the cell and of every motif it contains."""
        found: set[tuple[int, int]] = set()
        open_ = [(self.height, 1)]
        while open_:
            level, number = open_.pop()
            if (level, number) not in found:
                found.add((level, number))
                open_ += [(level - 1, int(name.removeprefix("motif_")))
                          for *_, name in self.live_edges(level, number) if level > 2]
        return found

    def cells(self) -> dict[str, Cell]:
        """The cell and all motifs by title, converted to `Cell`.

        Node 0 is the input, 'none' edges are omitted, and the concat is the output node.
        """
        return {
            self.title(level, number): Cell(
                [[(name, source) for source, name in enumerate(node) if name != "none"]
                 for node in motif.nodes], [len(motif) - 1])
            for level in range(self.height, 1, -1)
            for number, motif in enumerate(self.levels[level - 2], start=1)
        }

    def title(self, level: int, number: int) -> str:
        """The name of a motif in `cells`; it includes the level if several levels have motifs."""
        if level == self.height:
            return "cell"
        return f"motif_{number}" if self.height == 3 else f"level {level} motif_{number}"

    def fields(self) -> dict[str, list[list[list[str]]]]:
        """{"level_2": [motif, ...], ...} as plain lists, for text and JSON."""
        return {f"level_{level}": [[list(node) for node in motif.nodes] for motif in motifs]
                for level, motifs in enumerate(self.levels, start=2)}

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> HierarchicalGenotype:
        """The inverse of `fields`.  Raises GenotypeError for anything else."""
        names = [f"level_{level}" for level in range(2, len(fields) + 2)]
        if not fields or set(fields) != set(names):
            raise GenotypeError(f"found the fields {', '.join(fields) or 'none'}; a hierarchical "
                                "genotype has level_2, level_3, ... without gaps")
        # The constructor rejects any other structure.
        return cls(cast("Sequence[Sequence[Motif]]", [fields[name] for name in names]))

    def __str__(self) -> str:
        return "Genotype(" + ", ".join(f"{k}={v}" for k, v in self.fields().items()) + ")"


def _motif(value: Motif | Iterable[Iterable[str]], level: int, number: int) -> Motif:
    try:
        return value if isinstance(value, Motif) else Motif(value)
    except GenotypeError as error:
        raise GenotypeError(f"level {level}, motif {number}: {error}") from None
