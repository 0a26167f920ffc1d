"""Restrictions of a space: the allowed operations, for all edges or for each edge.

Published restrictions have names, see `search.spaces.robust_darts`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from search.spaces.discretize import all_operations, edges, operations, tables
from search.spaces.robust_darts import SPACES
from zoo.genotypes.cell import is_list, is_object
from zoo.messages.spelling import choices

#: table -> a list of operation names per row, in the order of the alphas.
Allowed: TypeAlias = dict[str, list[list[str]]]


def read_allowed(text: str, kind: str) -> Allowed:
    """Parse `--operations`: comma-separated names, the name of a published space such as s2, or a
    JSON file with a list of names for each edge of each cell, ``{"normal": [["skip_connect"], ...],
    "reduce": [...]}``, node by node.

    Raises ValueError for other text and for an edge without operations; OSError.

    Examples:
        >>> read_allowed("s2", "conv")["normal"][0]
        ['skip_connect', 'sep_conv_3x3']
    """
    if kind == "conv" and (published := SPACES.get(text.strip().lower())):
        return check_allowed(published, kind)
    path = Path(text)
    if path.suffix.lower() == ".json":
        try:
            value: object = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not JSON: {error}") from None
        return check_allowed(value, kind, f"{path}: ")
    names = [name.strip() for name in text.split(",") if name.strip()]
    return check_allowed({table: [names] * len(edges(kind)) for table in tables(kind)}, kind,
                         "--operations: ")


def check_allowed(value: object, kind: str, where: str = "") -> Allowed:
    """`value` as a list per edge of a kind of cell, each in the order of the alphas.

    Raises ValueError for an invalid value and for a space of one cell, with `where` as the prefix
    of its message.
    """
    if not is_object(value) or set(value) != set(tables(kind)):
        found = ", ".join(value) if is_object(value) else type(value).__name__
        raise ValueError(f"{where}expected an object with {' and '.join(tables(kind))}, found "
                         f"{found or 'nothing'}")
    allowed = {table: _rows(value[table], kind, f"{where}{table}") for table in tables(kind)}
    if kind == "nasbench201" and all(len(row) == 1 for row in allowed["cell"]):
        raise ValueError(f"{where}a single cell is left to search; name at least two operations")
    return allowed


def _rows(value: object, kind: str, where: str) -> list[list[str]]:
    count = len(edges(kind))
    if not is_list(value) or len(value) != count:
        raise ValueError(f"{where}: expected {count} lists of operations, one for each edge")
    rows: list[list[str]] = []
    for (node, source), names in zip(edges(kind), value):
        edge = f"{where}, edge from input {source} to node {node}"
        if not is_list(names):
            raise ValueError(f"{edge}: expected a list of operations")
        for name in names:
            if name not in all_operations(kind):
                raise ValueError(f"{edge}: unknown operation {choices(name, all_operations(kind))}")
        if not names or (kind != "nasbench201" and set(names) == {"none"}):
            raise ValueError(f"{edge}: no operation to choose from; name at least one"
                             + ("" if kind == "nasbench201" else " that is not none"))
        rows.append([name for name in all_operations(kind) if name in names])
    return rows


def columns(allowed: Mapping[str, list[list[str]]] | None, kind: str) -> tuple[str, ...]:
    """The columns of a table of alphas: those of the whole space, and any other that is allowed."""
    extra = {name for rows in (allowed or {}).values() for row in rows for name in row}
    return tuple(name for name in all_operations(kind) if name in operations(kind) or name in extra)


def masks(allowed: Mapping[str, list[list[str]]], kind: str) -> dict[str, Tensor]:
    """(edges, operations) bool for each table: True for an allowed operation."""
    names = columns(allowed, kind)
    return {table: torch.tensor([[name in row for name in names] for row in rows])
            for table, rows in allowed.items()}
