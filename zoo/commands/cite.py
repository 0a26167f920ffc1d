"""`zoo cite`: BibTeX entries of the papers of cells.  Needs no torch."""

from __future__ import annotations

from typing import Annotated

import typer

from zoo.cell_file import read_cell
from zoo.citation import citation


def cite(
    cells: Annotated[list[str], typer.Argument(help="Names or aliases of cells.",
                                               show_default=False)],
) -> None:
    """Print the BibTeX entries of the cells' papers, each once.

    First names of authors may be initials.

    \b
    Example:
      zoo cite DARTS NASNet > cells.bib
    """
    entries = dict.fromkeys(citation(read_cell(name)) for name in cells)
    typer.echo("\n\n".join(entries))
