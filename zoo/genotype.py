"""The genotype: a small frozen value that describes a neural-network cell.

Zoph et al. 2018 (arXiv 1707.07012) and Liu et al. 2019 (arXiv 1806.09055, section 2.1).

A cell is a directed acyclic graph.  In a convolutional cell node 0 is the output of cell k-2,
node 1 the output of cell k-1, and nodes 2, 3, ... are intermediate: each is the sum of its
edges, and an edge ``(operation, input)`` applies an operation to an earlier node.  The cell's
output is the concatenation of the ``concat`` nodes along the channels.  In a recurrent cell
node 0 is the gated initial state, every later node has one edge, and the output is the mean
of the ``concat`` nodes.  The third kind, made of motifs, is in `zoo.hierarchical_genotype`.

This module imports nothing heavy: names can be listed and printed without torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from zoo.cell import Cell, GenotypeError, is_node_number
from zoo.hierarchical_genotype import HierarchicalGenotype
from zoo.spelling import choices

#: Convolutional operations and what each one computes (C channels in, C channels out).
#: ``zoo.operations`` holds the module of each name.
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
}

#: Recurrent operations: the activation of a node (arXiv 1806.09055, section 3.1.2).
RECURRENT_OPERATIONS = {
    "none": "zero",
    "tanh": "hyperbolic tangent",
    "relu": "rectified linear unit",
    "sigmoid": "logistic sigmoid",
    "identity": "the value itself",
}


@dataclass(frozen=True)
class ConvGenotype:
    """A normal and a reduction cell, which need have nothing in common.

    Raises GenotypeError for an unknown operation, an edge from a later node, an empty or
    impossible concat.
    """

    normal: Cell
    reduce: Cell
    kind: str = field(default="conv", init=False, repr=False)

    def __post_init__(self):
        for name, cell in self.cells().items():
            _validate(cell, f"{name} cell", CONV_OPERATIONS, first_node=2)
            if not any(number < 2 or cell.nodes[number - 2] for number in cell.concat):
                raise GenotypeError(f"{name} cell: no node of its concat {list(cell.concat)} "
                                    "has an edge; name one that has")

    def cells(self) -> dict[str, Cell]:
        return {"normal": self.normal, "reduce": self.reduce}

    def __str__(self) -> str:
        return "Genotype(" + ", ".join(
            f"{name}={_edge_text(cell)}, {name}_concat={list(cell.concat)}"
            for name, cell in self.cells().items()
        ) + ")"


@dataclass(frozen=True)
class RecurrentGenotype:
    """A recurrent cell; every node has exactly one edge.

    Raises GenotypeError as ConvGenotype does.
    """

    recurrent: Cell
    kind: str = field(default="recurrent", init=False, repr=False)

    def __post_init__(self):
        _validate(self.recurrent, "recurrent cell", RECURRENT_OPERATIONS, first_node=1)
        for number, edges in enumerate(self.recurrent.nodes, start=1):
            if len(edges) != 1:
                raise GenotypeError(
                    f"recurrent cell, node {number}: has {len(edges)} edges; "
                    "a recurrent node has exactly one"
                )

    def cells(self) -> dict[str, Cell]:
        return {"recurrent": self.recurrent}

    def __str__(self) -> str:
        edges = [edges[0] for edges in self.recurrent.nodes]
        return f"Genotype(recurrent={edges}, concat={list(self.recurrent.concat)})"


Genotype = ConvGenotype | RecurrentGenotype | HierarchicalGenotype


def _edge_text(cell: Cell) -> list:
    """The classic flat pair list where every node has two edges, else one list a node."""
    if all(len(edges) == 2 for edges in cell.nodes):
        return list(cell.edges)
    return [list(edges) for edges in cell.nodes]


def _validate(cell: Cell, where: str, operations: Iterable[str], first_node: int) -> None:
    """Raise GenotypeError unless every edge and the concat of `cell` can be built."""
    if not isinstance(cell, Cell):
        raise GenotypeError(f"{where}: expected a Cell, found {type(cell).__name__}")
    if not cell.nodes:
        raise GenotypeError(f"{where}: has no nodes; a cell needs at least one")
    for number, edges in enumerate(cell.nodes, start=first_node):
        for position, (operation, source) in enumerate(edges):
            edge = f"{where}, node {number}, edge {position} ({operation!r}, {source!r})"
            if not isinstance(operation, str) or operation not in operations:
                raise GenotypeError(f"{edge}: unknown operation "
                                    f"{choices(operation, operations)}")
            if not is_node_number(source) or not 0 <= source < number:
                raise GenotypeError(
                    f"{edge}: reads from node {source!r}; node {number} may read nodes "
                    f"0 to {number - 1}, the ones before it"
                )
    last = first_node + len(cell.nodes) - 1
    if not cell.concat:
        raise GenotypeError(f"{where}: concat is empty; name at least one node of 0 to {last}")
    for number in cell.concat:
        if not is_node_number(number) or not 0 <= number <= last:
            raise GenotypeError(f"{where}: concat names node {number!r}; allowed are 0 to {last}")
    if len(set(cell.concat)) != len(cell.concat):
        raise GenotypeError(f"{where}: concat {list(cell.concat)} names a node twice")


# --- JSON ---------------------------------------------------------------------------------


def to_dict(genotype: Genotype) -> dict:
    """Plain lists and dicts, ready for ``json.dump``."""
    if isinstance(genotype, HierarchicalGenotype):
        return {"kind": genotype.kind, **genotype.fields()}
    cells = {
        name: {
            "nodes": [[list(edge) for edge in edges] for edges in cell.nodes],
            "concat": list(cell.concat),
        }
        for name, cell in genotype.cells().items()
    }
    return {"kind": genotype.kind, **cells}


def from_dict(value: dict) -> Genotype:
    """The genotype that `to_dict` gave.  Raises GenotypeError for anything else."""
    if not isinstance(value, dict):
        raise GenotypeError(f"expected a JSON object, found {type(value).__name__}")
    kinds = {"conv": (ConvGenotype, ("normal", "reduce")),
             "recurrent": (RecurrentGenotype, ("recurrent",))}
    kind = value.get("kind", "recurrent" if "recurrent" in value else
                     "hierarchical" if "level_2" in value else "conv")
    if kind == "hierarchical":
        return HierarchicalGenotype.from_fields(
            {name: motifs for name, motifs in value.items() if name.startswith("level_")})
    if not isinstance(kind, str) or kind not in kinds:
        raise GenotypeError(f"unknown kind {choices(kind, (*kinds, 'hierarchical'))}")
    build, names = kinds[kind]
    cells = []
    for name in names:
        cell = value.get(name)
        if not isinstance(cell, dict) or not {"nodes", "concat"} <= cell.keys():
            raise GenotypeError(f"{name!r} must be an object with 'nodes' and 'concat'")
        try:
            cells.append(Cell(cell["nodes"], cell["concat"]))
        except GenotypeError as error:
            raise GenotypeError(f"{name} cell: {error}") from None
    return build(*cells)


def to_json(genotype: Genotype) -> str:
    """JSON text with one node (or motif) a line, so that a diff of two cells can be read."""
    lines = [f'  "kind": "{genotype.kind}"']
    for name, cell in to_dict(genotype).items():
        if isinstance(cell, list):
            motifs = ",\n".join(f"    {json.dumps(motif)}" for motif in cell)
            lines.append(f'  "{name}": [\n{motifs}\n  ]')
        elif name != "kind":
            nodes = ",\n".join(f"      {json.dumps(edges)}" for edges in cell["nodes"])
            lines.append(
                f'  "{name}": {{\n    "nodes": [\n{nodes}\n    ],\n'
                f'    "concat": {json.dumps(cell["concat"])}\n  }}'
            )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def parse(text: str) -> Genotype:
    """Read a genotype from JSON or from the classic ``Genotype(normal=[...], ...)`` text.

    Raises GenotypeError with the reason and, for JSON, the line.
    """
    from zoo.genotype_text import parse_text  # kept apart: few callers need Python's parser

    if not text.lstrip().startswith("{"):
        return parse_text(text)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise GenotypeError(f"not valid JSON: {error.msg} (line {error.lineno})") from None
    except RecursionError:
        raise GenotypeError("not a genotype: the JSON is nested too deeply") from None
    return from_dict(value)
