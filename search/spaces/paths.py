"""The path encoding of a genotype: which sequences of operations lead through its cells.

White, Neiswanger & Savani 2021, BANANAS: Bayesian Optimization with Neural Architectures for
Neural Architecture Search (arXiv 1910.11858).
"""

from __future__ import annotations

from typing import TypeAlias

from zoo.genotypes.serialization import Genotype

#: Name of the cell, number of the input, operations up to an output node.
Path: TypeAlias = tuple[str, int, tuple[str, ...]]


def paths(genotype: Genotype) -> frozenset[Path]:
    """Every path from an input of a cell to a node of its concat.

    Cells that differ only in the order of a node's edges, in the numbers of their nodes, or in
    edges that lead nowhere have the same paths.
    """
    first = 2 if genotype.kind == "conv" else 1
    found: set[Path] = set()
    for name, cell in genotype.cells().items():
        arriving: list[set[tuple[int, tuple[str, ...]]]] = [
            {(number, ())} for number in range(first)]
        for edges in cell.nodes:
            arriving.append({(start, (*taken, operation)) for operation, source in edges
                             if operation != "none" for start, taken in arriving[source]})
        found |= {(name, *path) for number in cell.concat for path in arriving[number]}
    return frozenset(found)
