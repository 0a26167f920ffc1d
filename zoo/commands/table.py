"""Prints a table as aligned columns, one line per row."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Iterable, Sequence

import typer

from zoo.messages.notes import printable


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]],
                right: Collection[str] = (), shorten: str = "",
                whole: Collection[int] = ()) -> None:
    """Print `rows` under the headings `columns`; the columns `right` are right-aligned.

    If the terminal is too narrow, the column `shorten` is truncated, or moved to a separate line in
    the rows numbered `whole`.  Files and pipes get the full text.
    """
    below: dict[int, str] = {}
    rows = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *rows)]
    if sys.stdout.isatty() and shorten:
        index = columns.index(shorten)
        others = sum(widths) - widths[index] + 2 * (len(widths) - 1)
        room = shutil.get_terminal_size().columns - others
        widths[index] = min(widths[index], max(room, len(shorten)))
        for number, row in enumerate(rows):
            if len(row[index]) > widths[index] and number in whole:
                below[number], row[index] = row[index], ""
            elif len(row[index]) > widths[index]:
                row[index] = row[index][: widths[index] - 1] + "…"
    for number, row in enumerate([list(columns), *rows]):
        cells = [cell.rjust(width) if column in right else cell.ljust(width)
                 for cell, width, column in zip(row, widths, columns)]
        line = "  ".join(cells).rstrip()
        typer.echo(typer.style(line, bold=True) if number == 0 else line)
        if number - 1 in below:
            typer.echo(f"  {below[number - 1]}")
