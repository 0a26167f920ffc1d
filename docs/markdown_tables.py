"""Markdown tables, for `docs/hooks.py`."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose cells may hold any Markdown of one line."""
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |"
                     for line in [head, ["---"] * len(head), *rows])


def code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def described(names: Mapping[str, str], title: str) -> str:
    """A table of names and descriptions, with asterisks escaped."""
    return table([title, ""],
                 [[f"`{name}`", what.replace("*", "\\*")] for name, what in names.items()])


def settings(recipes: Mapping[str, Any]) -> str:
    """A table of settings: the value in each recipe (equal recipes share a column), the comment."""
    columns: dict[Any, list[str]] = {}
    for name, recipe in recipes.items():
        columns.setdefault(recipe, []).append(name)
    source = "".join(inspect.getsource(kind) for kind in type(recipe).__mro__[:-1])
    comments = dict(re.findall(r"^    (\w+): [^=\n]+ = .*?  # (.+)$", source, re.MULTILINE))
    rows = [[f"`{field.name}`", *(shown(getattr(one, field.name)) for one in columns),
             comments.get(field.name, "")] for field in dataclasses.fields(recipe)]
    return table(["setting", *(", ".join(names) for names in columns.values()), ""], rows)


def shown(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value)) or "-"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
