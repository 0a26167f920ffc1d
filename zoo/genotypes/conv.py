"""The genotype of a convolutional cell, an immutable value.

Zoph et al. 2018 (arXiv 1707.07012) and Liu et al. 2019 (arXiv 1806.09055, section 2.1).

A cell is a directed acyclic graph.  In a convolutional cell node 0 is the output of cell k-2,
node 1 the output of cell k-1, and nodes 2, 3, ... are intermediate: each is the sum of its
edges, and an edge ``(operation, input)`` applies an operation to an earlier node.  The cell's
output is the concatenation of the ``concat`` nodes along the channels.  See also
`zoo.genotypes.recurrent` and `zoo.genotypes.hierarchical`.

This package does not import torch, so listing and printing cells is fast.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from zoo.genotypes.cell import Cell, GenotypeError, edge_text, validate

#: Convolutional operations by name and what they compute (C channels in, C channels out);
#: `zoo.models.operations` has their modules.
CONV_OPERATIONS = {
    "none": "nothing: the edge contributes zero",
    "skip_connect": "identity; at stride 2 a factorized reduce",
    "max_pool_2x2": "2x2 max pooling, padded right and below at stride 1",
    "max_pool_3x3": "3x3 max pooling",
    "avg_pool_2x2": "2x2 average pooling, padding not counted",
    "avg_pool_3x3": "3x3 average pooling, padding not counted",
    "avg_pool_5x5": "5x5 average pooling, padding not counted",
    "conv_1x1": "ReLU, 1x1 convolution, batch-norm",
    "conv_3x3": "ReLU, 3x3 convolution, batch-norm",
    "conv_3x1_1x3": "ReLU, 1x3 then 3x1 convolution, batch-norm",
    "conv_7x1_1x7": "ReLU, 1x7 then 7x1 convolution, batch-norm",
    "sep_conv_3x3": "3x3 depthwise-separable convolution, applied twice",
    "sep_conv_5x5": "5x5 depthwise-separable convolution, applied twice",
    "sep_conv_7x7": "7x7 depthwise-separable convolution, applied twice",
    "sep_conv_3x3_1": "3x3 depthwise-separable convolution, applied once",
    "sep_conv_3x3_2": "3x3 depthwise-separable convolution, applied twice",
    "sep_conv_5x5_2": "5x5 depthwise-separable convolution, applied twice",
    "sep_conv_7x7_2": "7x7 depthwise-separable convolution, applied twice",
    "dil_conv_3x3": "3x3 depthwise-separable convolution with dilation 2",
    "dil_conv_5x5": "5x5 depthwise-separable convolution with dilation 2",
    "dil_sep_conv_5x5": "5x5 depthwise-separable convolution, twice, the first with dilation 2",
    "grouped_conv_1x3_3x1": "ReLU, 1x3 and 3x1 convolutions in 8 groups, batch-norm, ReLU, "
    "1x1 convolution, batch-norm",
    "max_pool_3x3_bn": "3x3 max pooling, batch-norm",
    "noise": "standard normal noise in place of the input; for searches, has no export",
}
#: Those whose output is random in every call, trained or not.
STOCHASTIC_OPERATIONS = frozenset({"noise"})


@dataclass(frozen=True)
class ConvGenotype:
    """A normal and a reduction cell, independent of each other.

    Raises GenotypeError for an unknown operation, an edge from a later node, and an empty or
    invalid concat.

    Examples:
        >>> import zoo
        >>> cell = zoo.Cell(nodes=[[("skip_connect", 0), ("sep_conv_3x3", 1)]], concat=[2])
        >>> zoo.ConvGenotype(normal=cell, reduce=cell).kind
        'conv'
    """

    normal: Cell
    reduce: Cell
    kind: Literal["conv"] = field(default="conv", init=False, repr=False)

    def __post_init__(self) -> None:
        for name, cell in self.cells().items():
            validate(cell, f"{name} cell", CONV_OPERATIONS, first_node=2)
            if not any(number < 2 or cell.nodes[number - 2] for number in cell.concat):
                raise GenotypeError(f"{name} cell: no node of its concat {list(cell.concat)} "
                                    "has an edge; add a node that has one")

    def cells(self) -> dict[str, Cell]:
        """The two cells by name."""
        return {"normal": self.normal, "reduce": self.reduce}

    def __str__(self) -> str:
        return "Genotype(" + ", ".join(
            f"{name}={edge_text(cell)}, {name}_concat={list(cell.concat)}"
            for name, cell in self.cells().items()
        ) + ")"
