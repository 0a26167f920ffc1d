"""Genotypes of every kind as JSON, and back.

`str` of a genotype is the classic text form; `zoo.genotypes.reader` reads both.
"""

from __future__ import annotations

import json

from zoo.genotypes.cell import Cell, GenotypeError, is_object
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.messages.spelling import choices

Genotype = ConvGenotype | RecurrentGenotype | HierarchicalGenotype | NasBench201Genotype


_KIND_NAMES = {"conv": "convolutional", "nasbench201": "NAS-Bench-201"}


def kind_name(genotype: Genotype) -> str:
    """The kind of a genotype in words, as in "a convolutional cell"."""
    return _KIND_NAMES.get(genotype.kind, genotype.kind)


def to_dict(genotype: Genotype) -> dict[str, object]:
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


def from_dict(value: object) -> Genotype:
    """The genotype that `to_dict` gave.  Raises GenotypeError for anything else."""
    if not is_object(value):
        raise GenotypeError(f"expected a JSON object, found {type(value).__name__}")
    kinds = {"conv": (ConvGenotype, ("normal", "reduce")),
             "recurrent": (RecurrentGenotype, ("recurrent",)),
             "nasbench201": (NasBench201Genotype, ("cell",))}
    kind = value.get("kind", "recurrent" if "recurrent" in value else
                     "hierarchical" if "level_2" in value else "conv")
    if kind == "hierarchical":
        return HierarchicalGenotype.from_fields(
            {name: motifs for name, motifs in value.items() if name.startswith("level_")})
    if not isinstance(kind, str) or kind not in kinds:
        raise GenotypeError(f"unknown kind {choices(kind, (*kinds, 'hierarchical'))}")
    build, names = kinds[kind]
    cells: list[Cell] = []
    for name in names:
        cell = value.get(name)
        if not is_object(cell) or not {"nodes", "concat"} <= cell.keys():
            raise GenotypeError(f"{name!r} must be an object with 'nodes' and 'concat'")
        try:
            cells.append(Cell.read(cell["nodes"], cell["concat"]))
        except GenotypeError as error:
            raise GenotypeError(f"{name} cell: {error}") from None
    return build(*cells)


def to_json(genotype: Genotype) -> str:
    """JSON text with one node (or motif) per line, so that a diff of two cells can be read."""
    lines = [f'  "kind": "{genotype.kind}"']
    if isinstance(genotype, HierarchicalGenotype):
        for name, level in genotype.fields().items():
            motifs = ",\n".join(f"    {json.dumps(motif)}" for motif in level)
            lines.append(f'  "{name}": [\n{motifs}\n  ]')
    else:
        for name, cell in genotype.cells().items():
            nodes = ",\n".join(f"      {json.dumps(edges)}" for edges in cell.nodes)
            lines.append(
                f'  "{name}": {{\n    "nodes": [\n{nodes}\n    ],\n'
                f'    "concat": {json.dumps(cell.concat)}\n  }}'
            )
    return "{\n" + ",\n".join(lines) + "\n}\n"
