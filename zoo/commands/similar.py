"""`zoo similar`: the cells equivalent and nearest to a cell.  Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from zoo import registry
from zoo.cell_file import read_cell, shown_name
from zoo.commands.select_option import Select
from zoo.commands.table import print_table
from zoo.genotypes.canonical import digest
from zoo.genotypes.edit_distance import edit_distance
from zoo.genotypes.serialization import Genotype
from zoo.registry import CellRecord
from zoo.system import json_text


def similar(
    name: Annotated[str, typer.Argument(help="A cell's name, an alias, or a genotype file.",
                                        show_default=False)],
    count: Annotated[int, typer.Option("-n", "--nearest", min=1,
                                       help="Number of nearest cells to show.")] = 5,
    select: Select = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the cells of the zoo that equal a cell, and those nearest to it.

    Cells are equal up to the numbering of nodes, the order of edges, and dead edges: `none` edges
    and edges into a node that does not reach the output. The distance is the number of edits: to
    add, remove or replace an operation, an edge or an output.

    \b
    Example:
      zoo similar DARTS
      zoo similar my_cell.json --nearest 10
    """
    from zoo.commands.progress import spinner

    cell = read_cell(name, select)
    shown = shown_name(name, cell)
    others = [other for other in registry.records(kind=cell.genotype.kind)
              if other.name != cell.name or other.origin != cell.origin]
    own = digest(cell.genotype)
    same = [other for other in others if digest(other.genotype) == own]
    rest = [other for other in others if other not in same]
    # The edit distance is not defined for motifs.
    with spinner() as say:
        found = [] if cell.genotype.kind == "hierarchical" else nearest(
            cell.genotype, rest, count, lambda done: say(f"{done} of {len(rest)} cells compared"))
    if as_json:
        typer.echo(json_text.dumps({
            "cell": shown, "canonical_sha256": own, "same": [other.name for other in same],
            "nearest": [{"cell": other.name, "distance": distance}
                        for distance, other in found]}, indent=2, ensure_ascii=False))
        return
    typer.echo(f"{shown}: canonical form {own[:12]}, " + (
        f"the same as {', '.join(other.name for other in same)}" if same else
        f"different from all {len(others)} {cell.genotype.kind} cells"))
    if found:
        print_table(("nearest", "edits", "method"), [
            (other.name, distance, other.method or other.source) for distance, other in found],
            right=("edits",), shorten="method")


def nearest(genotype: Genotype, others: Sequence[CellRecord], count: int,
            report: Callable[[int], None] = lambda done: None) -> list[tuple[int, CellRecord]]:
    """The `count` cells at the smallest edit distance from `genotype`, ties in the given order.

    `report` receives the number of cells compared.
    """
    found: list[tuple[int, int]] = []
    for number, other in enumerate(others):
        most = found[count - 1][0] - 1 if len(found) >= count else None
        distance = edit_distance(genotype, other.genotype, most)
        if distance is not None:
            found = sorted([*found, (distance, number)])[:count]
        if number % 20 == 19:
            report(number + 1)
    return [(distance, others[number]) for distance, number in found]
