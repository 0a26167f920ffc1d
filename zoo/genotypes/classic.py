"""The fields of a ``Genotype(...)`` or of a dict like it, in all the ways they are written.

Edges are pairs (operation, input) in one list, two for each node (Liu et al. 2019, arXiv
1806.09055), or one list per node (GDAS, Dong and Yang 2019, arXiv 1910.04465), with the strength
behind them, or (operation, target, source) triples (FairDARTS, Chu et al. 2020, arXiv
1911.12126).
"""

from __future__ import annotations

from zoo.genotypes.cell import Cell, GenotypeError, is_list, is_node_number
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.genotypes.recurrent import RecurrentGenotype

Genotype = ConvGenotype | RecurrentGenotype | HierarchicalGenotype | NasBench201Genotype

CONV_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
RECURRENT_FIELDS = ("recurrent", "concat")
_TRIPLE = 3
_MOST_NODES = 1000


def from_fields(fields: dict[str, object], notes: list[str]) -> Genotype:
    """The genotype of a convolutional, recurrent or hierarchical cell's fields.

    Adds to `notes` a line for whatever is left out or might have been meant otherwise.  Raises
    GenotypeError.
    """
    fields = {name.replace("reduction", "reduce", 1): field for name, field in fields.items()}
    if "level_2" in fields:
        return HierarchicalGenotype.from_fields(fields)
    names = RECURRENT_FIELDS if "recurrent" in fields else CONV_FIELDS
    if not fields.keys() >= set(names):
        missing = [name for name in names if name not in fields]
        raise GenotypeError(
            f"found the fields {', '.join(fields) or 'none'}; a convolutional genotype has normal, "
            "normal_concat, reduce, reduce_concat, a recurrent one recurrent, concat, a "
            f"hierarchical one level_2, level_3, ...; missing here: {', '.join(missing)}"
            + _other_cell(missing))
    if rest := [name for name in fields if name not in names]:
        notes.append(f"left out: {', '.join(rest)}")
    if names is RECURRENT_FIELDS:
        nodes = [[_pair(edge, "recurrent", notes)] if _is_edge(edge) else edge
                 for edge in _list(fields, "recurrent")]
        return RecurrentGenotype(Cell.read(nodes, fields["concat"]))
    return ConvGenotype(*(
        Cell.read(nodes_of(_list(fields, name), fields[f"{name}_concat"], name, notes),
                  fields[f"{name}_concat"])
        for name in ("normal", "reduce")))


def _other_cell(missing: list[str]) -> str:
    """Where one of the two cells is there: the remedy."""
    for name in ("normal", "reduce"):
        if missing == [name, f"{name}_concat"]:
            return (f"; a search that fixes the {name} cell, as GDAS (FRC) does, writes the other "
                    "one alone: add the one that its network has")
    return ""


def nodes_of(edges: list[object], concat: object, name: str, notes: list[str]) -> list[object]:
    """The edges of a cell as one list per node; `concat` says how many nodes triples leave."""
    flat = all(_is_edge(edge) for edge in edges)
    alone = edges if flat else [edge for node in edges if is_list(node) for edge in node]
    if alone and all(_is_triple(edge) for edge in alone):
        return _by_target(alone, concat, name, notes)
    if not flat:
        return [[_pair(edge, name, notes) for edge in node] if is_list(node) else node
                for node in edges]
    if len(edges) % 2:
        raise GenotypeError(
            f"{name} cell: {len(edges)} edges in a flat list, which means two for each node; "
            f"edge {len(edges) - 1} {_pair(edges[-1], name, [])!r} has no partner. For other "
            "numbers of edges write one list per node: [[('sep_conv_3x3', 1)], [...]]"
        )
    pairs = [_pair(edge, name, notes) for edge in edges]
    return [pairs[i:i + 2] for i in range(0, len(pairs), 2)]


def _by_target(edges: list[object], concat: object, name: str, notes: list[str]) -> list[object]:
    """Nodes of (operation, target, source) triples, or of (operation, source, target) ones."""
    triples = [(edge[0], edge[1], edge[2]) for edge in edges if is_list(edge)]
    numbers = [(second, third) for _, second, third in triples
               if isinstance(second, int) and isinstance(third, int)]
    if all(second > third for second, third in numbers):
        target, order = 0, "target, source"
    elif all(second < third for second, third in numbers):
        target, order = 1, "source, target"
    else:
        raise GenotypeError(f"{name} cell: triples {tuple(triples[0])!r}, ... are neither all "
                            "(operation, target, source) nor all (operation, source, target): a "
                            "source comes before its target; write one list of (operation, "
                            "source) pairs per node")
    targets = [pair[target] for pair in numbers]
    ends = [end for end in concat if isinstance(end, int)] if is_list(concat) else []
    if min(targets) < 2 or max(targets) > _MOST_NODES:
        raise GenotypeError(f"{name} cell: an edge leads to node "
                            f"{min(targets) if min(targets) < 2 else max(targets)}; read as "
                            f"(operation, {order}), a target is a node from 2 on; if the last "
                            "number is a strength, write it with a point, as in 1.0")
    _note(notes, f"edges read as (operation, {order})")
    nodes: list[list[object]] = [[] for _ in range(2, min(max(*targets, *ends, 2),
                                                          _MOST_NODES) + 1)]
    for (operation, _, _), pair in zip(triples, numbers, strict=True):
        nodes[pair[target] - 2].append((operation, pair[1 - target]))
    return list(nodes)


def _pair(edge: object, name: str, notes: list[str]) -> object:
    """(operation, input) of an edge as it is written; what is none is left to `Cell`."""
    if not is_list(edge) or not _is_edge(edge):
        return edge
    if is_node_number(edge[0]):
        _note(notes, "edges read as (input, operation)")
        return edge[1], edge[0]
    if len(edge) == _TRIPLE:
        if not isinstance(edge[2], float):
            raise GenotypeError(f"{name} cell: edge {tuple(edge)!r}: its third value is neither a "
                                "strength, such as 0.31, nor, as in all others, a node")
        _note(notes, "left out: the strengths of the edges")
    return edge[0], edge[1]


def _is_edge(value: object) -> bool:
    if not is_list(value) or len(value) not in (2, _TRIPLE):
        return False
    return isinstance(value[0], str) or (
        len(value) == 2 and is_node_number(value[0]) and isinstance(value[1], str))


def _is_triple(value: object) -> bool:
    """(operation, node, node); a strength is a float."""
    return (is_list(value) and len(value) == _TRIPLE and isinstance(value[0], str)
            and is_node_number(value[1]) and is_node_number(value[2]))


def _list(fields: dict[str, object], name: str) -> list[object]:
    field = fields[name]
    if not is_list(field):
        raise GenotypeError(f"{name}: expected a list of (operation, input) pairs")
    return list(field)


def _note(notes: list[str], text: str) -> None:
    if text not in notes:
        notes.append(text)
