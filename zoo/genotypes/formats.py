"""Writes genotypes in the formats of other tools; `zoo.genotypes.dialects` reads them.

A format is a row of `FORMATS`: its name, its writer, and the cells it can represent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from zoo.genotypes.cell import Cell, GenotypeError
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.dialects import OPERATIONS
from zoo.genotypes.serialization import Genotype, to_dict
from zoo.messages.spelling import choices
from zoo.system import json_text

#: The operations that nni/nas/hub/pytorch/nasnet.py and this zoo have in common.
_NNI_OPERATIONS = (*OPERATIONS, "conv_1x1", "conv_3x3", "conv_3x1_1x3", "conv_7x1_1x7",
                   "sep_conv_7x7")
_NB301_PREFIX = "NetworkSelectorDatasetInfo:darts:"


@dataclass(frozen=True)
class Limits:
    """A space of convolutional cells with two edges per node and all nodes concatenated.

    `tool` names the space in messages; `nodes` is the number of intermediate nodes of both cells,
    None for any; with `distinct` the two edges of a node have different inputs.
    """

    tool: str
    operations: tuple[str, ...]
    nodes: int | None = None
    distinct: bool = False

    def misfit(self, genotype: Genotype) -> str:
        """Why the genotype is outside the space; empty if it is inside."""
        if not isinstance(genotype, ConvGenotype):
            return f"it is a {genotype.kind} cell, and {self.tool} has only convolutional cells"
        faults = [f"{name} cell: {fault}" for name, cell in genotype.cells().items()
                  for fault in self._faults(cell)]
        normal, reduce = len(genotype.normal.nodes), len(genotype.reduce.nodes)
        if not faults and normal != reduce:
            return (f"the normal cell has {normal} nodes and the reduction cell {reduce}; "
                    f"{self.tool} needs the same number in both")
        return faults[0] if faults else ""

    def _faults(self, cell: Cell) -> Iterator[str]:
        if self.nodes not in (None, len(cell.nodes)):
            yield f"{_count(len(cell.nodes), 'node')}, and {self.tool} has {self.nodes}"
        for number, edges in enumerate(cell.nodes, start=2):
            if len(edges) != 2:
                yield (f"node {number} has {_count(len(edges), 'edge')}, and {self.tool} has 2 per "
                       "node")
            elif self.distinct and edges[0][1] == edges[1][1]:
                yield (f"both edges of node {number} read node {edges[0][1]}, and {self.tool} "
                       "needs two different inputs")
            for operation, _ in edges:
                if operation not in self.operations:
                    yield f"node {number} has {operation}, which {self.tool} does not have"
        every = tuple(range(2, len(cell.nodes) + 2))
        if cell.concat != every:
            yield (f"its concat is {_listed(cell.concat)}, and {self.tool} always concatenates "
                   f"all nodes, {_listed(every)}")


class Format(NamedTuple):
    """A format: its name, its writer (genotype, metadata), the cells it can represent (None: all),
    and whether it keeps the order of a node's edges."""

    name: str
    text: Callable[[Genotype, Mapping[str, object]], str]
    limits: Limits | None = None
    ordered: bool = True


def write(genotype: Genotype, name: str, facts: Mapping[str, object] | None = None
          ) -> tuple[str, list[str]]:
    """The text of a genotype in the format `name`, and notes on what that text loses.

    `facts` is metadata of the cell, which only some formats store.  Raises ValueError for an
    unknown name, GenotypeError for a cell that the format cannot represent.
    """
    if name not in FORMATS:
        raise ValueError(f"unknown format {choices(name, FORMATS)}")
    form = FORMATS[name]
    if fault := form.limits.misfit(genotype) if form.limits else "":
        raise GenotypeError(f"cannot be written as {name}: {fault}")
    lost = not form.ordered and any(
        edges[0][1] > edges[1][1] for cell in genotype.cells().values() for edges in cell.nodes)
    return form.text(genotype, facts or {}), [
        f"{name} does not keep the order of a node's edges; they are read back sorted by input"
    ] if lost else []


# --- writers --------------------------------------------------------------------------------


def _classic(genotype: Genotype, facts: Mapping[str, object]) -> str:
    return str(genotype)


def _json(genotype: Genotype, facts: Mapping[str, object]) -> str:
    return json_text.dumps({**facts, **to_dict(genotype)}, indent=2, ensure_ascii=False)


def _nni(genotype: Genotype, facts: Mapping[str, object]) -> str:
    """``normal/op_2_0: op`` and ``normal/input_2_0: [0]``, the sample that freezes a space of
    nni.nas.hub (NNI 3: `DARTS` for its operations and 4 nodes, `PNAS` for 5, else `NDS`)."""
    sample = {f"{cell}/{what}_{node}_{number}": value
              for cell, graph in genotype.cells().items()
              for node, edges in enumerate(graph.nodes, start=2)
              for number, (operation, source) in enumerate(edges)
              for what, value in (("op", operation), ("input", [source]))}
    return json_text.dumps(sample, indent=2)


def _nb301(genotype: Genotype, facts: Mapping[str, object]) -> str:
    """A configuration of nasbench301's ConfigSpace, as by its `convert_genotype_to_config`."""
    config: dict[str, str] = {}
    for name, cell in genotype.cells().items():
        for node, edges in enumerate(cell.nodes, start=2):
            first = sum(range(2, node))  # edges are numbered across nodes
            for operation, source in sorted(edges, key=lambda edge: edge[1]):
                config[f"{_NB301_PREFIX}edge_{name}_{first + source}"] = operation
            if node > 2:  # node 2 has two inputs and no choice
                config[f"{_NB301_PREFIX}inputs_node_{name}_{node}"] = "_".join(
                    str(source) for source in sorted(source for _, source in edges))
    return json_text.dumps(config, indent=2)


def _naslib(genotype: Genotype, facts: Mapping[str, object]) -> str:
    """(input, operation) tuples, as by `convert_genotype_to_compact` in
    naslib/search_spaces/nasbench301/conversions.py."""
    return str(tuple(tuple((source, OPERATIONS.index(operation)) for operation, source in
                           cell.edges) for cell in genotype.cells().values()))


FORMATS: dict[str, Format] = {form.name: form for form in (
    Format("classic", _classic),
    Format("json", _json),
    Format("nni", _nni, Limits("NNI", _NNI_OPERATIONS)),
    Format("nasbench301", _nb301, Limits("NAS-Bench-301", OPERATIONS, nodes=4, distinct=True),
           ordered=False),
    Format("naslib", _naslib, Limits("NASLib", OPERATIONS, nodes=4, distinct=True)),
)}


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(nodes: tuple[int, ...]) -> str:
    return ", ".join(map(str, nodes))
