"""Genotypes of every kind as JSON and as text, and back.

Reads the classic text form ``Genotype(normal=[('sep_conv_3x3', 1), ...], ...)``.

The form in which Liu et al. 2019 and most later papers print their cells; hierarchical ones, for
which no paper has a text form, are ``Genotype(level_2=[...], level_3=[...])``.  Read from the
syntax tree, never evaluated.
"""

from __future__ import annotations

import ast
import json

from zoo.genotypes.cell import Cell, GenotypeError, is_list, is_object
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.spelling import choices

Genotype = ConvGenotype | RecurrentGenotype | HierarchicalGenotype


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
             "recurrent": (RecurrentGenotype, ("recurrent",))}
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


def parse(text: str) -> Genotype:
    """Read a genotype from JSON or from the classic ``Genotype(normal=[...], ...)`` text.

    Raises GenotypeError with the reason and, for JSON, the line.
    """
    if not text.lstrip().startswith("{"):
        return parse_text(text)
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise GenotypeError(f"not valid JSON: {error.msg} (line {error.lineno})") from None
    except RecursionError:
        raise GenotypeError("not a genotype: the JSON is nested too deeply") from None
    return from_dict(value)


# --- the classic text form ----------------------------------------------------------------


def parse_text(text: str) -> Genotype:
    """The genotype printed in `text`; an assignment ``NAME = Genotype(...)`` also reads.

    A list of pairs is cut into nodes of two edges; a list of lists has one list per node.
    Raises GenotypeError for anything but literals in a ``Genotype(...)`` call.
    """
    fields = _fields(text)
    if fields.keys() == {"recurrent", "concat"}:
        nodes = [[edge] if _is_edge(edge) else edge for edge in _list(fields, "recurrent")]
        return RecurrentGenotype(Cell.read(nodes, fields["concat"]))
    if fields.keys() == {"normal", "normal_concat", "reduce", "reduce_concat"}:
        return ConvGenotype(*(
            Cell.read(_nodes(_list(fields, name), name), fields[f"{name}_concat"])
            for name in ("normal", "reduce")
        ))
    if "level_2" in fields:
        return HierarchicalGenotype.from_fields(fields)
    raise GenotypeError(
        f"found the fields {', '.join(fields) or 'none'}; a convolutional genotype has normal, "
        "normal_concat, reduce, reduce_concat, a recurrent one recurrent, concat, a hierarchical "
        "one level_2, level_3, ..."
    )


def _fields(text: str) -> dict[str, object]:
    try:
        statements = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise GenotypeError(f"cannot be read as Genotype(...): {error}") from None
    call = getattr(statements[0], "value", None) if len(statements) == 1 else None
    if (not isinstance(call, ast.Call) or getattr(call.func, "id", None) != "Genotype"
            or call.args):
        raise GenotypeError("expected one Genotype(normal=[...], normal_concat=[...], ...)")
    return {keyword.arg or "**": _literal(keyword) for keyword in call.keywords}


def _literal(keyword: ast.keyword) -> object:
    """A literal, or the ``range(2, 6)`` with which the 2018 release writes concat."""
    value = keyword.value
    try:
        if isinstance(value, ast.Call) and getattr(value.func, "id", None) == "range":
            bounds = range(*(ast.literal_eval(bound) for bound in value.args))
            if bounds[1000:]:
                raise GenotypeError(f"{keyword.arg}: {bounds} is longer than any cell")
            return list(bounds)
        return ast.literal_eval(value)
    except GenotypeError:
        raise
    except (ValueError, TypeError):
        raise GenotypeError(
            f"{keyword.arg}: only names in quotes, numbers, lists and range(a, b) are read"
        ) from None


def _list(fields: dict[str, object], name: str) -> list[object]:
    value = fields[name]
    if not is_list(value):
        raise GenotypeError(f"{name}: expected a list of (operation, input) pairs")
    return list(value)


def _is_edge(value: object) -> bool:
    return is_list(value) and len(value) == 2 and isinstance(value[0], str)


def _nodes(edges: list[object], name: str) -> list[object]:
    if not all(_is_edge(edge) for edge in edges):
        return edges  # one list per node; Cell checks their form
    if len(edges) % 2:
        raise GenotypeError(
            f"{name} cell: {len(edges)} edges in a flat list, which means two for each node; "
            f"edge {len(edges) - 1} {edges[-1]!r} has no partner. For other numbers of edges "
            "write one list per node: [[('sep_conv_3x3', 1)], [...]]"
        )
    return [edges[i:i + 2] for i in range(0, len(edges), 2)]
