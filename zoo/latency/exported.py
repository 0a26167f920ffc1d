"""The operations of a NAS-Bench-201 cell in the exported graph, whose latencies add up.

They differ from its edges: an edge that does not reach the output is dropped, a skip connection is
no operation, equal average pools are computed once, and the edges of a node are added.  A node
without edges is a zero tensor.  A convolution of zeros is its bias: it stays in the graph although
the input of the cell does not reach it.
"""

from __future__ import annotations

from collections.abc import Hashable

from zoo.genotypes.cell import Cell

ADD, ZERO = "add", "zero"
#: The operations of an exported cell: three of its edges, the addition of two values, a zero node.
OPERATIONS = ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", ADD, ZERO)


def operations(cell: Cell) -> list[str]:
    """The operations of a NAS-Bench-201 cell, each as often as the exported graph has it.

    Examples:
        >>> from zoo.genotypes.nasbench201 import NasBench201Genotype
        >>> genotype = NasBench201Genotype.from_text(
        ...     "|none~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|avg_pool_3x3~2|")
        >>> operations(genotype.cell)
        ['zero', 'nor_conv_1x1', 'add', 'avg_pool_3x3', 'avg_pool_3x3', 'add']
    """
    needed, found = _needed(cell), []
    values: list[Hashable] = ["input"]  # of the nodes; equal values are the same tensor
    shared: set[Hashable] = set()
    for number, edges in enumerate(cell.nodes, start=1):
        terms: list[Hashable] = []
        for operation, source in edges if number in needed else ():
            value: Hashable = values[source]
            if operation == "avg_pool_3x3":
                value = operation, value
                if value not in shared:
                    found.append(operation)
                    shared.add(value)
            elif operation.startswith("nor_conv"):
                value = operation, source, number  # with weights of its own
                found.append(operation)
            if operation != "none":
                terms.append(value)
        if number in needed and not terms:
            terms.append(ZERO)
            if ZERO not in values:
                found.append(ZERO)
        found += [ADD] * (len(terms) - 1)
        values.append(terms[0] if len(terms) == 1 else number)
    return found


def _needed(cell: Cell) -> set[int]:
    """The nodes from which the output, the last node, is computed."""
    needed = {len(cell.nodes)}
    for number, edges in reversed([*enumerate(cell.nodes, start=1)]):
        if number in needed:
            needed |= {source for operation, source in edges if operation != "none"}
    return needed
