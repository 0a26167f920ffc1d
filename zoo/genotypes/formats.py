"""Genotypes in the forms of other tools, to be written; `zoo.genotypes.dialects` reads them.

A format is a line in `FORMATS`: its name, the cells that it can hold, and what writes them.
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

#: Those of the spaces in nni/nas/hub/pytorch/nasnet.py that this zoo has too.
_NNI_OPERATIONS = (*OPERATIONS, "conv_1x1", "conv_3x3", "conv_3x1_1x3", "conv_7x1_1x7",
                   "sep_conv_7x7")
_NB301_PREFIX = "NetworkSelectorDatasetInfo:darts:"


@dataclass(frozen=True)
class Limits:
    """The convolutional cells of a space whose nodes have two edges each and are all concatenated.

    `tool` names the space in messages; `nodes` is the number of intermediate nodes, None for any,
    as many in both cells; with `distinct` the two edges of a node have different inputs.
    """

    tool: str
    operations: tuple[str, ...]
    nodes: int | None = None
    distinct: bool = False

    def misfit(self, genotype: Genotype) -> str:
        """Why the space does not have the genotype; empty where it has."""
        if not isinstance(genotype, ConvGenotype):
            return f"a {genotype.kind} cell, and {self.tool} has convolutional ones only"
        found = [f"{name} cell: {fault}" for name, cell in genotype.cells().items()
                 for fault in self._faults(cell)]
        normal, reduce = len(genotype.normal.nodes), len(genotype.reduce.nodes)
        if not found and normal != reduce:
            return (f"{normal} nodes in the normal and {reduce} in the reduction cell, and "
                    f"{self.tool} has as many in both")
        return found[0] if found else ""

    def _faults(self, cell: Cell) -> Iterator[str]:
        if self.nodes not in (None, len(cell.nodes)):
            yield f"{_of(len(cell.nodes), 'node')}, and {self.tool} has {self.nodes}"
        for number, edges in enumerate(cell.nodes, start=2):
            if len(edges) != 2:
                yield (f"node {number} has {_of(len(edges), 'edge')}, and {self.tool} has 2 at "
                       "every node")
            elif self.distinct and edges[0][1] == edges[1][1]:
                yield (f"both edges of node {number} read node {edges[0][1]}, and {self.tool} has "
                       "two different inputs")
            for operation, _ in edges:
                if operation not in self.operations:
                    yield f"node {number} has {operation}, which {self.tool} does not have"
        every = tuple(range(2, len(cell.nodes) + 2))
        if cell.concat != every:
            yield (f"it concatenates the nodes {_listed(cell.concat)}, and {self.tool} keeps no "
                   f"concat: there it is all of them, {_listed(every)}")


class Format(NamedTuple):
    """A form: its name, its text of a genotype and of the facts known besides, the cells that it
    can hold (None: all), and whether it keeps the order of a node's edges."""

    name: str
    text: Callable[[Genotype, Mapping[str, object]], str]
    limits: Limits | None = None
    ordered: bool = True


def write(genotype: Genotype, name: str, facts: Mapping[str, object] | None = None
          ) -> tuple[str, list[str]]:
    """The text of a genotype in the format `name`, and what it does not keep.

    `facts` are what is known besides, for a format with room for it.  Raises ValueError for an
    unknown name, GenotypeError for a cell that the form cannot hold.
    """
    if name not in FORMATS:
        raise ValueError(f"unknown format {choices(name, FORMATS)}")
    form = FORMATS[name]
    if fault := form.limits.misfit(genotype) if form.limits else "":
        raise GenotypeError(f"cannot be written as {name}: {fault}")
    lost = not form.ordered and any(
        edges[0][1] > edges[1][1] for cell in genotype.cells().values() for edges in cell.nodes)
    return form.text(genotype, facts or {}), [
        f"{name} keeps no order of a node's edges; they are read back by their inputs"
    ] if lost else []


# --- how each is written --------------------------------------------------------------------


def _classic(genotype: Genotype, facts: Mapping[str, object]) -> str:
    return str(genotype)


def _json(genotype: Genotype, facts: Mapping[str, object]) -> str:
    return json_text.dumps({**facts, **to_dict(genotype)}, indent=2, ensure_ascii=False)


def _nni(genotype: Genotype, facts: Mapping[str, object]) -> str:
    """``normal/op_2_0: op`` and ``normal/input_2_0: [0]``, the sample that freezes a space of
    nni.nas.hub (NNI 3; `DARTS` for its operations and 4 nodes, `PNAS` for 5, else `NDS`)."""
    sample = {f"{cell}/{what}_{node}_{number}": value
              for cell, graph in genotype.cells().items()
              for node, edges in enumerate(graph.nodes, start=2)
              for number, (operation, source) in enumerate(edges)
              for what, value in (("op", operation), ("input", [source]))}
    return json_text.dumps(sample, indent=2)


def _nb301(genotype: Genotype, facts: Mapping[str, object]) -> str:
    """The instance of nasbench301's ConfigSpace, as its `convert_genotype_to_config` makes it."""
    config: dict[str, str] = {}
    for name, cell in genotype.cells().items():
        for node, edges in enumerate(cell.nodes, start=2):
            first = sum(range(2, node))  # edges are counted through all nodes
            for operation, source in sorted(edges, key=lambda edge: edge[1]):
                config[f"{_NB301_PREFIX}edge_{name}_{first + source}"] = operation
            if node > 2:  # node 2 has two inputs and no choice
                config[f"{_NB301_PREFIX}inputs_node_{name}_{node}"] = "_".join(
                    str(source) for source in sorted(source for _, source in edges))
    return json_text.dumps(config, indent=2)


def _naslib(genotype: Genotype, facts: Mapping[str, object]) -> str:
    """Tuples (input, operation), as `convert_genotype_to_compact` of
    naslib/search_spaces/nasbench301/conversions.py makes them."""
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


def _of(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(nodes: tuple[int, ...]) -> str:
    return ", ".join(map(str, nodes))
