"""The fields of a ``Genotype(...)``, or of an equivalent dict, in every published notation.

Edges are (operation, input) pairs in one list, two per node (Liu et al. 2019, arXiv 1806.09055);
one list per node, each edge followed by its strength (GDAS, Dong and Yang 2019, arXiv 1910.04465);
or (operation, target, source) triples (FairDARTS, Chu et al. 2020, arXiv 1911.12126).
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
    """The genotype with these fields: convolutional, recurrent or hierarchical.

    Appends a line to `notes` for everything ignored or ambiguous.  Raises GenotypeError.
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
            f"hierarchical one level_2, level_3, ...; missing: {', '.join(missing)}"
            + _other_cell(missing))
    if rest := [name for name in fields if name not in names]:
        notes.append(f"ignored: {', '.join(rest)}")
    if names is RECURRENT_FIELDS:
        nodes = [[_pair(edge, "recurrent", notes)] if _is_edge(edge) else edge
                 for edge in _list(fields, "recurrent")]
        return RecurrentGenotype(Cell.read(nodes, fields["concat"]))
    return ConvGenotype(*(
        Cell.read(nodes_of(_list(fields, name), fields[f"{name}_concat"], name, notes),
                  fields[f"{name}_concat"])
        for name in ("normal", "reduce")))


def _other_cell(missing: list[str]) -> str:
    """The remedy if only one of the two cells is missing, else nothing."""
    for name in ("normal", "reduce"):
        if missing == [name, f"{name}_concat"]:
            return (f"; a search that fixes the {name} cell, as GDAS (FRC) does, writes only the "
                    f"other one: add the {name} cell of its network")
    return ""


def nodes_of(edges: list[object], concat: object, name: str, notes: list[str]) -> list[object]:
    """The edges of a cell as one list per node.

    Triples do not mention nodes without edges; `concat` then tells how many nodes there are.
    """
    flat = all(_is_edge(edge) for edge in edges)
    all_edges = edges if flat else [edge for node in edges if is_list(node) for edge in node]
    if all_edges and all(_is_triple(edge) for edge in all_edges):
        return _by_target(all_edges, concat, name, notes)
    if not flat:
        return [[_pair(edge, name, notes) for edge in node] if is_list(node) else node
                for node in edges]
    if len(edges) % 2:
        raise GenotypeError(
            f"{name} cell: {len(edges)} edges in a flat list, which needs two per node; "
            f"edge {len(edges) - 1} {_pair(edges[-1], name, [])!r} has no partner. For any other "
            "number of edges, write one list per node: [[('sep_conv_3x3', 1)], [...]]"
        )
    pairs = [_pair(edge, name, notes) for edge in edges]
    return [pairs[i:i + 2] for i in range(0, len(pairs), 2)]


def _by_target(edges: list[object], concat: object, name: str, notes: list[str]) -> list[object]:
    """The nodes of (operation, target, source) or (operation, source, target) triples."""
    triples = [(edge[0], edge[1], edge[2]) for edge in edges if is_list(edge)]
    numbers = [(second, third) for _, second, third in triples
               if isinstance(second, int) and isinstance(third, int)]
    if all(second > third for second, third in numbers):
        target, order = 0, "target, source"
    elif all(second < third for second, third in numbers):
        target, order = 1, "source, target"
    else:
        raise GenotypeError(f"{name} cell: triples {tuple(triples[0])!r}, ... are neither all "
                            "(operation, target, source) nor all (operation, source, target), with "
                            "each source before its target; write one list of (operation, source) "
                            "pairs per node")
    targets = [pair[target] for pair in numbers]
    ends = [end for end in concat if isinstance(end, int)] if is_list(concat) else []
    if min(targets) < 2 or max(targets) > _MOST_NODES:
        raise GenotypeError(f"{name} cell: an edge leads to node "
                            f"{min(targets) if min(targets) < 2 else max(targets)}; read as "
                            f"(operation, {order}), targets start at node 2; if the last "
                            "number is a strength, write it with a decimal point, as in 1.0")
    _note(notes, f"edges read as (operation, {order})")
    nodes: list[list[object]] = [[] for _ in range(2, min(max(*targets, *ends, 2),
                                                          _MOST_NODES) + 1)]
    for (operation, _, _), pair in zip(triples, numbers, strict=True):
        nodes[pair[target] - 2].append((operation, pair[1 - target]))
    return list(nodes)


def _pair(edge: object, name: str, notes: list[str]) -> object:
    """The (operation, input) pair of a written edge; any other value as it is, for `Cell` to
    reject."""
    if not is_list(edge) or not _is_edge(edge):
        return edge
    if is_node_number(edge[0]):
        _note(notes, "edges read as (input, operation)")
        return edge[1], edge[0]
    if len(edge) == _TRIPLE:
        if not isinstance(edge[2], float):
            raise GenotypeError(f"{name} cell: edge {tuple(edge)!r}: the third value must be a "
                                "strength, such as 0.31, or, in every edge of the cell, a node")
        _note(notes, "ignored: the strengths of the edges")
    return edge[0], edge[1]


def _is_edge(value: object) -> bool:
    if not is_list(value) or len(value) not in (2, _TRIPLE):
        return False
    return isinstance(value[0], str) or (
        len(value) == 2 and is_node_number(value[0]) and isinstance(value[1], str))


def _is_triple(value: object) -> bool:
    """Whether `value` is (operation, node, node); a float in third place is a strength."""
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
