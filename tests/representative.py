"""A few published cells that together have every trait of the published cells."""

from __future__ import annotations

import zoo


def traits(name: str) -> set[tuple]:
    """The traits of a cell's network: operations with their strides, nodes by their number of
    edges, and inputs that bypass all nodes."""
    found: set[tuple] = set()
    for kind, cell in zoo.genotype(name).cells().items():
        for node in cell.nodes:
            found.add(("edges", len(node)))
            for operation, source in node:
                found.add((operation, 2 if kind == "reduce" and source < 2 else 1))
        if any(number < 2 for number in cell.concat):
            found.add(("an input at the end",))
    return found


def representative(names: list[str]) -> list[str]:
    """A greedy cover of `names`: always the first cell with the most new traits."""
    known = {name: traits(name) for name in names}
    missing, chosen = set().union(*known.values()), []
    while missing:
        chosen.append(max(names, key=lambda name: len(known[name] & missing)))
        missing -= known[chosen[-1]]
    return chosen
